// Bytes that must be looked at twice, or out of order: temporary files.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/input.hpp"
#include "wisp/sink.hpp"

namespace wisp {

/// A new, empty file in `folder` that has no name any more: it is gone when its descriptor is.
[[nodiscard]] inline Fd open_temporary(const std::string& folder) {
    std::string path = folder + "/wisp-XXXXXX";
    Fd fd(::mkstemp(path.data()));
    if (!fd) fail_errno(path, "create a temporary file");
    if (::unlink(path.c_str()) != 0) fail_errno(path, "unlink");
    if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) fail_errno(path, "fcntl");
    return fd;
}

/// A temporary file that is written and then read.
class Spool {
public:
    explicit Spool(const std::string& folder)
        : name_("temporary file in " + folder), fd_(open_temporary(folder)), sink_(fd_.get(), name_) {}

    Sink& sink() { return sink_; }

    /// Everything has been written: the file, standing at its first byte. The object is spent.
    [[nodiscard]] Fd finish() {
        sink_.finish();
        if (::lseek(fd_.get(), 0, SEEK_SET) != 0) fail_errno(name_, "seek");
        return std::move(fd_);
    }

private:
    std::string name_;
    Fd fd_;
    FdSink sink_;
};

/// All that is left of `in`, in a temporary file in `folder` that stands at its first byte.
[[nodiscard]] inline Fd spool(Input& in, const std::string& folder) {
    Spool file(folder);
    in.copy_all(file.sink());
    return file.finish();
}

} // namespace wisp
