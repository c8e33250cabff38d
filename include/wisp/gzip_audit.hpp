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

#include "wisp/error.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// A Huffman code given by the lengths of its words [RFC 1951, 3.2.2].
class HuffmanCode {
public:
    HuffmanCode() = default;

    /// `lengths[symbol]` is 0 to 15, 0 for a symbol that is not used.
    explicit HuffmanCode(std::span<const std::uint8_t> lengths) {
        for (std::uint8_t length = 1; length < count_.size(); ++length)
            for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol)
                if (lengths[symbol] == length) {
                    ++count_[length];
                    symbols_.push_back(static_cast<std::uint16_t>(symbol));
                }
    }

    /// Reads one word, bit by bit; -1 when there is none such.
    template <class NextBit>
    int decode(NextBit next_bit) const {
        std::uint32_t code = 0, first = 0, index = 0;
        for (std::size_t length = 1; length < count_.size(); ++length) {
            code = code << 1 | next_bit();
            if (code - first < count_[length]) return symbols_[index + code - first];
            index += count_[length];
            first = (first + count_[length]) << 1;
        }
        return -1;
    }

private:
    std::array<std::uint32_t, 16> count_{}; // words of each length
    std::vector<std::uint16_t> symbols_;    // in the order of their words
};

/// Walks through a deflate stream that zlib has already accepted, comparing it with what it expands to.
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

    int symbol(const HuffmanCode& code) {
        const int value = code.decode([this] { return bits(1); });
        if (value < 0) object("has a deflate word outside its code");
        return value;
    }

    /// Up to the next byte nothing is said, so nothing may stand there.
    void padding() {
        if (bits(static_cast<unsigned>((8 - bit_ % 8) % 8)) != 0)
            object("has bits set where deflate data is padded");
    }

    void block(std::uint32_t type) {
        if (type == 0) return stored();
        HuffmanCode literals, distances;
        if (type == 1)
            fixed_codes(literals, distances);
        else
            dynamic_codes(literals, distances);
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
        bits(16); // its complement, which zlib has compared
        for (std::uint32_t i = 0; i < length && objection_.empty(); ++i)
            literal(static_cast<std::uint8_t>(bits(8)));
    }

    /// [RFC 1951, 3.2.6]
    static void fixed_codes(HuffmanCode& literals, HuffmanCode& distances) {
        std::array<std::uint8_t, 288> lengths{};
        std::fill_n(lengths.begin(), 288, std::uint8_t{8});
        std::fill_n(lengths.begin() + 144, 112, std::uint8_t{9});
        std::fill_n(lengths.begin() + 256, 24, std::uint8_t{7});
        literals = HuffmanCode(lengths);
        std::array<std::uint8_t, 30> fives{};
        fives.fill(5);
        distances = HuffmanCode(fives);
    }

    /// [RFC 1951, 3.2.7]
    void dynamic_codes(HuffmanCode& literals, HuffmanCode& distances) {
        static constexpr std::array<std::uint8_t, 19> order{16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                            11, 4,  12, 3, 13, 2, 14, 1, 15};
        const std::size_t literal_count = bits(5) + 257, distance_count = bits(5) + 1,
                          length_count = bits(4) + 4;
        std::array<std::uint8_t, 19> length_lengths{};
        for (std::size_t i = 0; i < length_count; ++i)
            length_lengths[order[i]] = static_cast<std::uint8_t>(bits(3));
        const HuffmanCode code(length_lengths);
        std::vector<std::uint8_t> lengths;
        while (lengths.size() < literal_count + distance_count && objection_.empty())
            append_lengths(code, lengths);
        lengths.resize(literal_count + distance_count);
        literals = HuffmanCode(std::span(lengths).first(literal_count));
        distances = HuffmanCode(std::span(lengths).subspan(literal_count));
    }

    void append_lengths(const HuffmanCode& code, std::vector<std::uint8_t>& lengths) {
        const int value = symbol(code);
        if (value < 16)
            lengths.push_back(static_cast<std::uint8_t>(std::max(value, 0)));
        else if (value == 16)
            lengths.insert(lengths.end(), 3 + bits(2), lengths.empty() ? std::uint8_t{0} : lengths.back());
        else
            lengths.insert(lengths.end(), value == 17 ? 3 + bits(3) : 11 + bits(7), std::uint8_t{0});
    }

    void literal(std::uint8_t byte) {
        if (at_ >= plain_.size() || plain_[at_] != byte)
            object("has deflate data that expands to something else");
        ++at_;
    }

    /// A length code has been read; its extra bits, the distance code and its extra bits follow [RFC
    /// 1951, 3.2.5].
    void match(std::size_t code, const HuffmanCode& distances) {
        static constexpr std::array<std::uint16_t, 29> length_base{
            3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
            31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
        if (code >= length_base.size()) return object("has a deflate word outside its code");
        const bool plain = code < 8 || code == 28;
        const std::size_t length = length_base[code] + bits(plain ? 0 : static_cast<unsigned>(code / 4 - 1));
        const int word = symbol(distances);
        if (word < 0 || word >= 30) return object("has a deflate word outside its code");
        const auto step = static_cast<unsigned>(word);
        const unsigned extra = step < 4 ? 0 : step / 2 - 1;
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
/// zlib has already accepted the member, and `plain` is what it expands to.
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
