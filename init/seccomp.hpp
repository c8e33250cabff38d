// The floor under the service: system calls that no service needs and every escape does, refused whoever
// asks. A classic BPF program over seccomp_data [seccomp(2), linux/filter.h]. No system call: a test on the
// host can include it, load the program, or run it on paper.
//
// It is a floor and no sandbox: it lists what is refused and lets the rest pass, so that a service of any
// language runs unchanged. The kernel caches its answer for calls that are not in the list (since 5.11), so
// the length of the list costs them nothing.
#pragma once

#include <asm/errno.h>
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>

#include "capability.hpp"
#include "relax.hpp"

namespace init {

/// A program under construction.
class Filter {
public:
    static constexpr uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
    /// "There is no such call", upon which C libraries use the one before it.
    static constexpr uint32_t absent = SECCOMP_RET_ERRNO | ENOSYS;
    static constexpr uint32_t allowed = SECCOMP_RET_ALLOW;

    constexpr void load(uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, offset); }
    constexpr void answer(uint32_t verdict) { add(BPF_RET | BPF_K, verdict); }

    // The next `steps` are taken if the word loaded last is as the name says, otherwise skipped.
    constexpr void if_equal(uint32_t value, uint8_t steps) {
        add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, steps);
    }
    constexpr void if_not_equal(uint32_t value, uint8_t steps) {
        add(BPF_JMP | BPF_JEQ | BPF_K, value, steps, 0);
    }
    constexpr void if_at_least(uint32_t value, uint8_t steps) {
        add(BPF_JMP | BPF_JGE | BPF_K, value, 0, steps);
    }
    constexpr void if_any_bit(uint32_t bits, uint8_t steps) {
        add(BPF_JMP | BPF_JSET | BPF_K, bits, 0, steps);
    }

    const sock_filter* data() const { return steps_; }
    constexpr uint16_t size() const { return size_; }

private:
    constexpr void add(uint32_t code, uint32_t value, uint8_t if_true = 0, uint8_t if_false = 0) {
        steps_[size_++] = {static_cast<uint16_t>(code), if_true, if_false, value}; // build_filter() fits
    }

    sock_filter steps_[256] = {};
    uint16_t size_ = 0;
};

namespace seccomp_detail {

#if defined(__x86_64__)
inline constexpr uint32_t native = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
inline constexpr uint32_t native = AUDIT_ARCH_AARCH64;
#else
#error "init has a filter for x86_64 and aarch64 only"
#endif

// Where seccomp_data has the number of the call, its architecture, and the low half of the first argument.
inline constexpr uint32_t number_offset = 0;
inline constexpr uint32_t architecture_offset = 4;
inline constexpr uint32_t argument_offset = 16;
static_assert(offsetof(seccomp_data, nr) == number_offset &&
              offsetof(seccomp_data, arch) == architecture_offset &&
              offsetof(seccomp_data, args) == argument_offset);

/// One call, and what each by itself lets it pass: a capability that was granted, an item that was relaxed.
struct Call {
    uint32_t number;
    Relaxed items;
    Capabilities capabilities; // last: no padding in a table that is a large part of init

