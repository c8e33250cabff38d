// Reads any FAT32 volume, in a partition or alone, whoever made it. What does not add up is refused, in time
// and memory that what the image really holds bounds. Source: fatgen103.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/fat32_disk.hpp"
#include "wisp/fat32_locate.hpp"
#include "wisp/fat32_names.hpp"
#include "wisp/seekable.hpp"
#include "wisp/sink.hpp"
#include "wisp/text.hpp"
#include "wisp/unicode.hpp"

namespace wisp::fat32 {

/// Clusters in a row.
struct Extent {
    std::uint32_t first_cluster = 0;
    std::uint32_t clusters = 0;
};

/// A folder or a file of a volume.
struct Item {
    std::string path; ///< without leading slash; "" is the root
    bool is_directory = false;
    std::uint64_t size = 0; ///< in bytes; 0 for a folder
    DosTime modified{};
    std::vector<Extent> extents{}; ///< in the order of the contents
};

/// A FAT, of which one window at a time is in memory.
class FatTable {
public:
    FatTable(const Seekable& disk, const Geometry& geometry, std::uint32_t number)
        : disk_(disk), offset_(geometry.fat_offset(number)), window_(window_bytes) {}

    /// The entry of `cluster`, which must be one of the volume's.
    std::uint32_t operator[](std::uint32_t cluster) {
        const std::uint64_t at = std::uint64_t{cluster} * sizeof(le32);
        if (const std::uint64_t start = at / window_bytes * window_bytes; start != start_) load(start);
        le32 entry;
        std::memcpy(&entry, &window_[at % window_bytes], sizeof entry);
        return entry & entry_mask;
    }

private:
    static constexpr std::size_t window_bytes = 4096;

    void load(std::uint64_t start) {
        const std::uint64_t left = disk_.size() - std::min(disk_.size(), offset_ + start);
        disk_.read(offset_ + start, std::span(window_).first(std::min<std::uint64_t>(left, window_bytes)),
                   "FAT");
        start_ = start;
    }

    const Seekable& disk_;
    std::uint64_t offset_;
    std::uint64_t start_ = ~std::uint64_t{0};
    std::vector<std::uint8_t> window_;
};

namespace read_detail {

/// Gathers the long entries in front of a short one.
class LongName {
public:
    void add(const LongEntry& entry) {
        const std::size_t order = entry.order & ~LongEntry::last & 0xFFu;
        if (entry.order & LongEntry::last) start(entry, order);
        if (order == 0 || order != missing_ || entry.checksum != checksum_) return clear();
        missing_ = order - 1;
        for (std::size_t i = 0; i < LongEntry::units; ++i)
            units_[missing_ * LongEntry::units + i] = static_cast<char16_t>(std::uint16_t{entry.unit(i)});
    }

    /// The name, if one has been gathered whole and belongs to `alias`. Starts over.
    std::optional<std::u16string> take(const ShortName& alias) {
        const bool whole = !units_.empty() && missing_ == 0 && checksum_ == checksum(alias);
        const std::u16string name = units_.substr(0, units_.find(u'\0'));
        clear();
        if (!whole || name.empty() || name.size() > max_name_units) return std::nullopt;
        return name;
    }

    void clear() {
        units_.clear();
        missing_ = 0;
    }

private:
    void start(const LongEntry& entry, std::size_t order) {
        const std::size_t pieces = order <= 20 ? order : 0;
        units_.assign(pieces * LongEntry::units, u'\0');
        missing_ = pieces;
        checksum_ = entry.checksum;
    }

    std::u16string units_;
    std::size_t missing_ = 0;
    std::uint8_t checksum_ = 0;
};

/// A path as it is compared; nothing when it is not UTF-8.
inline std::optional<std::u16string> folded(std::string_view path) {
    const auto units = utf16_from_utf8(path);
    return units ? std::optional(upper_case(*units)) : std::nullopt;
}

/// A short name as it is shown. A byte above 7F is of a code page the volume does not name: U+FFFD stands for
/// it.
inline std::string short_text(const DirectoryEntry& entry) {
    const auto part = [&](std::size_t from, std::size_t to, std::uint8_t lower_bit) {
        std::u16string units;
        for (std::size_t i = from; i < to; ++i) {
            const char c = i == 0 && entry.name[0] == escaped_e5 ? deleted_entry : entry.name[i];
            const auto unit = static_cast<char16_t>(static_cast<std::uint8_t>(c));
            const bool lower = (entry.case_bits & lower_bit) != 0 && unit >= u'A' && unit <= u'Z';
            units += unit > 0x7F ? u'\uFFFD' : lower ? static_cast<char16_t>(unit + 0x20) : unit;
        }
        return utf8_from_utf16(units.substr(0, units.find_last_not_of(u' ') + 1));
    };
    const std::string base = part(0, 8, lower_case_base), extension = part(8, 11, lower_case_extension);
    return extension.empty() ? base : base + "." + extension;
}

} // namespace read_detail

/// A FAT32 volume, as its boot sector describes it.
class Volume {
public:
    using Visit = std::function<void(const Item&)>;

