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
    std::uint32_t first_cluster = 0; ///< 0 where there is none
    std::uint32_t clusters = 0;      ///< how many it has; Volume::extents() says which
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

/// The clusters of an item, run by run, in the order of its contents. They are looked up in the FAT as they
/// are asked for: a chain in a million pieces takes no more memory than one in a single piece.
class ExtentReader {
public:
    /// Of the `clusters` clusters from `first` on by FAT number `fat`, as Volume::walk() has found and
    /// checked them.
    ExtentReader(const Seekable& disk, const Geometry& geometry, std::uint32_t fat, std::uint32_t first,
                 std::uint32_t clusters)
        : disk_(disk), geometry_(geometry), fat_(disk, geometry, fat), next_(first), left_(clusters) {}

    /// The next run, as long as the chain makes it; nothing at the end.
    std::optional<Extent> next() {
        if (left_ == 0) return std::nullopt;
        Extent extent{next_, 0};
        while (left_ > 0 && next_ == extent.first_cluster + extent.clusters) {
            if (!geometry_.has_cluster(next_))
                throw Error(disk_.name(), "changed while it was read", Fault::system);
            ++extent.clusters;
            if (--left_ > 0) next_ = fat_[next_];
        }
        return extent;
    }

private:
    const Seekable& disk_;
    const Geometry& geometry_;
    FatTable fat_;
    std::uint32_t next_;
    std::uint32_t left_;
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
    /// and a disk or a partition that ends before the volume does. `disk` must outlive this.
    explicit Volume(const Seekable& disk) : Volume(disk, find_volume(disk)) {}

    const Seekable& disk() const { return disk_; }
    const BootSector& boot_sector() const { return boot_; }
    const Geometry& geometry() const { return geometry_; }

    /// Visits the root, then every folder and file: all that a folder holds, then what its folders hold, one
    /// after the other. Refuses a chain that leaves the volume, is shorter or longer than its size, or takes
    /// a cluster that another one has, so also one that loops; a folder of over 65,536 entries or more than
    /// 128 folders deep; a name that is no name. Memory: a bit for each cluster, and one folder's name and
    /// place for each level.
    void walk(const Visit& visit) const;

    /// The volume's label without the spaces that fill it up, in the code page of who wrote it: the root's
    /// label entry, which is what readers show, else the boot sector's. Refuses a root whose chain does not
    /// add up.
    std::string label() const;

    /// Where the contents of an item lie that walk() or find() has shown. The volume must outlive what this
    /// gives.
    ExtentReader extents(const Item& item) const {
        return {disk_, geometry_, active_fat(boot_), item.first_cluster, item.clusters};
    }

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
        ExtentReader clusters = extents(item);
        while (const auto extent = clusters.next()) {
            const std::uint64_t bytes =
                std::min(left, std::uint64_t{extent->clusters} * geometry_.cluster_bytes());
            disk_.copy(geometry_.cluster_offset(extent->first_cluster), bytes, out, printable(item.path));
            left -= bytes;
        }
    }

private:
    Volume(const Seekable& disk, const VolumePlace& place)
        : disk_(disk),
          boot_(disk.read<BootSector>(place.start, "boot sector")),
          geometry_(check_geometry(disk, place, boot_)) {}

    const Seekable& disk_;
    BootSector boot_;
    Geometry geometry_;
};

namespace read_detail {

inline std::uint64_t max_folder_clusters(const Geometry& geometry) {
    return max_folder_entries * sizeof(DirectoryEntry) / geometry.cluster_bytes();
}

/// The entries of a folder, in order, up to the one that ends them.
class FolderReader {
public:
    FolderReader(const Volume& volume, const Item& folder)
        : disk_(volume.disk()),
          geometry_(volume.geometry()),
          extents_(volume.extents(folder)),
          block_(std::min<std::size_t>(geometry_.cluster_bytes(), most_at_once)) {}

