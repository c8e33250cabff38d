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
#include <string_view>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/le.hpp"
#include "wisp/locked_file.hpp"
#include "wisp/new_file.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// A file of compressed chunks, each beside the bytes it was made of. It saves time and nothing else: a chunk that is
/// damaged or was half written, or that another version of libdeflate or another level has made, is as good as none, and
/// so is a file that another process is using.
///
/// The file is slots of one size, one for each chunk of the archive: a block with an Entry, the plain bytes, and room for
/// the packed ones. What has changed is written in place, so keeping it costs no more than the change.
class ChunkStore {
public:
    /// `level` is libdeflate's, 0 to 12; a chunk has `chunk_size` bytes, a multiple of 4096. Throws Error (input) where the
    /// file has something else than chunks and zeros: it is somebody's, and would be overwritten. Beside that
    /// std::bad_alloc and nothing else.
    ChunkStore(const std::string& path, int level, std::size_t chunk_size)
        : chunk_size_(chunk_size), compressor_(fingerprint(level)), file_(path, private_file) {
        const auto first = entry(0);
        if (!file_ || (first && first->compressor == compressor_)) return;
        if (!has_magic(0) && !is_left_by_crash()) refuse(path, "is no file that --reuse has written");
        failed_ = !file_.resize(0);
    }

    /// Puts into `packed` what `plain`, the archive's chunk of this number, was compressed to: deflate data without an end,
    /// up to a byte's end. False where it is not there. For any thread, but one for each chunk.
    bool find(std::size_t number, Bytes plain, std::vector<std::uint8_t>& packed) const {
        const auto found = entry(number);
        if (!found || found->size == 0 || found->size > max_packed() ||
            found->checksum != checksum(plain) || !has_plain(number, plain, packed))
            return false;
        packed.resize(found->size);
        return file_.read(packed_at(number), packed) && crc(packed) == found->crc;
    }

    /// What find() is to find next time. For any thread, but one for each chunk.
    void keep(std::size_t number, Bytes plain, Bytes packed) {
        if (failed_ || number >= max_chunks || plain.size() != chunk_size_ || packed.size() > max_packed()) return;
        Entry kept{magic, compressor_, checksum(plain), crc(packed), 0};
        // Whoever ends this process in between leaves a chunk of no bytes; after a power cut the sums tell what does not
        // belong together.
        const bool written = file_.write(slot(number), bytes_of(kept)) && file_.write(plain_at(number), plain) &&
                             file_.write(packed_at(number), packed);
        kept.size = static_cast<std::uint32_t>(packed.size());
        if (!written || !file_.write(slot(number), bytes_of(kept))) failed_ = true;
    }

    /// The archive has so many chunks: what the file has beyond them goes.
    void finish(std::size_t chunks) {
        if (chunks < max_chunks && file_.size() > slot(chunks)) file_.resize(slot(chunks));
    }

private:
    struct Entry {
        std::array<std::uint8_t, 12> magic;
        le32 compressor; ///< whose chunk it is, see fingerprint()
        le32 checksum;   ///< Adler-32 of the plain bytes
        le32 crc;        ///< CRC-32 of the packed ones
        le32 size;       ///< of the packed ones, 0 while they are written
    };

    static constexpr std::array<std::uint8_t, 12> magic{'w', 'i', 's', 'p', ' ', 'c', 'h', 'u', 'n', 'k', 's', '\n'};
    static constexpr std::size_t block = 4096;
    static constexpr std::size_t max_chunks = 1'000'000; // 256 GB and more

    static std::uint32_t checksum(Bytes plain) { return libdeflate_adler32(1, plain.data(), plain.size()); }
    static std::uint32_t crc(Bytes packed) { return libdeflate_crc32(0, packed.data(), packed.size()); }
    static Bytes bytes_of(const Entry& entry) { return {reinterpret_cast<const std::uint8_t*>(&entry), sizeof entry}; }

    /// Whoever compresses is told by the level and by what becomes of a sample.
    static std::uint32_t fingerprint(int level) {
        const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
            libdeflate_alloc_compressor(level), libdeflate_free_compressor);
        if (!compressor) throw std::bad_alloc();
        std::vector<std::uint8_t> sample(16 * 1024);
        std::uint32_t state = 1; // words of a small alphabet, some of them again
        for (std::uint8_t& byte : sample) {
            state = state * 1664525 + 1013904223; // the constants of Numerical Recipes
            byte = static_cast<std::uint8_t>('a' + (state >> 24) % 23 * ((state >> 16) % 3));
        }
        std::vector<std::uint8_t> packed(libdeflate_deflate_compress_bound(compressor.get(), sample.size()));
        packed.resize(libdeflate_deflate_compress(compressor.get(), sample.data(), sample.size(), packed.data(), packed.size()));
        packed.push_back(static_cast<std::uint8_t>(level));
        return crc(packed);
    }

    /// Of a chunk that only grew.
    std::size_t max_packed() const { return chunk_size_ + block; }
    std::uint64_t slot(std::size_t number) const { return number * std::uint64_t{block + chunk_size_ + max_packed()}; }
    std::uint64_t plain_at(std::size_t number) const { return slot(number) + block; }
    std::uint64_t packed_at(std::size_t number) const { return plain_at(number) + chunk_size_; }

    bool has_magic(std::size_t number) const {
        auto found = magic;
        return file_.read(slot(number), found) && found == magic;
    }

    /// Nothing where there is none. The first one's compressor is that of them all.
    std::optional<Entry> entry(std::size_t number) const {
        Entry found{};
        if (failed_ || number >= max_chunks || !file_.read(slot(number), {reinterpret_cast<std::uint8_t*>(&found), sizeof found}) ||
            found.magic != magic)
            return std::nullopt;
        return found;
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

    /// Whether there are only zeros, or chunks behind them: not all that was written may have got to the disk.
    bool is_left_by_crash() const {
        std::vector<std::uint8_t> found;
        for (std::uint64_t at = 0; at < file_.size(); at += block) {
            if (const std::size_t number = at / slot(1); has_magic(number)) {
                at = slot(number + 1) - block;
                continue;
            }
            found.resize(std::min<std::uint64_t>(block, file_.size() - at));
            if (!file_.read(at, found) || std::ranges::any_of(found, [](std::uint8_t byte) { return byte != 0; })) return false;
        }
        return true;
    }

    std::size_t chunk_size_; // in bytes
    std::uint32_t compressor_;
    LockedFile file_;
    std::atomic<bool> failed_ = false;
};

} // namespace wisp
