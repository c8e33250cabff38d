// What the service inherits through exec, and the exec.
#pragma once

#include <linux/close_range.h>

#include "files.hpp"
#include "strings.hpp"

namespace init {

inline constexpr char service_path[] = "/service/run";

inline constexpr const char* default_environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/",
                                                      "TERM=linux"};

/// What the service is started with.
struct Service {
    Arguments arguments;
    Environment environment;
    int watchdog = -1; ///< the one descriptor above 2 that it gets
};

/// Reads /etc/argv and /etc/env. The environment is built here, whole: the kernel hands on unknown words of
/// its command line as environment, which end here.
inline Service read_service(const char* argv_path, const char* env_path) {
    static char strings[Strings::largest_files + 1];
    Service service;
    const Text argv = read_file_if_any("arguments", argv_path, strings, sizeof strings);
    if (const Refusal refusal = parse_arguments(argv, service.arguments))
        fail("arguments", argv_path, refusal);
    if (argv.empty()) (void)service.arguments.add(service_path);

    const Text env =
        read_file_if_any("environment", env_path, strings + argv.size(), sizeof strings - argv.size());
    if (const Refusal refusal = parse_environment(env, service.environment))
        fail("environment", env_path, refusal);
    for (const char* variable : default_environment) add_default(service.environment, variable);
    return service;
}

/// Hands over a descriptor, whose number the service finds in its environment.
inline void give_watchdog(Service& service, int fd) {
    static Line variable;
    variable << watchdog_variable << "=" << static_cast<uint32_t>(fd);
    (void)service.environment.add(variable.c_str());
    service.watchdog = fd;
}

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

/// A plain place to start from: root folder, the usual umask, default signals, three descriptors and what
/// else the service was promised.
inline void tidy_process(const Service& service) {
    must(sys_chdir("/"), "process", "/");
    (void)sys_umask(022); // returns the old one, cannot fail
    reset_signals();
    close_descriptors();
    if (service.watchdog >= 0) must(sys_fcntl(service.watchdog, F_SETFD, 0), "process", "watchdog");
}

/// Replaces init by the service, which is PID 1 from then on.
[[noreturn]] inline void exec_service(const Service& service) {
    static constexpr Hint hints[] = {
        {ENOENT, "the interpreter it names is not in the initrd: a dynamic program or a script"},
        {EACCES, "not executable"},
        {ENOEXEC, "not a program for this machine"},
        {ENOMEM, "not enough memory"},
    };
    const Result refused = sys_execve(service_path, service.arguments.data(), service.environment.data());
    // ENOENT means two things; this tells them apart.
    must(sys_open(service_path, O_PATH | O_CLOEXEC), "exec", service_path, file_hints);
    fail("exec", service_path, refused, hints);
}

} // namespace init
