// The first bytes of what a gzip file holds, from the first bytes of the file.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/gunzip.hpp"
#include "wisp/input.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// Up to `length` bytes that a file unpacks to which starts with `head`: fewer where `head` holds no more,
/// none where it is no gzip or is damaged. To tell what a file is, not to read it: nothing is refused.
inline std::vector<std::uint8_t> gunzip_head(Bytes head, std::size_t length) {
    if (!as_text(head).starts_with("\x1f\x8b")) return {};
    std::vector<std::uint8_t> start(length);
    std::size_t have = 0;
    try {
        MemoryInput in(head, "head");
        GunzipInput unpacked(in);
        unpacked.next_member();
        for (std::size_t count = 1; count > 0 && have < length; have += count)
            count = unpacked.read_some(std::span(start).subspan(have));
    } catch (const Error& error) {
        if (error.fault != Fault::input) throw;
    }
    start.resize(have);
    return start;
}

} // namespace wisp
