// Is a disk, byte for byte, the one that ImageWriter makes of given paths and sizes? Nothing on the disk is
// trusted: the layout comes from what should be there, and only what a user may choose freely is taken from
// the disk, by the majority of the places that state it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/byte_map.hpp"
#include "wisp/entry.hpp"
#include "wisp/fat32.hpp"
#include "wisp/fat32_layout.hpp"
#include "wisp/fat32_map.hpp"
#include "wisp/input.hpp"
#include "wisp/mbr.hpp"
#include "wisp/path.hpp"
#include "wisp/seekable.hpp"
#include "wisp/sink.hpp"

namespace wisp::fat32 {

/// A file that should be on the disk.
struct ExpectedFile {
    std::string path;
    std::uint64_t size = 0;
};

namespace audit_detail {

/// The value that most of `votes` have; of several the one that comes first.
template <class T>
T majority(const std::vector<T>& votes) {
    const auto count = [&](const T& value) {
        return std::ranges::count_if(votes, [&](const T& other) { return other == value; });
    };
    return *std::ranges::max_element(votes, {}, count);
}

/// What the places on a disk say that state what the user chose: one more of each than a single wrong byte
/// can change.
class Statements {
public:
    explicit Statements(const Seekable& disk) : disk_(disk) {}

    /// The sector in which the volume starts: where a boot sector and its backup say so, or the partition
    /// table does.
    std::uint32_t partition_start() const {
        const auto table = read<mbr::Table>(0);
        std::uint32_t best = 0;
        int best_score = -1;
        for (const std::uint32_t start :
             {std::uint32_t{2048}, std::uint32_t{table.partitions[0].first_sector}, 0u}) {
            const std::uint64_t volume = std::uint64_t{start} * sector_size;
            int score = start != 0 && table.partitions[0].first_sector == start ? 1 : 0;
            for (const auto& boot : {read<BootSector>(volume), read<BootSector>(volume + backup_offset)})
                score += (boot.hidden_sectors == start ? 1 : 0) +
                         (boot.signature == signature_bytes ? 1 : 0) +
                         (boot.bytes_per_sector == sector_size ? 1 : 0);
            if (score > best_score) best = start;
            best_score = std::max(best_score, score);
        }
        return best;
    }

    /// Label, number and time, into a layout that has its geometry and nodes.
    void complete(Layout& layout) const {
        const std::uint64_t volume = layout.geometry.volume_offset;
        const auto boot = read<BootSector>(volume), backup = read<BootSector>(volume + backup_offset);
        const auto root = read<std::array<DirectoryEntry, 16>>(layout.geometry.cluster_offset(first_cluster));
        layout.label = majority<ShortName>({root[0].name, boot.label, backup.label});
        std::vector<std::uint32_t> ids{boot.volume_id, backup.volume_id, layout_detail::derive_id(layout)};
        if (layout.partition_start != 0) ids.push_back(read<mbr::Table>(0).disk_signature);
        layout.volume_id = majority(ids);
        layout.time = time_of(root);
    }

private:
    static constexpr std::uint64_t backup_offset = std::uint64_t{BootSector{}.backup_sector} * sector_size;

    /// Zeros where the disk ends before.
    template <class T>
    T read(std::uint64_t offset) const {
        T value{};
        if (offset <= disk_.size() && sizeof(T) <= disk_.size() - offset)
            disk_.read(offset, {reinterpret_cast<std::uint8_t*>(&value), sizeof(T)}, "a sector");
        return value;
    }

    static DosTime time_of(const std::array<DirectoryEntry, 16>& root) {
        std::vector<std::uint16_t> times, dates;
        for (const DirectoryEntry& entry : root) {
            if (entry.name[0] == no_more_entries || entry.attributes == attribute::long_name) continue;
            for (const DosTime& time : {entry.created, entry.modified}) {
                times.push_back(time.time);
                dates.push_back(time.date);
            }
            dates.push_back(entry.accessed_date);
        }
        if (times.empty()) return dos_time(0);
        return {majority(times), majority(dates)};
    }

    const Seekable& disk_;
};

/// Compares what is written to it with a disk, from the first byte on.
class Comparison : public Sink {
public:
    /// Is told each byte that differs: offset, what it is, what it must be.
    using Difference = std::function<void(std::uint64_t, std::uint8_t, std::uint8_t)>;
    /// Sees all of the disk, in order, block by block.
    using Tap = std::function<void(Bytes)>;

    Comparison(const Seekable& disk, const Difference& difference, const Tap& tap)
        : disk_(disk), difference_(difference), tap_(tap), block_(block_size), zeros_(block_size) {}

    /// As write() for bytes that have just been read from the disk, at position().
    void pass(Bytes bytes) {
        passing_ = true;
        write(bytes);
        passing_ = false;
    }

private:
    void append(Bytes bytes) override {
        if (passing_)
            tap_(bytes);
        else
            compare(position(), bytes);
    }

