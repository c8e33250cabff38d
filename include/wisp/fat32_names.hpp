// Names in FAT folders: long names in pieces of 13 UTF-16 units, and the short name each of them stands
// behind. Source: fatgen103, "FAT Long Directory Entries" and "The Basis-Name Generation Algorithm".
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/fat32_disk.hpp"
#include "wisp/text.hpp"
#include "wisp/unicode.hpp"

namespace wisp::fat32 {

/// `name`, one part of a path, as a long name. Refused under `subject`: what is not UTF-8, is longer than 255
/// UTF-16 units, has one of "*/:<>?\| or a control character, or ends in a dot or a space.
inline std::u16string long_name(std::string_view name, std::string_view subject) {
    const auto bad = [&](const std::string& why) {
        refuse(subject, "name '" + printable(name) + "' " + why);
    };
    const auto units = utf16_from_utf8(name);
    if (!units) bad("is not UTF-8");
    if (units->size() > max_name_units)
        bad("has " + std::to_string(units->size()) + " UTF-16 units, FAT allows " +
            std::to_string(max_name_units));
    for (const char c : name)
        if (static_cast<std::uint8_t>(c) < 0x20 || c == 0x7F ||
            std::string_view("\"*/:<>?\\|").find(c) != std::string_view::npos)
            bad("has a character FAT does not allow: '" + printable({&c, 1}) + "'");
    if (name.ends_with('.') || name.ends_with(' ')) bad("ends in a dot or a space, which FAT drops");
    return *units;
}

/// Binds long entries to their short one: a program that knows no long names moves only the latter.
constexpr std::uint8_t checksum(const ShortName& name) {
    unsigned sum = 0;
    for (const char c : name) sum = (((sum & 1) << 7) + (sum >> 1) + static_cast<std::uint8_t>(c)) & 0xFF;
    return static_cast<std::uint8_t>(sum);
}

/// How many directory entries `name` takes, the short one included.
constexpr std::uint64_t entries_for(std::u16string_view name) {
    return 1 + (name.size() + LongEntry::units - 1) / LongEntry::units;
}

/// The long entries of `name` in the order in which they are stored: the last piece first, a zero after the
/// name's end and FFFF up to the end of its piece.
inline std::vector<LongEntry> long_entries(std::u16string_view name, const ShortName& alias) {
    std::vector<LongEntry> entries(entries_for(name) - 1);
    for (std::size_t piece = 0; piece < entries.size(); ++piece) {
        LongEntry& entry = entries[entries.size() - 1 - piece];
        entry.order = static_cast<std::uint8_t>(piece + 1);
        entry.checksum = checksum(alias);
        for (std::size_t i = 0; i < LongEntry::units; ++i) {
            const std::size_t at = piece * LongEntry::units + i;
            entry.unit(i) = at < name.size() ? name[at] : at == name.size() ? u'\0' : u'\uFFFF';
        }
    }
    entries.front().order |= LongEntry::last;
    return entries;
}

namespace names_detail {

/// Letters, digits and the marks a short name may have.
constexpr bool is_short_character(char16_t unit) {
    return (unit >= u'A' && unit <= u'Z') || (unit >= u'0' && unit <= u'9') ||
           std::u16string_view(u"$%'-_@~`!(){}^#&").find(unit) != std::u16string_view::npos;
}

/// A name cut at its last dot, upper case, in characters a short name may have.
struct Parts {
    std::string base, extension;
    bool exact = true; ///< nothing but case was changed
};

/// Leading dots and all spaces go, further dots too; what a short name cannot have becomes '_'.
inline std::string short_characters(std::u16string_view name, bool& exact) {
    std::string text;
    for (const char16_t unit : name) {
        if (unit == u' ' || unit == u'.') {
            exact = false;
            continue;
        }
        const char16_t upper = unit < 0x80 ? upper_case(unit) : unit;
        exact = exact && is_short_character(upper);
        text += is_short_character(upper) ? static_cast<char>(upper) : '_';
    }
    return text;
}

inline Parts parts(std::u16string_view name) {
    Parts result;
    const auto start = name.find_first_not_of(u'.');
    result.exact = start == 0;
    name.remove_prefix(std::min(start, name.size()));
    const auto dot = name.rfind(u'.');
    result.base = short_characters(name.substr(0, dot), result.exact);
    if (dot != std::u16string_view::npos)
        result.extension = short_characters(name.substr(dot + 1), result.exact);
    result.exact =
        result.exact && !result.base.empty() && result.base.size() <= 8 && result.extension.size() <= 3;
    result.extension.resize(std::min<std::size_t>(result.extension.size(), 3));
    return result;
}

inline ShortName assemble(std::string_view base, std::string_view extension) {
    ShortName name;
    name.fill(' ');
    std::ranges::copy(base, name.begin());
    std::ranges::copy(extension, name.begin() + 8);
    return name;
}

/// Gives out "BASE~1.EXT" and so on. It never tries a number twice for the same letters, so a folder of n
/// names that all collide costs n steps and not n * n.
class Numbers {
public:
    ShortName next(const Parts& parts, std::set<ShortName>& taken) {
        for (std::size_t digits = 1, limit = 10;; ++digits, limit *= 10) {
            const std::string base = parts.base.substr(0, 7 - digits);
            std::size_t& number =
                next_.try_emplace({base, parts.extension, digits}, limit / 10).first->second;
            while (number < limit) {
                const ShortName name = assemble(base + "~" + std::to_string(number++), parts.extension);
                if (taken.insert(name).second) return name;
            }
        }
    }

private:
    std::map<std::tuple<std::string, std::string, std::size_t>, std::size_t> next_;
};

} // namespace names_detail

/// The short names of a folder whose long names are `names`, no two of them equal but for case. A name that
/// is 8.3 keeps its letters in upper case, whatever its place; the others are numbered in the order given.
inline std::vector<ShortName> short_names(const std::vector<std::u16string_view>& names) {
    std::vector<ShortName> aliases(names.size());
    std::set<ShortName> taken;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (const auto parts = names_detail::parts(names[i]); parts.exact)
            taken.insert(aliases[i] = names_detail::assemble(parts.base, parts.extension));
    names_detail::Numbers numbers;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (const auto parts = names_detail::parts(names[i]); !parts.exact)
            aliases[i] = numbers.next(parts, taken);
    return aliases;
}

/// `text` as a volume label: letters become upper case. Refused under `subject`: nothing, more than 11
/// characters, one that short names do not have (but spaces within), a space in front, and "NO NAME", which
/// means no label.
inline ShortName volume_label(std::string_view text, std::string_view subject) {
    const auto bad = [&](const std::string& why) { refuse(subject, "'" + printable(text) + "' " + why); };
    ShortName label;
    label.fill(' ');
    if (text.empty() || text.size() > label.size())
        bad("has " + std::to_string(text.size()) + " characters, FAT allows 1 to 11");
    if (text.starts_with(' ')) bad("begins with a space");
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char16_t upper = upper_case(static_cast<char16_t>(static_cast<std::uint8_t>(text[i])));
        if (upper != u' ' && !names_detail::is_short_character(upper))
            bad("has a character that is not A to Z, 0 to 9, a space or one of $%'-_@~`!(){}^#&");
        label[i] = static_cast<char>(upper);
    }
    if (std::string_view(label.data(), label.size()) == "NO NAME    ") bad("means that there is none");
    return label;
}

} // namespace wisp::fat32
