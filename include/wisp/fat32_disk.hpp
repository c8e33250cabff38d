// FAT32 as it lies on disk. Source of every field: Microsoft, "FAT: General Overview of On-Disk Format" 1.03
// (fatgen103), whose short names stand in the comments.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <type_traits>

#include "wisp/le.hpp"

namespace wisp::fat32 {

/// What the writer uses; the reader takes what the boot sector says.
inline constexpr std::uint32_t sector_size = 512;

/// Clusters are counted from 2: the first two FAT entries hold no chain.
inline constexpr std::uint32_t first_cluster = 2;
/// More would have numbers that mean a bad cluster or an end.
inline constexpr std::uint32_t max_clusters = 0x0FFFFFF5;
/// The upper four bits of a FAT entry are reserved.
inline constexpr std::uint32_t entry_mask = 0x0FFFFFFF;
inline constexpr std::uint32_t end_of_chain = 0x0FFFFFFF;
/// The FAT entry of a cluster that cannot be used ("bad cluster mark").
inline constexpr std::uint32_t bad_cluster = 0x0FFFFFF7;
/// From here on a FAT entry ends its chain.
inline constexpr std::uint32_t least_end_of_chain = 0x0FFFFFF8;

/// A folder holds at most this many 32-byte entries, its long names' entries among them.
inline constexpr std::uint64_t max_folder_entries = 65536;
inline constexpr std::uint64_t max_file_bytes = 0xFFFFFFFF;
/// In UTF-16 units.
inline constexpr std::size_t max_name_units = 255;
/// How deep folders nest. No document names a limit; Windows' paths of 260 characters end at 130.
inline constexpr std::ptrdiff_t max_depth = 128;

inline constexpr std::uint8_t media_fixed_disk = 0xF8;
inline constexpr std::array<std::uint8_t, 2> signature_bytes{0x55, 0xAA};

/// Sector 0 of the volume, and its copy in sector 6. What is zero here and has a 16 in its name, or counts
/// root entries, belongs to FAT12 and FAT16; `type` decides nothing, also for a reader.
struct BootSector {
    std::array<std::uint8_t, 3> jump{0xEB, 0x58, 0x90};                   // BS_jmpBoot
    std::array<char, 8> oem_name{'M', 'S', 'W', 'I', 'N', '4', '.', '1'}; // BS_OEMName
    le16 bytes_per_sector = sector_size;                                  // BPB_BytsPerSec
    std::uint8_t sectors_per_cluster = 0;                                 // BPB_SecPerClus
    le16 reserved_sectors = 0;                                            // BPB_RsvdSecCnt
    std::uint8_t fat_count = 2;                                           // BPB_NumFATs
    le16 root_entries = 0;                                                // BPB_RootEntCnt
    le16 total_sectors_16 = 0;                                            // BPB_TotSec16
    std::uint8_t media = media_fixed_disk;                                // BPB_Media
    le16 fat_sectors_16 = 0;                                              // BPB_FATSz16
    le16 sectors_per_track = 63;                                          // BPB_SecPerTrk
    le16 heads = 255;                                                     // BPB_NumHeads
    le32 hidden_sectors = 0;                                              // BPB_HiddSec
    le32 total_sectors = 0;                                               // BPB_TotSec32
    le32 fat_sectors = 0;                                                 // BPB_FATSz32
    le16 flags = 0;                                                       // BPB_ExtFlags
    le16 version = 0;                                                     // BPB_FSVer
    le32 root_cluster = first_cluster;                                    // BPB_RootClus
    le16 fs_info_sector = 1;                                              // BPB_FSInfo
    le16 backup_sector = 6;                                               // BPB_BkBootSec
    std::array<std::uint8_t, 12> reserved{};                              // BPB_Reserved
    std::uint8_t drive = 0x80;                                            // BS_DrvNum
    std::uint8_t reserved1 = 0;                                           // BS_Reserved1
    std::uint8_t extended_signature = 0x29;                               // BS_BootSig
    le32 volume_id = 0;                                                   // BS_VolID
    std::array<char, 11> label{};                                         // BS_VolLab
    std::array<char, 8> type{'F', 'A', 'T', '3', '2', ' ', ' ', ' '};     // BS_FilSysType
    std::array<std::uint8_t, 3> code{0xF4, 0xEB, 0xFD};                   // x86: hlt; jmp back to it
    std::array<std::uint8_t, 417> more_code{};
    std::array<std::uint8_t, 2> signature = signature_bytes;
};
static_assert(sizeof(BootSector) == 512);
static_assert(alignof(BootSector) == 1 && std::is_trivially_copyable_v<BootSector>);

/// Sector 1 and its copy in sector 7: counts that save a driver from reading the whole FAT.
struct FsInfo {
    le32 lead_signature = 0x41615252;          // FSI_LeadSig
    std::array<std::uint8_t, 480> reserved1{}; // FSI_Reserved1
    le32 struct_signature = 0x61417272;        // FSI_StrucSig
    le32 free_clusters = 0xFFFFFFFF;           // FSI_Free_Count: unknown
    le32 next_free = 0xFFFFFFFF;               // FSI_Nxt_Free: unknown
    std::array<std::uint8_t, 12> reserved2{};  // FSI_Reserved2
    le32 trail_signature = 0xAA550000;         // FSI_TrailSig
};
static_assert(sizeof(FsInfo) == 512);
static_assert(alignof(FsInfo) == 1 && std::is_trivially_copyable_v<FsInfo>);

/// Sectors 2 and 8: room for more boot code. The paper shows nothing in them; Windows ends them so.
struct ThirdSector {
    std::array<std::uint8_t, 510> code{};
    std::array<std::uint8_t, 2> signature = signature_bytes;
};
static_assert(sizeof(ThirdSector) == 512);

namespace attribute {
inline constexpr std::uint8_t label = 0x08;
inline constexpr std::uint8_t directory = 0x10;
inline constexpr std::uint8_t archive = 0x20;
inline constexpr std::uint8_t long_name = 0x0F; ///< read-only, hidden, system and label at once
inline constexpr std::uint8_t mask = 0x3F;
} // namespace attribute

/// Where Windows NT notes that the letters of a short name were lower case ("Reserved for use by Windows
/// NT").
inline constexpr std::uint8_t lower_case_base = 0x08;
inline constexpr std::uint8_t lower_case_extension = 0x10;

/// Name and extension, upper case, filled up with spaces.
using ShortName = std::array<char, 11>;

/// A time of FAT: years from 1980 to 2107, steps of two seconds, no time zone.
struct DosTime {
    le16 time = 0;
    le16 date = 0;
};
static_assert(sizeof(DosTime) == 4);

/// "Byte Directory Entry Structure".
struct DirectoryEntry {
    ShortName name{};                // DIR_Name
    std::uint8_t attributes = 0;     // DIR_Attr
    std::uint8_t case_bits = 0;      // DIR_NTRes
    std::uint8_t created_tenths = 0; // DIR_CrtTimeTenth
    DosTime created{};               // DIR_CrtTime, DIR_CrtDate
    le16 accessed_date = 0;          // DIR_LstAccDate
    le16 cluster_high = 0;           // DIR_FstClusHI
    DosTime modified{};              // DIR_WrtTime, DIR_WrtDate
    le16 cluster_low = 0;            // DIR_FstClusLO
    le32 size = 0;                   // DIR_FileSize

