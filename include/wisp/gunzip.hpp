// gzip [RFC 1952] in: an input that decompresses member by member.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/input.hpp"

namespace wisp {

/// Adding 16 to zlib's window bits selects the gzip wrapper, and nothing but it [zlib.h, deflateInit2].
inline constexpr int gzip_window_bits = 15 + 16;

/// Decompresses gzip members one at a time, and never looks past one unasked: a package's members are signed
/// and hashed apart, so their boundaries matter. read_some() returns 0 at the end of a member; next_member()
/// goes on.
class GunzipInput : public Input {
public:
    /// Sees the compressed bytes of the member being read, in order, header and trailer included, each once.
    using Tap = std::function<void(Bytes)>;

    explicit GunzipInput(Input& in, Tap tap = {})
        : in_(in), tap_(std::move(tap)), block_(std::make_unique_for_overwrite<std::uint8_t[]>(block_size)) {
        if (inflateInit2(&stream_, gzip_window_bits) != Z_OK)
            throw Error(in.name(), "zlib cannot start", Fault::system);
    }
    ~GunzipInput() override { inflateEnd(&stream_); }

    const std::string& name() const override { return in_.name(); }

    /// Starts the next member, or says false where the input ends. Throws Error (input) when what follows is
    /// not a gzip member, or when the present one has not been read to its end.
    bool next_member() {
        if (in_member_) refuse(name(), "has a gzip member that was not read to its end");
        if (stream_.avail_in == 0 && !refill()) return false;
        if (stream_.next_in[0] != 0x1f)
            refuse(name(), "has something that is not gzip at byte " + std::to_string(consumed()));
        inflateReset(&stream_);
        in_member_ = true;
        return true;
    }

    std::size_t read_some(std::span<std::uint8_t> into) override {
        if (!in_member_ || into.empty()) return 0;
        stream_.next_out = into.data();
        stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(into.size(), 1u << 30));
        const uInt room = stream_.avail_out;
        while (in_member_ && stream_.avail_out == room) step();
        return room - stream_.avail_out;
    }

    /// Compressed bytes used so far, all members together.
    std::uint64_t consumed() const { return consumed_; }

private:
    bool refill() {
        const std::size_t have = in_.read_some({block_.get(), block_size});
        stream_.next_in = block_.get();
        stream_.avail_in = static_cast<uInt>(have);
        return have > 0;
    }

    void step() {
        if (stream_.avail_in == 0 && !refill())
            refuse(name(), "is cut inside a gzip member at compressed byte " + std::to_string(consumed()));
        const Bytes before(stream_.next_in, stream_.avail_in);
        const int result = inflate(&stream_, Z_NO_FLUSH);
        const Bytes used = before.first(before.size() - stream_.avail_in);
        consumed_ += used.size();
        if (tap_ && !used.empty()) tap_(used);
        if (result == Z_STREAM_END)
            in_member_ = false;
        else if (result == Z_MEM_ERROR)
            throw Error(name(), "zlib is out of memory", Fault::system);
        else if (result != Z_OK && result != Z_BUF_ERROR)
            refuse(name(), "is damaged gzip at byte " + std::to_string(consumed()) + ": " +
                               (stream_.msg ? stream_.msg : "preset dictionary"));
    }

    Input& in_;
    Tap tap_;
    z_stream stream_{};
    std::unique_ptr<std::uint8_t[]> block_;
    std::uint64_t consumed_ = 0;
    bool in_member_ = false;
};

/// The decompressed bytes of one member, or of all that are left, with an end to what a bomb can cost:
/// deflate can grow 1032-fold, so a few megabytes would keep a reader busy for hours.
class BoundedGunzip : public Input {
public:
    enum class Scope { one_member, all_members };

    /// As apko's for the data of a package.
    static constexpr std::uint64_t default_limit = 16ull << 30;
    /// As much as a kernel package can need, at any ratio; what is larger must not have grown by more than
    /// max_ratio.
    static constexpr std::uint64_t trusted_size = 1ull << 30;
    static constexpr std::uint64_t max_ratio = 100;

    /// next_member() has been called. Reading more than `limit` bytes is refused.
    explicit BoundedGunzip(GunzipInput& gunzip, Scope scope = Scope::one_member,
                           std::uint64_t limit = default_limit)
        : gunzip_(gunzip), scope_(scope), limit_(limit), start_(gunzip.consumed()) {}

    std::size_t read_some(std::span<std::uint8_t> into) override {
        std::size_t count = gunzip_.read_some(into);
        while (count == 0 && scope_ == Scope::all_members && gunzip_.next_member())
            count = gunzip_.read_some(into);
        size_ += count;
        if (size_ > limit_) refuse(name(), "expands to more than " + std::to_string(limit_) + " bytes");
        if (size_ > trusted_size && size_ / max_ratio > gunzip_.consumed() - start_)
            refuse(name(), "expands more than " + std::to_string(max_ratio) + "-fold, to over " +
                               std::to_string(trusted_size) + " bytes");
        return count;
    }
    const std::string& name() const override { return gunzip_.name(); }

private:
    GunzipInput& gunzip_;
    Scope scope_;
    std::uint64_t limit_;
    std::uint64_t start_;
    std::uint64_t size_ = 0;
};

} // namespace wisp
