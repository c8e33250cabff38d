// Integers as they lie on disk.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace wisp {

/// A little-endian unsigned integer made of bytes. Its alignment is 1, so a struct of these has no padding and
/// may be copied from any offset; reading and assigning convert, so a forgotten byte swap cannot be written.
template <std::unsigned_integral T>
class LittleEndian {
public:
    constexpr LittleEndian() = default;
    constexpr LittleEndian(T value) {
        for (auto& byte : bytes_) {
            byte = static_cast<std::uint8_t>(value & 0xff);
            value = static_cast<T>(static_cast<std::uint64_t>(value) >> 8);
        }
    }
    constexpr operator T() const {
        if constexpr (std::endian::native == std::endian::little) return std::bit_cast<T>(bytes_);
        std::uint64_t value = 0;
        for (std::size_t i = sizeof(T); i > 0; --i) value = value << 8 | bytes_[i - 1];
        return static_cast<T>(value);
    }

private:
    std::array<std::uint8_t, sizeof(T)> bytes_{};
};

using le16 = LittleEndian<std::uint16_t>;
using le32 = LittleEndian<std::uint32_t>;
using le64 = LittleEndian<std::uint64_t>;

static_assert(sizeof(le64) == 8 && alignof(le64) == 1);

} // namespace wisp
