// How large a FAT32 volume may be, how large its clusters and FATs are: numbers only.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>

#include "wisp/checked.hpp"
#include "wisp/error.hpp"
#include "wisp/fat32_disk.hpp"

namespace wisp::fat32 {

/// The fewest clusters that make a volume FAT32 are 65,525 [fatgen103, "FAT Type Determination"]; there are
/// programs which are off by up to 16 there, says the paper, and asks to keep away.
inline constexpr std::uint32_t least_clusters = 65525 + 16;

/// Left free at the end of every volume: Raspberry Pi EEPROMs before 2024-01-22 cannot read a file in the
/// last cluster (rpi-eeprom issues 521, 525).
inline constexpr std::uint32_t free_tail_clusters = 16;

/// What the paper calls typical of FAT32 [fatgen103, BPB_RsvdSecCnt]; aligning the data area takes more.
inline constexpr std::uint32_t least_reserved_sectors = 32;

/// The data area starts at a multiple of this many bytes of the disk, or of a cluster if that is larger.
inline constexpr std::uint64_t data_alignment = 4096;

/// Without a size an image is a multiple of this, an SD card's usual allocation unit.
inline constexpr std::uint64_t size_step = 4 << 20;

/// Volumes up to so many sectors have clusters of so many [fatgen103, table "DskTableFAT32"].
struct ClusterClass {
    std::uint64_t max_sectors;
    std::uint32_t sectors_per_cluster;
};
inline constexpr std::array<ClusterClass, 5> cluster_classes{
    {{532480, 1}, {16777216, 8}, {33554432, 16}, {67108864, 32}, {1ull << 32, 64}}};

/// The sectors of one FAT on a volume of `total` sectors: the fewest that hold two entries and one for each
/// cluster that is left when least_reserved_sectors and two such FATs are taken off.
constexpr std::uint32_t fat_sectors(std::uint32_t total, std::uint32_t sectors_per_cluster) {
    const std::uint64_t per_cluster = sectors_per_cluster;
    const std::uint64_t left = total > least_reserved_sectors ? total - least_reserved_sectors : 0;
    const std::uint64_t entries_and_share = 128 * per_cluster + 2;
    return static_cast<std::uint32_t>((left + 2 * per_cluster + entries_and_share - 1) / entries_and_share);
}

/// The geometry of a volume of `total` sectors that starts at sector `start` of the disk.
constexpr Geometry make_geometry(std::uint64_t start, std::uint32_t total,
                                 std::uint32_t sectors_per_cluster) {
    Geometry geometry{.volume_offset = start * sector_size,
                      .sectors_per_cluster = sectors_per_cluster,
                      .reserved_sectors = least_reserved_sectors,
                      .fat_sectors = fat_sectors(total, sectors_per_cluster),
                      .total_sectors = total};
    const std::uint64_t alignment = std::max<std::uint64_t>(data_alignment, geometry.cluster_bytes());
    const std::uint64_t gap = padding(geometry.cluster_offset(first_cluster), alignment);
    geometry.reserved_sectors += static_cast<std::uint32_t>(gap / sector_size);
    const std::uint64_t overhead = geometry.reserved_sectors + 2ull * geometry.fat_sectors;
    geometry.clusters =
        static_cast<std::uint32_t>(total > overhead ? (total - overhead) / sectors_per_cluster : 0);
    return geometry;
}

/// The geometry of an image of `bytes` bytes, whose volume starts at sector `start`: the clusters are as
/// large as the paper's table says. The image must be larger than what is before the volume.
constexpr Geometry geometry_of(std::uint64_t bytes, std::uint64_t start) {
    const std::uint64_t total = bytes / sector_size - start;
    const auto fits = [&](const ClusterClass& c) { return total <= c.max_sectors; };
    return make_geometry(start, static_cast<std::uint32_t>(total),
                         std::ranges::find_if(cluster_classes, fits)->sectors_per_cluster);
}

/// A partition table counts 2^32 sectors of disk, a boot sector 2^32 - 1 of volume.
constexpr std::uint64_t largest_image(std::uint64_t start) {
    return (1ull << 32) * sector_size - (start == 0 ? sector_size : 0);
}

/// How many clusters of `cluster_bytes` bytes `size` bytes take.
constexpr std::uint64_t clusters_for(std::uint64_t size, std::uint64_t cluster_bytes) {
    return (size + cluster_bytes - 1) / cluster_bytes;
}

/// The smallest image, in steps of `step` bytes, that has as many clusters as `needed` asks for when it is
/// told how many bytes one has; nothing when none is large enough.
std::optional<std::uint64_t> smallest_image(std::uint64_t start, std::uint64_t step,
                                            const std::regular_invocable<std::uint32_t> auto& needed) {
    std::uint64_t below = 0; // sectors of the largest volume of the class before
    for (const auto& [max_sectors, per_cluster] : cluster_classes) {
        const std::uint64_t clusters = needed(per_cluster * sector_size);
        const std::uint64_t fats = 2 * clusters_for(clusters + first_cluster, sector_size / sizeof(le32));
        const std::uint64_t sectors = std::max(below + 1, least_reserved_sectors + fats + clusters * per_cluster);
        std::uint64_t bytes = clusters_for((start + sectors) * sector_size, step) * step;
        for (; bytes <= largest_image(start) && bytes / sector_size - start <= max_sectors; bytes += step)
            if (geometry_of(bytes, start).clusters >= clusters) return bytes;
        below = max_sectors;
    }
    return std::nullopt;
}

/// Refuses an image of `bytes` bytes that cannot be FAT32, whatever it holds.
inline void check_size(std::uint64_t bytes, std::uint64_t start) {
    const std::string text = "size " + std::to_string(bytes);
    if (bytes % sector_size != 0)
        refuse("image", text + " is not a multiple of " + std::to_string(sector_size));
    if (bytes > largest_image(start))
        refuse("image", text + " exceeds " + std::to_string(largest_image(start)));
    const auto least = smallest_image(start, sector_size, [](std::uint32_t) { return least_clusters; });
    if (!least)
        refuse("image", "partition start " + std::to_string(start) + " leaves no room for FAT32 below 2 TiB");
    if (bytes < *least)
        refuse("image", text + " is too small for FAT32, which begins at " + std::to_string(*least));
}

} // namespace wisp::fat32
