// Where everything on a FAT32 image lies: a pure function of the entries and the options. No byte is read or
// written here, so whatever can be refused is refused before there is any output.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/entry.hpp"
#include "wisp/error.hpp"
#include "wisp/fat32_disk.hpp"
#include "wisp/fat32_geometry.hpp"
#include "wisp/fat32_names.hpp"
#include "wisp/path.hpp"
#include "wisp/text.hpp"

namespace wisp::fat32 {

/// What may be chosen about an image.
struct Options {
    std::optional<std::uint64_t> size{};  ///< of the image in bytes; otherwise what fits
    std::uint32_t partition_start = 2048; ///< in sectors; 0: a volume without partition table
    std::string label = "WISP";
    std::optional<std::uint32_t> volume_id{}; ///< otherwise from names and sizes
    std::uint64_t time = 0;                   ///< of every entry, in seconds since 1970, UTC
    std::string manifest = "manifest";        ///< how messages call what Entry::line counts in
};

/// A folder or a file in its place. A layout's node 0 is the root.
struct Node {
    std::u16string name{};
    ShortName alias{};
    bool is_directory = false;
    std::size_t parent = 0;
    std::vector<std::size_t> children{};
    std::uint64_t size = 0;               ///< in bytes; of a folder, those of its entries
    std::uint32_t first_cluster = 0;      ///< 0 for an empty file
    std::uint32_t clusters = 0;           ///< one after the other: nothing is ever fragmented
    std::shared_ptr<const Source> data{}; ///< of a file
    std::uint64_t line = 0;               ///< in the manifest
};

/// An image before it is written.
struct Layout {
    Geometry geometry{};
    std::uint32_t partition_start = 0; ///< in sectors; 0: there is no partition table
    std::uint64_t image_bytes = 0;
    ShortName label{};
    std::uint32_t volume_id = 0; ///< also the disk signature in the partition table
    DosTime time{};
    std::uint32_t used_clusters = 0; ///< all from first_cluster on
    std::vector<Node> nodes{};       ///< in the order of their clusters: the root, folders, files
};

namespace layout_detail {

inline std::string subject(const Options& options, std::uint64_t line) {
    return line == 0 ? options.manifest : options.manifest + ":" + std::to_string(line);
}

/// A manifest's entries become nodes: sorted, so neither their order nor anybody's folder order changes the
/// image.
class Tree {
public:
    Tree(std::vector<Entry> entries, const Options& options) : options_(options) {
        for (const Entry& entry : entries) check(entry);
        std::ranges::sort(entries, in_order);
        nodes_.push_back({.is_directory = true});
        for (const std::uint32_t type : {mode::directory, mode::file})
            for (const Entry& entry : entries)
                if (entry.is(type)) add(entry);
        for (std::size_t i = 0; i < nodes_.size(); ++i)
            if (nodes_[i].is_directory) complete_folder(i);
    }

    std::vector<Node> take() { return std::move(nodes_); }

private:
    /// By path, part by part: a folder comes before what is in it.
    static bool in_order(const Entry& a, const Entry& b) {
        const auto rank = [](char c) { return c == '/' ? 0 : 1 + static_cast<std::uint8_t>(c); };
        return std::ranges::lexicographical_compare(a.path, b.path, {}, rank, rank);
    }

    void check(const Entry& entry) const {
        const std::string who = subject(options_, entry.line);
        if (!entry.is(mode::directory) && !entry.is(mode::file))
            refuse(who,
                   "'" + printable(entry.path) + "' is neither a folder nor a file, FAT holds nothing else");
        if (!entry.links.empty()) refuse(who, "'" + printable(entry.path) + "' has hard links, FAT has none");
        if (entry.size() > max_file_bytes)
            refuse(who, "'" + printable(entry.path) + "' has " + std::to_string(entry.size()) +
                            " bytes, FAT allows " + std::to_string(max_file_bytes));
        const auto folders = std::ranges::count(entry.path, '/') + (entry.is(mode::directory) ? 1 : 0);
        if (folders > max_depth)
            refuse(who, "'" + printable(entry.path) + "' nests " + std::to_string(folders) +
                            " folders, at most " + std::to_string(max_depth) + " may nest");
    }

    void add(const Entry& entry) {
        const std::string who = subject(options_, entry.line);
        const std::string folder(parent_path(entry.path));
        const auto parent = folders_.find(folder);
        if (parent == folders_.end())
            refuse(who, "'" + printable(entry.path) + "': folder '" + printable(folder) + "' is not listed");
        if (entry.is(mode::directory)) folders_.emplace(entry.path, nodes_.size());
        nodes_[parent->second].children.push_back(nodes_.size());
        nodes_.push_back({.name = long_name(base_name(entry.path), who),
                          .is_directory = entry.is(mode::directory),
                          .parent = parent->second,
                          .size = entry.size(),
                          .data = entry.data,
                          .line = entry.line});
    }

    /// Gives a folder's children their short names, and the folder its size.
    void complete_folder(std::size_t index) {
        const std::vector<std::size_t>& children = nodes_[index].children;
        std::map<std::u16string, std::size_t> seen;
        std::vector<std::u16string_view> names;
        std::uint64_t entries = index == 0 ? 1 : 2; // the label, or "." and ".."
        for (const std::size_t child : children) {
            const auto [other, is_new] = seen.emplace(upper_case(nodes_[child].name), child);
            if (!is_new) refuse_same(other->second, child);
            names.push_back(nodes_[child].name);
            entries += entries_for(nodes_[child].name);
        }
        if (entries > max_folder_entries)
            refuse(subject(options_, nodes_[index].line),
                   "folder '" + path(index) + "' needs " + std::to_string(entries) +
                       " directory entries, FAT allows " + std::to_string(max_folder_entries));
        const std::vector<ShortName> aliases = short_names(names);
        for (std::size_t i = 0; i < aliases.size(); ++i) nodes_[children[i]].alias = aliases[i];
        nodes_[index].size = entries * sizeof(DirectoryEntry);
    }

