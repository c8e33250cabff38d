#include <catch2/catch.hpp>

#include "tests/unit/false_source.hpp"
#include "wisp/fat32.hpp"
#include "wisp/mbr.hpp"

using namespace wisp;

namespace {

/// Contents that are never to be read.
struct Unread : Source {
    explicit Unread(std::uint64_t bytes) : size_(bytes) {}
    std::uint64_t size() const override { return size_; }
    void copy_to(Sink&) const override { FAIL("copied before it was checked"); }

private:
    std::uint64_t size_;
};

Entry file(std::string path, std::uint64_t bytes) {
    return {.path = std::move(path), .mode = mode::file | 0644, .data = std::make_shared<Unread>(bytes)};
}

Entry folder(std::string path) { return {.path = std::move(path), .mode = mode::directory | 0755}; }

} // namespace

TEST_CASE("one FAT is as long as mkfs.fat makes it") {
    // total sectors, sectors per cluster, sectors per FAT: read back from mkfs.fat 4.2 -F 32 -a -R 32
    const auto [total, per_cluster, expected] = GENERATE(table<std::uint32_t, std::uint32_t, std::uint32_t>({
        {65536, 1, 504},
        {131072, 1, 1009},
        {532480, 1, 4096},
        {1048576, 8, 1022},
        {16777216, 8, 16353},
        {67108864, 64, 8191},
    }));
    CAPTURE(total, per_cluster);
    CHECK(fat32::fat_sectors(total, per_cluster) == expected);
}

TEST_CASE("whatever the size, a FAT has an entry for every cluster, and the data area is aligned") {
    const std::uint64_t start = GENERATE(0u, 1u, 63u, 2048u);
    for (std::uint64_t sectors = 70000; sectors < (1ull << 32); sectors += sectors / 97 + 1) {
        const fat32::Geometry g = fat32::geometry_of((start + sectors) * 512, start);
        CAPTURE(start, sectors, g.sectors_per_cluster, g.clusters);
        REQUIRE(g.fat_sectors * 128ull >= g.clusters + 2ull);
        REQUIRE(g.clusters >= fat32::least_clusters);
        REQUIRE(g.clusters < fat32::max_clusters);
        REQUIRE(g.cluster_offset(2) % 4096 == 0);
        REQUIRE(g.cluster_offset(2) % g.cluster_bytes() == 0);
        REQUIRE(g.cluster_offset(2) + std::uint64_t{g.clusters} * g.cluster_bytes() <=
                (start + sectors) * 512);
    }
}

TEST_CASE("without a size the image is the smallest multiple of 4 MiB that holds everything") {
    const std::uint64_t bytes =
        GENERATE(0ull, 1ull, 30ull << 20, 250ull << 20, 257ull << 20, 258ull << 20, 3ull << 30);
    const auto sized = [&](std::optional<std::uint64_t> size) {
        return fat32::lay_out({file("a", bytes)}, {.size = size});
    };
    const fat32::Layout layout = sized({});
    CHECK(layout.image_bytes % (4 << 20) == 0);
    CHECK(layout.used_clusters + fat32::free_tail_clusters <= layout.geometry.clusters);
    CHECK_NOTHROW(sized(layout.image_bytes));
    CHECK_THROWS_AS(sized(layout.image_bytes - (4 << 20)), Error);
}

TEST_CASE("clusters are given out without gaps: root, folders, files, nothing for an empty file") {
    const auto layout =
        fat32::lay_out({folder("b"), file("b/f", 513), file("a", 0), folder("b/a"), file("z", 512)});
    std::vector<std::uint32_t> first;
    for (const auto& node : layout.nodes) first.push_back(node.first_cluster);
    CHECK(first == std::vector<std::uint32_t>{2, 3, 4, 0, 5, 7}); // /, b, b/a, a, b/f, z
    CHECK(layout.used_clusters == 6);
}

