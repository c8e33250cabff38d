// What a program wants others to do before it runs: an interpreter, libraries.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wisp/elf.hpp"
#include "wisp/elf_layout.hpp"
#include "wisp/seekable.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// What PT_INTERP and PT_DYNAMIC say. A static program may well have a dynamic section: a static-pie
/// relocates itself.
struct Linking {
    static constexpr std::size_t names_kept = 8;

    std::optional<std::string> interpreter{};
    std::vector<std::string> needed{}; ///< the first DT_NEEDED names
    std::uint64_t needed_count = 0;    ///< of them all
    bool has_soname = false;           ///< a name to be linked by
    bool is_pie = false;               ///< DF_1_PIE
    std::vector<std::string> objections{};
};

namespace detail {

/// The name at `offset`, fit for a message.
inline std::string name_at(const Seekable& file, std::uint64_t offset) {
    return printable(elf::string_at(file, offset).value_or("(unreadable name)"));
}

/// Where in the file an address lies; the file's size when nowhere.
inline std::uint64_t offset_of(std::uint64_t address, std::span<const Segment> segments,
                               std::uint64_t file_size) {
    for (const Segment& segment : segments) {
        const elf::Phdr& h = segment.header;
        if (h.p_type == elf::pt::load && address >= h.p_vaddr && address - h.p_vaddr < h.p_filesz &&
            place_objection(segment, file_size).empty())
            return h.p_offset + (address - h.p_vaddr);
    }
    return file_size;
}

/// The dynamic section up to its DT_NULL; none, after an objection, where it cannot be right.
inline std::vector<elf::Dyn> dynamic_entries(const Seekable& file, const Segment& segment,
                                             std::vector<std::string>& objections) {
    constexpr std::uint64_t limit = 4096; // real programs have under 100
    const std::uint64_t count = segment.header.p_filesz / sizeof(elf::Dyn);
    std::string objection = place_objection(segment, file.size());
    if (objection.empty() && count > limit)
        objection =
            "has " + std::to_string(count) + " dynamic entries, the limit is " + std::to_string(limit);
    if (!objection.empty()) {
        objections.push_back(std::move(objection));
        return {};
    }
    std::vector<elf::Dyn> entries(count);
    file.read(segment.header.p_offset,
              {reinterpret_cast<std::uint8_t*>(entries.data()), count * sizeof(elf::Dyn)}, "dynamic section");
    entries.erase(std::find_if(entries.begin(), entries.end(),
                               [](const elf::Dyn& entry) { return entry.d_tag == elf::dt::null; }),
                  entries.end());
    return entries;
}

inline void read_dynamic(const Seekable& file, std::span<const Segment> segments, Linking& linking) {
    const Segment* const dynamic = find_segment(segments, elf::pt::dynamic);
    if (!dynamic) return;
    const std::vector<elf::Dyn> entries = dynamic_entries(file, *dynamic, linking.objections);
    std::uint64_t names = file.size();
    for (const elf::Dyn& entry : entries) {
        if (entry.d_tag == elf::dt::strtab) names = offset_of(entry.d_val, segments, file.size());
        if (entry.d_tag == elf::dt::soname) linking.has_soname = true;
        if (entry.d_tag == elf::dt::flags_1) linking.is_pie = (entry.d_val & elf::df_1::pie) != 0;
    }
    for (const elf::Dyn& entry : entries) {
        if (entry.d_tag != elf::dt::needed || ++linking.needed_count > Linking::names_kept) continue;
        const bool is_near = entry.d_val < file.size(); // so that the sum cannot wrap
        linking.needed.push_back(name_at(file, is_near ? names + entry.d_val : file.size()));
    }
}

} // namespace detail

/// Reads what a program wants; what cannot be read is an objection, worded without the subject.
inline Linking read_linking(const Seekable& file, std::span<const Segment> segments) {
    Linking linking;
    if (const Segment* const interp = find_segment(segments, elf::pt::interp)) {
        linking.interpreter =
            detail::name_at(file, std::min<std::uint64_t>(interp->header.p_offset, file.size()));
        std::string objection = place_objection(*interp, file.size());
        if (!objection.empty()) linking.objections.push_back(std::move(objection));
    }
    detail::read_dynamic(file, segments, linking);
    return linking;
}

/// "the interpreter /lib/ld-musl-aarch64.so.1 and libz.so.1, libc.so"; "" for a static program.
inline std::string wants_of(const Linking& linking) {
    std::string wants = linking.interpreter ? "the interpreter " + *linking.interpreter : "";
    for (std::size_t i = 0; i < linking.needed.size(); ++i)
        wants += (wants.empty() ? "" : i == 0 ? " and " : ", ") + linking.needed[i];
    if (linking.needed_count > linking.needed.size())
        wants += " and " + std::to_string(linking.needed_count - linking.needed.size()) + " more";
    return wants;
}

} // namespace wisp
