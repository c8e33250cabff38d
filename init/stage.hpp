// What the machine stands on before anything is configured: the kernel's file systems and descriptors 0 to 2.
#pragma once

#include <linux/mount.h>

#include "console.hpp"

namespace init {

struct Mount {
    const char* target;
    const char* type;
    unsigned long flags;
};

/// In this order: what fails after /dev can be said on the console even where the kernel opened none for us.
/// devtmpfs gets no nodev, for the obvious reason; the others need no programs and no device nodes.
inline constexpr Mount mounts[] = {
    {"/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC},
    {"/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC},
};

inline void mount(const Mount& what) {
    static constexpr Hint hints[] = {
        {ENOENT, "the initrd has no such folder"},
        {ENODEV, "this kernel was built without the file system"},
    };
    must(sys_mount(what.type, what.target, what.type, what.flags), "mount", what.target, hints);
}

/// Puts `fd` in the place of 0, 1 and 2, kept across exec.
inline void become_standard_streams(int fd) {
    for (int stream = 0; stream < 3; ++stream)
        if (stream != fd) must(sys_dup3(fd, stream, 0), "console", "standard streams");
    if (fd > 2) must(sys_close(fd), "console", "standard streams");
}

/// Makes 0 to 2 the console, or /dev/null on a machine without one: runtimes abort when they find them
/// closed. The console is opened again even where the kernel did so, because the kernel's is a node of the
/// initrd, not the one of /dev that give_console() hands over. O_NOCTTY: Ctrl-C on the console must not be a
/// signal to PID 1.
inline void open_console() {
    const Result console = sys_open("/dev/console", O_RDWR | O_NOCTTY);
    if (console.ok()) return become_standard_streams(console.fd());
    const Result null = sys_open("/dev/null", O_RDWR);
    must(null, "console", "/dev/null");
    become_standard_streams(null.fd());
    // What must be said goes to the kernel's log then, from where netconsole and pstore can take it.
    if (const Result log = sys_open("/dev/kmsg", O_WRONLY | O_CLOEXEC); log.ok()) output_fd = log.fd();
}

/// The console becomes the service's own, so that /proc/self/fd/1 and /dev/console open for it too.
inline void give_console(unsigned uid, unsigned gid) {
    const Result given = sys_chown("/dev/console", uid, gid);
    if (given.error() != ENOENT) must(given, "console", "/dev/console"); // a machine without one
}

} // namespace init
