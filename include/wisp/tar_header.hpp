// The 512-byte header record of a tar archive: its fields as they lie on disk, its numbers, its checksum.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "wisp/error.hpp"
#include "wisp/text.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// Everything in a tar archive starts at a multiple of this.
inline constexpr std::size_t tar_record_size = 512;

/// Header record; names and order of [POSIX.1-2017 pax, "ustar Interchange Format"].
struct TarHeader {
    std::array<char, 100> name{};
    std::array<char, 8> mode{};
    std::array<char, 8> uid{};
    std::array<char, 8> gid{};
    std::array<char, 12> size{};
    std::array<char, 12> mtime{};
    std::array<char, 8> chksum{};
    char typeflag = '0';
    std::array<char, 100> linkname{};
    std::array<char, 6> magic{}; // "ustar\0"; GNU tar's old format has "ustar " and a version of " \0"
    std::array<char, 2> version{};
    std::array<char, 32> uname{};
    std::array<char, 32> gname{};
    std::array<char, 8> devmajor{};
    std::array<char, 8> devminor{};
    std::array<char, 155> prefix{};
    std::array<char, 12> pad{};
};
static_assert(sizeof(TarHeader) == tar_record_size);
static_assert(alignof(TarHeader) == 1 && std::is_trivially_copyable_v<TarHeader>);

/// A text field: up to its first NUL byte, or all of it.
template <std::size_t Size>
std::string_view tar_text(const std::array<char, Size>& field) {
    const std::string_view all(field.data(), field.size());
    return all.substr(0, all.find('\0'));
}

/// A number in base 256, GNU tar's way out of a full octal field: the first byte is 0x80 plus the highest
/// bits, the rest follows big-endian. Negative numbers (0xff first) mean nothing here. Refused under
/// `subject`.
inline std::uint64_t tar_base256(std::string_view field, std::string_view subject, std::string_view what) {
    std::uint64_t value = static_cast<std::uint8_t>(field[0]) & 0x7f;
    for (const char c : field.substr(1)) {
        if (value >> 56 != 0) refuse(subject, std::string(what) + " is negative or needs more than 64 bits");
        value = value << 8 | static_cast<std::uint8_t>(c);
    }
    return value;
}

/// A numeric field: octal digits, perhaps after spaces, ended by NUL, space or the field's end; all blank
/// means 0. Anything else but base 256 is refused under `subject`, `what` naming the field.
template <std::size_t Size>
std::uint64_t tar_number(const std::array<char, Size>& field, std::string_view subject,
                         std::string_view what) {
    std::string_view text(field.data(), field.size());
    if (static_cast<std::uint8_t>(text[0]) >= 0x80) return tar_base256(text, subject, what);
    text = text.substr(0, text.find('\0'));
    const std::string_view whole = text;
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    if (text.empty()) return 0;
    const auto value = parse_unsigned(text, 8);
    if (!value) refuse(subject, std::string(what) + " '" + printable(whole) + "' is not an octal number");
    return *value;
}

/// The sum of all bytes of a header record, its checksum field counted as spaces.
inline std::uint64_t tar_checksum(const TarHeader& header) {
    TarHeader blank = header;
    blank.chksum.fill(' ');
    std::uint64_t sum = 0;
    for (const std::uint8_t byte : Bytes(reinterpret_cast<const std::uint8_t*>(&blank), sizeof blank))
        sum += byte;
    return sum;
}

/// Whether `record` is a header record whose checksum holds. Never throws, so it may be asked of anything.
inline bool is_tar_header(const TarHeader& header) {
    std::string_view text(header.chksum.data(), header.chksum.size());
    while (text.starts_with(' ')) text.remove_prefix(1);
    const auto sum = parse_unsigned(text.substr(0, text.find_first_of(std::string_view("\0 ", 2))), 8);
    return sum && *sum == tar_checksum(header);
}

/// Whether a plain tar may start with `head`, its first record: a damaged one too, and one that is empty.
inline bool may_be_tar(Bytes head) {
    TarHeader header;
    if (head.size() != sizeof header) return false;
    std::memcpy(&header, head.data(), sizeof header);
    return header.name[0] == '\0' || tar_text(header.magic).starts_with("ustar") || is_tar_header(header);
}

} // namespace wisp
