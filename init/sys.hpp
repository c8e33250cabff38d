// The kernel, without a C library, in two levels: the trap, one per architecture; then typed sys_* over it,
// which are the same everywhere. Numbers and structs are the kernel's own (its uapi headers).
#pragma once

#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/signal.h>
#include <linux/time.h>
#include <stddef.h>
#include <stdint.h>

#include "text.hpp"

#if defined(__x86_64__)

// The kernel enters here with argc at the stack pointer, which the ABI wants 16-byte aligned at a call.
asm(".globl _start\n"
    "_start:\n"
    "    xor %ebp, %ebp\n"
    "    and $-16, %rsp\n"
    "    call wisp_init\n"
    "    hlt\n");

namespace init {
inline long trap(long number, long a, long b, long c, long d, long e) {
    long result;
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                 : "rcx", "r11", "memory");
    return result;
}
} // namespace init

#elif defined(__aarch64__)

// The kernel enters here with a stack pointer that is aligned already.
asm(".globl _start\n"
    "_start:\n"
    "    mov x29, xzr\n"
    "    mov x30, xzr\n"
    "    bl wisp_init\n"
    "    brk #0\n");

namespace init {
inline long trap(long number, long a, long b, long c, long d, long e) {
    register long x8 asm("x8") = number;
    register long x0 asm("x0") = a;
    register long x1 asm("x1") = b;
    register long x2 asm("x2") = c;
    register long x3 asm("x3") = d;
    register long x4 asm("x4") = e;
    asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}
} // namespace init

#else
#error "init has a trap for x86_64 and aarch64 only"
#endif

// Compilers call these by name, library or not. The empty asm keeps the loops from being recognised as, and
// turned into calls of, the very functions they implement.
extern "C" {
void* memset(void* to, int byte, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        static_cast<char*>(to)[i] = static_cast<char>(byte);
        asm volatile("");
    }
    return to;
}

void* memcpy(void* __restrict to, const void* __restrict from, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
        asm volatile("");
    }
    return to;
}

size_t strlen(const char* string) {
    size_t size = 0;
    for (; string[size] != '\0'; ++size) asm volatile("");
    return size;
}
}

namespace init {

/// What a system call returned: a value, or the errno it failed with. It must be looked at.
class [[nodiscard]] Result {
public:
    explicit Result(long raw) : raw_(raw) {}

    bool ok() const { return raw_ >= 0; }
    int error() const { return ok() ? 0 : static_cast<int>(-raw_); }
    long value() const { return raw_; }
    int fd() const { return static_cast<int>(raw_); }

private:
    long raw_;
};

/// An argument of a system call: whatever it is, it travels in one register.
class Word {
public:
    Word(int value) : raw_(value) {}
    Word(unsigned value) : raw_(static_cast<long>(value)) {}
    Word(long value) : raw_(value) {}
    Word(unsigned long value) : raw_(static_cast<long>(value)) {}
    Word(const void* address) : raw_(reinterpret_cast<long>(address)) {}

