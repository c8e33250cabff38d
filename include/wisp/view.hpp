// Checked windows on bytes that are already in memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "wisp/error.hpp"

namespace wisp {

using Bytes = std::span<const std::uint8_t>;

/// The bytes of a text.
inline Bytes as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The text some bytes spell.
inline std::string_view as_text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Whether there is nothing but zeros.
inline bool are_zero(Bytes bytes) {
    return bytes.empty() || (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

/// A window on bytes that knows whose they are. Nothing reads past it: a piece that does not lie inside is refused
/// with its offset, its length and the size of the whole. The bytes belong to the caller and must outlive it.
class View {
public:
    View(std::string_view subject, Bytes bytes) : subject_(subject), bytes_(bytes) {}

    const std::string& subject() const { return subject_; }
    std::uint64_t size() const { return bytes_.size(); }
    Bytes bytes() const { return bytes_; }

    /// `length` bytes at `offset`; `what` names them in the refusal.
    Bytes cut(std::uint64_t offset, std::uint64_t length, std::string_view what) const {
        if (offset > size() || length > size() - offset)
            refuse(subject_, std::string(what) + " at offset " + std::to_string(offset) + " needs " +
                                 std::to_string(length) + " bytes, the file ends at " + std::to_string(size()));
        return bytes_.subspan(offset, length);
    }

    /// A copy of the struct at `offset`.
    template <class T>
    T read(std::uint64_t offset, std::string_view what) const {
        static_assert(std::is_trivially_copyable_v<T> && alignof(T) == 1, "T must be a struct as it lies on disk");
        T value;
        std::memcpy(&value, cut(offset, sizeof(T), what).data(), sizeof(T));
        return value;
    }

private:
    std::string subject_;
    Bytes bytes_;
};

} // namespace wisp
