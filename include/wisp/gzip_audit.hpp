// Whether a gzip member is the only way its compressor would have put it. A signature cannot cover the bytes
// it is stored in, so those are held to one spelling: then changing any of them is noticed, although it would
// change nothing that is said.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "wisp/deflate.hpp"
#include "wisp/error.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// Walks through a deflate stream that has been inflated without complaint, comparing it with what it expands to.
class DeflateAudit {
public:
    /// `plain` is what `stream` expands to. `nearest`: every match must refer to the nearest copy there is,
    /// as compressors do that look for matches by following a chain from the nearest.
    DeflateAudit(Bytes stream, Bytes plain, bool nearest)
        : stream_(stream), plain_(plain), nearest_(nearest) {}

    /// "" when there is nothing to object to, else the objection.
    std::string run() {
        while (objection_.empty()) {
            const bool last = bits(1) != 0;
            block(bits(2));
            if (last) break;
        }
        padding();
        if (objection_.empty() && (bit_ != stream_.size() * 8 || at_ != plain_.size()))
            objection_ = "has deflate data of another length than its contents";
        return objection_;
    }

private:
    void object(const char* objection) {
        if (objection_.empty()) objection_ = objection;
    }

    std::uint32_t bits(unsigned count) {
        std::uint32_t value = 0;
        for (unsigned i = 0; i < count; ++i, ++bit_) {
            if (bit_ / 8 >= stream_.size()) {
                object("has deflate data that ends early");
                return 0;
            }
            value |= (stream_[bit_ / 8] >> bit_ % 8 & 1u) << i;
        }
        return value;
    }

    int symbol(const deflate_data::HuffmanCode& code) {
        const int value = code.decode([this] { return bits(1); });
        if (value < 0) object("has an invalid deflate symbol");
        return value;
    }

    /// Up to the next byte nothing is said, so nothing may stand there.
    void padding() {
        if (bits(static_cast<unsigned>((8 - bit_ % 8) % 8)) != 0)
            object("has bits set where deflate data is padded");
    }

    std::optional<deflate_data::CodeLengths> code_lengths() {
        return deflate_data::read_code_lengths(
            [this](unsigned count) { return bits(count); },
            [this](const deflate_data::HuffmanCode& code) {
                return [this, &code] { return code.decode([this] { return bits(1); }); };
            });
    }

    void block(std::uint32_t type) {
        if (type == 0) return stored();
        if (type == 3) return object("has a deflate block of the reserved type 3");
        const auto lengths = type == 1 ? deflate_data::fixed_code_lengths() : code_lengths();
        if (!lengths) return object("has an invalid set of code lengths");
        const deflate_data::HuffmanCode literals(lengths->literals), distances(lengths->distances);
        // an engine may leave this to the words that turn up; then the unused ones could be spelt in many ways
        if (type == 2 && (!literals.is_complete() || (distances.words() > 1 && !distances.is_complete())))
            return object("has an invalid set of code lengths");
        while (objection_.empty()) {
            const int value = symbol(literals);
            if (value == 256) break;
            if (value < 256)
                literal(static_cast<std::uint8_t>(value));
            else
                match(static_cast<std::size_t>(value - 257), distances);
        }
    }

    void stored() {
        padding();
        const std::uint32_t length = bits(16);
        if ((bits(16) ^ length) != 0xffff) return object("has a stored block whose LEN and NLEN disagree");
        for (std::uint32_t i = 0; i < length && objection_.empty(); ++i)
            literal(static_cast<std::uint8_t>(bits(8)));
    }

    void literal(std::uint8_t byte) {
        if (at_ >= plain_.size() || plain_[at_] != byte)
            object("has deflate data that expands to something else");
        ++at_;
    }

    /// A length code has been read; its extra bits, the distance code and its extra bits follow [RFC
    /// 1951, 3.2.5].
    void match(std::size_t code, const deflate_data::HuffmanCode& distances) {
        static constexpr std::array<std::uint16_t, deflate_data::length_codes> length_base{
            3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
            31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
        if (code >= length_base.size()) return object("has an invalid deflate symbol");
        const std::size_t length = length_base[code] + bits(deflate_data::length_extra_bits(code));
        const int word = symbol(distances);
        const auto step = static_cast<std::size_t>(word);
        if (word < 0 || step >= deflate_data::distance_codes) return object("has an invalid deflate symbol");
        const unsigned extra = deflate_data::distance_extra_bits(step);
        const std::size_t base = step < 4 ? step : std::size_t{2 + step % 2} << extra;
        copy(length, 1 + base + bits(extra));
    }

    void copy(std::size_t length, std::size_t distance) {
        if (distance > at_ || length > plain_.size() - at_ || !repeats(length, distance))
            return object("has deflate data that expands to something else");
        for (std::size_t nearer = 1; nearest_ && nearer < distance; ++nearer)
            if (repeats(length, nearer)) return object("has deflate data that no usual compressor writes");
        at_ += length;
    }

    /// Whether the next `length` bytes are those that start `distance` before them.
    bool repeats(std::size_t length, std::size_t distance) const {
        return std::memcmp(&plain_[at_], &plain_[at_ - distance], length) == 0;
    }

    Bytes stream_;
    Bytes plain_;
    bool nearest_;
    std::size_t bit_ = 0;
    std::size_t at_ = 0;
    std::string objection_;
};

/// The fields of a gzip header [RFC 1952, 2.3]. XFL says how hard the compressor tried, OS who it was.
struct GzipHeader {
    static constexpr std::size_t size = 10;

    std::uint8_t flags = 0;
    std::uint32_t mtime = 0;
    std::uint8_t xfl = 0;
    std::uint8_t os = 0;

    /// Of a member that is at least `size` bytes long.
    explicit GzipHeader(Bytes member)
        : flags(member[3]),
          mtime(member[4] | static_cast<std::uint32_t>(member[5]) << 8 |
                static_cast<std::uint32_t>(member[6]) << 16 | static_cast<std::uint32_t>(member[7]) << 24),
          xfl(member[8]),
          os(member[9]) {}
};

/// Refuses under `subject` a signature member some byte of which could be another without a difference to
/// what is read: its header says nothing but what `vouched`, the member it signs, says too (both come from
/// one compressor; the time may also be 0), and its deflate data has the one form that compressor gives it.
/// Fast compressors (XFL 4) take matches as they find them, so theirs are not held to the nearest.
///
/// The member has been inflated without complaint, and `plain` is what it expands to.
inline void audit_signature_member(Bytes member, Bytes plain, Bytes vouched, std::string_view subject) {
    constexpr std::uint8_t fastest = 4;
    constexpr std::size_t trailer = 8;
    const GzipHeader header(member), model(vouched);
    const auto bad = [&](const std::string& why) { refuse(subject, "signature member " + why); };
    if (header.flags != 0) bad("has optional gzip header fields, which no signature covers");
    if (header.mtime != 0 && header.mtime != model.mtime)
        bad("has gzip time " + std::to_string(header.mtime) + ", not that of the member it signs");
    if (header.xfl != model.xfl || header.os != model.os)
        bad("has another gzip header than the member it signs: XFL " + std::to_string(header.xfl) + " OS " +
            std::to_string(header.os) + ", not " + std::to_string(model.xfl) + " and " +
            std::to_string(model.os));
    const Bytes deflated = member.subspan(GzipHeader::size, member.size() - GzipHeader::size - trailer);
    if (const auto objection = DeflateAudit(deflated, plain, header.xfl != fastest).run(); !objection.empty())
        bad(objection);
}

} // namespace wisp
