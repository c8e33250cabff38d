// What deflate streams are made of [RFC 1951], as far as it takes to find one's way in them.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

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

    /// Calls `enter(symbol, word, length)` for each word of at most `longest` bits, shorter ones first. Bits of a word are
    /// in the order of the stream, the first lowest [3.1.1].
    template <class Enter>
    void each_word(unsigned longest, Enter enter) const {
        std::size_t index = 0, word = 0;
        for (unsigned length = 1; length <= longest; ++length) {
            const std::size_t all_ones = (std::size_t{1} << length) - 1;
            for (std::uint32_t left = count_[length]; left > 0; --left) {
                enter(symbols_[index++], word, length);
                if (word == all_ones) return; // the code is full
                // One more, from the last bit, which is the highest.
                const std::size_t carry = std::bit_floor(word ^ all_ones);
                word = (word & (carry - 1)) | carry;
            }
        }
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

/// Those that a block of type 2 begins with [3.2.7]; `bits(n)` reads the next n bits, and `word_reader(code)` returns what
/// reads the words of a code, -1 for none. Nothing where they are themselves written in an invalid one.
template <class ReadBits, class WordReader>
std::optional<CodeLengths> read_code_lengths(ReadBits bits, WordReader word_reader) {
    static constexpr std::array<std::uint8_t, 19> order{16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                        11, 4,  12, 3, 13, 2, 14, 1, 15};
    const std::size_t literals = bits(5) + 257, distances = bits(5) + 1, length_count = bits(4) + 4;
    std::array<std::uint8_t, 19> length_lengths{};
    for (std::size_t i = 0; i < length_count; ++i)
        length_lengths[order[i]] = static_cast<std::uint8_t>(bits(3));
    const HuffmanCode code(length_lengths);
    if (!code.is_complete()) return std::nullopt;
    const auto word = word_reader(code);
    std::vector<std::uint8_t> all;
    all.reserve(literals + distances);
    while (all.size() < literals + distances) {
        const int value = word();
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

} // namespace wisp::deflate_data
