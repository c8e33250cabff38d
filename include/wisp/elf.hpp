// ELF64 little-endian files [System V gABI, chapters 4 and 5]: the tables as they lie on disk, and how to
// find them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/le.hpp"
#include "wisp/seekable.hpp"
#include "wisp/view.hpp"

/// Constants have the specification's names in lower case: <elf.h> has taken the others as macros.
namespace wisp::elf {

inline constexpr std::array<std::uint8_t, 4> magic = {0x7f, 'E', 'L', 'F'};

namespace elfclass {
inline constexpr std::uint8_t elf32 = 1, elf64 = 2;
}
namespace elfdata {
inline constexpr std::uint8_t lsb = 1, msb = 2;
}
namespace osabi {
inline constexpr std::uint8_t none = 0, gnu = 3;
}
namespace et {
inline constexpr std::uint16_t rel = 1, exec = 2, dyn = 3, core = 4;
}
namespace em {
inline constexpr std::uint16_t x86_64 = 62, aarch64 = 183, riscv = 243;
}
namespace pt {
inline constexpr std::uint32_t load = 1, dynamic = 2, interp = 3, gnu_stack = 0x6474e551;
}
namespace pf {
inline constexpr std::uint32_t x = 1, w = 2, r = 4;
}
namespace dt {
inline constexpr std::uint64_t null = 0, needed = 1, strtab = 5, strsz = 10, soname = 14,
                               flags_1 = 0x6ffffffb;
}
namespace df_1 {
inline constexpr std::uint64_t pie = 0x08000000;
}
namespace sht {
inline constexpr std::uint32_t nobits = 8;
}

/// e_ident: what is the same in every ELF file, whatever its class and byte order.
struct Ident {
    std::array<std::uint8_t, 4> ei_magic{};
    std::uint8_t ei_class = 0;
    std::uint8_t ei_data = 0;
    std::uint8_t ei_version = 0;
    std::uint8_t ei_osabi = 0;
    std::array<std::uint8_t, 8> ei_pad{};
};
static_assert(sizeof(Ident) == 16);

struct Ehdr {
    Ident e_ident;
    le16 e_type;
    le16 e_machine;
    le32 e_version;
    le64 e_entry;
    le64 e_phoff;
    le64 e_shoff;
    le32 e_flags;
    le16 e_ehsize;
    le16 e_phentsize;
    le16 e_phnum;
    le16 e_shentsize;
    le16 e_shnum;
    le16 e_shstrndx;
};
static_assert(sizeof(Ehdr) == 64);

struct Phdr {
    le32 p_type;
    le32 p_flags;
    le64 p_offset;
    le64 p_vaddr;
    le64 p_paddr;
    le64 p_filesz;
    le64 p_memsz;
    le64 p_align;
};
static_assert(sizeof(Phdr) == 56);

struct Shdr {
    le32 sh_name;
    le32 sh_type;
    le64 sh_flags;
    le64 sh_addr;
    le64 sh_offset;
    le64 sh_size;
    le32 sh_link;
    le32 sh_info;
    le64 sh_addralign;
    le64 sh_entsize;
};
static_assert(sizeof(Shdr) == 64);

struct Dyn {
    le64 d_tag;
    le64 d_val;
};
static_assert(sizeof(Dyn) == 16);

/// Whether bytes start as every ELF file does.
inline bool is_elf(Bytes bytes) {
    return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

/// What e_machine says, with its number: "aarch64 (183)".
inline std::string machine_name(std::uint16_t machine) {
    struct Name {
        std::uint16_t machine;
        std::string_view name;
    };
    static constexpr std::array<Name, 12> names{{{3, "i386"},
                                                 {8, "MIPS"},
                                                 {20, "PowerPC"},
                                                 {21, "PowerPC64"},
                                                 {22, "s390"},
                                                 {40, "ARM"},
                                                 {43, "SPARC V9"},
                                                 {62, "x86-64"},
                                                 {183, "aarch64"},
                                                 {243, "RISC-V"},
                                                 {247, "BPF"},
                                                 {258, "LoongArch"}}};
    std::string_view found = "machine";
    for (const Name& known : names)
        if (known.machine == machine) found = known.name;
    return std::string(found) + " (" + std::to_string(machine) + ")";
}

/// The text at `offset`, up to its NUL; nothing where the file has none there. No name is longer than
/// PATH_MAX: a hostile table is not searched further for the end of one.
inline std::optional<std::string> string_at(const Seekable& file, std::uint64_t offset) {
    constexpr std::uint64_t path_max = 4096;
    if (offset >= file.size()) return std::nullopt;
    std::vector<std::uint8_t> bytes(std::min(path_max, file.size() - offset));
    file.read(offset, bytes, "name");
    const std::string_view text = as_text(bytes);
    const auto end = text.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    return std::string(text.substr(0, end));
}

/// The header of a relocatable ELF64 file for a machine wisp knows: a kernel module. Anything else is
/// refused.
inline Ehdr read_relocatable(const Seekable& file) {
    const auto header = file.read<Ehdr>(0, "ELF header");
    if (header.e_ident.ei_magic != magic) refuse(file.name(), "is not ELF");
    if (header.e_ident.ei_class != elfclass::elf64 || header.e_ident.ei_data != elfdata::lsb)
        refuse(file.name(), "is not 64-bit little-endian ELF");
    if (header.e_type != et::rel)
        refuse(file.name(), "has ELF type " + std::to_string(header.e_type) + ", a kernel module has 1");
    if (header.e_machine != em::aarch64 && header.e_machine != em::x86_64 && header.e_machine != em::riscv)
        refuse(file.name(), "is for " + machine_name(header.e_machine) +
                                ", wisp knows aarch64 (183), x86-64 (62) and RISC-V (243)");
    return header;
}

/// The contents of the first section named `name`, at most `limit` bytes; nothing when there is none. A table
/// or contents that do not lie inside the file are refused, and so is extended section numbering, over 65279
/// sections, which no module has.
inline std::optional<std::vector<std::uint8_t>> read_section(const Seekable& file, const Ehdr& header,
                                                             const std::string& name, std::uint64_t limit) {
    if (header.e_shoff == 0 || header.e_shnum == 0) refuse(file.name(), "has no section headers");
    if (header.e_shentsize != sizeof(Shdr))
        refuse(file.name(),
               "has section headers of " + std::to_string(header.e_shentsize) + " bytes, not 64");
    if (header.e_shstrndx >= header.e_shnum)
        refuse(file.name(), "names section " + std::to_string(header.e_shstrndx) + " of " +
                                std::to_string(header.e_shnum) + " as its section name table");
    std::vector<Shdr> table(header.e_shnum);
    file.read(header.e_shoff, {reinterpret_cast<std::uint8_t*>(table.data()), table.size() * sizeof(Shdr)},
              "section header table");
    const std::uint64_t names = table[header.e_shstrndx].sh_offset;
    for (const Shdr& section : table) {
        if (section.sh_type == sht::nobits || names > file.size()) continue;
        if (string_at(file, names + section.sh_name) != name) continue;
        if (section.sh_size > limit)
            refuse(file.name(), "section " + name + " is " + std::to_string(section.sh_size) +
                                    " bytes long, the limit is " + std::to_string(limit));
        std::vector<std::uint8_t> contents(section.sh_size);
        file.read(section.sh_offset, contents, "section " + name);
        return contents;
    }
    return std::nullopt;
}

} // namespace wisp::elf
