// One file descriptor and its owner.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "wisp/error.hpp"

namespace wisp {

/// Owns a descriptor and closes it at the latest when it is destroyed, where nobody hears of what goes wrong. Who has
/// written to a file calls close(): a full quota or disk of a network file system may show only there [close(2)].
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }

    int get() const { return fd_; }
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    /// Closes the descriptor, or throws Error (system) under `subject`; it is gone either way.
    void close(std::string_view subject) {
        if (::close(release()) != 0) fail_errno(subject, "close");
    }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

/// Opens `path` for reading. Throws Error (system) in errno's words; a directory is refused here (EISDIR) and not
/// at the first read.
[[nodiscard]] inline Fd open_read(const std::string& path) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) fail_errno(path, "open");
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) fail_errno(path, "stat");
    if (S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        fail_errno(path, "open");
    }
    return fd;
}

} // namespace wisp
