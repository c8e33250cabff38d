// Chunks that were compressed last time: most of a service that is worked on stays as it was.
#pragma once

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wisp/block_walk.hpp"
#include "wisp/error.hpp"
#include "wisp/le.hpp"
#include "wisp/locked_file.hpp"
#include "wisp/sink.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// A file of compressed chunks, each beside the bytes it was made of. It saves time and nothing else: a chunk that is
/// damaged or was half written, or that another libdeflate or another level has made, is as good as none, and so is a file
/// that is another user's or that another process is using.
///
/// The file is slots of one size, one for each chunk of the archive: a block with an Entry, the plain bytes, and room for
/// the packed ones. What has changed is written in place, so keeping it costs no more than the change.
class ChunkStore {
public:
    /// `level` is libdeflate's, 0 to 12; a chunk has `chunk_size` bytes, a multiple of 4096. Throws Error (input) where the
    /// file neither begins as one of chunks does nor is empty or zeros, as a crash may leave it: it is somebody's, and would
    /// be overwritten. Beside that std::bad_alloc and nothing else.
    ChunkStore(const std::string& path, int level, std::size_t chunk_size)
        : chunk_size_(chunk_size), compressor_(fingerprint(level)), file_(path) {
        if (!file_) return;
        if (!has_magic() && !is_zeros()) refuse(path, "is no file that --reuse has written");
        const auto first = entry(0);
        const bool is_mine = first && first->compressor == compressor_;
        failed_ = !file_.make_private() || !(is_mine || begin());
    }

    /// Puts into `packed` what `plain`, the archive's chunk of this number, was compressed to: deflate data without an end,
    /// up to a byte's end. False where it is not there. For any thread, but one for each chunk.
    bool find(std::size_t number, Bytes plain, std::vector<std::uint8_t>& packed) const {
        const auto found = failed_ ? std::nullopt : entry(number);
        if (!found || found->compressor != compressor_ || found->size == 0 || found->size > max_packed() ||
            found->checksum != crc(plain) || !has_plain(number, plain, packed))
            return false;
        packed.resize(found->size);
        return file_.read(packed_at(number), packed) && crc(packed) == found->packed_checksum;
    }

    /// What find() is to find next time. For any thread, but one for each chunk.
    void keep(std::size_t number, Bytes plain, Bytes packed) {
        if (failed_ || number >= max_chunks || plain.size() != chunk_size_ || packed.size() > max_packed()) return;
        Entry kept{magic, compressor_, crc(plain), crc(packed), 0};
        const std::size_t before = used(number);
        const std::vector<std::uint8_t> rest(before - std::min(before, packed.size())); // zeros: there may be secrets
        // Whoever ends this process in between leaves a chunk of no bytes; after a power cut the sums tell what does not
        // belong together.
        const bool written = write(number, kept) && file_.write(plain_at(number), plain) &&
                             file_.write(packed_at(number), packed) &&
                             file_.write(packed_at(number) + packed.size(), rest);
        kept.size = static_cast<std::uint32_t>(packed.size());
        if (!written || !write(number, kept)) failed_ = true;
    }

    /// The archive has so many chunks: what the file has beyond them goes.
    void finish(std::size_t chunks) {
        if (chunks < max_chunks && file_.size() > slot(chunks)) file_.resize(slot(chunks));
    }

private:
    struct Entry {
        std::array<std::uint8_t, 12> magic;
        le32 compressor;      ///< whose chunk it is, see fingerprint()
        le32 checksum;        ///< CRC-32 of the plain bytes
        le32 packed_checksum; ///< CRC-32 of the packed ones
        le32 size;            ///< of the packed ones, 0 while they are written
    };

    static constexpr std::array<std::uint8_t, 12> magic{'w', 'i', 's', 'p', ' ', 'c', 'h', 'u', 'n', 'k', 's', '\n'};
    static constexpr std::size_t block = 4096;
    static constexpr std::size_t max_chunks = 1'000'000;   // 256 GB and more
    static constexpr std::uint64_t max_zeros = 1ull << 30; // of more than that no crash of ours is to be guessed

    static std::uint32_t crc(Bytes bytes) { return libdeflate_crc32(0, bytes.data(), bytes.size()); }

