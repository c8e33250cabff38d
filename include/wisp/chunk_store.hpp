// Chunks that were compressed last time: most of a service that is worked on stays as it was.
#pragma once

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/le.hpp"
#include "wisp/new_file.hpp"
#include "wisp/seekable.hpp"
#include "wisp/source.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// A file of compressed chunks. It saves time and nothing else: nothing comes out of it that does not expand to the very
/// bytes asked for, and one that is damaged, or that another version of libdeflate or another level has filled, is as
/// good as none.
class ChunkStore {
public:
    /// What find() works with: as many as there are threads that call it.
    struct Scratch {
        std::vector<std::uint8_t> plain{};
        std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor{
            nullptr, libdeflate_free_decompressor};
    };

    /// `level` is libdeflate's, 0 to 12. Throws Error (input) where the file has something else than zeros and is no such
    /// store: it is somebody's, and would be overwritten. Beside that std::bad_alloc and nothing else.
    ChunkStore(std::string path, int level) : path_(std::move(path)), head_(head(level)) {
        if (!open()) return;
        if (has_magic())
            load();
        else if (!is_zeros())
            refuse(path_, "is no file that --reuse has written");
    }

    /// Of a chunk's bytes. Two chunks may have the same: that costs time, too.
    static std::uint32_t checksum(Bytes plain) { return libdeflate_adler32(1, plain.data(), plain.size()); }

    /// Puts into `packed` what `plain`, which has this checksum, was compressed to: deflate data without an end, up to a
    /// byte's end. Returns its number in the file, or nothing where it is not there. For any thread.
    std::optional<std::size_t> find(std::uint32_t checksum, Bytes plain, std::vector<std::uint8_t>& packed,
                                    Scratch& scratch) const {
        const auto found = by_checksum_.find(checksum);
        if (found == by_checksum_.end()) return std::nullopt;
        const Place& place = places_[found->second];
        constexpr std::array<std::uint8_t, 5> end{0x01, 0x00, 0x00, 0xff, 0xff}; // an empty last block [RFC 1951, 3.2.4]
        packed.reserve(place.size + end.size());
        packed.resize(place.size);
        if (!read(place, packed)) return std::nullopt;
        packed.insert(packed.end(), end.begin(), end.end());
        const bool same = expands_to(packed, plain, scratch);
        packed.resize(place.size);
        return same ? std::optional(found->second) : std::nullopt;
    }

    /// The next chunk for the file, in the order of the whole; `number` is what find() said of it.
    void keep(std::uint32_t checksum, std::optional<std::size_t> number, Bytes packed) try {
        if (!changed_ && number && kept_ < places_.size() && places_[*number].same_bytes(places_[kept_])) {
            ++kept_;
            return;
        }
        if (!changed_) begin();
        if (!new_) return;
        new_->sink().write(Entry{checksum, static_cast<std::uint32_t>(packed.size()), crc(packed)});
        new_->sink().write(packed);
    } catch (const Error&) {
        new_.reset();
    }

    /// Writes the file, unless it holds all that has been kept.
    void save() try {
        if (new_) new_->publish();
    } catch (const Error&) {
        new_.reset();
    }

private:
    struct Entry {
        le32 checksum;
        le32 size;
        le32 crc; ///< of the compressed bytes: some of their bits mean nothing, and no inflating would miss them
    };
    struct Place {
        std::uint64_t offset = 0;
        std::uint32_t size = 0;
        std::uint32_t crc = 0;

        std::uint64_t end() const { return offset + size; }
        bool same_bytes(const Place& other) const { return size == other.size && crc == other.crc; }
    };

    static std::uint32_t crc(Bytes packed) { return libdeflate_crc32(0, packed.data(), packed.size()); }

    static constexpr std::uint32_t max_packed = 1024 * 1024; // of a chunk of 768 KiB that only grew
    static constexpr std::size_t max_chunks = 1'000'000;     // 256 GB and more
    static constexpr std::string_view magic = "wisp chunks\n";

