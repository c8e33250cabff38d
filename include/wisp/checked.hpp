// Arithmetic that refuses instead of wrapping.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "wisp/error.hpp"

namespace wisp {

/// A wide number for a narrower field, where it may not fit. Throws Error (input) naming value and limit.
template <class To>
constexpr To narrow(std::uint64_t value, std::string_view subject, std::string_view field) {
    constexpr std::uint64_t limit = std::numeric_limits<To>::max();
    if (value > limit)
        refuse(subject, std::string(field) + " " + std::to_string(value) + " exceeds " + std::to_string(limit));
    return static_cast<To>(value);
}

/// How many bytes lead from `position` to the next multiple of `alignment`; 0 when it is one.
constexpr std::uint64_t padding(std::uint64_t position, std::uint64_t alignment) {
    return (alignment - position % alignment) % alignment;
}

} // namespace wisp
