#include <catch2/catch.hpp>

#include "tests/unit/false_source.hpp"
#include "wisp/cpio.hpp"
#include "wisp/cpio_read.hpp"
#include "wisp/gzip.hpp"
#include "wisp/gzip_head.hpp"
#include "wisp/manifest.hpp"

using namespace wisp;

namespace {

std::vector<Entry> entries_of(std::string_view text) {
    MemoryInput in(as_bytes(text), "manifest");
    return read_manifest(in);
}

std::vector<std::uint8_t> archive_of(const std::vector<Entry>& entries) {
    MemorySink out;
    CpioWriter archive(out, 0);
    for (const Entry& entry : entries) archive.add(entry);
    archive.finish();
    return out.bytes;
}

} // namespace

TEST_CASE("a manifest's entries carry their fields and their line") {
    const auto entries = entries_of("# comment\n\ndir /dev 0755 1 2\n nod dev/null 666 3 4 c 1 3\nslink /l t 0777 0 0");
    REQUIRE(entries.size() == 3);
    CHECK(entries[0].path == "dev");
    CHECK(entries[0].mode == 0040755u);
    CHECK(entries[0].line == 3);
    CHECK(entries[1].path == "dev/null");
    CHECK(entries[1].is(mode::character));
    CHECK(entries[1].gid == 4);
    CHECK(entries[1].rdev_minor == 3);
    CHECK(entries[2].target == "t");
    CHECK(entries[2].line == 5);
}

TEST_CASE("a manifest reads the same in pieces of one byte") {
    struct Trickle : MemoryInput {
        using MemoryInput::MemoryInput;
        std::size_t read_some(std::span<std::uint8_t> into) override { return MemoryInput::read_some(into.first(1)); }
    };
    Trickle in(as_bytes("dir /a 0755 0 0\n# x\ndir /a/b 0700 0 0\n"), "manifest");
    const auto entries = read_manifest(in);
    REQUIRE(entries.size() == 2);
    CHECK(entries[1].path == "a/b");
    CHECK(entries[1].line == 3);
}

TEST_CASE("the first header has the fields of gen_init_cpio") {
    // gen_init_cpio -t 0 (Linux 6.1) of "dir /a 0755 0 0"
    const auto archive = archive_of(entries_of("dir /a 0755 0 0\n"));
    CHECK(archive.size() == 512);
    CHECK(as_text(Bytes(archive).first(112)) ==
          std::string_view("070701000002D1000041ED00000000000000000000000200000000000000000000000300000001"
                           "00000000000000000000000200000000a\0", 112));
}

TEST_CASE("a size of 33 bits is refused before a byte is written") {
    struct Huge : Source {
        std::uint64_t size() const override { return 1ull << 32; }
        void copy_to(Sink&) const override { FAIL("was copied"); }
    };
    MemorySink out;
    CpioWriter archive(out, 0);
    const Entry entry{.path = "boot/huge", .mode = mode::file | 0644, .data = std::make_shared<Huge>()};
    CHECK_THROWS_WITH(archive.add(entry), "boot/huge: size of 'boot/huge' 4294967296 exceeds 4294967295");
    CHECK(out.bytes.empty());
}

TEST_CASE("contents that are shorter than promised do not end in a whole archive") {
    struct Liar : Source {
        std::uint64_t size() const override { return 10; }
        void copy_to(Sink& out) const override {
            out.write("short");
            refuse("liar", "has only 5 bytes");
        }
    };
    CHECK_THROWS_WITH(archive_of({{.path = "f", .mode = mode::file, .data = std::make_shared<Liar>()}}),
                      "liar: has only 5 bytes");
}

TEST_CASE("contents of another length than announced do not end in a whole archive") {
    for (const std::string_view contents : {"", "abc", "eleven more"}) {
        const std::string message = "f: has " + std::to_string(contents.size()) + " bytes, not the 10 it announced";
        try {
            archive_of({{.path = "f", .mode = mode::file, .data = std::make_shared<FalseSource>(10, contents)}});
            FAIL("was archived");
        } catch (const Error& error) {
            CHECK(error.what() == message);
            CHECK(error.fault == Fault::system);
        }
    }
}