    [[noreturn]] void refuse_same(std::size_t a, std::size_t b) const {
        if (nodes_[a].line > nodes_[b].line) std::swap(a, b);
        const std::string where = nodes_[a].line == 0 ? "" : " on line " + std::to_string(nodes_[a].line);
        refuse(subject(options_, nodes_[b].line),
               "'" + path(b) + "' and '" + printable(path(a)) + "'" + where + " are one name to FAT");
    }

    std::string path(std::size_t index) const {
        if (index == 0) return "/";
        std::string text;
        for (; index != 0; index = nodes_[index].parent)
            text = utf8_from_utf16(nodes_[index].name) + (text.empty() ? "" : "/") + text;
        return text;
    }

    const Options& options_;
    std::vector<Node> nodes_;
    std::map<std::string, std::size_t> folders_{{"", 0}};
};

/// How many clusters of `cluster_bytes` bytes there must be, the free tail among them.
inline std::uint64_t clusters_needed(const std::vector<Node>& nodes, std::uint32_t cluster_bytes) {
    std::uint64_t count = free_tail_clusters;
    for (const Node& node : nodes) count += clusters_for(node.size, cluster_bytes);
    return std::max<std::uint64_t>(count, least_clusters);
}

/// Refuses `bytes` where they do not hold `nodes`.
inline void check_room(const std::vector<Node>& nodes, std::uint64_t bytes, std::uint64_t start) {
    const Geometry geometry = geometry_of(bytes, start);
    const std::uint64_t needed = clusters_needed(nodes, geometry.cluster_bytes());
    if (needed <= geometry.clusters) return;
    const auto room = [&](std::uint64_t clusters) {
        return std::to_string((clusters - free_tail_clusters) * geometry.cluster_bytes());
    };
    refuse("image", "size " + std::to_string(bytes) + " leaves " + room(geometry.clusters) +
                        " bytes for files and folders, " + room(needed) + " are needed");
}

/// The image's size in bytes: large enough for `nodes`.
inline std::uint64_t choose_size(const std::vector<Node>& nodes, const Options& options) {
    const std::uint64_t start = options.partition_start;
    if (options.size) {
        check_size(*options.size, start);
        check_room(nodes, *options.size, start);
        return *options.size;
    }
    const auto needed = [&](std::uint32_t cluster_bytes) { return clusters_needed(nodes, cluster_bytes); };
    const auto bytes = smallest_image(start, size_step, needed);
    if (!bytes) refuse("image", "files and folders do not fit into 2 TiB");
    return *bytes;
}

/// Contiguous clusters from the first on, in the nodes' order. Returns how many were given out.
inline std::uint32_t place(std::vector<Node>& nodes, const Geometry& geometry) {
    std::uint32_t next = first_cluster;
    for (Node& node : nodes) {
        node.clusters = static_cast<std::uint32_t>(clusters_for(node.size, geometry.cluster_bytes()));
        node.first_cluster = node.clusters == 0 ? 0 : next;
        next += node.clusters;
    }
    return next - first_cluster;
}

/// FNV-1a, 64 bits wide. What it identifies needs no cryptography, only to be the same every time.
class Hash {
public:
    void add(std::uint64_t value) {
        for (int i = 0; i < 8; ++i, value >>= 8) value_ = (value_ ^ (value & 0xFF)) * 0x100000001B3;
    }
    std::uint32_t folded() const { return static_cast<std::uint32_t>(value_ ^ value_ >> 32); }

private:
    std::uint64_t value_ = 0xCBF29CE484222325;
};

/// A number for this image out of what is known before the contents are read: sizes, places, label and names.
inline std::uint32_t derive_id(const Layout& layout) {
    Hash hash;
    hash.add(layout.geometry.total_sectors);
    hash.add(layout.geometry.volume_offset);
    for (const char c : layout.label) hash.add(static_cast<std::uint8_t>(c));
    for (const Node& node : layout.nodes) {
        hash.add(node.parent);
        hash.add(node.size);
        hash.add(node.first_cluster);
        for (const char16_t unit : node.name) hash.add(unit);
    }
    return hash.folded();
}

} // namespace layout_detail

/// Lays out `entries`, whose folders must be among them; modes and owners mean nothing to FAT and are left
/// out. Throws Error (input), before anything is read or written, naming the manifest's line: what is neither
/// folder nor file, a name FAT cannot hold, two names in a folder that differ in nothing but case, a file
/// over 4 GiB - 1, a folder over 65,536 directory entries, a size that is too small.
inline Layout lay_out(std::vector<Entry> entries, const Options& options = {}) {
    Layout layout{.partition_start = options.partition_start,
                  .label = volume_label(options.label, "label"),
                  .time = dos_time(options.time),
                  .nodes = layout_detail::Tree(std::move(entries), options).take()};
    layout.image_bytes = layout_detail::choose_size(layout.nodes, options);
    layout.geometry = geometry_of(layout.image_bytes, layout.partition_start);
    layout.used_clusters = layout_detail::place(layout.nodes, layout.geometry);
    layout.volume_id = options.volume_id ? *options.volume_id : layout_detail::derive_id(layout);
    return layout;
}

} // namespace wisp::fat32
