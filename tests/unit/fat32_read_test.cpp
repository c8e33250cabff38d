#include <random>

#include <catch2/catch.hpp>

#include "wisp/fat32.hpp"
#include "wisp/fat32_read.hpp"

using namespace wisp;

namespace {

std::vector<std::uint8_t> image() {
    const auto data = [](std::size_t bytes) {
        return std::make_shared<MemorySource>(std::vector<std::uint8_t>(bytes, 'x'));
    };
    std::vector<Entry> entries;
    for (const char* const path : {"a", "a/b", "a/b/c"})
        entries.push_back({.path = path, .mode = mode::directory});
    for (const char* const path : {"a/b/c/a-long-name-to-be-torn.text", "a/short", "Image", "config.txt"})
        entries.push_back({.path = path, .mode = mode::file, .data = data(1500)});
    MemorySink out;
    fat32::write_image(entries, {.partition_start = 0}, out);
    return std::move(out.bytes);
}

std::size_t walk(Bytes bytes) {
    const MemorySeekable disk(bytes, "disk");
    std::size_t items = 0;
    fat32::Volume(disk).walk([&](const fat32::Item&) { ++items; });
    return items;
}

} // namespace

TEST_CASE("the extents of all items are the clusters that are in use") {
    const auto bytes = image();
    const MemorySeekable disk(bytes, "disk");
    const fat32::Volume volume(disk);
    std::uint64_t clusters = 0;
    volume.walk([&](const fat32::Item& item) {
        fat32::ExtentReader extents = volume.extents(item);
        std::uint64_t of_item = 0;
        while (const auto extent = extents.next()) of_item += extent->clusters;
        CHECK(of_item == item.clusters);
        clusters += of_item;
    });
    const auto info = disk.read<fat32::FsInfo>(512, "FSInfo");
    CHECK(clusters == 4 + 4 * 3);
    CHECK(clusters == volume.geometry().clusters - info.free_clusters);
}

TEST_CASE("contents are found and copied by their path") {
    const auto bytes = image();
    const MemorySeekable disk(bytes, "disk");
    const fat32::Volume volume(disk);
    const auto item = volume.find("/A/b/C/a-LONG-name-to-be-torn.text");
    REQUIRE(item);
    CHECK(item->path == "a/b/c/a-long-name-to-be-torn.text");
    MemorySink out;
    volume.copy(*item, out);
    CHECK(out.bytes == std::vector<std::uint8_t>(1500, 'x'));
    CHECK_FALSE(volume.find("a/b/c/no"));
}

TEST_CASE("whatever bytes a volume's tables have, reading them ends in a list or a refusal") {
    auto bytes = image();
    REQUIRE(walk(bytes) == 8);
    const MemorySeekable disk(bytes, "disk");
    const fat32::Geometry geometry = fat32::Volume(disk).geometry();
    const std::uint64_t root = geometry.cluster_offset(2);
    const auto seed = Catch::rngSeed(); // --rng-seed takes another
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::size_t refused = 0, listed = 0;
    for (int round = 0; round < 4000; ++round) {
        std::vector<std::pair<std::size_t, std::uint8_t>> before;
        for (auto left = random() % 4 + 1; left > 0; --left) {
            const std::array<std::size_t, 3> places{random() % 90, geometry.fat_offset(0) + random() % 80,
                                                    root + random() % 2048};
            const std::size_t at = places[random() % places.size()];
            before.emplace_back(at, bytes[at]);
            bytes[at] = static_cast<std::uint8_t>(random() % 3 == 0 ? random() % 20 : random());
        }
        try {
            walk(bytes);
            ++listed;
        } catch (const Error& error) {
            CHECK(error.fault == Fault::input);
            ++refused;
        }
        for (auto i = before.rbegin(); i != before.rend(); ++i) bytes[i->first] = i->second;
    }
    CHECK(refused > 100);
    CHECK(listed > 100);
    CHECK(walk(bytes) == 8);
}

TEST_CASE("a folder without end marks, over many clusters, is read to its end and no further") {
    auto bytes = image();
    const MemorySeekable disk(bytes, "disk");
    const fat32::Geometry geometry = fat32::Volume(disk).geometry();
    const auto set = [&](std::uint32_t cluster, std::uint32_t next) {
        const le32 entry = next;
        std::memcpy(&bytes[geometry.fat_offset(0) + cluster * 4ull], &entry, sizeof entry);
    };
    // The root becomes 4096 clusters of deleted entries: 65,536 of them, the most there may be; then one
    // cluster more.
    constexpr std::uint32_t first = 1000, most = 4096;
    for (std::uint32_t i = 0; i < most; ++i)
        set(first + i, i + 1 == most ? fat32::end_of_chain : first + i + 1);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(geometry.cluster_offset(first)), (most + 1) * 512,
                0xE5);
    const le32 root = first;
    std::memcpy(&bytes[44], &root, sizeof root);
    CHECK(walk(bytes) == 1);
    set(first + most - 1, first + most);
    set(first + most, fat32::end_of_chain);
    CHECK_THROWS_WITH(walk(bytes), "disk: '/' has more clusters than 4096");
}