    constexpr Call(uint32_t call, Capabilities passing_capabilities, Relaxed passing_items)
        : number(call), items(passing_items), capabilities(passing_capabilities) {}
};

constexpr Capabilities admin = capability_bit(CAP_SYS_ADMIN);
constexpr Capabilities module = capability_bit(CAP_SYS_MODULE);
constexpr Capabilities trace = capability_bit(CAP_SYS_PTRACE);
constexpr Capabilities reboot = capability_bit(CAP_SYS_BOOT);
constexpr Capabilities time = capability_bit(CAP_SYS_TIME);
constexpr Capabilities raw_io = capability_bit(CAP_SYS_RAWIO);
constexpr Capabilities bpf = capability_bit(CAP_BPF) | admin;
constexpr Capabilities perf = capability_bit(CAP_PERFMON) | admin;

inline constexpr Call calls[] = {
    {__NR_init_module, module, Item::modules},
    {__NR_finit_module, module, Item::modules},
    {__NR_delete_module, module, Item::modules},

    {__NR_mount, admin, {}},
    {__NR_umount2, admin, {}},
    {__NR_pivot_root, admin, {}},
    {__NR_move_mount, admin, {}},
    {__NR_open_tree, admin, {}},
    {__NR_fsopen, admin, {}},
    {__NR_fsconfig, admin, {}},
    {__NR_fsmount, admin, {}},
    {__NR_fspick, admin, {}},
    {__NR_mount_setattr, admin, {}},
    {__NR_chroot, capability_bit(CAP_SYS_CHROOT), {}},
    {__NR_swapon, admin, {}},
    {__NR_swapoff, admin, {}},
    {__NR_quotactl, admin, {}},
    {__NR_quotactl_fd, admin, {}},

    {__NR_ptrace, trace, Item::ptrace},
    {__NR_process_vm_readv, trace, Item::ptrace},
    {__NR_process_vm_writev, trace, Item::ptrace},
    {__NR_pidfd_getfd, trace, Item::ptrace},

    {__NR_kexec_load, reboot, Item::kexec},
    {__NR_kexec_file_load, reboot, Item::kexec},
    {__NR_reboot, reboot, {}},

    {__NR_bpf, bpf, Item::bpf},
    {__NR_perf_event_open, perf, Item::perf},
    {__NR_userfaultfd, trace, {}},
    {__NR_io_uring_setup, 0, Item::io_uring},
    {__NR_io_uring_enter, 0, Item::io_uring},
    {__NR_io_uring_register, 0, Item::io_uring},

    {__NR_keyctl, 0, Item::keyring},
    {__NR_add_key, 0, Item::keyring},
    {__NR_request_key, 0, Item::keyring},

    {__NR_settimeofday, time, {}},
    {__NR_clock_settime, time, {}},
    {__NR_adjtimex, time, {}},
    {__NR_clock_adjtime, time, {}},

    {__NR_sethostname, admin, {}},
    {__NR_setdomainname, admin, {}},
    {__NR_acct, capability_bit(CAP_SYS_PACCT), {}},
    {__NR_open_by_handle_at, capability_bit(CAP_DAC_READ_SEARCH), {}},
#ifdef __NR_ioperm // and iopl: x86 only
    {__NR_ioperm, raw_io, {}},
    {__NR_iopl, raw_io, {}},
#endif
};

/// All that makes a namespace by clone(); unshare() knows CLONE_NEWTIME too, where clone() has the signal.
inline constexpr uint32_t namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

/// Calls of another architecture have numbers of their own, and so does x32, which calls itself x86_64.
/// Leaves the number of the call loaded.
constexpr void refuse_foreign_calls(Filter& filter) {
    filter.load(architecture_offset);
    filter.if_not_equal(native, 1);
    filter.answer(Filter::refused);
    filter.load(number_offset);
#ifdef __x86_64__
    constexpr uint32_t x32_bit = 0x40000000; // __X32_SYSCALL_BIT
    filter.if_at_least(x32_bit, 1);
    filter.answer(Filter::refused);
#endif
}

constexpr void refuse(Filter& filter, uint32_t call, uint32_t answer = Filter::refused) {
    filter.if_equal(call, 1);
    filter.answer(answer);
}

constexpr void refuse_if_any_bit(Filter& filter, uint32_t call, uint32_t bits) {
    filter.if_equal(call, 4);
    filter.load(argument_offset);
    filter.if_any_bit(bits, 1);
    filter.answer(Filter::refused);
    filter.answer(Filter::allowed);
}

/// clone3() has its flags in memory, where no filter can look.
constexpr void refuse_namespaces(Filter& filter) {
    refuse_if_any_bit(filter, __NR_clone, namespaces);
    refuse_if_any_bit(filter, __NR_unshare, namespaces | CLONE_NEWTIME);
    refuse(filter, __NR_clone3, Filter::absent);
    refuse(filter, __NR_setns);
}

} // namespace seccomp_detail

/// The program for a service with these capabilities.
constexpr Filter build_filter(Capabilities granted, Relaxed relaxed) {
    using namespace seccomp_detail;
    Filter filter;
    refuse_foreign_calls(filter);
    for (const Call& call : calls)
        if ((call.capabilities & granted) == 0 && !relaxed.has(call.items)) refuse(filter, call.number);
    if ((granted & admin) == 0 && !relaxed.has(Item::userns)) refuse_namespaces(filter);
    filter.answer(Filter::allowed);
    return filter;
}

} // namespace init