    /// Whoever compresses is told by the level and by what becomes of a sample: words, noise and zeros.
    static std::uint32_t fingerprint(int level) {
        const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
            libdeflate_alloc_compressor(level), libdeflate_free_compressor);
        if (!compressor) throw std::bad_alloc();
        constexpr std::size_t words = 16 * 1024, noise = 8 * 1024, zeros = 8 * 1024;
        std::vector<std::uint8_t> sample(words + noise + zeros);
        std::uint32_t state = 1;
        for (std::size_t i = 0; i < words + noise; ++i) {
            state = state * 1664525 + 1013904223; // the constants of Numerical Recipes
            const std::uint32_t word = 'a' + (state >> 24) % 23 * ((state >> 16) % 3); // a small alphabet, some again
            sample[i] = static_cast<std::uint8_t>(i < words ? word : state >> 24);
        }
        std::vector<std::uint8_t> packed(libdeflate_deflate_compress_bound(compressor.get(), sample.size()) +
                                         deflate_data::max_continuation);
        const std::size_t size =
            libdeflate_deflate_compress(compressor.get(), sample.data(), sample.size(), packed.data(), packed.size());
        packed.resize(deflate_data::make_continuable(packed, size));
        packed.push_back(static_cast<std::uint8_t>(level));
        return crc(packed);
    }

    /// Of a chunk that only grew.
    std::size_t max_packed() const { return chunk_size_ + block; }
    std::uint64_t slot(std::size_t number) const { return number * std::uint64_t{block + chunk_size_ + max_packed()}; }
    std::uint64_t plain_at(std::size_t number) const { return slot(number) + block; }
    std::uint64_t packed_at(std::size_t number) const { return plain_at(number) + chunk_size_; }

    bool has_magic() const {
        auto found = magic;
        return file_.read(0, found) && found == magic;
    }

    bool is_zeros() const {
        const Block room;
        std::uint64_t at = 0;
        while (at < std::min(file_.size(), max_zeros)) {
            const auto found = room.first(std::min<std::uint64_t>(room.size(), file_.size() - at));
            if (!file_.read(at, found) || !are_zero(found)) return false;
            at += found.size();
        }
        return at >= file_.size();
    }

    /// An empty store. What it begins with gets to the disk before there are chunks: after a power cut it would else be
    /// nobody's.
    bool begin() {
        if (file_.resize(0) && write(0, Entry{magic, compressor_, 0, 0, 0}) && file_.sync()) return true;
        file_.resize(0);
        return false;
    }

    /// Nothing where there is none.
    std::optional<Entry> entry(std::size_t number) const {
        Entry found{};
        if (number >= max_chunks || !file_.read(slot(number), {reinterpret_cast<std::uint8_t*>(&found), sizeof found}) ||
            found.magic != magic)
            return std::nullopt;
        return found;
    }

    bool write(std::size_t number, const Entry& entry) {
        return file_.write(slot(number), {reinterpret_cast<const std::uint8_t*>(&entry), sizeof entry});
    }

    /// How many bytes a slot's room for packed ones may hold from before.
    std::size_t used(std::size_t number) const {
        if (file_.size() <= packed_at(number)) return 0;
        const auto before = entry(number);
        return before && before->size > 0 ? std::min<std::size_t>(before->size, max_packed()) : max_packed();
    }

    /// Whether the slot has these bytes; `room` is for the comparison, which is done while they are in a processor's cache.
    bool has_plain(std::size_t number, Bytes plain, std::vector<std::uint8_t>& room) const {
        constexpr std::size_t at_once = 64 * 1024;
        if (plain.size() != chunk_size_) return false;
        for (std::uint64_t at = plain_at(number); !plain.empty(); at += room.size()) {
            room.resize(std::min(plain.size(), at_once));
            if (!file_.read(at, room) || !std::equal(room.begin(), room.end(), plain.begin())) return false;
            plain = plain.subspan(room.size());
        }
        return true;
    }

    std::size_t chunk_size_; // in bytes
    std::uint32_t compressor_;
    LockedFile file_;
    std::atomic<bool> failed_ = false;
};

} // namespace wisp
