// errno in words: its name, which is what people search for, and where a call needs it, what it means there.
#pragma once

#include <asm/errno.h>

#include "text.hpp"

namespace init {

/// What one errno means after one kind of call.
struct Hint {
    int error;
    const char* meaning;
};

/// The hints of one call; by default none.
class Hints {
public:
    constexpr Hints() = default;
    template <size_t count>
    constexpr Hints(const Hint (&hints)[count]) : first_(hints), last_(hints + count) {} // implicit: a view

    constexpr const Hint* begin() const { return first_; }
    constexpr const Hint* end() const { return last_; }

private:
    const Hint* first_ = nullptr;
    const Hint* last_ = nullptr;
};

/// The name of an errno, or nullptr for one that nothing here is expected to meet.
inline const char* errno_name(int error) {
#define WISP_NAME(name) {name, #name}
    struct Name {
        uint8_t error;
        char name[16]; // in place: a table of pointers would be larger than all the names
    };
    static constexpr Name names[] = {
        WISP_NAME(EPERM),
        WISP_NAME(ENOENT),
        WISP_NAME(EIO),
        WISP_NAME(ENXIO),
        WISP_NAME(E2BIG),
        WISP_NAME(ENOEXEC),
        WISP_NAME(EBADF),
        WISP_NAME(EAGAIN),
        WISP_NAME(ENOMEM),
        WISP_NAME(EACCES),
        WISP_NAME(EFAULT),
        WISP_NAME(EBUSY),
        WISP_NAME(EEXIST),
        WISP_NAME(ENODEV),
        WISP_NAME(ENOTDIR),
        WISP_NAME(EISDIR),
        WISP_NAME(EINVAL),
        WISP_NAME(ENFILE),
        WISP_NAME(EMFILE),
        WISP_NAME(ETXTBSY),
        WISP_NAME(ENOSPC),
        WISP_NAME(EROFS),
        WISP_NAME(ERANGE),
        WISP_NAME(ENAMETOOLONG),
        WISP_NAME(ENOSYS),
        WISP_NAME(ELOOP),
        WISP_NAME(EPROTO),
        WISP_NAME(EBADMSG),
        WISP_NAME(ELIBBAD),
        WISP_NAME(EPROTONOSUPPORT),
        WISP_NAME(EOPNOTSUPP),
        WISP_NAME(EAFNOSUPPORT),
        WISP_NAME(EADDRINUSE),
        WISP_NAME(EADDRNOTAVAIL),
        WISP_NAME(ENETDOWN),
        WISP_NAME(ENETUNREACH),
        WISP_NAME(ENOBUFS),
        WISP_NAME(ETIMEDOUT),
        WISP_NAME(EHOSTUNREACH),
        WISP_NAME(ENOKEY),
        WISP_NAME(EKEYEXPIRED),
        WISP_NAME(EKEYREVOKED),
        WISP_NAME(EKEYREJECTED),
        WISP_NAME(ERFKILL),
    };
#undef WISP_NAME
    for (const Name& one : names)
        if (one.error == error) return one.name;
    return nullptr;
}

/// Appends "ENOENT, meaning", "ENOENT" when no hint fits, "errno 77" when there is no name.
inline Line& describe(Line& out, int error, Hints hints) {
    if (const char* name = errno_name(error))
        out << name;
    else
        out << "errno " << static_cast<uint32_t>(error);
    for (const Hint& hint : hints)
        if (hint.error == error) return out << ", " << hint.meaning;
    return out;
}

} // namespace init
