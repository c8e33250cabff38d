// Deflate data [RFC 1951], inflated as it comes: by ISA-L in builds that define WISP_ISAL, by zlib in others.
//
// ISA-L takes two thirds of zlib's time. It is not everywhere (there is no static library of it in Debian), and whoever
// includes this library must link what it names, so the build has to say that it is there: the Makefile asks the
// linker. All translation units of a program have to agree on WISP_ISAL: the class is another one with it. Both refuse the
// same streams, except that ISA-L minds a code with unused words only when one turns up.
#pragma once

#ifdef WISP_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "wisp/view.hpp"

namespace wisp {

/// One deflate stream after another.
class Inflater {
public:
    enum class Outcome { going_on, ended, damaged };

    Inflater();
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater();

    /// The next stream begins.
    void reset();

    /// Takes from the front of `in` and fills from the front of `out`, and cuts both to what is left of them. Goes on
    /// until one of them is empty, or the stream ends or is damaged. There may be something to put out yet when `in`
    /// is empty.
    Outcome run(Bytes& in, std::span<std::uint8_t>& out);

    /// After a stream has ended: what was taken and lies behind its end, at most 8 bytes. Valid until reset().
    Bytes surplus();

private:
    static constexpr std::size_t max_run = 1u << 30; // the engines count in 32 bits

#ifdef WISP_ISAL
    std::unique_ptr<inflate_state> state_ = std::make_unique<inflate_state>();
    std::array<std::uint8_t, 8> surplus_{};
#else
    z_stream stream_{};
#endif
};

#ifdef WISP_ISAL

inline Inflater::Inflater() { reset(); }

inline Inflater::~Inflater() = default;

inline void Inflater::reset() {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_DEFLATE;
}

inline Inflater::Outcome Inflater::run(Bytes& in, std::span<std::uint8_t>& out) {
    state_->next_in = const_cast<std::uint8_t*>(in.data()); // only read
    state_->avail_in = static_cast<std::uint32_t>(std::min(in.size(), max_run));
    state_->next_out = out.data();
    state_->avail_out = static_cast<std::uint32_t>(std::min(out.size(), max_run));
    const int result = isal_inflate(state_.get());
    in = in.subspan(static_cast<std::size_t>(state_->next_in - in.data()));
    out = out.subspan(static_cast<std::size_t>(state_->next_out - out.data()));
    if (result < 0) return Outcome::damaged;
    return state_->block_state == ISAL_BLOCK_FINISH ? Outcome::ended : Outcome::going_on;
}

/// ISA-L reads up to 8 bytes ahead into a word, and leaves them there.
inline Bytes Inflater::surplus() {
    const auto bits = static_cast<unsigned>(std::max(state_->read_in_length, 0));
    for (unsigned i = 0; i < bits / 8; ++i) surplus_[i] = static_cast<std::uint8_t>(state_->read_in >> (bits % 8 + 8 * i));
    return Bytes(surplus_).first(bits / 8);
}

#else

inline Inflater::Inflater() {
    constexpr int raw_deflate = -15; // a negative size of the window selects it [zlib.h, inflateInit2]
    if (inflateInit2(&stream_, raw_deflate) != Z_OK) throw std::bad_alloc();
}

inline Inflater::~Inflater() { inflateEnd(&stream_); }

inline void Inflater::reset() { inflateReset(&stream_); }

inline Inflater::Outcome Inflater::run(Bytes& in, std::span<std::uint8_t>& out) {
    stream_.next_in = const_cast<Bytef*>(in.data()); // only read
    stream_.avail_in = static_cast<uInt>(std::min(in.size(), max_run));
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(std::min(out.size(), max_run));
    const int result = inflate(&stream_, Z_NO_FLUSH);
    in = in.subspan(static_cast<std::size_t>(stream_.next_in - in.data()));
    out = out.subspan(static_cast<std::size_t>(stream_.next_out - out.data()));
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    if (result == Z_STREAM_END) return Outcome::ended;
    return result == Z_OK || result == Z_BUF_ERROR ? Outcome::going_on : Outcome::damaged;
}

inline Bytes Inflater::surplus() { return {}; }

#endif

} // namespace wisp
