// What deflate streams are made of [RFC 1951], as far as it takes to find one's way in them.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/view.hpp"

namespace wisp::deflate_data {

/// The longest word of a code.
inline constexpr unsigned max_code_length = 15;
/// The literal that ends a block; those above it are length codes.
inline constexpr int end_of_block = 256;
/// Valid length and distance codes.
inline constexpr std::size_t length_codes = 29, distance_codes = 30;

/// How many extra bits follow a length code, counted from 0 for literal 257 [3.2.5].
constexpr unsigned length_extra_bits(std::size_t code) {
    return code < 8 || code == 28 ? 0 : static_cast<unsigned>(code / 4 - 1);
}

/// How many extra bits follow a distance code [3.2.5].
constexpr unsigned distance_extra_bits(std::size_t code) {
    return code < 4 ? 0 : static_cast<unsigned>(code / 2 - 1);
}

/// A Huffman code given by the lengths of its words [3.2.2].
class HuffmanCode {
public:
    HuffmanCode() = default;

    /// `lengths[symbol]` is 0 to 15, 0 for a symbol that is not used.
    explicit HuffmanCode(std::span<const std::uint8_t> lengths) {
        for (const std::uint8_t length : lengths) ++count_[length];
        count_[0] = 0;
        std::array<std::size_t, max_code_length + 2> next{}; // where the words of each length begin among all
        for (std::size_t length = 0; length < count_.size(); ++length) next[length + 1] = next[length] + count_[length];
        symbols_.resize(next.back());
        for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol)
            if (lengths[symbol] != 0) symbols_[next[lengths[symbol]]++] = static_cast<std::uint16_t>(symbol);
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

    /// Whether every sequence of bits begins with exactly one word.
    bool is_complete() const {
        std::uint32_t space = 1;
        for (std::size_t length = 1; length < count_.size(); ++length) {
            space <<= 1;
            if (count_[length] > space) return false;
            space -= count_[length];
        }
        return space == 0;
    }

    std::size_t words() const { return symbols_.size(); }

private:
    std::array<std::uint32_t, max_code_length + 1> count_{}; // words of each length
    std::vector<std::uint16_t> symbols_;                     // in the order of their words
};

/// The lengths of the words of a block's two codes.
struct CodeLengths {
    std::vector<std::uint8_t> literals{}, distances{};
};

/// Those of a block of type 1 [3.2.6].
inline CodeLengths fixed_code_lengths() {
    CodeLengths fixed{std::vector<std::uint8_t>(288, 8), std::vector<std::uint8_t>(distance_codes, 5)};
    std::fill_n(fixed.literals.begin() + 144, 112, std::uint8_t{9});
    std::fill_n(fixed.literals.begin() + 256, 24, std::uint8_t{7});
    return fixed;
}

/// Those that a block of type 2 begins with [3.2.7]; `bits(n)` reads the next n bits. Nothing where they are
/// themselves written in a code that is none.
template <class ReadBits>
std::optional<CodeLengths> read_code_lengths(ReadBits bits) {
    static constexpr std::array<std::uint8_t, 19> order{16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                        11, 4,  12, 3, 13, 2, 14, 1, 15};
    const std::size_t literals = bits(5) + 257, distances = bits(5) + 1, length_count = bits(4) + 4;
    std::array<std::uint8_t, 19> length_lengths{};
    for (std::size_t i = 0; i < length_count; ++i)
        length_lengths[order[i]] = static_cast<std::uint8_t>(bits(3));
    const HuffmanCode code(length_lengths);
    if (!code.is_complete()) return std::nullopt;
    std::vector<std::uint8_t> all;
    while (all.size() < literals + distances) {
        const int value = code.decode([&] { return bits(1); });
        if (value < 0 || (value == 16 && all.empty())) return std::nullopt;
        if (value < 16)
            all.push_back(static_cast<std::uint8_t>(value));
        else if (value == 16)
            all.insert(all.end(), 3 + bits(2), all.back());
        else
            all.insert(all.end(), value == 17 ? 3 + bits(3) : 11 + bits(7), std::uint8_t{0});
    }
    if (all.size() != literals + distances) return std::nullopt;
    const auto border = all.begin() + static_cast<std::ptrdiff_t>(literals);
    return CodeLengths{{all.begin(), border}, {border, all.end()}};
}

/// Where the last block of a stream begins and where it ends, in bits from the stream's first.
struct LastBlock {
    std::size_t begin = 0;
    std::size_t end = 0;
};

/// Finds the last block of a stream that a compressor has just written, by reading the words of every block and
/// nothing of what they mean: so it takes a twentieth of the time that compressing took.
class BlockWalk {
public:
    explicit BlockWalk(Bytes stream) : stream_(stream) {}

