// Finds the FAT32 volume on a disk, and checks that all of it is there. Source: fatgen103.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>

#include "wisp/error.hpp"
#include "wisp/fat32_disk.hpp"
#include "wisp/mbr.hpp"
#include "wisp/seekable.hpp"

namespace wisp::fat32 {

/// FATs are copies of each other unless bit 7 says that only one is kept [fatgen103, BPB_ExtFlags].
inline std::uint32_t active_fat(const BootSector& boot) {
    return (boot.flags & 0x80) != 0 ? boot.flags & 0x0Fu : 0;
}

/// Why `boot` is not the boot sector of a FAT32 volume that can be read; nothing when it is.
inline std::optional<std::string> complaint(const BootSector& boot) {
    const std::uint32_t bytes = boot.bytes_per_sector;
    if (boot.signature != signature_bytes) return "the boot sector does not end in 55 AA";
    if (!std::has_single_bit(bytes) || bytes < 512 || bytes > 4096)
        return std::to_string(bytes) + " bytes per sector are not 512, 1024, 2048 or 4096";
    if (!std::has_single_bit(boot.sectors_per_cluster))
        return std::to_string(boot.sectors_per_cluster) + " sectors per cluster are not a power of two";
    if (boot.fat_sectors_16 != 0 || boot.root_entries != 0) return "the volume is FAT12 or FAT16, not FAT32";
    if (boot.version != 0) return "FAT32 version " + std::to_string(boot.version) + " is unknown";
    if (boot.reserved_sectors == 0) return "there are no reserved sectors";
    if (boot.fat_count == 0) return "there is no FAT";
    if (active_fat(boot) >= boot.fat_count)
        return "FAT " + std::to_string(active_fat(boot)) + " of " + std::to_string(boot.fat_count) +
               " is the active one";
    return std::nullopt;
}

/// Whether a sector could be a boot sector at all, rather than a partition table with or without boot code.
inline bool looks_like_volume(const BootSector& boot) {
    const bool jumps = (boot.jump[0] == 0xEB && boot.jump[2] == 0x90) || boot.jump[0] == 0xE9;
    const std::uint32_t bytes = boot.bytes_per_sector;
    return jumps && std::has_single_bit(bytes) && bytes >= 512 && bytes <= 4096 && boot.fat_count > 0;
}

/// The partition table of a disk; nothing where the volume takes all of it.
inline std::optional<mbr::Table> find_partitions(const Seekable& disk) {
    if (looks_like_volume(disk.read<BootSector>(0, "boot sector"))) return std::nullopt;
    const auto table = disk.read<mbr::Table>(0, "partition table");
    if (table.signature != signature_bytes)
        refuse(disk.name(), "has neither a FAT32 volume nor a partition table");
    return table;
}

/// Where on a disk a volume may lie, in bytes.
struct VolumePlace {
    std::uint64_t start = 0;
    std::uint64_t end = 0; ///< of the partition, or of the disk
};

/// Where the FAT32 volume of a disk lies.
inline VolumePlace find_volume(const Seekable& disk) {
    const auto table = find_partitions(disk);
    if (!table) return {0, disk.size()};
    for (const mbr::Partition& partition : table->partitions) {
        if (partition.type == mbr::type_gpt_protective)
            refuse(disk.name(), "has a GPT partition table, only MBR ones are read");
        if (partition.type == mbr::type_fat32 || partition.type == mbr::type_fat32_chs) {
            const std::uint64_t start = partition.first_sector, sectors = partition.sectors;
            return {start * sector_size, (start + sectors) * sector_size};
        }
    }
    refuse(disk.name(), "has no partition of type 0B or 0C (FAT32)");
}

/// The geometry a boot sector describes, checked against disk and partition: all clusters it counts are
/// there.
inline Geometry check_geometry(const Seekable& disk, const VolumePlace& place, const BootSector& boot) {
    if (const auto why = complaint(boot)) refuse(disk.name(), *why);
    Geometry geometry{.volume_offset = place.start,
                      .bytes_per_sector = boot.bytes_per_sector,
                      .sectors_per_cluster = boot.sectors_per_cluster,
                      .reserved_sectors = boot.reserved_sectors,
                      .fat_count = boot.fat_count,
                      .fat_sectors = boot.fat_sectors,
                      .total_sectors = boot.total_sectors != 0 ? boot.total_sectors : boot.total_sectors_16,
                      .root_cluster = boot.root_cluster};
    const std::uint64_t overhead =
        geometry.reserved_sectors + std::uint64_t{geometry.fat_count} * geometry.fat_sectors;
    if (overhead >= geometry.total_sectors)
        refuse(disk.name(), "reserved sectors and FATs take " + std::to_string(overhead) +
                                " sectors, the volume has " + std::to_string(geometry.total_sectors));
    const std::uint64_t clusters = (geometry.total_sectors - overhead) / geometry.sectors_per_cluster;
    const std::uint64_t fat_entries =
        std::uint64_t{geometry.fat_sectors} * geometry.bytes_per_sector / sizeof(le32);
    if (fat_entries < clusters + first_cluster)
        refuse(disk.name(), "a FAT has room for " + std::to_string(fat_entries) + " entries, " +
                                std::to_string(clusters + first_cluster) + " are needed");
    if (clusters > max_clusters)
        refuse(disk.name(),
               std::to_string(clusters) + " clusters are more than FAT32's " + std::to_string(max_clusters));
    geometry.clusters = static_cast<std::uint32_t>(clusters);
    const std::uint64_t end = geometry.cluster_offset(first_cluster) + clusters * geometry.cluster_bytes();
    if (end > disk.size())
        refuse(disk.name(), "is cut: the volume's clusters end at " + std::to_string(end) + ", the file at " +
                                std::to_string(disk.size()));
    if (end > place.end)
        refuse(disk.name(), "the volume's clusters end at " + std::to_string(end) + ", its partition at " +
                                std::to_string(place.end));
    return geometry;
}

} // namespace wisp::fat32