    void append_zeros(std::uint64_t count) override {
        for (std::uint64_t done = 0; done < count;) {
            const auto part = Bytes(zeros_).first(std::min<std::uint64_t>(count - done, zeros_.size()));
            compare(position() + done, part);
            done += part.size();
        }
    }

    void compare(std::uint64_t offset, Bytes wanted) {
        while (!wanted.empty()) {
            const auto part = std::span(block_).first(std::min(wanted.size(), block_.size()));
            disk_.read(offset, part, "a block");
            tap_(part);
            if (std::memcmp(part.data(), wanted.data(), part.size()) != 0)
                for (std::size_t i = 0; i < part.size(); ++i)
                    if (part[i] != wanted[i]) difference_(offset + i, part[i], wanted[i]);
            wanted = wanted.subspan(part.size());
            offset += part.size();
        }
    }

    const Seekable& disk_;
    const Difference& difference_;
    const Tap& tap_;
    std::vector<std::uint8_t> block_;
    std::vector<std::uint8_t> zeros_;
    bool passing_ = false;
};

/// The contents of a file as the disk has them; what is read of it need not be compared.
class ContentsInput : public Input {
public:
    ContentsInput(const Seekable& disk, Comparison& comparison, std::uint64_t size, std::string_view path)
        : disk_(disk), comparison_(comparison), left_(size), name_(disk.name() + ": " + printable(path)) {}

    std::size_t read_some(std::span<std::uint8_t> into) override {
        const auto part = into.first(std::min<std::uint64_t>(into.size(), left_));
        if (part.empty()) return 0;
        disk_.read(comparison_.position(), part, "a file's contents");
        comparison_.pass(part);
        left_ -= part.size();
        return part.size();
    }
    const std::string& name() const override { return name_; }

private:
    const Seekable& disk_;
    Comparison& comparison_;
    std::uint64_t left_;
    std::string name_;
};

} // namespace audit_detail

/// One disk under audit.
class ImageAudit {
public:
    using Difference = audit_detail::Comparison::Difference;
    using Tap = audit_detail::Comparison::Tap;
    /// Is given each file's path and contents, to judge them; need not read to the end.
    using Contents = std::function<void(const std::string&, Input&)>;

    /// Lays out `files` and the folders they are in on a disk of `disk`'s size. Refuses, in `manifest`'s
    /// name, what FAT32 cannot hold or that size does not. `disk` must outlive this.
    ImageAudit(const Seekable& disk, const std::vector<ExpectedFile>& files, std::string_view manifest)
        : disk_(disk) {
        const audit_detail::Statements statements(disk);
        layout_ = lay_out(entries(files, manifest), {.size = disk.size(),
                                                     .partition_start = statements.partition_start(),
                                                     .manifest = std::string(manifest)});
        statements.complete(layout_);
        map_ = map_layout(layout_);
    }

    /// Who should own which byte.
    const ByteMap& map() const { return map_; }

    /// Reads the disk once, front to back. The contents of the files are `contents`' to judge; all else is
    /// compared.
    void run(const Contents& contents, const Difference& difference, const Tap& tap) {
        audit_detail::Comparison comparison(disk_, difference, tap);
        comparison_ = &comparison;
        contents_ = &contents;
        ImageWriter(layout_, comparison).write();
    }

private:
    /// Stands for a file's contents in the layout.
    class Found : public Source {
    public:
        Found(ImageAudit& audit, const ExpectedFile& file) : audit_(audit), file_(file) {}
        std::uint64_t size() const override { return file_.size; }
        void copy_to(Sink&) const override {
            audit_detail::ContentsInput in(audit_.disk_, *audit_.comparison_, file_.size, file_.path);
            (*audit_.contents_)(file_.path, in);
            NullSink nowhere;
            in.copy_all(nowhere);
        }

    private:
        ImageAudit& audit_;
        ExpectedFile file_;
    };

    std::vector<Entry> entries(const std::vector<ExpectedFile>& files, std::string_view manifest) {
        std::vector<Entry> entries;
        std::set<std::string> folders;
        for (const ExpectedFile& file : files) {
            if (std::ranges::count(file.path, '/') >
                max_depth) // before each of them becomes a path of its own
                refuse(manifest, "'" + printable(file.path) + "' is in more than " +
                                     std::to_string(max_depth) + " folders");
            for (std::string_view folder = parent_path(file.path); !folder.empty();
                 folder = parent_path(folder))
                if (!folders.emplace(folder).second) break;
            entries.push_back(
                {.path = file.path, .mode = mode::file, .data = std::make_shared<Found>(*this, file)});
        }
        for (const std::string& folder : folders)
            entries.push_back({.path = folder, .mode = mode::directory});
        return entries;
    }

    const Seekable& disk_;
    Layout layout_;
    ByteMap map_;
    audit_detail::Comparison* comparison_ = nullptr;
    const Contents* contents_ = nullptr;
};

} // namespace wisp::fat32
