// An archive's entries in words, for people.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "wisp/cpio_read.hpp"
#include "wisp/entry.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// st_mode as ls(1) prints it: ten characters.
inline std::string mode_text(std::uint32_t mode) {
    std::string text = "?rwxrwxrwx";
    constexpr std::array<std::pair<std::uint32_t, char>, 7> types{{{mode::socket, 's'},
                                                                   {mode::symlink, 'l'},
                                                                   {mode::file, '-'},
                                                                   {mode::block, 'b'},
                                                                   {mode::directory, 'd'},
                                                                   {mode::character, 'c'},
                                                                   {mode::pipe, 'p'}}};
    for (const auto& [type, letter] : types)
        if ((mode & mode::type_mask) == type) text[0] = letter;
    for (std::size_t bit = 0; bit < 9; ++bit)
        if ((mode >> (8 - bit) & 1) == 0) text[bit + 1] = '-';
    constexpr std::array<std::pair<std::size_t, std::string_view>, 3> special{{{3, "sS"}, {6, "sS"}, {9, "tT"}}};
    for (std::size_t i = 0; i < special.size(); ++i)
        if (mode >> (11 - i) & 1) text[special[i].first] = special[i].second[text[special[i].first] == 'x' ? 0 : 1];
    return text;
}

/// Whether an entry is a device node, which has a number in the place of a size.
inline bool is_device(const NewcEntry& entry) {
    const std::uint32_t type = entry.mode & mode::type_mask;
    return type == mode::block || type == mode::character;
}

/// One line, without its end: mode, links, owner, group, size or device number, time, name, a link's target.
inline std::string list_line(const NewcEntry& entry) {
    const std::string size = is_device(entry) ? std::to_string(entry.rmaj) + "," + std::to_string(entry.rmin)
                                              : std::to_string(entry.size);
    std::string line = mode_text(entry.mode);
    for (const std::string& word : {std::to_string(entry.nlink), std::to_string(entry.uid), std::to_string(entry.gid),
                                    size, iso8601(entry.mtime), printable(entry.name)})
        line += " " + word;
    if ((entry.mode & mode::type_mask) == mode::symlink) line += " -> " + printable(entry.target);
    return line;
}

} // namespace wisp
