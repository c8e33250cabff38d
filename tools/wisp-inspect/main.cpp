// wisp-inspect: what is in an image or an initrd, down to the kernel's version and the service's mode.
#include "report.hpp"

#include <unistd.h>

#include <algorithm>
#include <memory>

#include "wisp/cpio_read.hpp"
#include "wisp/fat32_input.hpp"
#include "wisp/fat32_read.hpp"
#include "wisp/kernel.hpp"
#include "wisp/magic.hpp"
#include "wisp/seekable_input.hpp"
#include "wisp/tool.hpp"

using namespace wisp;

namespace {

const Tool tool{
    .name = "wisp-inspect",
    .help = R"(usage: wisp-inspect [--json] [FILE]

Shows what a disk image or an initrd holds. Of an image: the partitions, the FAT32 volume, every
file, and of the kernels and initrds among them what they are and what is in them, or why they
cannot be read. FILE, or standard input, must be a file, not a pipe.

      --json   for programs
      --help, --version
)",
    .options = {{"json", 0, Option::Value::none}},
};

constexpr std::size_t head_size = 1024; // all that tells the kinds of files apart lies in it

void read_to_end(Input& in) {
    read_initramfs(in, [](const NewcEntry&) {});
}

void report_entries(Input& in, Report& report) {
    read_initramfs(in, [&](const NewcEntry& entry) { report.entry(entry); });
}

/// What one file of a volume is, beside its name and size. An initrd is read to its end before anything is
/// said of it.
void look_into(const fat32::Volume& volume, const fat32::Item& item, Report& report) {
    std::vector<std::uint8_t> head(head_size);
    const auto open = [&] { return std::make_unique<fat32::FileInput>(volume, item); };
    head.resize(open()->read_up_to(head));
    if (looks_like_kernel(head)) {
        NullSink nowhere;
        report.kernel(read_kernel(*open(), nowhere, temporary_folder()));
    } else if (looks_like_initramfs(head)) {
        read_to_end(*open());
        report.begin_entries();
        report_entries(*open(), report);
        report.end_entries();
    }
}

/// A file that begins as a kernel or an initrd does need not be one that can be read: that is a fact about
/// the file, and no reason to refuse the image.
void report_file(const fat32::Volume& volume, const fat32::Item& item, Report& report) {
    report.file(item);
    try {
        look_into(volume, item, report);
    } catch (const Error& error) {
        if (error.fault != Fault::input) throw;
        report.problem(problem_with(fat32::FileInput(volume, item).name(), error));
    }
    report.end_file();
}

void report_item(const fat32::Volume& volume, const fat32::Item& item, Report& report) {
    if (item.path.empty()) return;
    if (item.is_directory) return report.folder(item);
    report_file(volume, item, report);
}

/// The volume is read to its end before anything is said of it.
void report_image(const Seekable& disk, Report& report) {
    const fat32::Volume volume(disk);
    volume.walk([](const fat32::Item&) {});
    report.image(volume);
    volume.walk([&](const fat32::Item& item) { report_item(volume, item, report); });
    report.end();
}

void report_initrd(const Seekable& file, Report& report) {
    SeekableInput check(file), in(file);
    read_to_end(check);
    report.initrd(file.size());
    report_entries(in, report);
    report.end();
}

/// Refuses, for what it is, a file that does not begin as a disk does. What does is refused, if at all, for what is wrong
/// with its volume.
void require_disk(const std::string& name, Bytes head) {
    if (looks_like_kernel(head)) refuse(name, "is a Linux kernel: wisp-kernel info shows what it is");
    if (head.size() >= fat32::sector_size) {
        const auto first = View(name, head).read<fat32::BootSector>(0, "first sector");
        if (first.signature == fat32::signature_bytes || fat32::looks_like_volume(first)) return;
    }
    const std::string what = contents_name(head);
    const bool is_packed = what.find("-compressed") != what.npos && packing_of(head) != Packing::gzip;
    refuse(name, "is " + what + (is_packed ? ", and only gzip is read here" : ", and neither a disk image nor an initrd"));
}

void inspect(const Arguments& arguments) {
    const auto file = open_seekable_operand(single_operand(arguments));
    std::vector<std::uint8_t> head(std::min<std::uint64_t>(head_size, file->size()));
    file->read(0, head, "the first bytes");
    const bool is_initrd = looks_like_initramfs(head);
    if (!is_initrd) require_disk(file->name(), head);
    FdSink out(STDOUT_FILENO, "standard output");
    std::unique_ptr<Report> report = std::make_unique<TextReport>(out);
    if (arguments.has("json")) report = std::make_unique<JsonReport>(out);
    is_initrd ? report_initrd(*file, *report) : report_image(*file, *report);
    out.finish();
}

} // namespace

int main(int argc, char** argv) { return run_tool(tool, argc, argv, inspect); }