    std::uint32_t cluster() const { return std::uint32_t{cluster_high} << 16 | std::uint32_t{cluster_low}; }
    void set_cluster(std::uint32_t cluster) {
        cluster_high = static_cast<std::uint16_t>(cluster >> 16);
        cluster_low = static_cast<std::uint16_t>(cluster & 0xFFFF);
    }
};
static_assert(sizeof(DirectoryEntry) == 32);
static_assert(alignof(DirectoryEntry) == 1 && std::is_trivially_copyable_v<DirectoryEntry>);

/// First bytes of a short name with a meaning: no entry from here on; a deleted entry; a name that begins
/// with E5.
inline constexpr char no_more_entries = 0;
inline constexpr char deleted_entry = static_cast<char>(0xE5);
inline constexpr char escaped_e5 = 0x05;

/// "Long Directory Entry Structure": 13 UTF-16 units of a name.
struct LongEntry {
    static constexpr std::uint8_t last = 0x40; ///< in `order` of the name's last piece, which is stored first

    std::uint8_t order = 0;                         // LDIR_Ord, from 1
    std::array<le16, 5> name1{};                    // LDIR_Name1
    std::uint8_t attributes = attribute::long_name; // LDIR_Attr
    std::uint8_t type = 0;                          // LDIR_Type
    std::uint8_t checksum = 0;                      // LDIR_Chksum, of the short name
    std::array<le16, 6> name2{};                    // LDIR_Name2
    le16 cluster = 0;                               // LDIR_FstClusLO
    std::array<le16, 2> name3{};                    // LDIR_Name3

