// Who owns which byte of a file: ranges that follow each other without gap and without overlap.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// Bytes of one owner, from `start` to before `end`.
struct ByteRange {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    std::string_view what{};  ///< a string literal: "file", "slack behind file", "boot sector"
    std::string subject{};    ///< which one of them: a path, a number; "" where there is only one
    bool is_contents = false; ///< of the file or entry `subject`; everything else can be computed

    /// "boot sector", "FAT 1", "file 'Image'", fit for a message.
    std::string owner() const {
        if (subject.empty()) return std::string(what);
        return std::string(what) + " " + (what == "FAT" ? subject : "'" + printable(subject) + "'");
    }
};

/// The ranges of a file. It can only grow at its end, so it always tiles what it covers.
class ByteMap {
public:
    /// The bytes from the present end to before `end`. A range of no bytes is left out; bytes of the owner
    /// the last range has make that one longer. An `end` before the present one is the caller's mistake, and
    /// refused.
    void add_up_to(std::uint64_t end, std::string_view what, std::string_view subject = "",
                   bool is_contents = false) {
        if (end < this->end())
            refuse(what, "ends at byte " + std::to_string(end) + ", before byte " +
                             std::to_string(this->end()) + " where it starts");
        if (end == this->end()) return;
        if (!ranges_.empty() && ranges_.back().what == what && ranges_.back().subject == subject)
            ranges_.back().end = end;
        else
            ranges_.push_back({this->end(), end, what, std::string(subject), is_contents});
    }

    /// Shows `visit` all ranges but the last, which can still grow, and forgets them.
    template <class Visit>
    void release(const Visit& visit) {
        if (ranges_.size() < 2) return;
        std::for_each(ranges_.begin(), ranges_.end() - 1, visit);
        ranges_.erase(ranges_.begin(), ranges_.end() - 1);
    }

    /// The first byte behind all ranges.
    std::uint64_t end() const { return ranges_.empty() ? 0 : ranges_.back().end; }

    const std::vector<ByteRange>& ranges() const { return ranges_; }

    /// The range that has the byte at `offset`, which must be before end().
    const ByteRange& at(std::uint64_t offset) const {
        return *std::ranges::upper_bound(ranges_, offset, {}, &ByteRange::end);
    }

private:
    std::vector<ByteRange> ranges_;
};

} // namespace wisp
