// Bytes that must be looked at twice, or out of order: temporary files.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/input.hpp"
#include "wisp/sink.hpp"

namespace wisp {

/// A new, empty file in `folder` that has no name any more: it is gone when its descriptor is.
inline Fd open_temporary(const std::string& folder) {
    std::string path = folder + "/wisp-XXXXXX";
    Fd fd(::mkstemp(path.data()));
    if (!fd) fail_errno(path, "create a temporary file");
    if (::unlink(path.c_str()) != 0) fail_errno(path, "unlink");
    if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) fail_errno(path, "fcntl");
    return fd;
}

/// Back to a file's first byte.
inline void rewind(const Fd& fd, std::string_view name) {
    if (::lseek(fd.get(), 0, SEEK_SET) != 0) fail_errno(name, "seek");
}

/// All that is left of `in`, in a temporary file in `folder` that stands at its first byte.
inline Fd spool(Input& in, const std::string& folder) {
    Fd fd = open_temporary(folder);
    FdSink out(fd.get(), "temporary file in " + folder);
    in.copy_all(out);
    out.finish();
    rewind(fd, folder);
    return fd;
}

} // namespace wisp
