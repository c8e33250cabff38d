// Signals as something to poll for.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"

/// A pipe whose ends no program inherits, {reading, writing}.
inline std::pair<wisp::Fd, wisp::Fd> private_pipe() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) wisp::fail_errno("pipe", "open");
    std::pair<wisp::Fd, wisp::Fd> made{ends[0], ends[1]};
    for (const int end : ends)
        if (::fcntl(end, F_SETFD, FD_CLOEXEC) != 0) wisp::fail_errno("pipe", "fcntl");
    return made;
}

/// From now on reading and writing `fd` never wait.
inline void never_wait(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) wisp::fail_errno("descriptor", "fcntl");
}

/// While it lives, SIGHUP, SIGINT, SIGTERM and SIGCHLD come out of a pipe, also where they were ignored: QEMU
/// does not ignore them either, and whoever interrupts a script wants its machines gone. One at a time.
class SignalPipe {
public:
    SignalPipe() : ends_(private_pipe()) {
        never_wait(ends_.first.get());
        never_wait(ends_.second.get());
        into_ = ends_.second.get();
        struct sigaction noted {};
        noted.sa_handler = note;
        noted.sa_flags = SA_NOCLDSTOP;
        for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &noted, &before_[i]);
    }
    SignalPipe(const SignalPipe&) = delete;
    SignalPipe& operator=(const SignalPipe&) = delete;
    ~SignalPipe() {
        for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &before_[i], nullptr);
    }

    int fd() const { return ends_.first.get(); }

    /// The signals that have come since, oldest first.
    std::vector<int> take() const {
        std::array<unsigned char, 64> noted{};
        const ssize_t count = ::read(fd(), noted.data(), noted.size());
        return count > 0 ? std::vector<int>(noted.begin(), noted.begin() + count) : std::vector<int>{};
    }

private:
    static constexpr std::array signals{SIGHUP, SIGINT, SIGTERM, SIGCHLD};
    static inline volatile std::sig_atomic_t into_ = -1;

    /// A pipe that is full holds signals enough.
    static void note(int signal) {
        const int error = errno;
        const auto byte = static_cast<unsigned char>(signal);
        static_cast<void>(!::write(into_, &byte, 1));
        errno = error;
    }

    std::pair<wisp::Fd, wisp::Fd> ends_;
    std::array<struct sigaction, signals.size()> before_{};
};