    /// Throws Error (system) where the stream is none.
    LastBlock last_block() {
        for (;;) {
            const std::size_t begin = at_;
            const bool last = take(1) != 0;
            skip_block(take(2));
            if (at_ > stream_.size() * 8) broken();
            if (last) return {begin, at_};
        }
    }

private:
    /// What a table says about the bits to come: how many of them to pass over, and what then stands there.
    struct Step {
        enum Then : std::uint8_t { literal, distance, end, look_up, nothing };

        std::uint8_t bits = 0;
        Then then = nothing;
    };

    static constexpr unsigned table_bits = 11;
    using Table = std::array<Step, std::size_t{1} << table_bits>;

    [[noreturn]] static void broken() { throw Error("deflate", "the compressor's output is none", Fault::system); }

    /// The bits from `at` on, at least 57 of them; zeros follow the stream.
    std::uint64_t peek(std::size_t at) const {
        std::array<std::uint8_t, 8> bytes{};
        if (at / 8 + bytes.size() <= stream_.size())
            std::memcpy(bytes.data(), &stream_[at / 8], bytes.size());
        else if (at / 8 < stream_.size())
            std::memcpy(bytes.data(), &stream_[at / 8], stream_.size() - at / 8);
        std::uint64_t value = 0;
        if constexpr (std::endian::native == std::endian::little)
            value = std::bit_cast<std::uint64_t>(bytes);
        else
            for (std::size_t i = 0; i < bytes.size(); ++i) value |= std::uint64_t{bytes[i]} << 8 * i;
        return value >> at % 8;
    }

    std::uint32_t take(unsigned count) {
        const auto value = static_cast<std::uint32_t>(peek(at_) & ((std::uint64_t{1} << count) - 1));
        at_ += count;
        return value;
    }

    void skip_block(std::uint32_t type) {
        if (type == 0) {
            at_ = (at_ + 7) / 8 * 8;
            const std::size_t length = take(16);
            at_ += 16 + length * 8;
        } else if (type == 1) {
            skip_words(fixed_code_lengths());
        } else {
            const auto lengths = read_code_lengths([this](unsigned count) { return take(count); });
            if (!lengths) broken();
            skip_words(*lengths);
        }
    }

    void skip_words(const CodeLengths& lengths) {
        const std::array codes{HuffmanCode(lengths.literals), HuffmanCode(lengths.distances)};
        fill(tables_[Step::literal], lengths.literals, &literal_step);
        fill(tables_[Step::distance], lengths.distances, &distance_step);
        join_literals(tables_[Step::literal]);
        // Which table comes next is looked up and not branched on: no processor could foretell it. A step takes 28
        // bits at most and looks at 15, so what is peeked at is enough for two.
        std::size_t at = at_;
        for (Step step{0, Step::literal}; at < stream_.size() * 8;) {
            std::uint64_t ahead = peek(at);
            for (int i = 0; i < 2; ++i) {
                const Step::Then here = step.then;
                step = tables_[here][ahead % tables_[here].size()];
                if (step.then == Step::look_up)
                    step = here == Step::literal ? look_up(codes[here], ahead, &literal_step)
                                                 : look_up(codes[here], ahead, &distance_step);
                at += step.bits;
                ahead >>= step.bits;
                if (step.then >= Step::end) break;
            }
            if (step.then == Step::nothing) break;
            if (step.then == Step::end) {
                at_ = at;
                return;
            }
        }
        broken();
    }

