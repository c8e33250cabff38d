// gzip [RFC 1952] out: a sink that compresses, on as many threads as it is given, by libdeflate.
#pragma once

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "wisp/block_walk.hpp"
#include "wisp/chunk_store.hpp"
#include "wisp/error.hpp"
#include "wisp/le.hpp"
#include "wisp/sink.hpp"
#include "wisp/work_ring.hpp"

namespace wisp {

/// Compresses into one gzip member with no name, no time and OS "Unix" (3). The contents are cut at fixed distances
/// and each chunk is compressed by itself, so the same bytes in give the same bytes out, whatever the number of
/// threads; the chunks' streams are joined into one, because a kernel takes an archive in one member only.
/// finish() writes the trailer; the sink behind it is the caller's to go on with and to finish.
class GzipSink : public Sink {
public:
    static constexpr int min_level = 1, max_level = 9;
    static constexpr std::size_t max_threads = 8;

    /// What the contents are cut into, in bytes. From level 4 on it is bytes that count: a chunk can refer to nothing before
    /// it, which at 256 KiB costs half a percent. Below it is time: small chunks are sooner found in a store, and the last
    /// thread is sooner done.
    static constexpr std::size_t chunk_size(int level) { return level < 4 ? 256 * 1024 : 768 * 1024; }

    /// `level` is libdeflate's, 1 to 9. `threads` from 2 to max_threads are started when there is more than one chunk;
    /// with 1 the caller's thread compresses. Memory is up to 6 MiB for each. What `store` has, which is of the same level
    /// and chunk size, is not compressed again, and what it does not have is kept there.
    GzipSink(Sink& out, int level, std::size_t threads = 1, ChunkStore* store = nullptr)
        : out_(out),
          level_(level),
          threads_(threads),
          store_(store),
          chunk_size_(chunk_size(level)),
          filling_(chunk_size_) {}

    std::span<std::uint8_t> room() override {
        if (filling_.is_full()) hold();
        return filling_.room();
    }

private:
    struct Chunk {
        Filled plain{0};
        std::vector<std::uint8_t> buffer{};
        Bytes packed{}; // the part of it that is used
        std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor{
            nullptr, libdeflate_free_compressor};
        std::size_t number = 0;
        bool is_last = false;
    };

    void append(Bytes bytes) override {
        while (!bytes.empty()) {
            if (filling_.is_full()) hold();
            if (!held_.bytes().empty()) submit(false);
            bytes = bytes.subspan(filling_.take(bytes));
        }
    }

    void end() override {
        if (!held_.bytes().empty() && !filling_.bytes().empty()) submit(false);
        if (held_.bytes().empty()) hold();
        submit(true);
        while (!chunks_->is_empty()) write_oldest();
        if (store_) store_->finish(count_ - 1);
        out_.write(le32(checksum_));
        out_.write(le32(size_));
    }

    /// What has been filled waits until it is known whether anything follows it.
    void hold() {
        std::swap(held_, filling_);
        filling_.clear();
        if (filling_.is_full()) filling_ = Filled(chunk_size_); // it has not been used before
    }

    /// What is held.
    void submit(bool is_last) {
        const Bytes plain = held_.bytes();
        checksum_ = libdeflate_crc32(checksum_, plain.data(), plain.size());
        size_ += static_cast<std::uint32_t>(plain.size()); // modulo 2^32 by definition
        if (!chunks_) start(is_last);
        if (chunks_->is_full()) write_oldest();
        Chunk& chunk = chunks_->next();
        std::swap(chunk.plain, held_);
        held_.clear();
        chunk.number = count_++;
        chunk.is_last = is_last;
        chunks_->submit();
    }

    void start(bool only_chunk) {
        constexpr std::uint8_t deflate = 8, unix_os = 3;
        const auto effort = static_cast<std::uint8_t>(level_ == max_level ? 2 : level_ == min_level ? 4 : 0);
        out_.write(Bytes(std::array<std::uint8_t, 10>{0x1f, 0x8b, deflate, 0, 0, 0, 0, 0, effort, unix_os}));
        const bool alone = only_chunk || threads_ < 2;
        chunks_.emplace(alone ? 0 : threads_, alone ? 1 : 2 * threads_, [this](Chunk& chunk) { compress(chunk); });
    }

    /// The last one is not for the store: it alone ends the stream.
    void compress(Chunk& chunk) const {
        const Bytes plain = chunk.plain.bytes();
        ChunkStore* const store = chunk.is_last ? nullptr : store_;
        if (store && store->find(chunk.number, plain, chunk.buffer)) {
            chunk.packed = chunk.buffer;
            return;
        }
        if (!chunk.compressor) chunk.compressor.reset(libdeflate_alloc_compressor(level_));
        if (!chunk.compressor) throw std::bad_alloc();
        const std::size_t room = libdeflate_deflate_compress_bound(chunk.compressor.get(), chunk_size_);
        chunk.buffer.resize(room + deflate_data::max_continuation);
        std::size_t size = libdeflate_deflate_compress(chunk.compressor.get(), plain.data(), plain.size(),
                                                       chunk.buffer.data(), room);
        if (!chunk.is_last) size = deflate_data::make_continuable(chunk.buffer, size);
        chunk.packed = Bytes(chunk.buffer).first(size);
        if (store) store->keep(chunk.number, plain, chunk.packed);
    }

    void write_oldest() {
        const Chunk& chunk = chunks_->oldest();
        out_.write(chunk.packed);
        chunks_->release();
    }

    Sink& out_;
    int level_;
    std::size_t threads_;
    ChunkStore* store_;
    std::size_t chunk_size_; // in bytes
    Filled filling_, held_{0};
    std::uint32_t checksum_ = 0;
    std::uint32_t size_ = 0;
    std::size_t count_ = 0; // of chunks
    std::optional<WorkRing<Chunk>> chunks_;
};

} // namespace wisp
