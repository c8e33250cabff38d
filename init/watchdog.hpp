// The hardware that resets the machine when nobody pings it [watchdog-api.rst].
#pragma once

#include <linux/watchdog.h>

#include "console.hpp"

namespace init {

/// Starts the watchdog: from now on it is to be pinged every `seconds`. The descriptor is the service's to
/// ping by; tidy_process() keeps it from ending with exec.
inline int start_watchdog(uint32_t seconds) {
    static constexpr char device[] = "/dev/watchdog";
    static constexpr Hint hints[] = {
        {ENOENT, "this machine has none, or its module is not in the image"},
        {ENODEV, "this machine has none, or its module is not in the image"},
        {EBUSY, "something else has it"},
        {EINVAL, "it cannot wait as long as WATCHDOG says"},
        {EOPNOTSUPP, "its time cannot be set"},
    };
    const Result opened = sys_open(device, O_WRONLY | O_CLOEXEC);
    must(opened, "watchdog", device, hints);
    int timeout = static_cast<int>(seconds);
    must(sys_ioctl(opened.fd(), WDIOC_SETTIMEOUT, reinterpret_cast<long>(&timeout)), "watchdog", device,
         hints);
    return opened.fd();
}

} // namespace init
