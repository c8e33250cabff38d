#include "wisp/audit.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "wisp/cpio.hpp"
#include "wisp/fat32.hpp"
#include "wisp/fat32_read.hpp"
#include "wisp/gzip.hpp"

using namespace wisp;

namespace {

using Content = std::vector<std::uint8_t>;
using Files = std::vector<std::pair<std::string, Content>>; // a path that ends in '/' is a folder

std::vector<Entry> entries_of(const Files& files) {
    std::vector<Entry> entries;
    for (const auto& [path, content] : files)
        if (path.ends_with('/'))
            entries.push_back({.path = path.substr(0, path.size() - 1), .mode = mode::directory | 0755});
        else
            entries.push_back(
                {.path = path, .mode = mode::file | 0644, .data = std::make_shared<MemorySource>(content)});
    return entries;
}

/// A disk of which only the first bytes are held, the others are zero, and whose bytes can be flipped.
class Disk : public Seekable {
public:
    Disk(const Files& files, const fat32::Options& options) {
        MemorySink out;
        fat32::write_image(entries_of(files), options, out);
        bytes = std::move(out.bytes);
        size_ = bytes.size();
        while (bytes.back() == 0) bytes.pop_back();
    }
    std::uint8_t at(std::uint64_t offset) const {
        return offset < bytes.size() ? bytes[offset] : std::uint8_t{0};
    }
    std::uint64_t size() const override { return size_; }
    const std::string& name() const override { return name_; }

    Content bytes;
    std::vector<std::uint64_t> flips; // ascending

private:
    void fill(std::uint64_t offset, std::span<std::uint8_t> into) const override {
        const std::uint64_t held = std::min<std::uint64_t>(
            bytes.size() - std::min<std::uint64_t>(offset, bytes.size()), into.size());
        if (held > 0) std::memcpy(into.data(), &bytes[offset], held);
        std::memset(into.data() + held, 0, into.size() - held);
        for (auto i = std::ranges::lower_bound(flips, offset); i != flips.end() && *i < offset + into.size();
             ++i)
            into[*i - offset] ^= 0xFF;
    }

    std::uint64_t size_ = 0;
    std::string name_ = "disk";
};

std::vector<fat32::ExpectedFile> expected_of(const Files& files) {
    std::vector<fat32::ExpectedFile> expected;
    for (const auto& [path, content] : files)
        if (!path.ends_with('/')) expected.push_back({path, content.size()});
    return expected;
}

/// The offsets at which an audit finds a difference.
std::vector<std::uint64_t> differences(const Disk& disk, const std::vector<fat32::ExpectedFile>& expected) {
    std::vector<std::uint64_t> offsets;
    fat32::ImageAudit audit(disk, expected, "manifest");
    audit.run([](const std::string&, Input&) {},
              [&](std::uint64_t offset, std::uint8_t is, std::uint8_t must) {
                  if (is == must || must != disk.at(offset))
                      FAIL("byte " << offset << " must be " << int{must});
                  offsets.push_back(offset);
              },
              [](Bytes) {});
    return offsets;
}

const Files small_card{{"Image", Content(3000, 'k')},
                       {"a-long-name/", {}},
                       {"a-long-name/empty", {}},
                       {"a-long-name/of-a.file", Content(512, 'o')},
                       {"config.txt", Content(7, 'c')}};

void check_tiling(const ByteMap& map, std::uint64_t size) {
    std::uint64_t end = 0;
    for (const ByteRange& range : map.ranges()) {
        if (range.start != end || range.end <= range.start) FAIL(range.owner() << " at " << range.start);
        end = range.end;
    }
    CHECK(end == size);
}

std::string text_of(const ByteRange& range) {
    return std::to_string(range.start) + " " + std::to_string(range.end) + " " + range.owner() + "\n";
}

std::string text_of(const ByteMap& map) {
    std::string text;
    for (const ByteRange& range : map.ranges()) text += text_of(range);
    return text;
}

Content newc(const Files& files) {
    MemorySink out;
    CpioWriter writer(out, 0);
    for (const Entry& entry : entries_of(files)) writer.add(entry);
    writer.finish();
    return std::move(out.bytes);
}

Content gzipped(const Content& plain) {
    MemorySink out;
    GzipSink packed(out, 6);
    packed.write(Bytes(plain));
    packed.finish();
    return std::move(out.bytes);
}

std::string record_line(const std::string& path, Bytes content) {
    return R"({"path":")" + path + R"(","size":)" + std::to_string(content.size()) + R"(,"sha256":")" +
           hex(digest_of(DigestAlgorithm::sha256, content)) + R"(","origin":"o"})";
}

/// A manifest of one output, the files in it and those in the initrd among them.
std::string manifest_of(const std::string& output, Bytes whole, const Files& files,
                        const Files& in_initrd = {}) {
    std::string list;
    const auto add = [&](const std::string& container, const Files& inside) {
        for (const auto& [path, content] : inside)
            if (!path.ends_with('/'))
                list += (list.empty() ? "" : ",") + record_line(container + "/" + path, content);
    };
    add(output, files);
    add("initrd.img", in_initrd);
    return R"({"format":1,"later":[],"outputs":[)" + record_line(output, whole) + R"(],"files":[)" + list +
           "]}";
}

