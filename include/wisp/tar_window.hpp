// The moving window through which a tar archive is read: records and contents, each byte copied once.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "wisp/checked.hpp"
#include "wisp/error.hpp"
#include "wisp/input.hpp"
#include "wisp/tar_header.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// Hands out an Input in place, piece by piece. A piece is valid until the next call.
class TarWindow {
public:
    static constexpr std::size_t size = block_size;

    explicit TarWindow(Input& in) : in_(in), own_(std::make_unique_for_overwrite<std::uint8_t[]>(size)) {}

    const std::string& name() const { return in_.name(); }

    /// Bytes handed out so far.
    std::uint64_t offset() const { return offset_; }

    /// At least one byte and at most `wanted` (not 0); an input that ends here is refused as cut in `what`.
    Bytes take(std::uint64_t wanted, std::string_view what) {
        if (at_ == window_.size() && !refill())
            refuse(name(), "is cut in " + std::string(what) + ", " + std::to_string(wanted) + " bytes early");
        return advance(wanted);
    }

    /// The next record, or nothing where the input ends.
    Bytes record() {
        if (at_ == window_.size() && !refill()) return {};
        const Bytes part = advance(tar_record_size);
        return part.size() == tar_record_size ? part : join_record(part);
    }

    /// Goes past up to `count` bytes without reading more of them than lie in the window, where the input can; says
    /// how many.
    std::uint64_t skip(std::uint64_t count) {
        const std::uint64_t held = advance(count).size();
        if (held == count) return held;
        const std::uint64_t passed = in_.skip(count - held);
        if (passed > 0) next_size_ = after_skip;
        offset_ += passed;
        return held + passed;
    }

    /// Goes on to where the next record starts.
    void skip_padding() {
        for (std::uint64_t left = padding(offset_, tar_record_size); left > 0;)
            left -= take(left, "the padding of a tar record").size();
    }

private:
    /// What is read after contents that nobody wanted: a header, and perhaps all of the next such contents.
    static constexpr std::size_t after_skip = 4096;

    /// The window is where the input has its bytes, if it has a place for them.
    bool refill() {
        at_ = 0;
        window_ = in_.borrow_some({own_.get(), std::exchange(next_size_, size)});
        return !window_.empty();
    }

    /// A record whose first bytes are the last of a window.
    Bytes join_record(Bytes part) {
        std::size_t have = 0;
        for (;;) {
            std::copy(part.begin(), part.end(), record_.begin() + static_cast<std::ptrdiff_t>(have));
            have += part.size();
            if (have == record_.size()) return record_;
            if (!refill()) refuse(name(), "is cut in the tar record at byte " + std::to_string(offset_ - have));
            part = advance(record_.size() - have);
        }
    }

    Bytes advance(std::uint64_t wanted) {
        const Bytes part = window_.subspan(at_, std::min<std::uint64_t>(wanted, window_.size() - at_));
        at_ += part.size();
        offset_ += part.size();
        return part;
    }

    Input& in_;
    std::unique_ptr<std::uint8_t[]> own_; // for an input that has no place of its own
    std::array<std::uint8_t, tar_record_size> record_{};
    Bytes window_{};
    std::size_t next_size_ = size; // of the window, when it is filled anew
    std::size_t at_ = 0;
    std::uint64_t offset_ = 0;
};

} // namespace wisp
