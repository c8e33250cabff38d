// wisp-fat32: a manifest becomes a disk image with one FAT32 volume; --list and --cat read any such image
// back.
#include <unistd.h>

#include <cstdlib>
#include <limits>

#include "wisp/ahead.hpp"
#include "wisp/fat32.hpp"
#include "wisp/fat32_read.hpp"
#include "wisp/manifest.hpp"
#include "wisp/new_file.hpp"
#include "wisp/tool.hpp"

using namespace wisp;

namespace {

const Tool tool{
    .name = "wisp-fat32",
    .help = R"(usage: wisp-fat32 [OPTION]... [FILE] > IMAGE
       wisp-fat32 --list [IMAGE]
       wisp-fat32 --info [IMAGE]
       wisp-fat32 --cat PATH [IMAGE]

Writes a disk image with one FAT32 volume that holds what a manifest describes.
FILE, or standard input, holds one entry a line:

  dir   NAME MODE UID GID
  file  NAME LOCATION MODE UID GID
  # a comment

MODE, UID and GID are checked and left out: FAT has none of them.

      --size SIZE                image size in bytes, or with K, M, G, T for KiB to TiB;
                                 otherwise what fits, in steps of 4 MiB
      --label LABEL              volume label, 1 to 11 characters (WISP)
      --volume-id HEX            volume id and disk signature; otherwise from names and sizes
      --partition-start SECTOR   where the partition begins (2048)
      --no-partition-table       the volume alone
      --sha256 FILE              write the image's SHA-256 to FILE, as `sha256sum < IMAGE` prints it
      --list                     print what an image holds: type, size, time, path
      --info                     print where the volume lies and how it is divided
      --cat PATH                 print a file of an image
      --help, --version

All times are SOURCE_DATE_EPOCH in UTC, or 1980-01-01.

Example: wisp-fat32 --size 64M < manifest > sd.img
)",
    .options = {{"size", 0, Option::Value::required},
                {"label", 0, Option::Value::required},
                {"volume-id", 0, Option::Value::required},
                {"partition-start", 0, Option::Value::required},
                {"no-partition-table", 0, Option::Value::none},
                {"sha256", 0, Option::Value::required},
                {"list", 0, Option::Value::none},
                {"info", 0, Option::Value::none},
                {"cat", 0, Option::Value::required}},
};

/// A number of bytes, or with a suffix of KiB, MiB, GiB or TiB.
std::uint64_t parse_size(const std::string& text) {
    constexpr std::string_view suffixes = "KMGT";
    const auto suffix = text.empty() ? std::string_view::npos : suffixes.find(text.back());
    const unsigned shift = suffix == std::string_view::npos ? 0 : 10 * (static_cast<unsigned>(suffix) + 1);
    const auto number = parse_unsigned(std::string_view(text).substr(0, text.size() - (shift > 0)), 10,
                                       std::numeric_limits<std::uint64_t>::max() >> shift);
    if (!number) misuse("--size", "'" + printable(text) + "' is not a size: bytes, or with K, M, G or T behind, as 64M");
    return *number << shift;
}

std::uint32_t parse_id(const std::string& text) {
    const auto id = parse_unsigned(text, 16, 0xFFFFFFFF);
    if (!id || text.size() > 8)
        misuse("--volume-id", "'" + printable(text) + "' is not 1 to 8 hexadecimal digits");
    return static_cast<std::uint32_t>(*id);
}

fat32::Options image_options(const Arguments& arguments) {
    fat32::Options options;
    if (const auto size = arguments.value("size")) options.size = parse_size(*size);
    if (const auto label = arguments.value("label")) options.label = *label;
    if (const auto id = arguments.value("volume-id")) options.volume_id = parse_id(*id);
    const auto start = arguments.number("partition-start", 1, std::numeric_limits<std::uint32_t>::max());
    if (start) options.partition_start = static_cast<std::uint32_t>(*start);
    if (arguments.has("no-partition-table")) {
        if (start) misuse("--partition-start", "does not go with --no-partition-table");
        options.partition_start = 0;
    }
    options.time = source_date_epoch(std::numeric_limits<std::uint64_t>::max());
    return options;
}

/// The digest is made while the image is written, so it costs little where there is a second core.
void write_digested(const fat32::Layout& layout, Sink& out, const std::string& path) {
    NewFile sum(path); // where it cannot be made, nothing is written
    BackgroundDigest digest(DigestAlgorithm::sha256, Placement::apart); // it takes as long as the writing
    TeeSink both(out, digest);
    fat32::ImageWriter(layout, both).write();
    both.finish();
    sum.sink().write(hex(digest.digest()) + "  -\n");
    sum.publish();
}

void write_image(const Arguments& arguments) {
    refuse_terminal();
    fat32::Options options = image_options(arguments);
    const auto in = open_operand(single_operand(arguments), "manifest");
    options.manifest = in->name();
    const fat32::Layout layout = fat32::lay_out(read_manifest(*in, environment_variable), options);
    FdSink out(STDOUT_FILENO, "standard output");
    if (const auto sum = arguments.value("sha256")) return write_digested(layout, out, *sum);
    fat32::ImageWriter(layout, out).write();
    out.finish();
}

/// Nothing is printed of an image that turns out to be corrupt.
void list(const fat32::Volume& volume, Sink& out) {
    volume.walk([](const fat32::Item&) {});
    volume.walk([&](const fat32::Item& item) {
        if (item.path.empty()) return;
        out.write((item.is_directory ? "d " : "- ") + std::to_string(item.size) + " " +
                  fat32::time_text(item.modified) + " " + printable(item.path) + "\n");
    });
}

void info(const fat32::Volume& volume, Sink& out) {
    const fat32::BootSector& boot = volume.boot_sector();
    const fat32::Geometry& geometry = volume.geometry();
    const auto line = [&](const char* key, std::uint64_t value) {
        out.write(std::string(key) + " " + std::to_string(value) + "\n");
    };
    line("volume-offset", geometry.volume_offset);
    line("volume-bytes", geometry.volume_bytes());
    line("sector-bytes", geometry.bytes_per_sector);
    line("cluster-bytes", geometry.cluster_bytes());
    line("clusters", geometry.clusters);
    line("fats", geometry.fat_count);
    const auto id = hex8(boot.volume_id);
    out.write("volume-id " + std::string(id.begin(), id.end()) + "\n");
    out.write("label " + printable(volume.label()) + "\n");
}

void cat(const fat32::Volume& volume, const std::string& path, const std::string& image, Sink& out) {
    refuse_terminal();
    const auto item = volume.find(path);
    if (!item) refuse(image, "has no '" + printable(path) + "'");
    if (item->is_directory) refuse(image, "'" + printable(path) + "' is a folder");
    volume.copy(*item, out);
}

void read_image(const std::string& what, const Arguments& arguments) {
    for (const Option& option : tool.options)
        if (option.name != what && arguments.has(option.name))
            misuse("--" + option.name, "does not go with --" + what);
    const auto disk = open_seekable_operand(single_operand(arguments));
    const fat32::Volume volume(*disk);
    FdSink out(STDOUT_FILENO, "standard output");
    if (what == "list") list(volume, out);
    if (what == "info") info(volume, out);
    if (what == "cat") cat(volume, *arguments.value("cat"), disk->name(), out);
    out.finish();
}

} // namespace

int main(int argc, char** argv) {
    return run_tool(tool, argc, argv, [](const Arguments& arguments) {
        for (const char* const what : {"cat", "list", "info"})
            if (arguments.has(what)) return read_image(what, arguments);
        write_image(arguments);
    });
}