std::vector<Finding> audit(Bytes bytes, const std::string& name, const std::string& manifest) {
    const MemorySeekable file(bytes, "file");
    const AuditRecord record(manifest, "manifest");
    OutputAudit audit(file, record, name);
    audit.run();
    check_tiling(audit.map(), bytes.size());
    return audit.findings();
}

} // namespace

TEST_CASE("a byte map grows at its end only, drops what is empty and joins what is one") {
    ByteMap map;
    map.add_up_to(10, "file", "a");
    map.add_up_to(10, "file", "b");
    map.add_up_to(12, "free clusters");
    map.add_up_to(14, "free clusters");
    map.add_up_to(20, "FAT", "1");
    CHECK(text_of(map) == "0 10 file 'a'\n10 14 free clusters\n14 20 FAT 1\n");
    CHECK(map.at(0).owner() == "file 'a'");
    CHECK(map.at(9).owner() == "file 'a'");
    CHECK(map.at(10).owner() == "free clusters");
    CHECK(map.at(19).owner() == "FAT 1");
    CHECK_THROWS_WITH(map.add_up_to(19, "slack"), "slack: ends at byte 19, before byte 20 where it starts");
}

TEST_CASE("the map of what is written and the map of what is read are one, and tile the disk") {
    const auto seed = Catch::rngSeed(); // --rng-seed takes another
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (const std::uint32_t start : {0u, 2048u, 63u, 2049u}) {
        Files files;
        std::vector<std::string> folders{""};
        for (int i = 0; i < 60; ++i) {
            const std::string path = folders[random() % folders.size()] + "n" +
                                     std::string(random() % 40, 'x') + std::to_string(i);
            const bool is_folder = random() % 4 == 0;
            files.push_back(
                {is_folder ? path + "/" : path,
                 Content(is_folder ? 0 : random() % 3 * 512 + random() % 2 * (random() % 2000), 'x')});
            if (is_folder) folders.push_back(path + "/");
        }
        const Disk disk(files, {.partition_start = start});
        const ByteMap written =
            map_layout(fat32::lay_out(entries_of(files), {.size = disk.size(), .partition_start = start}));
        const fat32::Volume volume(disk);
        std::string read;
        map_volume(volume, [&](const ByteRange& range) { read += text_of(range); });
        CHECK(read == text_of(written));
        check_tiling(written, disk.size());
        CHECK(written.ranges().size() > 40);
    }
}

TEST_CASE("an image as it was written has no difference, whatever the user chose") {
    for (const std::uint32_t start : {0u, 2048u, 63u})
        for (const std::uint64_t time : {0ull, 1700000000ull}) {
            const Disk disk(
                small_card,
                {.partition_start = start, .label = "OTHER", .volume_id = 0x12345678, .time = time});
            CHECK(differences(disk, expected_of(small_card)).empty());
        }
}

TEST_CASE("every byte that says something, flipped alone, is found where it is") {
    for (const std::uint32_t start : {0u, 2048u}) {
        Disk disk(small_card, {.partition_start = start, .time = 1700000000});
        const ByteMap map = fat32::ImageAudit(disk, expected_of(small_card), "manifest").map();
        std::size_t flipped = 0;
        for (std::uint64_t offset = 0; offset < disk.bytes.size(); ++offset) {
            const ByteRange& range = map.at(offset);
            if (start == 0 && offset % 25 != 0) continue;
            const bool in_entries = range.what == "folder" && offset - range.start < 512;
            if (range.is_contents || (disk.bytes[offset] == 0 && !in_entries)) continue;
            disk.flips = {offset};
            if (differences(disk, expected_of(small_card)) != disk.flips)
                FAIL("byte " << offset << " in " << range.owner());
            ++flipped;
        }
        CHECK(flipped > (start == 0 ? 20 : 500));
    }
}

TEST_CASE("every byte that must be zero, flipped with all of its range, is found where it is") {
    Disk disk(small_card, {.time = 1700000000});
    const ByteMap map = fat32::ImageAudit(disk, expected_of(small_card), "manifest").map();
    std::size_t ranges = 0;
    for (const ByteRange& range : map.ranges()) {
        disk.flips.clear();
        const bool is_folder = range.what == "folder"; // its entries had their turn
        for (std::uint64_t offset = range.start + (is_folder ? 512 : 0); offset < range.end; ++offset) {
            if (range.end - range.start > 1 << 20) offset = std::min(offset + 4092, range.end - 1);
            if (!range.is_contents && disk.at(offset) == 0) disk.flips.push_back(offset);
        }
        if (disk.flips.empty()) continue;
        INFO(range.owner());
        CHECK(differences(disk, expected_of(small_card)) == disk.flips);
        ++ranges;
    }
    CHECK(ranges > 20);
}

