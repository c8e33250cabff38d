// Who owns which byte of a disk with a FAT32 volume. Source: fatgen103.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
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

/// Sees the ranges of a map, front to back.
using SeeRange = std::function<void(const ByteRange&)>;

/// What bounds the memory a map of a volume takes; paths of files without clusters do not count.
inline constexpr std::uint64_t max_map_pieces = 131072;
inline constexpr std::uint64_t max_map_path_bytes = 4 << 20;

namespace map_detail {

/// Clusters in a row that hold bytes of one item.
struct Run {
    std::uint32_t first_cluster = 0;
    std::uint32_t clusters = 0;
    std::uint64_t bytes = 0; ///< of them, in use by a file; of a folder, all
    bool is_directory = false;
    std::string_view path{}; ///< the caller's
};

/// The run of the folder or file `path` at `extent`; `left` are the bytes of the file from there on.
inline Run run_of(const Extent& extent, std::string_view path, bool is_directory, std::uint64_t left,
                  std::uint32_t cluster_bytes) {
    const std::uint64_t room = std::uint64_t{extent.clusters} * cluster_bytes;
    return {extent.first_cluster, extent.clusters, is_directory ? room : std::min(left, room), is_directory,
            path.empty() ? "/" : path};
}

/// Gathers the runs of a volume's items, as many as a map may have, and counts the others.
class VolumeRuns {
public:
    explicit VolumeRuns(const Volume& volume) : volume_(volume) {
        volume.walk([this](const Item& item) { add(item); });
        const auto check = [&](std::uint64_t count, const char* what, std::uint64_t most) {
            if (count > most)
                refuse(volume.disk().name(), "has " + std::to_string(count) + what + ", a map has room for " +
                                                 std::to_string(most));
        };
        check(pieces_, " folders, files and fragments", max_map_pieces);
        check(path_bytes_, " bytes of paths", max_map_path_bytes);
    }

    /// In the order of their clusters. The paths belong to this.
    std::vector<Run> sorted() {
        std::ranges::sort(runs_, {}, &Run::first_cluster);
        return std::move(runs_);
    }

private:
    void add(const Item& item) {
        if (item.clusters == 0) return;
        path_bytes_ += item.path.size();
        if (pieces_ < max_map_pieces && path_bytes_ <= max_map_path_bytes) paths_.push_back(item.path);
        const std::uint32_t cluster_bytes = volume_.geometry().cluster_bytes();
        ExtentReader extents = volume_.extents(item);
        std::uint64_t left = item.size;
        while (const auto extent = extents.next()) {
            if (++pieces_ > max_map_pieces || path_bytes_ > max_map_path_bytes) continue;
            runs_.push_back(run_of(*extent, paths_.back(), item.is_directory, left, cluster_bytes));
            left -= std::min(left, runs_.back().bytes);
        }
    }

    const Volume& volume_;
    std::vector<Run> runs_;
    std::deque<std::string> paths_;
    std::uint64_t pieces_ = 0;
    std::uint64_t path_bytes_ = 0;
};

/// Tells a disk's map, front to back.
class Mapper {
public:
    Mapper(std::uint64_t disk_bytes, const Geometry& geometry, const SeeRange& see)
        : size_(disk_bytes), geometry_(geometry), see_(see) {}

    /// `runs` are in the order of their clusters. `unowned` says what a cluster is called that no run has; it
    /// is asked in ascending order.
    template <class Unowned>
    void run(const BootSector& boot, const std::vector<Run>& runs, const Unowned& unowned) {
        if (geometry_.volume_offset >= sizeof(mbr::Table)) partition_table();
        add(geometry_.volume_offset, "gap before the volume");
        reserved_sectors(boot);
        for (std::uint32_t number = 0; number < geometry_.fat_count; ++number) fat(number);
        for (const Run& run : runs) {
            clusters_without_owner(run.first_cluster, unowned);
            owned(run);
        }
        clusters_without_owner(first_cluster + geometry_.clusters, unowned);
        add(geometry_.volume_offset + geometry_.volume_bytes(), "sectors behind the last cluster");
        add(size_, "bytes behind the volume");
        see_(pending_.ranges().back());
    }

private:
    /// A volume may count more sectors than the disk has, as long as its clusters are there.
    void add(std::uint64_t end, std::string_view what, std::string_view subject = "",
             bool is_contents = false) {
        pending_.add_up_to(std::min(end, size_), what, subject, is_contents);
        pending_.release(see_);
    }

    void partition_table() {
        add(440, "boot code of the partition table");
        add(444, "disk signature");
        add(446, "reserved bytes of the partition table");
        for (const std::string_view name :
             {"partition entry 1", "partition entry 2", "partition entry 3", "partition entry 4"})
            add(pending_.end() + sizeof(mbr::Partition), name);
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
    const SeeRange& see_;
    ByteMap pending_;                    // the last range: it grows while the same owner has what follows
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
/// clusters". Throws, before `see` is called, what Volume::walk() throws, and Error (input) for more folders,
/// files and fragments than max_map_pieces or more than max_map_path_bytes of paths.
inline void map_volume(const Volume& volume, const SeeRange& see) {
    map_detail::VolumeRuns runs(volume);
    FatTable fat(volume.disk(), volume.geometry(), active_fat(volume.boot_sector()));
    const auto unowned = [&](std::uint32_t cluster) -> std::string_view {
        const std::uint32_t entry = fat[cluster];
        return entry == 0 ? "free clusters" : entry == bad_cluster ? "bad clusters" : "lost clusters";
    };
    map_detail::Mapper(volume.disk().size(), volume.geometry(), see)
        .run(volume.boot_sector(), runs.sorted(), unowned);
}

/// The map of the image that ImageWriter makes of `layout`.
inline ByteMap map_layout(const Layout& layout) {
    const std::vector<std::string> paths = map_detail::paths_of(layout);
    std::vector<map_detail::Run> runs;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const Node& node = layout.nodes[i];
        if (node.clusters > 0)
            runs.push_back(map_detail::run_of({node.first_cluster, node.clusters}, paths[i],
                                              node.is_directory, node.size, layout.geometry.cluster_bytes()));
    }
    std::ranges::sort(runs, {}, &map_detail::Run::first_cluster);
    ByteMap map;
    const SeeRange add = [&](const ByteRange& range) {
        map.add_up_to(range.end, range.what, range.subject, range.is_contents);
    };
    const auto unowned = [](std::uint32_t) -> std::string_view { return "free clusters"; };
    map_detail::Mapper(layout.image_bytes, layout.geometry, add).run(BootSector{}, runs, unowned);
    return map;
}

} // namespace wisp::fat32