TEST_CASE("an archive that is cut anywhere before its trailer ends is refused") {
    const auto archive = archive_of(entries_of("dir /a 0755 0 0\nslink /a/l target 0777 0 0\n"));
    std::size_t trailer = as_text(archive).find(newc_trailer) + newc_trailer.size() + 1;
    for (std::size_t size = 0; size < trailer; ++size) {
        CAPTURE(size);
        MemoryInput in(Bytes(archive).first(size), "in");
        CHECK_THROWS_AS(read_initramfs(in, [](const NewcEntry&) {}), Error);
    }
    MemoryInput whole(archive, "in");
    std::vector<std::string> names;
    read_initramfs(whole, [&](const NewcEntry& entry) { names.push_back(entry.name); });
    CHECK(names == std::vector<std::string>{"a", "a/l"});
}

TEST_CASE("an entry whose size lies is refused, not allocated") {
    auto archive = archive_of(entries_of("slink /l target 0777 0 0\n"));
    std::copy_n("FFFFFFF0", 8, archive.begin() + 54); // filesize
    MemoryInput in(archive, "in");
    CHECK_THROWS_WITH(read_initramfs(in, [](const NewcEntry&) {}),
                      Catch::StartsWith("in: is cut in the contents of l: "));
}

TEST_CASE("zero padding costs a read for each block and one part for an observer, whatever its length") {
    struct Counting : MemoryInput {
        using MemoryInput::MemoryInput;
        std::size_t read_some(std::span<std::uint8_t> into) override {
            ++reads;
            return MemoryInput::read_some(into);
        }
        std::size_t reads = 0;
    };
    struct Padding : InitramfsObserver {
        void part(unsigned, std::uint64_t end, InitramfsPart part, const std::string&) override {
            if (part != InitramfsPart::padding) return;
            ++parts;
            last = end;
        }
        void entry(const NewcEntry&) override { ++entries; }
        std::size_t parts = 0;
        std::size_t entries = 0;
        std::uint64_t last = 0;
    };
    constexpr std::size_t blocks = 16;
    auto bytes = archive_of(entries_of("dir /a 0755 0 0\n"));
    const auto archive = bytes;
    bytes.resize(bytes.size() + blocks * block_size);
    bytes.insert(bytes.end(), archive.begin(), archive.end());
    Counting in(bytes, "in");
    Padding seen;
    observe_initramfs(in, seen);
    CHECK(seen.entries == 2);
    CHECK(seen.last == bytes.size()); // what fills up the last archive's last block
    CHECK(seen.parts <= blocks + 2);
    CHECK(in.reads <= blocks + 4);
}

TEST_CASE("an initramfs is known by its first bytes, and no others are refused") {
    const auto gzipped = [](std::string_view text) {
        MemorySink out;
        GzipSink packed(out, 6);
        packed.write(text);
        packed.finish();
        return out.bytes;
    };
    for (const std::string_view magic : {"070701", "070702"}) {
        CHECK(looks_like_initramfs(as_bytes(magic)));
        CHECK(looks_like_initramfs(gzipped(std::string(magic) + "and what follows")));
    }
    for (const std::string_view other : {"", "0", "07070", "070700", "070707", "070712345 call Alice", "\x1f\x8b",
                                         "\x1f\x8b is no gzip"}) {
        CHECK_FALSE(looks_like_initramfs(as_bytes(other)));
        CHECK_FALSE(looks_like_initramfs(gzipped(other)));
    }
    const auto whole = gzipped("070701");
    for (std::size_t size = 0; size < 10; ++size) CHECK_FALSE(looks_like_initramfs(Bytes(whole).first(size)));
    CHECK(gunzip_head(whole, 4) == std::vector<std::uint8_t>{'0', '7', '0', '7'});
    CHECK(gunzip_head(whole, 100).size() == 6);
    CHECK(gunzip_head(as_bytes("070701"), 100).empty());
}