    long raw() const { return raw_; }

private:
    long raw_;
};

/// Any call of up to five arguments.
inline Result sys_call(long number, Word a = 0, Word b = 0, Word c = 0, Word d = 0, Word e = 0) {
    return Result(trap(number, a.raw(), b.raw(), c.raw(), d.raw(), e.raw()));
}

[[noreturn]] inline void sys_exit(int status) {
    for (;;) (void)sys_call(__NR_exit_group, status);
}

inline Result sys_open(const char* path, int flags) {
    return sys_call(__NR_openat, AT_FDCWD, path, flags, 0);
}
/// Made where it is missing (0644), emptied where it is not.
inline Result sys_create(const char* path) {
    return sys_call(__NR_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}
inline Result sys_close(int fd) { return sys_call(__NR_close, fd); }
inline Result sys_read(int fd, void* to, size_t size) { return sys_call(__NR_read, fd, to, size); }
inline Result sys_write(int fd, const void* from, size_t size) {
    return sys_call(__NR_write, fd, from, size);
}
inline Result sys_dup3(int from, int to, int flags) { return sys_call(__NR_dup3, from, to, flags); }
inline Result sys_fcntl(int fd, int what, long value) { return sys_call(__NR_fcntl, fd, what, value); }
inline Result sys_ioctl(int fd, unsigned long what, long value) {
    return sys_call(__NR_ioctl, fd, what, value);
}
inline Result sys_close_range(unsigned first, unsigned last, unsigned flags) {
    return sys_call(__NR_close_range, first, last, flags);
}
inline Result sys_chown(const char* path, unsigned uid, unsigned gid) {
    return sys_call(__NR_fchownat, AT_FDCWD, path, uid, gid, 0);
}
inline Result sys_chdir(const char* path) { return sys_call(__NR_chdir, path); }
inline Result sys_umask(unsigned mask) { return sys_call(__NR_umask, mask); }
inline Result sys_mkdir(const char* path, unsigned mode) {
    return sys_call(__NR_mkdirat, AT_FDCWD, path, mode);
}
inline Result sys_mount(const char* source, const char* target, const char* type, unsigned long flags,
                        const char* options = nullptr) {
    return sys_call(__NR_mount, source, target, type, flags, options);
}
inline Result sys_sethostname(const char* name, size_t size) {
    return sys_call(__NR_sethostname, name, size);
}
inline Result sys_finit_module(int fd, const char* parameters, int flags) {
    return sys_call(__NR_finit_module, fd, parameters, flags);
}
inline Result sys_execve(const char* path, const char* const* argv, const char* const* environment) {
    return sys_call(__NR_execve, path, argv, environment);
}

inline Result sys_socket(int family, int type, int protocol) {
    return sys_call(__NR_socket, family, type, protocol);
}
inline Result sys_bind(int fd, const void* address, size_t size) {
    return sys_call(__NR_bind, fd, address, size);
}
inline Result sys_setsockopt(int fd, int level, int option, const void* value, size_t size) {
    return sys_call(__NR_setsockopt, fd, level, option, value, size);
}
inline Result sys_sendmsg(int fd, const void* message, int flags) {
    return sys_call(__NR_sendmsg, fd, message, flags);
}
inline Result sys_ppoll(pollfd* fds, unsigned count, const __kernel_timespec* timeout) {
    return sys_call(__NR_ppoll, fds, count, timeout, nullptr, 0);
}
inline Result sys_clock_gettime(int clock, __kernel_timespec* now) {
    return sys_call(__NR_clock_gettime, clock, now);
}

inline Result sys_clock_settime(int clock, const __kernel_timespec* time) {
    return sys_call(__NR_clock_settime, clock, time);
}

inline Result sys_prctl(int what, unsigned long a = 0, unsigned long b = 0) {
    return sys_call(__NR_prctl, what, a, b, 0, 0);
}
inline Result sys_seccomp(unsigned operation, unsigned flags, const void* program) {
    return sys_call(__NR_seccomp, operation, flags, program);
}
inline Result sys_setgroups(size_t count, const unsigned* groups) {
    return sys_call(__NR_setgroups, count, groups);
}
inline Result sys_getgroups(int size, unsigned* groups) { return sys_call(__NR_getgroups, size, groups); }
inline Result sys_setresgid(unsigned r, unsigned e, unsigned s) { return sys_call(__NR_setresgid, r, e, s); }
inline Result sys_setresuid(unsigned r, unsigned e, unsigned s) { return sys_call(__NR_setresuid, r, e, s); }
inline Result sys_getresgid(unsigned* r, unsigned* e, unsigned* s) {
    return sys_call(__NR_getresgid, r, e, s);
}
inline Result sys_getresuid(unsigned* r, unsigned* e, unsigned* s) {
    return sys_call(__NR_getresuid, r, e, s);
}
inline Result sys_setuid(unsigned uid) { return sys_call(__NR_setuid, uid); }
inline Result sys_setgid(unsigned gid) { return sys_call(__NR_setgid, gid); }
inline Result sys_capset(__user_cap_header_struct* header, const __user_cap_data_struct* sets) {
    return sys_call(__NR_capset, header, sets);
}
inline Result sys_capget(__user_cap_header_struct* header, __user_cap_data_struct* sets) {
    return sys_call(__NR_capget, header, sets);
}

inline Result sys_sigaction(int signal, const struct sigaction* action) {
    return sys_call(__NR_rt_sigaction, signal, action, nullptr, sizeof(uint64_t));
}
inline Result sys_sigprocmask(int how, const uint64_t* set) {
    return sys_call(__NR_rt_sigprocmask, how, set, nullptr, sizeof(uint64_t));
}

} // namespace init
