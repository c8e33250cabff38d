// Is this a static program that a board can run? Every objection, every doubt, or one line of facts.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/elf.hpp"
#include "wisp/elf_layout.hpp"
#include "wisp/elf_linking.hpp"
#include "wisp/magic.hpp"
#include "wisp/seekable.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// What a board runs.
struct ElfDemand {
    std::optional<std::uint16_t> machine{}; ///< e_machine; nothing: any that wisp knows
    std::uint64_t page_size = 4096;         ///< of its kernel, in bytes: a power of two
};

/// What was found. The program is good when there is no objection; only then there are facts.
struct ElfReport {
    std::vector<std::string> objections{};
    std::vector<std::string> warnings{};
    std::string facts{};
};

namespace detail {

class ElfChecker {
public:
    ElfChecker(const Seekable& file, const ElfDemand& demand) : file_(file), demand_(demand) {}

    ElfReport check() {
        if (check_identity() && check_header() && read_segments()) {
            check_loads();
            check_linking();
            check_entry();
            if (report_.objections.empty()) look_closer();
        }
        return std::move(report_);
    }

private:
    static constexpr std::uint64_t size_limit =
        UINT32_MAX; // of a file in a newc archive: 8 hexadecimal digits

    void object(std::string objection) { report_.objections.push_back(std::move(objection)); }
    void warn(std::string warning) { report_.warnings.push_back(std::move(warning)); }

    bool fits(std::uint64_t offset, std::uint64_t length) const {
        return offset <= file_.size() && length <= file_.size() - offset;
    }

    /// What does not depend on class and byte order. False: the rest of the file cannot be read.
    bool check_identity() {
        std::vector<std::uint8_t> head(std::min<std::uint64_t>(file_.size(), magic_size));
        file_.read(0, head, "magic number");
        if (!elf::is_elf(head)) {
            object("is " + contents_name(head) + ", not an ELF program");
            return false;
        }
        if (!fits(0, sizeof(elf::Ehdr))) {
            object("is cut in its ELF header: " + std::to_string(file_.size()) + " of 64 bytes");
            return false;
        }
        header_ = file_.read<elf::Ehdr>(0, "ELF header");
        const elf::Ident& ident = header_.e_ident;
        const bool is_64 = ident.ei_class == elf::elfclass::elf64,
                   is_little = ident.ei_data == elf::elfdata::lsb;
        if (!is_64)
            object(ident.ei_class == elf::elfclass::elf32
                       ? "is a 32-bit program, the board runs 64-bit ones"
                       : "has ELF class " + std::to_string(ident.ei_class) +
                             ", neither 32-bit (1) nor 64-bit (2)");
        if (!is_little)
            object(ident.ei_data == elf::elfdata::msb
                       ? "is big-endian, the board runs little-endian"
                       : "has ELF data encoding " + std::to_string(ident.ei_data) + ", neither 1 nor 2");
        check_machine(ident.ei_data == elf::elfdata::msb);
        return is_64 && is_little;
    }

    /// How to make a program for `machine` on any other; "" where nobody needs to be told.
    static std::string build_hint(std::uint16_t machine) {
        struct Names {
            std::uint16_t machine;
            std::string_view gnu, go;
        };
        static constexpr std::array<Names, 3> all{{{elf::em::aarch64, "aarch64", "arm64"},
                                                   {elf::em::x86_64, "x86_64", "amd64"},
                                                   {elf::em::riscv, "riscv64", "riscv64"}}};
        const auto names = std::ranges::find(all, machine, &Names::machine);
        if (names == all.end()) return "";
        return "; build it for that (C and C++: " + std::string(names->gnu) + "-linux-gnu-g++ -static; Go: GOARCH=" +
               std::string(names->go) + ")";
    }

