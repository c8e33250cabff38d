// Work that another core does meanwhile: reading ahead, and digesting behind.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "wisp/digest.hpp"
#include "wisp/input.hpp"
#include "wisp/sink.hpp"
#include "wisp/view.hpp"
#include "wisp/work_ring.hpp"

namespace wisp {

/// Another input, read ahead of whoever reads this one by a thread of its own: for inputs that take time to make their
/// bytes. What it throws comes out in its place. Nothing else may read the other input meanwhile; it has been read past
/// what came out of here, but never past its end.
class AheadInput : public Input {
public:
    explicit AheadInput(Input& in) : in_(in), blocks_(1, ahead, [this](Filled& filled) { fill(filled); }) {
        while (!blocks_.is_full()) blocks_.submit();
    }

    std::size_t read_some(std::span<std::uint8_t> into) override {
        if (left_.empty() && !next_block()) return 0;
        const std::size_t count = std::min(into.size(), left_.size());
        std::copy_n(left_.begin(), count, into.begin());
        left_ = left_.subspan(count);
        return count;
    }
    Bytes borrow_some(std::span<std::uint8_t>) override {
        return left_.empty() && !next_block() ? Bytes() : std::exchange(left_, {});
    }
    const std::string& name() const override { return in_.name(); }

private:
    static constexpr std::size_t ahead = 4; // blocks

    void fill(Filled& filled) {
        filled.clear();
        if (std::exchange(ended_, true)) return; // also after what it throws
        filled.take(Bytes(filled.room()).first(in_.read_up_to(filled.room())));
        ended_ = !filled.is_full();
    }

    bool next_block() {
        if (std::exchange(in_use_, false)) {
            blocks_.release();
            blocks_.submit();
        }
        const Filled& filled = blocks_.oldest(); // what it throws, it throws every time
        in_use_ = true;
        left_ = filled.bytes();
        return !left_.empty();
    }

    Input& in_;
    bool ended_ = false; // the thread's
    bool in_use_ = false;
    Bytes left_;
    WorkRing<Filled> blocks_;
};

/// Digests what is written to it and passes nothing on: on a thread of its own, if there is enough of it.
class BackgroundDigest : public Sink {
public:
    explicit BackgroundDigest(DigestAlgorithm algorithm, Placement placement = Placement::anywhere)
        : digest_(algorithm), placement_(placement) {}

    std::span<std::uint8_t> room() override { return filling_.room(); }

    /// The digest of what has been written. The object is spent.
    std::vector<std::uint8_t> digest() {
        while (blocks_ && !blocks_->is_empty()) retire();
        digest_.update(filling_.bytes());
        return digest_.finish();
    }

private:
    static constexpr std::size_t behind = 4; // blocks

    void append(Bytes bytes) override {
        while (!bytes.empty()) {
            bytes = bytes.subspan(filling_.take(bytes));
            if (filling_.is_full()) submit();
        }
    }

    void submit() {
        if (!blocks_) blocks_.emplace(1, behind, [this](Filled& filled) { digest_.update(filled.bytes()); }, placement_);
        if (blocks_->is_full()) retire();
        std::swap(blocks_->next(), filling_);
        blocks_->submit();
        filling_.clear();
    }

    void retire() {
        blocks_->oldest();
        blocks_->release();
    }

    Digest digest_;
    Placement placement_;
    Filled filling_;
    std::optional<WorkRing<Filled>> blocks_;
};

} // namespace wisp
