// Bytes that can be read at any place, in sequence.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "wisp/input.hpp"
#include "wisp/seekable.hpp"

namespace wisp {

/// Reads all of a Seekable from its first byte on. It must outlive this.
class SeekableInput : public Input {
public:
    explicit SeekableInput(const Seekable& bytes) : bytes_(bytes) {}

    std::size_t read_some(std::span<std::uint8_t> into) override {
        const auto part = into.first(std::min<std::uint64_t>(into.size(), bytes_.size() - position_));
        bytes_.read(position_, part, "contents");
        position_ += part.size();
        return part.size();
    }
    std::uint64_t skip(std::uint64_t count) override {
        const std::uint64_t possible = std::min(count, bytes_.size() - position_);
        position_ += possible;
        return possible;
    }
    const std::string& name() const override { return bytes_.name(); }

private:
    const Seekable& bytes_;
    std::uint64_t position_ = 0;
};

} // namespace wisp
