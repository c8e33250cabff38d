// The moving window through which a tar archive is read: records and contents, each byte copied once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

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

    /// Goes on to where the next record starts.
    void skip_padding() {
        for (std::uint64_t left = padding(offset_, tar_record_size); left > 0;)
            left -= take(left, "the padding of a tar record").size();
    }

private:
    bool refill() {
        at_ = 0;
        end_ = in_.read_up_to({window_.get(), size});
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
    std::size_t at_ = 0;
    std::size_t end_ = 0;
    std::uint64_t offset_ = 0;
};

} // namespace wisp
