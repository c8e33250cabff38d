// Writes a FAT32 image in one forward pass. Source: fatgen103.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "wisp/entry.hpp"
#include "wisp/fat32_disk.hpp"
#include "wisp/fat32_layout.hpp"
#include "wisp/fat32_names.hpp"
#include "wisp/mbr.hpp"
#include "wisp/sink.hpp"

namespace wisp::fat32 {

/// Writes the image a layout describes, front to back. The image begins at the sink's position.
class ImageWriter {
public:
    ImageWriter(const Layout& layout, Sink& out) : layout_(layout), out_(out), origin_(out.position()) {}

    /// All of the image; throws what the sink and the files' sources throw. Ending the sink is the caller's.
    void write() {
        write_partition_table();
        write_reserved_sectors();
        for (std::uint32_t number = 0; number < geometry().fat_count; ++number) write_fat(number);
        for (std::size_t i = 0; i < nodes().size(); ++i) write_node(i);
        zeros_up_to(layout_.image_bytes);
    }

private:
    const Geometry& geometry() const { return layout_.geometry; }
    const std::vector<Node>& nodes() const { return layout_.nodes; }

    /// Everything between two things is zero: the rest of a cluster, of the reserved sectors, of the FATs.
    void zeros_up_to(std::uint64_t offset) { out_.zeros(origin_ + offset - out_.position()); }

    void zeros_up_to_sector(std::uint32_t sector) {
        zeros_up_to(geometry().volume_offset + std::uint64_t{sector} * sector_size);
    }

    void write_partition_table() {
        if (layout_.partition_start == 0) return;
        out_.write(mbr::single_fat32(layout_.partition_start, geometry().total_sectors, layout_.volume_id));
    }

    void write_reserved_sectors() {
        const BootSector boot = boot_sector();
        for (const std::uint32_t sector : {std::uint32_t{0}, std::uint32_t{boot.backup_sector}}) {
            zeros_up_to_sector(sector);
            out_.write(boot);
            out_.write(fs_info());
            out_.write(ThirdSector{});
        }
    }

    BootSector boot_sector() const {
        BootSector boot;
        boot.sectors_per_cluster = static_cast<std::uint8_t>(geometry().sectors_per_cluster);
        boot.reserved_sectors = static_cast<std::uint16_t>(geometry().reserved_sectors);
        boot.hidden_sectors = layout_.partition_start;
        boot.total_sectors = geometry().total_sectors;
        boot.fat_sectors = geometry().fat_sectors;
        boot.volume_id = layout_.volume_id;
        boot.label = layout_.label;
        return boot;
    }

    FsInfo fs_info() const {
        FsInfo info;
        info.free_clusters = geometry().clusters - layout_.used_clusters;
        info.next_free = first_cluster + layout_.used_clusters;
        return info;
    }

    /// A FAT is a function of the nodes: every chain is one run of clusters.
    void write_fat(std::uint32_t number) {
        zeros_up_to(geometry().fat_offset(number));
        std::vector<le32> block;
        block.reserve(block_size / sizeof(le32));
        const auto put = [&](std::uint32_t value) {
            block.push_back(value);
            if (block.size() == block.capacity()) write_entries(block);
        };
        put(0x0FFFFF00 | media_fixed_disk);
        put(end_of_chain); // also: cleanly unmounted, no read error
        for (const Node& node : nodes()) {
            const std::uint32_t end = node.first_cluster + node.clusters;
            for (std::uint32_t next = node.first_cluster + 1; next < end; ++next) put(next);
            if (node.clusters > 0) put(end_of_chain);
        }
        write_entries(block);
    }

    void write_entries(std::vector<le32>& block) {
        out_.write(Bytes{reinterpret_cast<const std::uint8_t*>(block.data()), block.size() * sizeof(le32)});
        block.clear();
    }

    void write_node(std::size_t index) {
        const Node& node = nodes()[index];
        if (node.clusters == 0) return;
        zeros_up_to(geometry().cluster_offset(node.first_cluster));
        write_announced(out_, node.size, utf8_from_utf16(node.name), [&] {
            if (node.is_directory)
                write_folder(index);
            else
                node.data->copy_to(out_);
        });
    }

    void write_folder(std::size_t index) {
        const Node& folder = nodes()[index];
        if (index == 0) {
            write_entry(layout_.label, attribute::label, 0, 0);
        } else {
            write_entry({'.', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '}, attribute::directory,
                        folder.first_cluster, 0);
            // The root is cluster 0 here, wherever it lies [fatgen103, "FAT Directory Structure"].
            write_entry({'.', '.', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '}, attribute::directory,
                        folder.parent == 0 ? 0 : nodes()[folder.parent].first_cluster, 0);
        }
        for (const std::size_t child : folder.children) write_child(nodes()[child]);
    }

    /// Every name is written as a long one, even where the short one would do: Raspberry Pi EEPROMs before
    /// 2024-01-05 miss some entries that have no long name (rpi-eeprom issues 514, 515).
    void write_child(const Node& node) {
        for (const LongEntry& entry : long_entries(node.name, node.alias)) out_.write(entry);
        write_entry(node.alias, node.is_directory ? attribute::directory : attribute::archive,
                    node.first_cluster, node.is_directory ? 0 : static_cast<std::uint32_t>(node.size));
    }

    void write_entry(const ShortName& name, std::uint8_t attributes, std::uint32_t cluster,
                     std::uint32_t size) {
        DirectoryEntry entry{.name = name,
                             .attributes = attributes,
                             .created = layout_.time,
                             .accessed_date = layout_.time.date,
                             .modified = layout_.time,
                             .size = size};
        entry.set_cluster(cluster);
        out_.write(entry);
    }

    const Layout& layout_;
    Sink& out_;
    std::uint64_t origin_;
};

/// Writes the image of `entries` to `out`, or throws before the first byte when they cannot be held.
inline void write_image(std::vector<Entry> entries, const Options& options, Sink& out) {
    const Layout layout = lay_out(std::move(entries), options);
    ImageWriter(layout, out).write();
}

} // namespace wisp::fat32
