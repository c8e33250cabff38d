// Unicode as far as FAT needs it: UTF-8 to UTF-16 and back, and the upper case of one character.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wisp {

namespace unicode_detail {

/// Takes one character off the front of `text`; nothing when there is none that is well-formed.
constexpr std::optional<char32_t> take_utf8(std::string_view& text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const int ones = std::countl_one(byte(0));
    const std::size_t length = ones == 0 ? 1 : static_cast<std::size_t>(ones);
    if (ones == 1 || ones > 4 || length > text.size()) return std::nullopt;
    char32_t value = byte(0) & (ones == 0 ? 0x7Fu : 0x7Fu >> ones);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
        value = value << 6 | (byte(i) & 0x3Fu);
    }
    constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return std::nullopt;
    text.remove_prefix(length);
    return value;
}

/// Every `step`th unit from `first` to `last` has its upper case `distance` away.
struct CaseRange {
    char16_t first, last;
    int step, distance;
};

/// From UnicodeData.txt, field "Simple_Uppercase_Mapping": the alphabets with case in everyday use.
inline constexpr std::array<CaseRange, 41> case_ranges{{
    {0x0061, 0x007A, 1, -32}, {0x00B5, 0x00B5, 1, 743}, {0x00E0, 0x00F6, 1, -32},  {0x00F8, 0x00FE, 1, -32},
    {0x00FF, 0x00FF, 1, 121}, {0x0101, 0x012F, 2, -1},  {0x0131, 0x0131, 1, -232}, {0x0133, 0x0137, 2, -1},
    {0x013A, 0x0148, 2, -1},  {0x014B, 0x0177, 2, -1},  {0x017A, 0x017E, 2, -1},   {0x017F, 0x017F, 1, -300},
    {0x01A1, 0x01A5, 2, -1},  {0x01B0, 0x01B0, 1, -1},  {0x01CE, 0x01DC, 2, -1},   {0x01DF, 0x01EF, 2, -1},
    {0x01F5, 0x01F5, 1, -1},  {0x01F9, 0x021F, 2, -1},  {0x0223, 0x0233, 2, -1},   {0x03AC, 0x03AC, 1, -38},
    {0x03AD, 0x03AF, 1, -37}, {0x03B1, 0x03C1, 1, -32}, {0x03C2, 0x03C2, 1, -31},  {0x03C3, 0x03CB, 1, -32},
    {0x03CC, 0x03CC, 1, -64}, {0x03CD, 0x03CE, 1, -63}, {0x0430, 0x044F, 1, -32},  {0x0450, 0x045F, 1, -80},
    {0x0461, 0x0481, 2, -1},  {0x048B, 0x04BF, 2, -1},  {0x04C2, 0x04CE, 2, -1},   {0x04CF, 0x04CF, 1, -15},
    {0x04D1, 0x052F, 2, -1},  {0x0561, 0x0586, 1, -48}, {0x1E01, 0x1E95, 2, -1},   {0x1E9B, 0x1E9B, 1, -59},
    {0x1EA1, 0x1EFF, 2, -1},  {0x2170, 0x217F, 1, -16}, {0x24D0, 0x24E9, 1, -26},  {0xA641, 0xA66D, 2, -1},
    {0xFF41, 0xFF5A, 1, -32},
}};

} // namespace unicode_detail

/// `text` in UTF-16; nothing when it is not well-formed UTF-8 [Unicode 3.9, D92].
inline std::optional<std::u16string> utf16_from_utf8(std::string_view text) {
    std::u16string units;
    while (!text.empty()) {
        const auto character = unicode_detail::take_utf8(text);
        if (!character) return std::nullopt;
        if (*character < 0x10000) {
            units += static_cast<char16_t>(*character);
        } else {
            units += static_cast<char16_t>(0xD800 + ((*character - 0x10000) >> 10));
            units += static_cast<char16_t>(0xDC00 + ((*character - 0x10000) & 0x3FF));
        }
    }
    return units;
}

/// `units` in UTF-8; a surrogate without its partner becomes U+FFFD.
inline std::string utf8_from_utf16(std::u16string_view units) {
    std::string text;
    for (std::size_t i = 0; i < units.size(); ++i) {
        std::uint32_t character = units[i];
        const bool is_high = character >= 0xD800 && character < 0xDC00;
        if (is_high && i + 1 < units.size() && units[i + 1] >= 0xDC00 && units[i + 1] < 0xE000)
            character = 0x10000 + ((character - 0xD800) << 10) + (units[++i] - 0xDC00u);
        else if (character >= 0xD800 && character < 0xE000)
            character = 0xFFFD;
        const int more = character < 0x80 ? 0 : character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
        constexpr std::array<std::uint32_t, 4> lead{0, 0xC0, 0xE0, 0xF0};
        text += static_cast<char>(lead[static_cast<std::size_t>(more)] | character >> (6 * more));
        for (int shift = 6 * (more - 1); shift >= 0; shift -= 6)
            text += static_cast<char>(0x80 | (character >> shift & 0x3F));
    }
    return text;
}

/// The upper case of one UTF-16 unit, in the Latin, Greek, Cyrillic and Armenian alphabets; any other unit is
/// its own. It depends on no locale.
constexpr char16_t upper_case(char16_t unit) {
    for (const auto& range : unicode_detail::case_ranges)
        if (unit >= range.first && unit <= range.last && (unit - range.first) % range.step == 0)
            return static_cast<char16_t>(unit + range.distance);
    return unit;
}

/// `name` as case-insensitive file systems compare it.
inline std::u16string upper_case(std::u16string_view name) {
    std::u16string folded(name);
    std::ranges::transform(folded, folded.begin(), [](char16_t unit) { return upper_case(unit); });
    return folded;
}

} // namespace wisp
