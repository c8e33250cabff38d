// Who owns which byte of a disk with a FAT32 volume. Source: fatgen103.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/byte_map.hpp"
#include "wisp/fat32_layout.hpp"
#include "wisp/fat32_read.hpp"
#include "wisp/mbr.hpp"

namespace wisp::fat32 {

namespace map_detail {

/// Clusters in a row that hold bytes of one item.
struct Run {
    std::uint32_t first_cluster = 0;
    std::uint32_t clusters = 0;
    std::uint64_t bytes = 0; ///< of them, in use by a file; of a folder, all
    bool is_directory = false;
    std::string path{};
};

/// Adds the runs of `item` to `runs`.
inline void add_runs(const Item& item, std::uint32_t cluster_bytes, std::vector<Run>& runs) {
    std::uint64_t left = item.size;
    for (const Extent& extent : item.extents) {
        const std::uint64_t room = std::uint64_t{extent.clusters} * cluster_bytes;
        const std::uint64_t bytes = item.is_directory ? room : std::min(left, room);
        runs.push_back({extent.first_cluster, extent.clusters, bytes, item.is_directory,
                        item.path.empty() ? "/" : item.path});
        left -= std::min(left, room);
    }
}

/// Puts a disk's map together, front to back.
class Mapper {
public:
    Mapper(std::uint64_t disk_bytes, const Geometry& geometry) : size_(disk_bytes), geometry_(geometry) {}

    /// `unowned` says what a cluster is called that no run has; it is asked in ascending order.
    template <class Unowned>
    ByteMap run(const BootSector& boot, std::vector<Run> runs, const Unowned& unowned) {
        if (geometry_.volume_offset >= sizeof(mbr::Table)) partition_table();
        add(geometry_.volume_offset, "gap before the volume");
        reserved_sectors(boot);
        for (std::uint32_t number = 0; number < geometry_.fat_count; ++number) fat(number);
        std::ranges::sort(runs, {}, &Run::first_cluster);
        for (const Run& run : runs) {
            clusters_without_owner(run.first_cluster, unowned);
            owned(run);
        }
        clusters_without_owner(first_cluster + geometry_.clusters, unowned);
        add(geometry_.volume_offset + geometry_.volume_bytes(), "sectors behind the last cluster");
        add(size_, "bytes behind the volume");
        return std::move(map_);
    }

private:
    /// A volume may count more sectors than the disk has, as long as its clusters are there.
    void add(std::uint64_t end, std::string_view what, std::string_view subject = "",
             bool is_contents = false) {
        map_.add_up_to(std::min(end, size_), what, subject, is_contents);
    }

    void partition_table() {
        add(440, "boot code of the partition table");
        add(444, "disk signature");
        add(446, "reserved bytes of the partition table");
        for (const std::string_view name :
             {"partition entry 1", "partition entry 2", "partition entry 3", "partition entry 4"})
            add(map_.end() + sizeof(mbr::Partition), name);
        add(sizeof(mbr::Table), "signature of the partition table");
    }

    void reserved_sectors(const BootSector& boot) {
        std::map<std::uint32_t, std::string_view> names{{0, "boot sector"}};
        names.emplace(boot.fs_info_sector, "FSInfo");
        names.emplace(2, "third boot sector");
        if (const std::uint32_t backup = boot.backup_sector; backup != 0) {
            names.emplace(backup, "backup of the boot sector");
            names.emplace(backup + boot.fs_info_sector, "backup of FSInfo");
            names.emplace(backup + 2, "backup of the third boot sector");
        }
        const std::uint64_t start = geometry_.volume_offset, bytes = geometry_.bytes_per_sector;
        for (const auto& [sector, name] : names) {
            if (sector >= geometry_.reserved_sectors) break;
            add(start + sector * bytes, "reserved sectors");
            add(start + (sector + 1) * bytes, name);
        }
        add(geometry_.fat_offset(0), "reserved sectors");
    }

