// The contents of one file of a FAT32 volume, as they come.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "wisp/fat32_read.hpp"
#include "wisp/input.hpp"

namespace wisp::fat32 {

/// Reads a file that Volume::walk() or Volume::find() has shown, cluster run by cluster run. The volume must
/// outlive it.
class FileInput : public Input {
public:
    FileInput(const Volume& volume, Item item)
        : volume_(volume),
          item_(std::move(item)),
          name_(volume.disk().name() + ": " + printable(item_.path)),
          extents_(volume.extents(item_)) {}

    std::size_t read_some(std::span<std::uint8_t> into) override {
        if (left_in_extent_ == 0 && !next_extent()) return 0;
        const auto part = into.first(std::min<std::uint64_t>(into.size(), left_in_extent_));
        volume_.disk().read(offset_, part, "a file's contents");
        offset_ += part.size();
        left_in_extent_ -= part.size();
        return part.size();
    }
    const std::string& name() const override { return name_; }

private:
    bool next_extent() {
        const auto extent = extents_.next();
        if (!extent) return false;
        const Geometry& geometry = volume_.geometry();
        left_in_extent_ =
            std::min(item_.size - given_, std::uint64_t{extent->clusters} * geometry.cluster_bytes());
        given_ += left_in_extent_;
        offset_ = geometry.cluster_offset(extent->first_cluster);
        return true;
    }

    const Volume& volume_;
    Item item_;
    std::string name_;
    ExtentReader extents_;
    std::uint64_t given_ = 0; // bytes of the extents up to the present one
    std::uint64_t offset_ = 0;
    std::uint64_t left_in_extent_ = 0;
};

} // namespace wisp::fat32