    /// Finds the volume: the disk itself, or the first partition of type 0B or 0C. Refuses what is not FAT32,
    /// and a disk that ends before the volume does. `disk` must outlive this.
    explicit Volume(const Seekable& disk) : Volume(disk, find_volume(disk)) {}

    const Seekable& disk() const { return disk_; }
    const BootSector& boot_sector() const { return boot_; }
    const Geometry& geometry() const { return geometry_; }

    /// Visits the root, then every folder and file, each folder's contents together. Refuses a chain that
    /// leaves the volume, is shorter or longer than its size, or takes a cluster that another one has, so
    /// also one that loops; a folder of over 65,536 entries or more than 128 folders deep; a name that is no
    /// name.
    void walk(const Visit& visit) const;

    /// The folder or file called `path` (a leading slash may be there; case does not count); the whole volume
    /// is checked on the way.
    std::optional<Item> find(std::string_view path) const {
        path.remove_prefix(path.starts_with('/') ? 1 : 0);
        const auto wanted = read_detail::folded(path);
        std::optional<Item> found;
        walk([&](const Item& item) {
            if (!found && wanted && read_detail::folded(item.path) == wanted) found = item;
        });
        return found;
    }

    /// Writes a file's contents to `out`.
    void copy(const Item& item, Sink& out) const {
        std::uint64_t left = item.size;
        for (const Extent& extent : item.extents) {
            const std::uint64_t bytes =
                std::min(left, std::uint64_t{extent.clusters} * geometry_.cluster_bytes());
            disk_.copy(geometry_.cluster_offset(extent.first_cluster), bytes, out, printable(item.path));
            left -= bytes;
        }
    }

private:
    Volume(const Seekable& disk, std::uint64_t offset)
        : disk_(disk),
          boot_(disk.read<BootSector>(offset, "boot sector")),
          geometry_(check_geometry(disk, offset, boot_)) {}

    const Seekable& disk_;
    BootSector boot_;
    Geometry geometry_;
};

namespace read_detail {

/// One pass over all folders of a volume.
class Walk {
public:
    Walk(const Volume& volume, const Volume::Visit& visit)
        : disk_(volume.disk()),
          geometry_(volume.geometry()),
          visit_(visit),
          fat_(disk_, geometry_, active_fat(volume.boot_sector())),
          taken_(geometry_.clusters),
          cluster_(geometry_.cluster_bytes()) {}

    void run() {
        Item root{.path = "", .is_directory = true};
        root.extents = chain(geometry_.root_cluster, "", max_folder_clusters());
        visit_(root);
        folders_.push_back({std::move(root.extents), 0, "", 0});
        for (std::size_t i = 0; i < folders_.size(); ++i) read_folder(i);
    }

private:
    /// A folder whose entries are still to be read. Paths are put together when they are needed: held for
    /// each folder, a deep and wide tree's would need many times the memory of the folders themselves.
    struct Folder {
        std::vector<Extent> extents;
        std::size_t parent;
        std::string name;
        std::ptrdiff_t depth;
    };

    [[noreturn]] void bad(const std::string& path, const std::string& problem) const {
        refuse(disk_.name(), "'" + (path.empty() ? "/" : printable(path)) + "' " + problem);
    }

    std::uint64_t max_folder_clusters() const {
        return max_folder_entries * sizeof(DirectoryEntry) / geometry_.cluster_bytes();
    }

