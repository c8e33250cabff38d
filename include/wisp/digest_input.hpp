// An input that digests what passes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wisp/ahead.hpp"
#include "wisp/digest.hpp"
#include "wisp/input.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// Digests, in the background, and counts the bytes of another input as they are read.
class DigestInput : public Input {
public:
    DigestInput(DigestAlgorithm algorithm, Input& in) : digest_(algorithm), in_(in) {}

    std::size_t read_some(std::span<std::uint8_t> into) override {
        const std::size_t count = in_.read_some(into);
        digest_.write(Bytes(into.first(count)));
        return count;
    }
    Bytes borrow_some(std::span<std::uint8_t> block) override {
        const Bytes bytes = in_.borrow_some(block);
        digest_.write(bytes);
        return bytes;
    }
    const std::string& name() const override { return in_.name(); }

    /// The digest of what has been read. The object is spent.
    std::vector<std::uint8_t> digest() { return digest_.digest(); }

    /// How many bytes have been read.
    std::uint64_t size() const { return digest_.position(); }

private:
    BackgroundDigest digest_;
    Input& in_;
};

} // namespace wisp
