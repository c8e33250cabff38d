// Waiting that ends: a point in time, and sleeping until it or until there is something to read.
#pragma once

#include "console.hpp"

namespace init {

/// By a clock that never jumps.
inline int64_t monotonic_nanoseconds() {
    __kernel_timespec time{};
    must(sys_clock_gettime(CLOCK_MONOTONIC, &time), "clock", "monotonic");
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

class Deadline {
public:
    explicit Deadline(uint32_t milliseconds)
        : at_(monotonic_nanoseconds() + int64_t{milliseconds} * 1'000'000) {}

    /// The earlier of the two.
    Deadline or_sooner(const Deadline& other) const { return at_ < other.at_ ? *this : other; }

    bool passed() const { return monotonic_nanoseconds() >= at_; }

    /// Sleeps until there is something to read from `fd` (value 1) or the time has come (value 0); with fd
    /// -1, until the time has come.
    Result wait_for(int fd) const {
        pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
        const int64_t nanoseconds = at_ - monotonic_nanoseconds();
        if (nanoseconds <= 0) return Result(0);
        const __kernel_timespec timeout{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
        return sys_ppoll(&ready, 1, &timeout);
    }

    void sleep() const { must(wait_for(-1), "clock", "sleep"); }

private:
    int64_t at_;
};

} // namespace init
