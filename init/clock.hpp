// The clock: never earlier than the image, for nobody's certificate is valid in 1970.
#pragma once

#include "console.hpp"

namespace init {

/// Sets the clock to `floor` (seconds since 1970) if it is earlier, and says so. A kernel that found a
/// working clock in the machine has set its own from it by now, and a later time is left alone.
inline void raise_clock(uint64_t floor) {
    __kernel_timespec now{};
    must(sys_clock_gettime(CLOCK_REALTIME, &now), "clock", "CLOCK_REALTIME");
    if (now.tv_sec >= static_cast<int64_t>(floor)) return;
    const __kernel_timespec raised{static_cast<int64_t>(floor), 0};
    must(sys_clock_settime(CLOCK_REALTIME, &raised), "clock", "CLOCK_REALTIME");
    Line line;
    line << "wisp: clock: " << static_cast<uint64_t>(now.tv_sec) << " is before this image was built: set to "
         << floor;
    say(line);
}

} // namespace init