    std::optional<DirectoryEntry> next() {
        if (at_ == block_.size() && !load()) return std::nullopt;
        DirectoryEntry entry;
        std::memcpy(&entry, &block_[at_], sizeof entry);
        if (entry.name[0] == no_more_entries) return std::nullopt;
        at_ += sizeof entry;
        return entry;
    }

private:
    static constexpr std::size_t most_at_once = 4096; // there is one of these for each level of folders

    bool load() {
        if (left_ == 0) {
            const auto extent = extents_.next();
            if (!extent) return false;
            offset_ = geometry_.cluster_offset(extent->first_cluster);
            left_ = std::uint64_t{extent->clusters} * geometry_.cluster_bytes();
        }
        disk_.read(offset_, block_, "folder");
        offset_ += block_.size();
        left_ -= block_.size();
        at_ = 0;
        return true;
    }

    const Seekable& disk_;
    const Geometry& geometry_;
    ExtentReader extents_;
    std::vector<std::uint8_t> block_;
    std::size_t at_ = block_.size();
    std::uint64_t offset_ = 0;
    std::uint64_t left_ = 0; // bytes of the extent behind the block
};

[[noreturn]] inline void refuse_item(const Volume& volume, const std::string& path,
                                     const std::string& problem) {
    refuse(volume.disk().name(), "'" + (path.empty() ? "/" : printable(path)) + "' " + problem);
}

/// How many clusters `item` has by `fat`, of which there may be `limit`. `claim` is told each before the next
/// is looked up.
template <class Claim>
std::uint32_t follow_chain(const Volume& volume, FatTable& fat, const Item& item, std::uint64_t limit,
                           const Claim& claim) {
    std::uint32_t count = 0;
    for (std::uint32_t cluster = item.first_cluster;; cluster = fat[cluster], ++count) {
        if (count > 0 && cluster >= least_end_of_chain) return count;
        if (!volume.geometry().has_cluster(cluster))
            refuse_item(volume, item.path,
                        "has cluster " + std::to_string(cluster) + ", the volume has 2 to " +
                            std::to_string(volume.geometry().clusters + 1));
        if (count == limit) refuse_item(volume, item.path, "has more clusters than " + std::to_string(limit));
        claim(cluster);
    }
}

/// As follow_chain(), for a folder that nothing is to be claimed for.
inline std::uint32_t count_folder_clusters(const Volume& volume, FatTable& fat, const Item& folder) {
    return follow_chain(volume, fat, folder, max_folder_clusters(volume.geometry()), [](std::uint32_t) {});
}

/// The root, without the number of its clusters.
inline Item root_of(const Volume& volume) {
    return {.path = "", .is_directory = true, .first_cluster = volume.geometry().root_cluster};
}

/// One pass over all folders of a volume.
class Walk {
public:
    Walk(const Volume& volume, const Volume::Visit& visit)
        : volume_(volume),
          geometry_(volume.geometry()),
          visit_(visit),
          fat_(volume.disk(), geometry_, active_fat(volume.boot_sector())),
          taken_(geometry_.clusters) {}

    void run() {
        Item root = root_of(volume_);
        root.clusters = claim_chain(root, max_folder_clusters(geometry_));
        visit_(root);
        read_folder(root, 0);
    }

private:
    [[noreturn]] void bad(const std::string& path, const std::string& problem) const {
        refuse_item(volume_, path, problem);
    }

    /// As follow_chain(); each cluster is taken from now on.
    std::uint32_t claim_chain(const Item& item, std::uint64_t limit) {
        return follow_chain(volume_, fat_, item, limit, [&](std::uint32_t cluster) {
            if (taken_[cluster - first_cluster])
                bad(item.path, "has cluster " + std::to_string(cluster) + ", which is already taken");
            taken_[cluster - first_cluster] = true;
        });
    }

    /// Shows what is in `folder`, then reads it once more for the folders in it: to remember them all would
    /// take memory for each.
    void read_folder(const Item& folder, std::ptrdiff_t depth) {
        for_each_item(folder, [&](Item& item) {
            item.is_directory ? check_folder(item, depth + 1) : check_file(item);
            visit_(item);
        });
        for_each_item(folder, [&](Item& item) {
            if (!item.is_directory) return;
            item.clusters = count_folder_clusters(volume_, fat_, item);
            read_folder(item, depth + 1);
        });
    }