    /// e_machine lies at the same place in both classes, in the file's byte order.
    void check_machine(bool big_endian) {
        const std::uint16_t raw = header_.e_machine;
        const auto machine = static_cast<std::uint16_t>(big_endian ? raw >> 8 | (raw & 0xff) << 8 : raw);
        const std::string name = "is for " + elf::machine_name(machine);
        if (demand_.machine && machine != *demand_.machine)
            object(name + ", the board runs " + elf::machine_name(*demand_.machine) + build_hint(*demand_.machine));
        if (!demand_.machine && machine != elf::em::aarch64 && machine != elf::em::x86_64 &&
            machine != elf::em::riscv)
            object(name + ", boards run aarch64 (183), x86-64 (62) or RISC-V (243)");
    }

    bool check_header() {
        const elf::Ident& ident = header_.e_ident;
        const std::uint32_t version =
            ident.ei_version != 1 ? ident.ei_version : std::uint32_t{header_.e_version};
        if (version != 1) object("has ELF version " + std::to_string(version) + ", not 1");
        if (ident.ei_osabi != elf::osabi::none && ident.ei_osabi != elf::osabi::gnu)
            object("is for another system than Linux (OSABI " + std::to_string(ident.ei_osabi) + ")");
        if (file_.size() > size_limit)
            object("is " + std::to_string(file_.size()) + " bytes long, an initrd takes at most " +
                   std::to_string(size_limit));
        if (header_.e_type == elf::et::exec || header_.e_type == elf::et::dyn) return true;
        if (header_.e_type == elf::et::rel)
            object("is a relocatable object (.o, .ko), not a program: link it");
        else if (header_.e_type == elf::et::core)
            object("is a core dump, not a program");
        else
            object("has ELF type " + std::to_string(header_.e_type) + ", a program has 2 (EXEC) or 3 (DYN)");
        return false;
    }

    /// The kernel refuses a program header table longer than a page (binfmt_elf.c, load_elf_phdrs).
    bool read_segments() {
        const std::uint64_t count = header_.e_phnum, length = count * sizeof(elf::Phdr);
        const std::size_t before = report_.objections.size();
        if (count == 0)
            object("has no program headers");
        else if (header_.e_phentsize != sizeof(elf::Phdr))
            object("has program headers of " + std::to_string(header_.e_phentsize) + " bytes, not 56");
        else if (length > demand_.page_size)
            object("has " + std::to_string(count) + " program headers, the kernel takes at most " +
                   std::to_string(demand_.page_size / sizeof(elf::Phdr)));
        else if (!fits(header_.e_phoff, length))
            object("is cut in its program headers: offset " + std::to_string(header_.e_phoff) +
                   " with size " + std::to_string(length) + " lies past the end of the file at " +
                   std::to_string(file_.size()));
        if (report_.objections.size() > before) return false;
        for (std::size_t i = 0; i < count; ++i)
            segments_.push_back(
                {i, file_.read<elf::Phdr>(header_.e_phoff + i * sizeof(elf::Phdr), "program header")});
        return true;
    }

    void check_loads() {
        bool any = false;
        for (const Segment& segment : segments_) {
            if (segment.header.p_type != elf::pt::load) continue;
            any = true;
            std::string objection = segment_objection(segment, file_.size());
            if (objection.empty()) {
                loads_.push_back(segment);
                objection = mapping_objection(segment, demand_.page_size);
                if (objection.empty() && header_.e_type == elf::et::exec)
                    objection = fixed_place_objection(segment, header_.e_machine);
            }
            if (!objection.empty()) object(std::move(objection));
        }
        if (!any) object("has no PT_LOAD segment: there is nothing to run");
        for (std::string& objection : layout_objections(loads_, demand_.page_size))
            object(std::move(objection));
    }

    /// A static-pie has neither interpreter nor libraries, like a shared object. What tells them apart is
    /// DF_1_PIE, or, from linkers before 2018, that it can be entered and has no name to be linked by.
    void check_linking() {
        Linking linking = read_linking(file_, segments_);
        for (std::string& objection : linking.objections) object(std::move(objection));
        is_shared_ = header_.e_type == elf::et::dyn && !linking.is_pie && !linking.interpreter &&
                     (header_.e_entry == 0 || linking.has_soname);
        if (is_shared_) object("is a shared object, not a program");
        const std::string wants = wants_of(linking);
        if (!wants.empty())
            object(
                "is dynamically linked: it wants " + wants +
                ", and an image has no libraries; link it statically (C and C++: -static; Go: CGO_ENABLED=0; "
                "Rust: a -linux-musl target)");
    }

