// What the service inherits through exec, and the exec.
#pragma once

#include <linux/close_range.h>

#include "files.hpp"

namespace init {

inline constexpr char service_path[] = "/service/run";

/// Built here, whole: the kernel hands on unknown words of its command line as environment. They end here.
inline constexpr const char* service_environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/",
                                                      "TERM=linux", nullptr};

/// Dispositions and mask survive exec. SIGKILL and SIGSTOP cannot be set, which is as good.
inline void reset_signals() {
    constexpr int last_signal = 64;
    const struct sigaction by_default {};
    for (int signal = 1; signal <= last_signal; ++signal)
        if (signal != SIGKILL && signal != SIGSTOP)
            must(sys_sigaction(signal, &by_default), "process", "signals");
    const uint64_t none = 0;
    must(sys_sigprocmask(SIG_SETMASK, &none), "process", "signals");
}

/// Everything above 2 ends with exec, even what came from elsewhere. Marking instead of closing keeps
/// output_fd for one more line. Before Linux 5.11 the call or its flag is missing.
inline void close_descriptors() {
    const Result marked = sys_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    if (marked.error() != ENOSYS && marked.error() != EINVAL) return must(marked, "process", "descriptors");
    constexpr int default_limit = 1024; // INR_OPEN_CUR
    for (int fd = 3; fd < default_limit; ++fd) {
        const Result one = sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
        if (one.error() != EBADF) must(one, "process", "descriptors");
    }
}

/// A plain place to start from: root folder, the usual umask, default signals, three descriptors.
inline void tidy_process() {
    must(sys_chdir("/"), "process", "/");
    (void)sys_umask(022); // returns the old one, cannot fail
    reset_signals();
    close_descriptors();
}

/// Replaces init by the service, which is PID 1 from then on.
[[noreturn]] inline void exec_service() {
    static constexpr Hint hints[] = {
        {ENOENT, "the interpreter it names is not in the initrd: a dynamic program or a script"},
        {EACCES, "not executable"},
        {ENOEXEC, "not a program for this machine"},
        {ENOMEM, "not enough memory"},
    };
    static constexpr const char* argv[] = {service_path, nullptr};
    const Result refused = sys_execve(service_path, argv, service_environment);
    // ENOENT means two things; this tells them apart.
    must(sys_open(service_path, O_PATH | O_CLOEXEC), "exec", service_path, file_hints);
    fail("exec", service_path, refused, hints);
}

} // namespace init
