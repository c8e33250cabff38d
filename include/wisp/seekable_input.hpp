// Bytes that can be read at any place, in sequence.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "wisp/input.hpp"
#include "wisp/seekable.hpp"

namespace wisp {

/// Reads a Seekable, or a part of it, in sequence. It must outlive this.
class SeekableInput : public Input {
public:
    explicit SeekableInput(const Seekable& bytes) : bytes_(bytes), end_(bytes.size()), name_(bytes.name()) {}
    /// The `size` bytes from `offset` on, called `name`; all of them are inside.
    SeekableInput(const Seekable& bytes, std::uint64_t offset, std::uint64_t size, std::string name)
        : bytes_(bytes), position_(offset), end_(offset + size), name_(std::move(name)) {}

    std::size_t read_some(std::span<std::uint8_t> into) override {
        const auto part = into.first(std::min<std::uint64_t>(into.size(), end_ - position_));
        bytes_.read(position_, part, "contents");
        position_ += part.size();
        return part.size();
    }
    std::uint64_t skip(std::uint64_t count) override {
        const std::uint64_t possible = std::min(count, end_ - position_);
        position_ += possible;
        return possible;
    }
    const std::string& name() const override { return name_; }

private:
    const Seekable& bytes_;
    std::uint64_t position_ = 0;
    std::uint64_t end_;
    std::string name_;
};

} // namespace wisp