    static Step literal_step(std::size_t symbol, unsigned length) {
        if (symbol < end_of_block) return {static_cast<std::uint8_t>(length), Step::literal};
        if (symbol == end_of_block) return {static_cast<std::uint8_t>(length), Step::end};
        const std::size_t code = symbol - end_of_block - 1;
        if (code >= length_codes) return {};
        return {static_cast<std::uint8_t>(length + length_extra_bits(code)), Step::distance};
    }

    static Step distance_step(std::size_t code, unsigned length) {
        if (code >= distance_codes) return {};
        return {static_cast<std::uint8_t>(length + distance_extra_bits(code)), Step::literal};
    }

    /// A word that is longer than the table is wide, or none.
    template <class MakeStep>
    static Step look_up(const HuffmanCode& code, std::uint64_t ahead, MakeStep make_step) {
        unsigned length = 0;
        const int symbol = code.decode([&] { return static_cast<std::uint32_t>(ahead >> length++ & 1); });
        return symbol < 0 ? Step{} : make_step(static_cast<std::size_t>(symbol), length);
    }

    /// Enters every word that fits under all bits that may follow it; words come first bit lowest.
    template <class MakeStep>
    static void fill(Table& table, std::span<const std::uint8_t> lengths, MakeStep make_step) {
        table.fill({0, Step::look_up});
        std::array<std::uint32_t, max_code_length + 2> next{};
        for (const std::uint8_t length : lengths) next[length + 1u] += length != 0;
        for (std::size_t i = 1; i < next.size(); ++i) next[i] = (next[i] + next[i - 1]) << 1;
        for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
            const unsigned length = lengths[symbol];
            if (length == 0) continue;
            const std::uint32_t word = next[length]++;
            if (std::size_t{1} << length > table.size()) continue;
            const Step step = make_step(symbol, length);
            for (std::size_t i = reverse(word, length); i < table.size(); i += std::size_t{1} << length) table[i] = step;
        }
    }

    /// The lowest `length` bits of `word`, at most 16, the other way round.
    static std::uint32_t reverse(std::uint32_t word, unsigned length) {
        word = (word & 0x5555) << 1 | (word & 0xaaaa) >> 1;
        word = (word & 0x3333) << 2 | (word & 0xcccc) >> 2;
        word = (word & 0x0f0f) << 4 | (word & 0xf0f0) >> 4;
        word = (word & 0x00ff) << 8 | (word & 0xff00) >> 8;
        return word >> (16 - length);
    }

    /// Lets a step that passes over a literal pass over what follows it, too, where the table's bits hold all of that.
    static void join_literals(Table& table) {
        const Table single = table;
        for (std::size_t index = 0; index < table.size(); ++index)
            for (Step& step = table[index]; step.then == Step::literal;) {
                const Step following = single[index >> step.bits];
                if (following.bits == 0 || step.bits + following.bits > table_bits) break;
                step = {static_cast<std::uint8_t>(step.bits + following.bits), following.then};
            }
    }

    Bytes stream_;
    std::size_t at_ = 0; // in bits
    std::array<Table, 2> tables_{};
};

/// The most that make_continuable() appends.
inline constexpr std::size_t max_continuation = 5;

/// Makes a whole stream one that another can follow at the next byte: its last block says that it is not the last, and
/// an empty stored block takes the rest of its last byte [3.2.4]. The stream is the first `size` bytes of `buffer`,
/// which has room for max_continuation more. Returns the new size.
inline std::size_t make_continuable(std::span<std::uint8_t> buffer, std::size_t size) {
    const LastBlock last = BlockWalk(buffer.first(size)).last_block();
    buffer[last.begin / 8] = static_cast<std::uint8_t>(buffer[last.begin / 8] & ~(1u << last.begin % 8));
    if (last.end % 8 == 0) return size;
    constexpr unsigned header_bits = 3;
    if (last.end % 8 + header_bits > 8) buffer[size++] = 0;
    for (const std::uint8_t byte : std::array<std::uint8_t, 4>{0x00, 0x00, 0xff, 0xff}) buffer[size++] = byte;
    return size;
}

} // namespace wisp::deflate_data
