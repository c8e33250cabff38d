// Where the console's bytes go on to, which must not keep anybody waiting.
#pragma once

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "wisp/error.hpp"
#include "wisp/view.hpp"

/// Passes bytes on to a descriptor that somebody else may share, so it stays as it is: it is written to when it
/// can take bytes, no more at a time than a pipe then takes without waiting [POSIX, write()]. Holds what was
/// given once; whoever gives waits until that is gone.
class ConsoleOutput {
public:
    ConsoleOutput(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
        struct stat status {};
        takes_all_ = ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
    }

    bool empty() const { return written_ == held_.size(); }

    void give(wisp::Bytes bytes) {
        held_.assign(bytes.begin(), bytes.end());
        written_ = 0;
    }

    pollfd watched() const { return {.fd = empty() ? -1 : fd_, .events = POLLOUT, .revents = 0}; }

    /// After poll() has seen something. Throws Error (system): a full disk, a reader that has gone.
    void proceed() {
        const std::size_t left = held_.size() - written_;
        const ssize_t count =
            ::write(fd_, held_.data() + written_, takes_all_ ? left : std::min<std::size_t>(left, PIPE_BUF));
        if (count >= 0) written_ += static_cast<std::size_t>(count);
        else if (errno != EINTR && errno != EAGAIN) wisp::fail_errno(name_, "write");
    }

private:
    int fd_;
    std::string name_;
    bool takes_all_ = false; ///< a file never keeps a writer waiting for a reader
    std::string held_;
    std::size_t written_ = 0;
};
