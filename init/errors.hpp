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

// All that something here may meet.
#define WISP_ERRNOS(X) \
    X(EPERM) X(ENOENT) X(EIO) X(ENXIO) X(E2BIG) X(ENOEXEC) X(EBADF) X(EAGAIN) X(ENOMEM) X(EACCES) \
    X(EFAULT) X(EBUSY) X(EEXIST) X(ENODEV) X(ENOTDIR) X(EISDIR) X(EINVAL) X(ENFILE) X(EMFILE) \
    X(ETXTBSY) X(ENOSPC) X(EROFS) X(ERANGE) X(ENAMETOOLONG) X(ENOSYS) X(ELOOP) X(EPROTO) X(EBADMSG) \
    X(ELIBBAD) X(EPROTONOSUPPORT) X(EOPNOTSUPP) X(EAFNOSUPPORT) X(EADDRINUSE) X(EADDRNOTAVAIL) \
    X(ENETDOWN) X(ENETUNREACH) X(ENOBUFS) X(ETIMEDOUT) X(EHOSTUNREACH) X(ENOKEY) X(EKEYEXPIRED) \
    X(EKEYREVOKED) X(EKEYREJECTED) X(ERFKILL)

/// The name of an errno; empty for one that nothing here is expected to meet.
inline Text errno_name(int error) {
#define WISP_NUMBER(name) name,
#define WISP_WORD(name) #name " "
    static constexpr uint8_t numbers[] = {WISP_ERRNOS(WISP_NUMBER)};
    static constexpr Text names = WISP_ERRNOS(WISP_WORD);
#undef WISP_NUMBER
#undef WISP_WORD
    uint32_t i = 0;
    while (i < sizeof numbers && numbers[i] != error) ++i;
    return word_at(names, i);
}

#undef WISP_ERRNOS

/// Appends "ENOENT, meaning", "ENOENT" when no hint fits, "errno 77" when there is no name.
inline Line& describe(Line& out, int error, Hints hints) {
    if (const Text name = errno_name(error); !name.empty())
        out << name;
    else
        out << "errno " << static_cast<uint32_t>(error);
    for (const Hint& hint : hints)
        if (hint.error == error) return out << ", " << hint.meaning;
    return out;
}

} // namespace init