    static constexpr std::size_t units = 13;

    le16& unit(std::size_t i) { return i < 5 ? name1[i] : i < 11 ? name2[i - 5] : name3[i - 11]; }
    const le16& unit(std::size_t i) const { return i < 5 ? name1[i] : i < 11 ? name2[i - 5] : name3[i - 11]; }
};
static_assert(sizeof(LongEntry) == sizeof(DirectoryEntry));
static_assert(alignof(LongEntry) == 1 && std::is_trivially_copyable_v<LongEntry>);

/// `seconds` since 1970 in UTC as FAT has it: never before 1980-01-01 00:00:00, nor after 2107-12-31
/// 23:59:58.
inline DosTime dos_time(std::uint64_t seconds) {
    using namespace std::chrono;
    constexpr auto earliest =
        static_cast<std::uint64_t>(sys_days{year{1980} / 1 / 1}.time_since_epoch() / days{1}) * 86400;
    constexpr auto latest =
        static_cast<std::uint64_t>(sys_days{year{2108} / 1 / 1}.time_since_epoch() / days{1}) * 86400 - 1;
    const std::uint64_t clamped = seconds < earliest ? earliest : seconds > latest ? latest : seconds;
    const year_month_day day{sys_days{days{clamped / 86400}}};
    const auto in_day = static_cast<unsigned>(clamped % 86400);
    const unsigned date =
        static_cast<unsigned>(int{day.year()} - 1980) << 9 | unsigned{day.month()} << 5 | unsigned{day.day()};
    const unsigned time = in_day / 3600 << 11 | in_day / 60 % 60 << 5 | in_day % 60 / 2;
    return {static_cast<std::uint16_t>(time), static_cast<std::uint16_t>(date)};
}

/// A time of FAT without its zone, for it has none: 1980-01-01T00:00:00.
inline std::string time_text(DosTime stamp) {
    const unsigned date = stamp.date, time = stamp.time;
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%04u-%02u-%02uT%02u:%02u:%02u", 1980 + (date >> 9),
                  date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, 2 * (time & 31));
    return text.data();
}

/// What a boot sector says about where things are, in sectors of the volume unless it says otherwise.
struct Geometry {
    std::uint64_t volume_offset = 0; ///< of the volume's first byte on the disk
    std::uint32_t bytes_per_sector = sector_size;
    std::uint32_t sectors_per_cluster = 1;
    std::uint32_t reserved_sectors = 0;
    std::uint32_t fat_count = 2;
    std::uint32_t fat_sectors = 0;
    std::uint32_t total_sectors = 0;
    std::uint32_t clusters = 0;
    std::uint32_t root_cluster = first_cluster;

    constexpr std::uint32_t cluster_bytes() const { return sectors_per_cluster * bytes_per_sector; }
    constexpr std::uint64_t volume_bytes() const { return std::uint64_t{total_sectors} * bytes_per_sector; }
    /// Offset on the disk of FAT `number`, counted from 0.
    constexpr std::uint64_t fat_offset(std::uint32_t number) const {
        return volume_offset + (reserved_sectors + std::uint64_t{number} * fat_sectors) * bytes_per_sector;
    }
    /// Offset on the disk of a cluster, which must be one of the volume's.
    constexpr std::uint64_t cluster_offset(std::uint32_t cluster) const {
        return fat_offset(fat_count) + std::uint64_t{cluster - first_cluster} * cluster_bytes();
    }
    constexpr bool has_cluster(std::uint32_t cluster) const {
        return cluster >= first_cluster && cluster - first_cluster < clusters;
    }
};

} // namespace wisp::fat32