    template <class See>
    void for_each_item(const Item& folder, const See& see) {
        FolderReader entries(volume_, folder);
        LongName long_name;
        std::size_t number = 0;
        for (auto entry = entries.next(); entry; entry = entries.next())
            if (auto item = item_of(folder, number++, *entry, long_name)) see(*item);
    }

    /// The item an entry stands for, without the number of its clusters; nothing where it stands for none.
    std::optional<Item> item_of(const Item& folder, std::size_t number, const DirectoryEntry& entry,
                                LongName& long_name) const {
        if (entry.name[0] == deleted_entry) {
            long_name.clear();
            return std::nullopt;
        }
        if ((entry.attributes & attribute::mask) == attribute::long_name) {
            long_name.add(std::bit_cast<LongEntry>(entry));
            return std::nullopt;
        }
        const auto name = long_name.take(entry.name);
        if ((entry.attributes & attribute::label) != 0) return std::nullopt;
        const std::string text = name ? utf8_from_utf16(*name) : short_text(entry);
        const bool is_directory = (entry.attributes & attribute::directory) != 0;
        const bool is_root = folder.path.empty();
        if (!is_root && is_directory && number < 2 && text == std::string(number + 1, '.'))
            return std::nullopt;
        check_name(folder, text);
        return Item{.path = folder.path + (is_root ? "" : "/") + text,
                    .is_directory = is_directory,
                    .size = is_directory ? 0u : std::uint32_t{entry.size},
                    .modified = entry.modified,
                    .first_cluster = entry.cluster()};
    }

    /// A name with a slash could pass for a path, "." and ".." for what they are not.
    void check_name(const Item& folder, std::string_view name) const {
        const auto is_bad = [](char c) { return static_cast<std::uint8_t>(c) < 0x20 || c == '/'; };
        if (name.empty() || name == "." || name == ".." || std::ranges::any_of(name, is_bad))
            bad(folder.path, "has an entry with the name '" + printable(name) + "'");
    }

    void check_folder(Item& item, std::ptrdiff_t depth) {
        if (depth > max_depth) bad(item.path, "is in more than " + std::to_string(max_depth) + " folders");
        item.clusters = claim_chain(item, max_folder_clusters(geometry_));
    }

    void check_file(Item& item) {
        const std::uint64_t cluster_bytes = geometry_.cluster_bytes();
        const std::uint64_t clusters = (item.size + cluster_bytes - 1) / cluster_bytes;
        if (clusters > 0 || item.first_cluster != 0) item.clusters = claim_chain(item, clusters);
        if (item.clusters != clusters)
            bad(item.path, "has " + std::to_string(item.clusters) + " clusters, its size needs " +
                               std::to_string(clusters));
    }

    const Volume& volume_;
    const Geometry& geometry_;
    const Volume::Visit& visit_;
    FatTable fat_;
    std::vector<bool> taken_;
};

} // namespace read_detail

inline void Volume::walk(const Visit& visit) const { read_detail::Walk(*this, visit).run(); }

inline std::string Volume::label() const {
    FatTable fat(disk_, geometry_, active_fat(boot_));
    Item root = read_detail::root_of(*this);
    root.clusters = read_detail::count_folder_clusters(*this, fat, root);
    read_detail::FolderReader entries(*this, root);
    ShortName label = boot_.label;
    for (auto entry = entries.next(); entry; entry = entries.next()) {
        const std::uint8_t kind = entry->attributes & attribute::mask;
        if (entry->name[0] == deleted_entry || kind == attribute::long_name || (kind & attribute::label) == 0)
            continue;
        label = entry->name;
        if (label[0] == escaped_e5) label[0] = deleted_entry;
        break;
    }
    const std::string_view text(label.data(), label.size());
    return std::string(text.substr(0, text.find_last_not_of(' ') + 1));
}

} // namespace wisp::fat32
