// The partition table of a disk with one FAT32 partition. Source: UEFI 2.10, 5.2.1 "Legacy Master Boot
// Record".
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "wisp/le.hpp"

namespace wisp::mbr {

inline constexpr std::uint8_t active = 0x80;
inline constexpr std::uint8_t type_fat32_chs = 0x0B;
inline constexpr std::uint8_t type_fat32 = 0x0C; ///< FAT32, to be found by LBA
inline constexpr std::uint8_t type_gpt_protective = 0xEE;

/// Cylinder, head and sector, as BIOSes of the 1990s count.
using Chs = std::array<std::uint8_t, 3>;

struct Partition {
    std::uint8_t status = 0;
    Chs first{};
    std::uint8_t type = 0;
    Chs last{};
    le32 first_sector = 0;
    le32 sectors = 0;
};
static_assert(sizeof(Partition) == 16);

/// Sector 0 of the disk. It holds no boot code: no machine wisp builds for runs any.
struct Table {
    std::array<std::uint8_t, 440> code{};
    le32 disk_signature = 0;
    le16 reserved = 0;
    std::array<Partition, 4> partitions{};
    std::array<std::uint8_t, 2> signature{0x55, 0xAA};
};
static_assert(sizeof(Table) == 512);
static_assert(alignof(Table) == 1 && std::is_trivially_copyable_v<Table>);

/// `sector` in the usual translation, 255 heads of 63 sectors; FE FF FF where that ends, at cylinder 1023.
constexpr Chs chs(std::uint64_t sector) {
    const std::uint64_t cylinder = sector / (255 * 63);
    if (cylinder > 1023) return {0xFE, 0xFF, 0xFF};
    return {static_cast<std::uint8_t>(sector / 63 % 255),
            static_cast<std::uint8_t>((cylinder >> 8 << 6) | (sector % 63 + 1)),
            static_cast<std::uint8_t>(cylinder & 0xFF)};
}

/// A table whose first partition holds `sectors` sectors of FAT32 from `first_sector` on. It is marked
/// active: U-Boot looks for its files on such partitions first.
constexpr Table single_fat32(std::uint32_t first_sector, std::uint32_t sectors,
                             std::uint32_t disk_signature) {
    Table table;
    table.disk_signature = disk_signature;
    table.partitions[0] = {.status = active,
                           .first = chs(first_sector),
                           .type = type_fat32,
                           .last = chs(std::uint64_t{first_sector} + sectors - 1),
                           .first_sector = first_sector,
                           .sectors = sectors};
    return table;
}

} // namespace wisp::mbr
