// Signals that end a program, taken only where nothing is half done.
#pragma once

#if defined(__linux__)
#include <poll.h>
#else
#include <sys/select.h>
#endif
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <string_view>

#include "wisp/error.hpp"

namespace wisp {

/// While it lives, SIGHUP, SIGINT and SIGTERM wait in this thread and in those that it starts, unless they are ignored
/// anyway. One that came meanwhile ends the program when it is gone, as if it had only just come.
class SignalDelay {
public:
    SignalDelay() {
        sigset_t delayed;
        sigemptyset(&delayed);
        for (std::size_t i = 0; i < signals.size(); ++i) {
            sigaction(signals[i], nullptr, &before_[i]);
            if (before_[i].sa_handler == SIG_IGN) continue;
            sigaddset(&delayed, signals[i]);
            struct sigaction noted {};
            noted.sa_handler = [](int signal) { last_ = signal; };
            sigaction(signals[i], &noted, nullptr);
        }
        sigprocmask(SIG_BLOCK, &delayed, &mask_);
    }
    SignalDelay(const SignalDelay&) = delete;
    SignalDelay& operator=(const SignalDelay&) = delete;
    ~SignalDelay() {
        for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &before_[i], nullptr);
        sigprocmask(SIG_SETMASK, &mask_, nullptr);
    }

    /// Waits until `fd` can be read; says whether a signal has come instead, or before.
    bool wait_for(int fd, std::string_view name) const {
        if (wait_until_readable(fd, name) < 0 && errno != EINTR) fail_errno(name, "wait");
        if (last_ != 0) ::kill(::getpid(), last_); // it was taken, so it must come again, to wait once more
        sigset_t pending;
        sigpending(&pending);
        for (const int signal : signals)
            if (sigismember(&pending, signal) == 1) return true;
        return false;
    }

private:
#if defined(__linux__)
    int wait_until_readable(int fd, std::string_view) const {
        pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
        return ppoll(&readable, 1, nullptr, &mask_);
    }
#else
    /// Where there is no ppoll(): an fd_set has no room for a larger descriptor, and FD_SET() does not look
    /// [POSIX, pselect()].
    int wait_until_readable(int fd, std::string_view name) const {
        if (fd >= FD_SETSIZE)
            throw Error(name, "wait: descriptor " + std::to_string(fd) + " is not below " + std::to_string(FD_SETSIZE),
                        Fault::system);
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(fd, &readable);
        return pselect(fd + 1, &readable, nullptr, nullptr, nullptr, &mask_);
    }
#endif

    static constexpr std::array signals{SIGHUP, SIGINT, SIGTERM};
    static inline volatile std::sig_atomic_t last_ = 0;

    std::array<struct sigaction, signals.size()> before_{};
    sigset_t mask_{};
};

} // namespace wisp
