// wisp-inspect: what is in an image or an initrd, down to the kernel's version and the service's mode.
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <functional>

#include "wisp/cpio_list.hpp"
#include "wisp/cpio_read.hpp"
#include "wisp/fat32_input.hpp"
#include "wisp/fat32_read.hpp"
#include "wisp/kernel.hpp"
#include "wisp/tool.hpp"
#include "wisp/unpack.hpp"

using namespace wisp;
using Json = nlohmann::ordered_json;

namespace {

const Tool tool{
    .name = "wisp-inspect",
    .help = R"(usage: wisp-inspect [--json] [FILE]

Shows what a disk image or an initrd holds. Of an image: the partition, the FAT32 volume, every
file, and of the kernels and initrds among them what they are and what is in them. FILE, or standard input,
must be a file, not a pipe.

      --json   for programs
      --help, --version
)",
    .options = {{"json", 0, Option::Value::none}},
};

constexpr std::size_t head_size = 1024; // all that tells the kinds of files apart lies in it

bool is_kernel(Bytes head) {
    const std::string_view text = as_text(head);
    const auto has = [&](std::size_t at, std::string_view magic) {
        return text.size() >= at + magic.size() && text.substr(at, magic.size()) == magic;
    };
    return has(0x38, "ARM\x64") || has(0x202, "HdrS") || (has(0, "MZ") && has(4, "zimg"));
}

Json kernel_json(Input& in) {
    NullSink nowhere;
    const KernelInfo info = read_kernel(in, nowhere, temporary_folder());
    return {{"form", to_text(info.form)}, {"arch", info.arch}, {"page_size", info.page_size},
            {"version", printable(info.version)}, {"raw_size", info.size}};
}

Json entry_json(const NewcEntry& entry) {
    Json json{{"path", printable(entry.name)}, {"mode", mode_text(entry.mode)}, {"nlink", entry.nlink},
              {"uid", entry.uid}, {"gid", entry.gid}, {"size", entry.size}, {"mtime", entry.mtime}};
    if (is_device(entry)) json["rdev"] = {entry.rmaj, entry.rmin};
    if (!entry.target.empty()) json["target"] = printable(entry.target);
    return json;
}

/// The entries of an initrd: for programs, and for people under "lines".
Json initrd_json(Input& in, bool for_people) {
    Json entries = Json::array();
    read_initramfs(in, [&](const NewcEntry& entry) {
        entries.push_back(for_people ? Json(list_line(entry)) : entry_json(entry));
    });
    return entries;
}

/// What one file of a volume is, beside its name and size.
void look_into(const fat32::Volume& volume, const fat32::Item& item, bool for_people, Json& json) {
    std::vector<std::uint8_t> head(head_size);
    fat32::FileInput start(volume, item);
    head.resize(start.read_up_to(head));
    fat32::FileInput in(volume, item);
    if (is_kernel(head)) json["kernel"] = kernel_json(in);
    else if (looks_like_initramfs(head)) json["initrd"] = initrd_json(in, for_people);
}

Json volume_json(const fat32::Volume& volume) {
    const fat32::BootSector& boot = volume.boot_sector();
    const fat32::Geometry& geometry = volume.geometry();
    const std::string_view label(boot.label.data(), boot.label.size());
    const auto id = hex8(boot.volume_id);
    return {{"label", printable(label.substr(0, label.find_last_not_of(' ') + 1))},
            {"id", std::string(id.begin(), id.end())},
            {"offset", geometry.volume_offset}, {"size", geometry.volume_bytes()},
            {"cluster_size", geometry.cluster_bytes()}, {"clusters", geometry.clusters},
            {"fats", geometry.fat_count}, {"fat_size", std::uint64_t{geometry.fat_sectors} * geometry.bytes_per_sector}};
}

Json image_json(const Seekable& disk, bool for_people) {
    const fat32::Volume volume(disk);
    Json files = Json::array();
    volume.walk([&](const fat32::Item& item) {
        if (item.path.empty()) return;
        Json json{{"path", printable(item.path)}, {"type", item.is_directory ? "folder" : "file"}};
        if (!item.is_directory) {
            json["size"] = item.size;
            look_into(volume, item, for_people, json);
        }
        files.push_back(json);
    });
    return {{"type", "image"}, {"size", disk.size()}, {"volume", volume_json(volume)}, {"files", files}};
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string initrd_lines(const Json& entries, std::string_view indent) {
    std::string text;
    for (const Json& line : entries) text += std::string(indent) + text_of(line) + "\n";
    return text;
}

std::string file_lines(const Json& file) {
    if (file["type"] == "folder") return "folder  " + text_of(file["path"]) + "/\n";
    std::string text = "file    " + text_of(file["path"]) + ", " + text_of(file["size"]) + " bytes\n";
    if (file.contains("kernel")) {
        const Json& kernel = file["kernel"];
        text += "          kernel: " + text_of(kernel["form"]) + ", " + text_of(kernel["arch"]) + ", pages of " +
                text_of(kernel["page_size"]) + " bytes, " + text_of(kernel["version"]) + "\n";
    }
    if (file.contains("initrd")) text += initrd_lines(file["initrd"], "          ");
    return text;
}

std::string report(const Json& json) {
    if (json["type"] == "initrd") return initrd_lines(json["entries"], "");
    const Json& volume = json["volume"];
    std::string text = "image   " + text_of(json["size"]) + " bytes\n";
    text += "volume  FAT32 '" + text_of(volume["label"]) + "', id " + text_of(volume["id"]) + ", at byte " +
            text_of(volume["offset"]) + ", " + text_of(volume["size"]) + " bytes, " + text_of(volume["clusters"]) +
            " clusters of " + text_of(volume["cluster_size"]) + " bytes, " + text_of(volume["fats"]) + " FATs of " +
            text_of(volume["fat_size"]) + " bytes\n";
    for (const Json& file : json["files"]) text += file_lines(file);
    return text;
}

void inspect(const Arguments& arguments) {
    const bool for_people = !arguments.has("json");
    const auto file = single_operand(arguments);
    const std::string name = file && *file != "-" ? printable(*file) : "standard input";
    const Fd fd = file && *file != "-" ? open_read(*file) : Fd(::dup(STDIN_FILENO));
    const FdSeekable disk(fd.get(), name);
    std::vector<std::uint8_t> head(std::min<std::uint64_t>(head_size, disk.size()));
    disk.read(0, head, "the first bytes");
    Json json;
    if (looks_like_initramfs(head)) {
        if (::lseek(fd.get(), 0, SEEK_SET) != 0) fail_errno(name, "seek");
        FdInput in(fd.get(), name);
        json = {{"type", "initrd"}, {"size", disk.size()}, {"entries", initrd_json(in, for_people)}};
    } else {
        json = image_json(disk, for_people);
    }
    FdSink out(STDOUT_FILENO, "standard output");
    out.write(for_people ? report(json) : json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    out.finish();
}

} // namespace

int main(int argc, char** argv) { return run_tool(tool, argc, argv, inspect); }