    void check_entry() {
        if (is_shared_) return;
        const std::uint64_t entry = header_.e_entry;
        for (const Segment& load : loads_)
            if (load.has(elf::pf::x) && entry >= load.begin() && entry - load.begin() < load.header.p_filesz)
                return;
        object("entry " + hex_number(entry) + " lies in no executable segment");
    }

    /// A good program: doubts, and the line of facts.
    void look_closer() {
        const Segment* const stack = find_segment(segments_, elf::pt::gnu_stack);
        if (!stack)
            warn("has no PT_GNU_STACK segment: the kernel's default decides whether its stack is executable");
        else if (stack->has(elf::pf::x))
            warn("asks for an executable stack; link with -Wl,-z,noexecstack");
        std::uint64_t align = 1;
        for (const Segment& load : loads_) {
            if (load.has(elf::pf::w) && load.has(elf::pf::x))
                warn("segment " + describe(load) + " is writable and executable");
            align = std::max<std::uint64_t>(align, load.header.p_align);
        }
        const std::string page = std::to_string(demand_.page_size);
        if (demand_.page_size > 4096 && loads(jemalloc_words))
            warn(
                "contains jemalloc, which aborts (\"Unsupported system page size\") unless it was built for "
                "pages of " +
                page + " bytes or more");
        report_.facts = std::string(header_.e_type == elf::et::dyn ? "static-pie" : "static") +
                        " program for " + elf::machine_name(header_.e_machine) + ", entry " +
                        hex_number(header_.e_entry) + ", " + std::to_string(loads_.size()) +
                        (loads_.size() == 1 ? " segment" : " segments") + " aligned to " +
                        std::to_string(align) + ", runs on " + page + "-byte pages";
    }

    /// Whether `words` stand in what is loaded, which of a program with its debugging information is the
    /// lesser part.
    bool loads(std::string_view words) const {
        return std::ranges::any_of(loads_, [&](const Segment& load) {
            return contains(load.header.p_offset, load.header.p_filesz, words);
        });
    }

    /// Whether `words` stand in `count` bytes of the file. Blocks overlap, so that words across a border are
    /// found.
    bool contains(std::uint64_t offset, std::uint64_t count, std::string_view words) const {
        std::vector<std::uint8_t> block(std::min<std::uint64_t>(block_size, count));
        for (std::uint64_t at = 0; at + words.size() <= count; at += block.size() - words.size() + 1) {
            const auto part = std::span(block).first(std::min<std::uint64_t>(block.size(), count - at));
            file_.read(offset + at, part, "block");
            if (as_text(part).find(words) != std::string_view::npos) return true;
        }
        return false;
    }

    /// What jemalloc prints before it aborts: its page size is a constant of its build [jemalloc src/pages.c,
    /// pages_boot()].
    static constexpr std::string_view jemalloc_words = "Unsupported system page size";

    const Seekable& file_;
    const ElfDemand& demand_;
    ElfReport report_{};
    elf::Ehdr header_{};
    std::vector<Segment> segments_{};
    std::vector<Segment> loads_{}; // the PT_LOAD ones that are good by themselves
    bool is_shared_ = false;
};

} // namespace detail

/// Checks a file; of one that is not ELF the first magic_size bytes are enough. Reads only headers, except
/// that with pages over 4096 bytes what is loaded is searched for jemalloc. Whatever is wrong with the file
/// is an objection, worded without the subject; an Error is about reading it. Sources: gABI chapter 5; what
/// the kernel insists on, fs/binfmt_elf.c.
inline ElfReport check_elf(const Seekable& file, const ElfDemand& demand) {
    return detail::ElfChecker(file, demand).check();
}

} // namespace wisp
