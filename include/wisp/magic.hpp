// What a file is that is not what was asked for: a name for the refusal, from its first bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "wisp/text.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// How many bytes from a file's start contents_name() can use.
inline constexpr std::size_t magic_size = 1024;

namespace detail {

struct Magic {
    std::size_t offset;
    std::string_view bytes;
    std::string_view name;
};

/// Values from the formats' own specifications; the first that matches counts, so longer ones come first.
inline constexpr std::array<Magic, 27> magics{{
    {0,
     "\x7f"
     "ELF",
     "an ELF file"},
    {0, "!<arch>\n", "an ar archive"},
    {0, "!<thin>\n", "a thin ar archive"},
    {0, "\x1f\x8b", "gzip-compressed"},
    {0,
     "\xfd"
     "7zXZ",
     "xz-compressed"},
    {0, "\x28\xb5\x2f\xfd", "zstd-compressed"},
    {0, "BZh", "bzip2-compressed"},
    {0, "\x04\x22\x4d\x18", "lz4-compressed"},
    {0, "\x02\x21\x4c\x18", "lz4-compressed (old frame)"},
    {0, "\x89LZO", "lzop-compressed"},
    {0, "PK\x03\x04", "a zip archive"},
    {0, "070701", "a cpio archive"},
    {0, "070702", "a cpio archive"},
    {257, "ustar", "a tar archive"},
    {0, "BC\xc0\xde", "LLVM bitcode"},
    {0, std::string_view("\0asm", 4), "a WebAssembly module"},
    {0, "\xcf\xfa\xed\xfe", "a Mach-O file (macOS)"},
    {0, "\xce\xfa\xed\xfe", "a Mach-O file (macOS)"},
    {0, "\xca\xfe\xba\xbe", "a Mach-O universal file (macOS) or a Java class"},
    {0, "\x27\x05\x19\x56", "a U-Boot uImage"},
    {0, "\xd0\x0d\xfe\xed", "a flattened device tree or FIT image"},
    {0x24, "\x18\x28\x6f\x01", "a 32-bit ARM zImage"},
    {0x38, "RSC\x05", "a RISC-V kernel image"},
    {0x38, "ARM\x64", "an arm64 kernel image"},
    {0x202, "HdrS", "an x86 kernel image"},
    {4, "zimg", "an EFI zboot kernel image"},
    {0, "MZ", "a PE file (Windows or EFI)"},
}};

inline bool is_text(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) {
        return (byte >= 0x20 && byte != 0x7f) || (byte >= '\t' && byte <= '\r');
    });
}

} // namespace detail

/// What a file is that starts with `head`, fit to follow "is": "a script (#!/bin/sh)", "gzip-compressed",
/// "empty".
inline std::string contents_name(Bytes head) {
    const std::string_view text = as_text(head);
    if (text.empty()) return "empty";
    if (text.starts_with("#!")) {
        const std::string_view line = text.substr(0, std::min<std::size_t>(text.find_first_of("\r\n"), 80));
        return "a script (" + printable(line) + ")";
    }
    for (const detail::Magic& magic : detail::magics)
        if (text.size() > magic.offset && text.substr(magic.offset).starts_with(magic.bytes))
            return std::string(magic.name);
    if (detail::is_text(head.first(std::min(head.size(), magic_size)))) return "text";
    return "unknown data (it starts with " + hex(head.first(std::min<std::size_t>(head.size(), 4))) + ")";
}

} // namespace wisp
