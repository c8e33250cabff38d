// The moving window through which a tar archive is read: records and contents, each byte copied once.
#pragma once

#include <algorithm>
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
    static_assert(size % tar_record_size == 0);

    explicit TarWindow(Input& in) : in_(in), window_(std::make_unique_for_overwrite<std::uint8_t[]>(size)) {}

    const std::string& name() const { return in_.name(); }

    /// Bytes handed out so far.
    std::uint64_t offset() const { return offset_; }

    /// At least one byte and at most `wanted` (not 0); an input that ends here is refused as cut in `what`.
    Bytes take(std::uint64_t wanted, std::string_view what) {
        if (at_ == end_ && !refill())
            refuse(name(), "is cut in " + std::string(what) + ", " + std::to_string(wanted) + " bytes early");
        return advance(wanted);
    }

    /// The next record, or nothing where the input ends. The window is a whole number of records and records
    /// follow each other without gap, so one never straddles two windows.
    Bytes record() {
        if (at_ == end_ && !refill()) return {};
        const Bytes part = advance(tar_record_size);
        if (part.size() < tar_record_size)
            refuse(name(), "is cut in the tar record at byte " + std::to_string(offset_ - part.size()));
        return part;
    }

    /// Goes past up to `count` bytes without reading more of them than lie in the window, where the input can; says
    /// how many. Only whole records are passed over, so that the next window starts with one.
    std::uint64_t skip(std::uint64_t count) {
        const std::uint64_t held = advance(count).size();
        const std::uint64_t records = (count - held) / tar_record_size * tar_record_size;
        if (at_ < end_ || records == 0) return held;
        const std::uint64_t passed = in_.skip(records);
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
    static_assert(after_skip % tar_record_size == 0);

    bool refill() {
        at_ = 0;
        end_ = in_.read_up_to({window_.get(), std::exchange(next_size_, size)});
        return end_ > 0;
    }

    Bytes advance(std::uint64_t wanted) {
        const Bytes part(&window_[at_], std::min<std::uint64_t>(wanted, end_ - at_));
        at_ += part.size();
        offset_ += part.size();
        return part;
    }

    Input& in_;
    std::unique_ptr<std::uint8_t[]> window_;
    std::size_t next_size_ = size; // of the window, when it is filled anew
    std::size_t at_ = 0;
    std::size_t end_ = 0;
    std::uint64_t offset_ = 0;
};

} // namespace wisp