    /// The chain from `first` on, of at most `limit` clusters.
    std::vector<Extent> chain(std::uint32_t first, const std::string& path, std::uint64_t limit) {
        std::vector<Extent> extents;
        std::uint64_t count = 0;
        for (std::uint32_t cluster = first;; cluster = fat_[cluster], ++count) {
            if (count > 0 && cluster >= least_end_of_chain) return extents;
            if (!geometry_.has_cluster(cluster))
                bad(path, "has cluster " + std::to_string(cluster) + ", the volume has 2 to " +
                              std::to_string(geometry_.clusters + 1));
            if (count == limit) bad(path, "has more clusters than " + std::to_string(limit));
            if (taken_[cluster - first_cluster])
                bad(path, "has cluster " + std::to_string(cluster) + ", which is already taken");
            taken_[cluster - first_cluster] = true;
            if (extents.empty() || extents.back().first_cluster + extents.back().clusters != cluster)
                extents.push_back({cluster, 0});
            ++extents.back().clusters;
        }
    }

    void read_folder(std::size_t index) {
        const std::vector<Extent> extents = std::move(folders_[index].extents);
        LongName long_name;
        std::size_t number = 0;
        for (const Extent& extent : extents)
            for (std::uint32_t i = 0; i < extent.clusters; ++i) {
                disk_.read(geometry_.cluster_offset(extent.first_cluster + i), cluster_, "folder");
                for (std::size_t at = 0; at < cluster_.size(); at += sizeof(DirectoryEntry)) {
                    DirectoryEntry entry;
                    std::memcpy(&entry, &cluster_[at], sizeof entry);
                    if (entry.name[0] == no_more_entries) return;
                    read_entry(index, number++, entry, long_name);
                }
            }
    }

    void read_entry(std::size_t folder, std::size_t number, const DirectoryEntry& entry,
                    LongName& long_name) {
        if (entry.name[0] == deleted_entry) return long_name.clear();
        if ((entry.attributes & attribute::mask) == attribute::long_name)
            return long_name.add(std::bit_cast<LongEntry>(entry));
        const auto name = long_name.take(entry.name);
        if ((entry.attributes & attribute::label) != 0) return;
        const std::string text = name ? utf8_from_utf16(*name) : short_text(entry);
        const bool is_directory = (entry.attributes & attribute::directory) != 0;
        if (folder != 0 && is_directory && number < 2 && text == std::string(number + 1, '.')) return;
        check_name(folder, text);
        is_directory ? add_folder(folder, text, entry) : add_file(folder, text, entry);
    }

    /// A name with a slash could pass for a path, "." and ".." for what they are not.
    void check_name(std::size_t folder, std::string_view name) const {
        const auto is_bad = [](char c) { return static_cast<std::uint8_t>(c) < 0x20 || c == '/'; };
        if (name.empty() || name == "." || name == ".." || std::ranges::any_of(name, is_bad))
            bad(path_in(folder, ""), "has an entry with the name '" + printable(name) + "'");
    }

    void add_folder(std::size_t parent, const std::string& name, const DirectoryEntry& entry) {
        Item item{.path = path_in(parent, name), .is_directory = true, .modified = entry.modified};
        const std::ptrdiff_t depth = folders_[parent].depth + 1;
        if (depth > max_depth) bad(item.path, "is in more than " + std::to_string(max_depth) + " folders");
        item.extents = chain(entry.cluster(), item.path, max_folder_clusters());
        visit_(item);
        folders_.push_back({std::move(item.extents), parent, name, depth});
    }

    void add_file(std::size_t parent, const std::string& name, const DirectoryEntry& entry) {
        Item item{.path = path_in(parent, name), .size = entry.size, .modified = entry.modified};
        const std::uint64_t cluster_bytes = geometry_.cluster_bytes();
        const std::uint64_t clusters = (item.size + cluster_bytes - 1) / cluster_bytes;
        if (clusters > 0 || entry.cluster() != 0) item.extents = chain(entry.cluster(), item.path, clusters);
        std::uint64_t found = 0;
        for (const Extent& extent : item.extents) found += extent.clusters;
        if (found != clusters)
            bad(item.path,
                "has " + std::to_string(found) + " clusters, its size needs " + std::to_string(clusters));
        visit_(item);
    }

    std::string path_in(std::size_t folder, std::string_view name) const {
        std::string path(name);
        for (; folder != 0; folder = folders_[folder].parent)
            path = folders_[folder].name + (path.empty() ? "" : "/") + path;
        return path;
    }

    const Seekable& disk_;
    const Geometry& geometry_;
    const Volume::Visit& visit_;
    FatTable fat_;
    std::vector<bool> taken_;
    std::vector<Folder> folders_;
    std::vector<std::uint8_t> cluster_;
};

} // namespace read_detail

inline void Volume::walk(const Visit& visit) const { read_detail::Walk(*this, visit).run(); }

} // namespace wisp::fat32