TEST_CASE("what a library user gets wrong is refused before anything is read") {
    CHECK_THROWS_WITH(fat32::lay_out({file("a", 1ull << 32)}),
                      "manifest: 'a' has 4294967296 bytes, FAT allows 4294967295");
    CHECK_NOTHROW(fat32::lay_out({file("a", (1ull << 32) - 1)}));
    CHECK_THROWS_WITH(fat32::lay_out({file("a/b", 1)}), "manifest: 'a/b': folder 'a' is not listed");
    CHECK_THROWS_WITH(fat32::lay_out({file("a", 1), file("A", 1)}),
                      "manifest: 'a' and 'A' are one name to FAT");
    CHECK_THROWS_WITH(fat32::lay_out({file("a", 1), file("a", 1)}),
                      "manifest: 'a' and 'a' are one name to FAT");
    CHECK_THROWS_WITH(fat32::lay_out({{.path = "p", .mode = mode::pipe}}),
                      "manifest: 'p' is neither a folder nor a file, FAT holds nothing else");
    std::vector<Entry> much;
    for (int i = 0; i < 600; ++i) much.push_back(file("f" + std::to_string(i), (1ull << 32) - 1));
    CHECK_THROWS_WITH(fat32::lay_out(much), "image: files and folders do not fit into 2 TiB");
}

TEST_CASE("contents of another length than announced are an error, not written on") {
    for (const std::string_view contents : {"12", "1234"}) {
        NullSink out;
        const Entry entry{.path = "liar", .mode = mode::file, .data = std::make_shared<FalseSource>(3, contents)};
        try {
            fat32::write_image({entry}, {}, out);
            FAIL("was written on");
        } catch (const Error& error) {
            CHECK(error.what() ==
                  "liar: has " + std::to_string(contents.size()) + " bytes, not the 3 it announced");
            CHECK(error.fault == Fault::system);
        }
    }
}

TEST_CASE("an image may follow other bytes in a sink") {
    MemorySink alone, after;
    fat32::write_image({}, {}, alone);
    after.write("x");
    fat32::write_image({}, {}, after);
    CHECK(std::equal(alone.bytes.begin(), alone.bytes.end(), after.bytes.begin() + 1, after.bytes.end()));
}

TEST_CASE("times are clamped to what FAT can say and cut to two seconds") {
    // seconds: date -u +%s; words: fatgen103 "Date and Time Formats"
    const auto [seconds, date, time] = GENERATE(table<std::uint64_t, unsigned, unsigned>({
        {0, 0x0021, 0},
        {315532799, 0x0021, 0},
        {315532800, 0x0021, 0},
        {315532803, 0x0021, 1},
        {1709251199, 44 << 9 | 2 << 5 | 29, 23 << 11 | 59 << 5 | 29}, // 2024-02-29 23:59:59
        {4354819199, 127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29},
        {4354819200, 127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29},
        {~0ull, 127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29},
    }));
    CAPTURE(seconds);
    const fat32::DosTime found = fat32::dos_time(seconds);
    CHECK(found.date == date);
    CHECK(found.time == time);
}

TEST_CASE("a time of FAT is spelt without a zone") {
    CHECK(fat32::time_text({}) == "1980-00-00T00:00:00");
    CHECK(fat32::time_text(fat32::dos_time(0)) == "1980-01-01T00:00:00");
    CHECK(fat32::time_text(fat32::dos_time(1709251199)) == "2024-02-29T23:59:58");
    CHECK(fat32::time_text(fat32::dos_time(~0ull)) == "2107-12-31T23:59:58");
}

TEST_CASE("cylinders, heads and sectors are sfdisk's, and FE FF FF past cylinder 1023") {
    CHECK(mbr::chs(2048) == mbr::Chs{0x20, 0x21, 0x00});
    CHECK(mbr::chs(131071) == mbr::Chs{0x28, 0x20, 0x08});
    CHECK(mbr::chs(16450559) == mbr::Chs{0xFE, 0xFF, 0xFF}); // the last sector of cylinder 1023
    CHECK(mbr::chs(16434494) == mbr::Chs{0xFE, 0xFF, 0xFE});
    CHECK(mbr::chs(0xFFFFFFFF) == mbr::Chs{0xFE, 0xFF, 0xFF});
}