TEST_CASE("a file that is more, less or other than recorded is found, in a disk and in its initrd") {
    const Files in_initrd{{"init", Content(700, 'i')}, {"service/", {}}, {"service/run", Content(9000, 's')}};
    Files files = small_card;
    files.push_back({"initrd.img", gzipped(newc(in_initrd))});
    MemorySink out;
    fat32::write_image(entries_of(files), {}, out);
    const std::string manifest = manifest_of("a.img", out.bytes, files, in_initrd);
    CHECK(audit(out.bytes, "a.img", manifest).empty());

    const fat32::Layout layout = fat32::lay_out(entries_of(files), {.size = out.bytes.size()});
    const ByteMap map = map_layout(layout);
    for (const ByteRange& range : map.ranges()) {
        if (!range.is_contents) continue;
        for (const std::uint64_t offset : {range.start, range.end - 1}) {
            out.bytes[offset] ^= 1;
            const auto findings = audit(out.bytes, "a.img", manifest);
            out.bytes[offset] ^= 1;
            REQUIRE(!findings.empty());
            CHECK(findings.back().owner == range.owner());
            CHECK(findings.back().start == range.start);
            CHECK(findings.back().end == range.end);
        }
    }
    Files other = in_initrd;
    other[0].second[0] = 'j';
    other.push_back({"extra", {}});
    const auto findings = audit(out.bytes, "a.img", manifest_of("a.img", out.bytes, files, other));
    REQUIRE(findings.size() == 2);
    CHECK(findings[0].text().starts_with(
        "initrd.img: gzip member 1: bytes 116 to 815: differ in entry 'init': sha256 is "));
    CHECK(findings[1].text() == "initrd.img: differs in entry 'extra': is missing");
}

TEST_CASE("any byte of an initrd flipped is found, and its archives tile it") {
    const Files files{{"init", Content(70, 'i')}, {"lib/", {}}, {"lib/m.ko", Content(300, 'm')}};
    Content initrd = gzipped(newc(files));
    initrd.resize((initrd.size() + 7) / 4 * 4);
    for (Content bytes : {newc(files), initrd}) {
        const std::string manifest = manifest_of("initrd.img", bytes, files);
        CHECK(audit(bytes, "initrd.img", manifest).empty());
        for (std::size_t i = 0; i < bytes.size(); ++i)
            for (const int bits : {0x01, 0xFF}) {
                bytes[i] = static_cast<std::uint8_t>(bytes[i] ^ bits);
                if (audit(bytes, "initrd.img", manifest).empty()) FAIL("byte " << i);
                bytes[i] = static_cast<std::uint8_t>(bytes[i] ^ bits);
            }
    }
    const MemorySeekable file(initrd, "file");
    const AuditRecord record(manifest_of("initrd.img", initrd, files), "manifest");
    OutputAudit whole(file, record, "initrd.img");
    whole.run();
    REQUIRE(whole.archives().size() == 1);
    REQUIRE(whole.archives()[0].maps.size() == 2);
    check_tiling(whole.archives()[0].maps[0], initrd.size());
    check_tiling(whole.archives()[0].maps[1], newc(files).size());
    CHECK(text_of(whole.archives()[0].maps[1])
              .starts_with("0 110 header of 'init'\n110 115 name of 'init'\n"
                           "115 116 padding of 'init'\n116 186 contents of 'init'\n"));
    CHECK(whole.good_files() == 2);
}

TEST_CASE("whatever bytes a disk has, an audit ends in findings or a refusal") {
    Content bytes(40 << 20);
    std::mt19937 random(1);
    for (std::size_t i = 0; i < 4096; ++i) bytes[random() % (2 << 20)] = static_cast<std::uint8_t>(random());
    const std::string manifest = manifest_of("a.img", bytes, {{"a/b/c", Content(5)}, {"d", Content(3)}});
    CHECK(audit(bytes, "a.img", manifest).size() > 10);
}

TEST_CASE("a record that cannot be is refused") {
    const auto read = [](const std::string& text) { AuditRecord(text, "m"); };
    const std::string file =
        R"({"path":"a","size":1,"sha256":")" + std::string(64, '0') + R"(","origin":"o"})";
    CHECK_THROWS_WITH(read(R"({"format":2,"outputs":[],"files":[]})"),
                      "m: format: is not 1, the only one known");
    CHECK_THROWS_WITH(read(R"({"format":1,"outputs":[]})"), "m: files: is missing");
    CHECK_THROWS_WITH(read(R"({"format":1,"outputs":[],"files":[)" + file + "," + file + "]}"),
                      "m: files[1].path: 'a' is there twice");
    CHECK_THROWS_WITH(read(R"({"format":1,"outputs":[{"path":"a","size":1,"sha256":"x"}],"files":[]})"),
                      "m: outputs[0].sha256: is not a SHA-256 in lower-case hexadecimal");
    CHECK_THROWS_WITH(AuditRecord(R"({"format":1,"outputs":[],"files":[]})", "m").output("x"),
                      "m: lists no output 'x'");
    std::string deep = "a";
    for (int i = 0; i < 200; ++i) deep += "/a";
    const Disk disk(small_card, {});
    CHECK_THROWS_WITH(fat32::ImageAudit(disk, {{deep, 0}}, "m"),
                      "m: '" + deep + "' is in more than 128 folders");
}
