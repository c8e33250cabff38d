// Packed bytes, unpacked: gzip by wisp itself, xz and zstd by the programs of that name.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/gunzip.hpp"
#include "wisp/input.hpp"
#include "wisp/process.hpp"
#include "wisp/spool.hpp"

namespace wisp {

enum class Packing { none, gzip, xz, zstd };

/// How bytes are packed that start with `head`: RFC 1952; xz-file-format 2.1.1.1; RFC 8878, 3.1.1.
inline Packing packing_of(Bytes head) {
    const std::string_view text = as_text(head);
    if (text.starts_with("\x1f\x8b")) return Packing::gzip;
    if (text.starts_with(std::string_view("\xfd"
                                          "7zXZ\0",
                                          6)))
        return Packing::xz;
    if (text.starts_with("\x28\xb5\x2f\xfd")) return Packing::zstd;
    return Packing::none;
}

/// An input whose first bytes have been looked at, from its first byte on.
class PeekInput : public Input {
public:
    /// Reads up to `length` bytes ahead.
    PeekInput(Input& in, std::size_t length) : in_(in), head_(length) {
        head_.resize(in_.read_up_to(head_));
        left_ = head_;
    }

    /// Goes on behind `head`, which has been read of it already.
    PeekInput(std::vector<std::uint8_t> head, Input& rest) : in_(rest), head_(std::move(head)), left_(head_) {}

    /// The first bytes; fewer than asked for only when the input has no more.
    Bytes head() const { return head_; }

    std::size_t read_some(std::span<std::uint8_t> into) override {
        if (left_.empty()) return in_.read_some(into);
        const std::size_t count = std::min(into.size(), left_.size());
        std::copy_n(left_.begin(), count, into.begin());
        left_ = left_.subspan(count);
        return count;
    }
    std::uint64_t skip(std::uint64_t count) override { return left_.empty() ? in_.skip(count) : 0; }
    Bytes borrow_some(std::span<std::uint8_t> block) override {
        return left_.empty() ? in_.borrow_some(block) : std::exchange(left_, {});
    }
    const std::string& name() const override { return in_.name(); }

private:
    Input& in_;
    std::vector<std::uint8_t> head_;
    Bytes left_;
};

/// The next `length` bytes of an input, or as many as it has.
class PartInput : public Input {
public:
    PartInput(Input& in, std::uint64_t length) : in_(in), left_(length) {}

    std::size_t read_some(std::span<std::uint8_t> into) override {
        if (left_ == 0) return 0;
        const std::size_t count = in_.read_some(into.first(std::min<std::uint64_t>(into.size(), left_)));
        left_ -= count;
        return count;
    }
    const std::string& name() const override { return in_.name(); }

    /// How many of the bytes have not been read.
    std::uint64_t left() const { return left_; }

private:
    Input& in_;
    std::uint64_t left_;
};

/// All members of a gzip file, as one, and zeros behind them.
class GunzipAllInput : public Input {
public:
    explicit GunzipAllInput(Input& in) : members_(in), all_(members_, BoundedGunzip::Scope::all_members_and_zeros) {
        members_.next_member();
    }

    std::size_t read_some(std::span<std::uint8_t> into) override { return all_.read_some(into); }
    const std::string& name() const override { return members_.name(); }

private:
    GunzipInput members_;
    BoundedGunzip all_;
};

/// What an input holds, unpacked if its first bytes say that it is packed, and as it is otherwise. Bytes for
/// a helper go through a temporary file, so that no helper can wait for us while we wait for it.
class UnpackInput : public Input {
public:
    /// `folder` is for temporary files. A missing helper is an Error (system) that says what to install.
    UnpackInput(Input& in, const std::string& folder) : peek_(in, 6) {
        switch (packing_of(peek_.head())) {
            case Packing::none: break;
            case Packing::gzip: unpacked_ = std::make_unique<GunzipAllInput>(peek_); break;
            case Packing::xz: help({"xz", {"-dc"}, "xz-utils"}, folder); break;
            case Packing::zstd: help({"zstd", {"-dc"}, "zstd"}, folder); break;
        }
    }

    std::size_t read_some(std::span<std::uint8_t> into) override {
        return unpacked_ ? unpacked_->read_some(into) : peek_.read_some(into);
    }
    const std::string& name() const override { return peek_.name(); }

private:
    void help(Helper helper, const std::string& folder) {
        unpacked_ = std::make_unique<HelperInput>(std::move(helper), spool(peek_, folder), peek_.name());
    }

    PeekInput peek_;
    std::unique_ptr<Input> unpacked_;
};

} // namespace wisp