    /// What the file begins with: who compressed its chunks is told by what they make of a sample.
    static std::vector<std::uint8_t> head(int level) {
        const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
            libdeflate_alloc_compressor(level), libdeflate_free_compressor);
        if (!compressor) throw std::bad_alloc();
        std::vector<std::uint8_t> sample(16 * 1024);
        std::uint32_t state = 1; // words of a small alphabet, some of them again
        for (std::uint8_t& byte : sample) {
            state = state * 1664525 + 1013904223; // the constants of Numerical Recipes
            byte = static_cast<std::uint8_t>('a' + (state >> 24) % 23 * ((state >> 16) % 3));
        }
        std::vector<std::uint8_t> bytes(magic.begin(), magic.end());
        bytes.push_back(static_cast<std::uint8_t>(level));
        const std::size_t before = bytes.size();
        bytes.resize(before + libdeflate_deflate_compress_bound(compressor.get(), sample.size()));
        bytes.resize(before + libdeflate_deflate_compress(compressor.get(), sample.data(), sample.size(),
                                                          bytes.data() + before, bytes.size() - before));
        return bytes;
    }

    /// Whether there is something to read. What is no regular file is not opened: a FIFO would wait. What cannot be read is
    /// not replaced either, for it may be anything.
    bool open() try {
        static_cast<void>(FileSource(path_));
        file_.emplace(open_read(path_), path_);
        return file_->size() > 0;
    } catch (const Error&) {
        std::error_code unknown;
        changed_ = std::filesystem::is_regular_file(path_, unknown);
        return false;
    }

    bool has_magic() const try {
        std::array<std::uint8_t, magic.size()> found{};
        file_->read(0, found, "its head");
        return as_text(found) == magic;
    } catch (const Error&) {
        return false;
    }

    /// What a crash may leave of a file, and nobody misses.
    bool is_zeros() const try {
        std::array<std::uint8_t, 4096> block{};
        for (std::uint64_t at = 0; at < file_->size(); at += block.size()) {
            const auto part = std::span(block).first(std::min<std::uint64_t>(block.size(), file_->size() - at));
            file_->read(at, part, "zeros");
            if (std::ranges::any_of(part, [](std::uint8_t byte) { return byte != 0; })) return false;
        }
        return true;
    } catch (const Error&) {
        return false;
    }

    /// Up to the first entry that is cut or damaged. One of no bytes is damage, too: a crash leaves zeros.
    void load() try {
        std::vector<std::uint8_t> found(head_.size());
        file_->read(0, found, "its head");
        if (found != head_) return;
        for (std::uint64_t offset = head_.size(); offset < file_->size() && places_.size() < max_chunks;) {
            const auto entry = file_->read<Entry>(offset, "a chunk's entry");
            const Place place{offset + sizeof entry, entry.size, entry.crc};
            if (place.size == 0 || place.size > max_packed || place.size > file_->size() - place.offset) return;
            by_checksum_.emplace(entry.checksum, places_.size());
            places_.push_back(place);
            offset = place.end();
        }
    } catch (const Error&) {
    }

    bool read(const Place& place, std::span<std::uint8_t> into) const try {
        file_->read(place.offset, into, "a chunk");
        return crc(into) == place.crc;
    } catch (const Error&) {
        return false;
    }

    static bool expands_to(Bytes packed, Bytes plain, Scratch& scratch) {
        if (!scratch.decompressor) scratch.decompressor.reset(libdeflate_alloc_decompressor());
        if (!scratch.decompressor) throw std::bad_alloc();
        scratch.plain.resize(plain.size());
        std::size_t taken = 0, made = 0;
        return libdeflate_deflate_decompress_ex(scratch.decompressor.get(), packed.data(), packed.size(),
                                                scratch.plain.data(), scratch.plain.size(), &taken,
                                                &made) == LIBDEFLATE_SUCCESS &&
               taken == packed.size() && made == plain.size() &&
               std::equal(plain.begin(), plain.end(), scratch.plain.begin());
    }

    /// A new file, with the chunks that have been kept so far, which are the first ones of the old.
    void begin() {
        changed_ = true;
        new_.emplace(path_, private_file); // there may be secrets in the chunks
        if (kept_ == 0)
            new_->sink().write(Bytes(head_));
        else
            file_->copy(0, places_[kept_ - 1].end(), new_->sink(), "what is kept");
    }

    std::string path_;
    std::vector<std::uint8_t> head_;
    std::optional<FdSeekable> file_;
    std::vector<Place> places_; // in the order of the file
    std::unordered_map<std::uint32_t, std::size_t> by_checksum_;
    std::size_t kept_ = 0; // chunks that are what the file has, as long as nothing has changed
    bool changed_ = false;
    std::optional<NewFile> new_;
};

} // namespace wisp
