// Whether the kernel can map the segments of a program, for a page size [Linux fs/binfmt_elf.c, elf_load and
// elf_map].
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wisp/elf.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// A program header and its place in the table, which is the number `readelf -l` gives it.
struct Segment {
    std::size_t number = 0;
    elf::Phdr header{};

    std::uint64_t begin() const { return header.p_vaddr; }
    std::uint64_t end() const { return header.p_vaddr + header.p_memsz; }
    bool has(std::uint32_t flag) const { return (header.p_flags & flag) != 0; }
};

/// The first segment of a type, null when there is none.
inline const Segment* find_segment(std::span<const Segment> segments, std::uint32_t type) {
    for (const Segment& segment : segments)
        if (segment.header.p_type == type) return &segment;
    return nullptr;
}

/// Why a segment's contents are not in a file of `file_size` bytes; "" when they are.
inline std::string place_objection(const Segment& segment, std::uint64_t file_size) {
    const elf::Phdr& h = segment.header;
    if (h.p_offset <= file_size && h.p_filesz <= file_size - h.p_offset) return {};
    return "segment " + std::to_string(segment.number) + ": offset " + std::to_string(h.p_offset) +
           " with size " + std::to_string(h.p_filesz) + " lies past the end of the file at " +
           std::to_string(file_size);
}

namespace detail {

/// Above every user address space of the machines wisp knows: x86-64 and RISC-V 57 bits, of which the upper
/// half is the kernel's; arm64 52 bits.
inline constexpr std::uint64_t address_limit = std::uint64_t{1} << 56;

inline std::string hex_number(std::uint64_t value) {
    std::string digits;
    do digits.insert(digits.begin(), "0123456789abcdef"[value & 15]);
    while (value >>= 4);
    return "0x" + digits;
}

/// "1 (R-X, 0x401000-0x47a000)"
inline std::string describe(const Segment& segment) {
    std::string flags = {segment.has(elf::pf::r) ? 'R' : '-', segment.has(elf::pf::w) ? 'W' : '-',
                         segment.has(elf::pf::x) ? 'X' : '-'};
    return std::to_string(segment.number) + " (" + flags + ", " + hex_number(segment.begin()) + "-" +
           hex_number(segment.end()) + ")";
}

inline std::string relink(std::uint64_t page_size) {
    return "; link with -Wl,-z,max-page-size=" + std::to_string(page_size);
}

/// What `first` loses where `second`, mapped after it, has taken over the page at `page` that both touch; ""
/// for nothing. The whole page is then what `second` makes of it: its permissions, and its part of the file
/// or zeros.
inline std::string loss(const Segment& first, const Segment& second, std::uint64_t page) {
    const elf::Phdr &a = first.header, &b = second.header;
    const std::uint32_t lost = a.p_flags & ~b.p_flags;
    if ((lost & elf::pf::x) != 0) return "execute permission";
    if ((lost & elf::pf::w) != 0) return "write permission";
    if ((lost & elf::pf::r) != 0) return "read permission";
    const bool same_bytes = b.p_filesz > 0 && a.p_offset - a.p_vaddr == b.p_offset - b.p_vaddr;
    if (a.p_filesz > 0 && a.p_vaddr + a.p_filesz > page && !same_bytes) return "its contents";
    if (a.p_memsz > a.p_filesz && b.p_filesz > 0) return "the zeros after its contents";
    return {};
}

inline std::string neighbour_objection(const Segment& first, const Segment& second, std::uint64_t page_size) {
    const std::string pair = "segments " + describe(first) + " and " + describe(second) + " ";
    if (second.begin() < first.begin()) return pair + "are not in ascending order of address";
    if (second.begin() < first.end()) return pair + "overlap";
    const std::uint64_t page = second.begin() & ~(page_size - 1);
    if (first.end() <= page) return {};
    const std::string what = loss(first, second, page);
    if (what.empty()) return {};
    return pair + "share the " + std::to_string(page_size) + "-byte page at " + hex_number(page) +
           ", where the second replaces the first, which loses " + what + relink(page_size);
}

} // namespace detail

/// Why one PT_LOAD segment makes no sense in a file of `file_size` bytes; "" when it does.
inline std::string segment_objection(const Segment& segment, std::uint64_t file_size) {
    const elf::Phdr& h = segment.header;
    const std::string name = "segment " + std::to_string(segment.number) + ": ";
    if (h.p_vaddr > detail::address_limit || h.p_memsz > detail::address_limit - h.p_vaddr)
        return name + "address " + detail::hex_number(h.p_vaddr) + " with size " +
               detail::hex_number(h.p_memsz) + " lies beyond every user address space";
    if (h.p_filesz > h.p_memsz)
        return name + "file size " + std::to_string(h.p_filesz) + " exceeds memory size " +
               std::to_string(h.p_memsz);
    return place_objection(segment, file_size);
}

/// Why an unprivileged program cannot have one segment where an ET_EXEC file puts it: the first 64 KiB are kept from it
/// [vm.mmap_min_addr; CONFIG_LSM_MMAP_MIN_ADDR], and the upper half is the kernel's: from 2^47 on x86-64, 2^48 on
/// arm64, 2^38 on RISC-V (Sv39), the most that kernels for boards are built with [TASK_SIZE].
inline std::string fixed_place_objection(const Segment& segment, std::uint16_t machine) {
    constexpr std::uint64_t least = 0x10000;
    const int bits = machine == elf::em::x86_64 ? 47 : machine == elf::em::riscv ? 38 : 48;
    const std::uint64_t limit = std::uint64_t{1} << bits;
    if (segment.header.p_memsz == 0) return {};
    const std::string name = "segment " + detail::describe(segment) + " ";
    if (segment.begin() < least)
        return name + "begins below " + detail::hex_number(least) + ", where unprivileged programs may map nothing";
    if (segment.end() > limit)
        return name + "ends beyond " + detail::hex_number(limit) + ", where user addresses end";
    return {};
}

/// Why the kernel cannot map one segment: it maps whole pages of the file onto whole pages of memory.
/// `page_size` is a power of two.
inline std::string mapping_objection(const Segment& segment, std::uint64_t page_size) {
    const elf::Phdr& h = segment.header;
    if (h.p_filesz == 0 || (h.p_offset - h.p_vaddr) % page_size == 0) return {};
    return "segment " + std::to_string(segment.number) + ": offset " + detail::hex_number(h.p_offset) +
           " and address " + detail::hex_number(h.p_vaddr) + " differ modulo " + std::to_string(page_size) +
           ", the page size, so the kernel cannot map it" + detail::relink(page_size);
}

/// What is wrong between the PT_LOAD segments `loads` (each in order by itself; as the table has them).
/// It is enough to compare neighbours: when segments ascend, what a third one in the page takes from the
/// first, the second or the third takes as a neighbour. `page_size` is a power of two.
inline std::vector<std::string> layout_objections(std::span<const Segment> loads, std::uint64_t page_size) {
    std::vector<std::string> objections;
    const Segment* previous = nullptr;
    for (const Segment& segment : loads) {
        if (segment.header.p_memsz == 0) continue; // maps nothing
        std::string objection =
            previous ? detail::neighbour_objection(*previous, segment, page_size) : std::string();
        if (!objection.empty()) objections.push_back(std::move(objection));
        previous = &segment;
    }
    return objections;
}

} // namespace wisp
