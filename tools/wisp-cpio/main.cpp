// wisp-cpio: a manifest on standard input becomes a newc archive on standard output.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "wisp/chunk_store.hpp"
#include "wisp/cpio.hpp"
#include "wisp/cpio_list.hpp"
#include "wisp/cpio_read.hpp"
#include "wisp/gzip.hpp"
#include "wisp/manifest.hpp"
#include "wisp/tool.hpp"

using namespace wisp;

namespace {

const Tool tool{
    .name = "wisp-cpio",
    .help = R"(usage: wisp-cpio [-z[LEVEL] [--threads N] [--reuse FILE]] [--align BYTES] [--mtime SECONDS] [FILE]
                 > ARCHIVE
       wisp-cpio --list [FILE]

Writes the newc archive (initramfs) that a manifest describes, the bytes gen_init_cpio would write.
FILE, or standard input, holds one entry a line:

  dir   NAME MODE UID GID
  file  NAME LOCATION MODE UID GID [HARD-LINK]...
  slink NAME TARGET MODE UID GID
  nod   NAME MODE UID GID c|b MAJOR MINOR
  pipe  NAME MODE UID GID
  sock  NAME MODE UID GID
  # a comment

  -z, --gzip[=LEVEL]   compress with gzip, level 1 to 9 (5)
      --threads N      compress on N threads, 1 to 8 (one a core, up to 4): the same bytes
      --reuse FILE     what FILE has from last time is not compressed again: the same bytes, sooner
      --align BYTES    end with zeros up to a multiple of BYTES, 1 to 4096, which the kernel skips
      --mtime SECONDS  every entry's time (SOURCE_DATE_EPOCH, or 0)
  -t, --list           print what an archive holds: concatenated and gzipped members too
      --help, --version

Example: wisp-cpio < manifest | gzip > initrd.img
)",
    .options = {{"gzip", 'z', Option::Value::optional},
                {"threads", 0, Option::Value::required},
                {"reuse", 0, Option::Value::required},
                {"align", 0, Option::Value::required},
                {"mtime", 0, Option::Value::required},
                {"list", 't', Option::Value::none}},
};

constexpr std::uint64_t max_alignment = 4096;

/// How to compress.
struct Compression {
    int level = 5; // as few bytes as gzip -6
    std::size_t threads = 1;
    std::optional<std::string> reuse{};
};

/// Nothing where the archive is wanted as it is.
std::optional<Compression> compression(const Arguments& arguments) {
    for (const char* const option : {"threads", "reuse"})
        if (arguments.has(option) && !arguments.has("gzip"))
            misuse(std::string("--") + option, "is for what --gzip compresses");
    if (!arguments.has("gzip")) return std::nullopt;
    Compression chosen{.threads = std::clamp(std::thread::hardware_concurrency(), 1u, 4u),
                       .reuse = arguments.value("reuse")};
    if (arguments.value("gzip") != "")
        chosen.level = static_cast<int>(*arguments.number("gzip", GzipSink::min_level, GzipSink::max_level));
    if (const auto threads = arguments.number("threads", 1, GzipSink::max_threads))
        chosen.threads = static_cast<std::size_t>(*threads);
    return chosen;
}

void write_entries(const std::vector<Entry>& entries, std::uint32_t mtime, Sink& out) {
    CpioWriter archive(out, mtime);
    for (const Entry& entry : entries) archive.add(entry);
    archive.finish();
}

bool is_standard_output(const std::string& path) {
    struct stat file {}, output {};
    return ::stat(path.c_str(), &file) == 0 && ::fstat(STDOUT_FILENO, &output) == 0 && S_ISREG(file.st_mode) &&
           file.st_dev == output.st_dev && file.st_ino == output.st_ino;
}

void write_compressed(const std::vector<Entry>& entries, std::uint32_t mtime, Sink& out, const Compression& chosen) {
    std::optional<ChunkStore> store;
    if (chosen.reuse && is_standard_output(*chosen.reuse)) misuse("--reuse", "is standard output");
    if (chosen.reuse) store.emplace(*chosen.reuse, chosen.level, GzipSink::chunk_size(chosen.level));
    GzipSink packed(out, chosen.level, chosen.threads, store ? &*store : nullptr);
    write_entries(entries, mtime, packed);
    packed.finish();
}

void write_archive(const Arguments& arguments) {
    refuse_terminal();
    constexpr std::uint64_t latest = std::numeric_limits<std::uint32_t>::max();
    const auto given = arguments.number("mtime", 0, latest);
    const auto mtime = static_cast<std::uint32_t>(given ? *given : source_date_epoch(latest));
    const auto chosen = compression(arguments);
    const std::uint64_t alignment = arguments.number("align", 1, max_alignment).value_or(1);

    const auto in = open_operand(single_operand(arguments), "manifest");
    const std::vector<Entry> entries = read_manifest(*in, environment_variable);
    for (const Entry& entry : entries) CpioWriter::check(entry, in->name());

    FdSink out(STDOUT_FILENO, "standard output");
    if (chosen)
        write_compressed(entries, mtime, out, *chosen);
    else
        write_entries(entries, mtime, out);
    out.pad_to(alignment);
    out.finish();
}

void list(const Arguments& arguments) {
    for (const char* const option : {"gzip", "threads", "reuse", "align", "mtime"})
        if (arguments.has(option)) misuse(std::string("--") + option, "does not go with --list");
    const auto in = open_operand(single_operand(arguments), "archive");
    FdSink out(STDOUT_FILENO, "standard output");
    read_initramfs(*in, [&](const NewcEntry& entry) { out.write(list_line(entry) + "\n"); });
    out.finish();
}

} // namespace

int main(int argc, char** argv) {
    return run_tool(tool, argc, argv, [](const Arguments& arguments) {
        arguments.has("list") ? list(arguments) : write_archive(arguments);
    });
}