    void fat(std::uint32_t number) {
        const std::uint64_t entries = (std::uint64_t{geometry_.clusters} + first_cluster) * sizeof(le32);
        add(geometry_.fat_offset(number) + entries, "FAT", std::to_string(number + 1));
        add(geometry_.fat_offset(number + 1), "rest of a FAT's last sectors");
    }

    template <class Unowned>
    void clusters_without_owner(std::uint32_t end, const Unowned& unowned) {
        for (; next_ < end; ++next_)
            add(geometry_.cluster_offset(next_) + geometry_.cluster_bytes(), unowned(next_));
    }

    void owned(const Run& run) {
        const std::uint64_t start = geometry_.cluster_offset(run.first_cluster);
        add(start + run.bytes, run.is_directory ? "folder" : "file", run.path, !run.is_directory);
        next_ = run.first_cluster + run.clusters;
        add(start + std::uint64_t{run.clusters} * geometry_.cluster_bytes(), "slack behind file", run.path);
    }

    std::uint64_t size_;
    const Geometry& geometry_;
    ByteMap map_;
    std::uint32_t next_ = first_cluster; // the first cluster that has no range yet
};

/// The paths of a layout's nodes, the root's being "".
inline std::vector<std::string> paths_of(const Layout& layout) {
    std::vector<std::string> paths(layout.nodes.size());
    for (std::size_t i = 1; i < paths.size(); ++i) { // a folder comes before what is in it
        const std::string& folder = paths[layout.nodes[i].parent];
        paths[i] = folder + (folder.empty() ? "" : "/") + utf8_from_utf16(layout.nodes[i].name);
    }
    return paths;
}

} // namespace map_detail

/// The map of a disk as its volume says, whoever made it. Clusters that no folder and no file has are "free
/// clusters", "bad clusters" [fatgen103, "bad cluster mark"], or, when a FAT says they are in use, "lost
/// clusters". Throws what Volume::walk() throws, and Error (input) when names and fragments would take more
/// than 8 MiB of memory.
inline ByteMap map_volume(const Volume& volume) {
    constexpr std::uint32_t bad_cluster = 0x0FFFFFF7;
    constexpr std::size_t limit = 8 << 20;
    const Geometry& geometry = volume.geometry();
    std::vector<map_detail::Run> runs;
    std::size_t bytes = 0;
    volume.walk([&](const Item& item) {
        map_detail::add_runs(item, geometry.cluster_bytes(), runs);
        bytes += item.extents.size() * (sizeof(map_detail::Run) + item.path.size());
        if (bytes > limit)
            refuse(volume.disk().name(), "has too many files, folders and fragments for a map");
    });
    FatTable fat(volume.disk(), geometry, active_fat(volume.boot_sector()));
    const auto unowned = [&](std::uint32_t cluster) -> std::string_view {
        const std::uint32_t entry = fat[cluster];
        return entry == 0 ? "free clusters" : entry == bad_cluster ? "bad clusters" : "lost clusters";
    };
    return map_detail::Mapper(volume.disk().size(), geometry)
        .run(volume.boot_sector(), std::move(runs), unowned);
}

/// The map of the image that ImageWriter makes of `layout`.
inline ByteMap map_layout(const Layout& layout) {
    const std::vector<std::string> paths = map_detail::paths_of(layout);
    std::vector<map_detail::Run> runs;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const Node& node = layout.nodes[i];
        Item item{.path = paths[i], .is_directory = node.is_directory, .size = node.size};
        if (node.clusters > 0) item.extents = {{node.first_cluster, node.clusters}};
        map_detail::add_runs(item, layout.geometry.cluster_bytes(), runs);
    }
    const auto unowned = [](std::uint32_t) -> std::string_view { return "free clusters"; };
    return map_detail::Mapper(layout.image_bytes, layout.geometry)
        .run(BootSector{}, std::move(runs), unowned);
}

} // namespace wisp::fat32
