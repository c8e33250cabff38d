// Numbers and names as text: strict to read, safe to print.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/unicode.hpp"

namespace wisp {

/// Eight hexadecimal digits, zero-padded, upper case: how newc spells a field.
constexpr std::array<char, 8> hex8(std::uint32_t value) {
    std::array<char, 8> text{};
    for (std::size_t i = 8; i > 0; --i, value >>= 4) text[i - 1] = "0123456789ABCDEF"[value & 15];
    return text;
}

/// Lower-case hexadecimal of some bytes: how digests are spelt.
template <class Range>
std::string hex(const Range& bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

/// The last second whose year ISO 8601 spells with four digits, since 1970.
inline constexpr std::uint64_t max_iso8601 = 253402300799;

/// Seconds since 1970 in UTC, as ISO 8601 spells them: 1970-01-01T00:00:00Z. Nothing is later than max_iso8601.
inline std::string iso8601(std::uint64_t seconds) {
    const auto time = static_cast<std::time_t>(std::min(seconds, max_iso8601));
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    std::array<char, sizeof "YYYY-MM-DDThh:mm:ssZ"> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text.data();
}

/// The whole of `text` as an unsigned number in `base`, at most `max`. No sign, no space, no prefix, not empty.
inline std::optional<std::uint64_t> parse_unsigned(std::string_view text, int base = 10,
                                                   std::uint64_t max = UINT64_MAX) {
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, value, base);
    if (text.empty() || failure != std::errc{} || stop != end || value > max) return std::nullopt;
    return value;
}

/// Whether a character changes how those around it are shown: control characters, and those that override the
/// direction of text [Unicode 14, General_Category Cc; UAX #9, 2.1-2.5].
constexpr bool is_invisible_hand(char32_t character) {
    return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0x200e ||
           character == 0x200f || (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069);
}

/// `text` fit for one line of a message: what a hostile archive may smuggle into a terminal (escape sequences,
/// a newline, a change of direction, what is no UTF-8) becomes \xHH; other names stay readable.
inline std::string printable(std::string_view text) {
    std::string safe;
    while (!text.empty()) {
        std::string_view rest = text;
        const auto character = unicode_detail::take_utf8(rest);
        const std::string_view bytes = text.substr(0, character ? text.size() - rest.size() : 1);
        if (character && !is_invisible_hand(*character)) {
            safe += bytes;
        } else {
            for (const char byte : bytes) safe += "\\x" + hex(std::array{static_cast<std::uint8_t>(byte)});
        }
        text.remove_prefix(bytes.size());
    }
    return safe;
}

/// The pieces of `text` between `separator`s; an empty text has one empty piece.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> pieces;
    for (;;) {
        const auto at = text.find(separator);
        pieces.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return pieces;
        text.remove_prefix(at + 1);
    }
}

} // namespace wisp
