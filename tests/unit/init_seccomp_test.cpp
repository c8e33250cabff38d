// The seccomp floor: run on paper, and by this machine's kernel.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/seccomp.hpp"

using init::Filter;
using init::Item;
using init::Relaxed;

namespace {

/// What a classic BPF machine says of one call. Knows the instructions of seccomp(2)'s subset that a filter
/// here uses; anything else, and any step outside the program, is a failure of the test.
std::uint32_t verdict(const Filter& filter, const seccomp_data& data) {
    std::uint32_t word = 0;
    for (std::size_t at = 0; at < filter.size(); ++at) {
        const sock_filter& step = filter.data()[at];
        switch (step.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                REQUIRE(step.k + 4 <= sizeof data);
                std::memcpy(&word, reinterpret_cast<const char*>(&data) + step.k, 4);
                break;
            case BPF_JMP | BPF_JEQ | BPF_K: at += word == step.k ? step.jt : step.jf; break;
            case BPF_JMP | BPF_JGE | BPF_K: at += word >= step.k ? step.jt : step.jf; break;
            case BPF_JMP | BPF_JSET | BPF_K: at += (word & step.k) != 0 ? step.jt : step.jf; break;
            case BPF_RET | BPF_K: return step.k;
            default: FAIL("an instruction " << step.code);
        }
    }
    FAIL("the program has no end");
    return 0;
}

std::uint32_t verdict(const Filter& filter, long number, std::uint64_t first_argument = 0) {
    return verdict(filter, {.nr = static_cast<int>(number),
                            .arch = init::seccomp_detail::native,
                            .instruction_pointer = 0,
                            .args = {first_argument, 0, 0, 0, 0, 0}});
}

const Filter floor_filter = init::build_filter(0, {});

/// The calls, by number, that are not let through when their first argument is zero.
std::vector<long> refused(const Filter& filter) {
    std::vector<long> out;
    for (long number = 0; number < 1000; ++number)
        if (verdict(filter, number) != Filter::allowed) out.push_back(number);
    return out;
}

std::vector<long> without(std::vector<long> numbers, const std::vector<long>& taken) {
    for (const long number : taken) std::erase(numbers, number);
    return numbers;
}

/// The errno of a call made by a child under the filter; 0 when it was let through.
int answer(const Filter& filter, long number, long argument) {
    const pid_t child = fork();
    if (child == 0) {
        const sock_fprog program{filter.size(), const_cast<sock_filter*>(filter.data())};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
            _exit(255);
        errno = 0;
        const long result = syscall(number, argument, 0, 0, 0, 0);
        _exit(result == -1 ? errno : 0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) != 255);
    return WEXITSTATUS(status);
}

} // namespace

TEST_CASE("the floor refuses every call of the list, and no other") {
    std::vector<long> listed = {
        SYS_init_module,
        SYS_finit_module,
        SYS_delete_module,
        SYS_mount,
        SYS_umount2,
        SYS_pivot_root,
        SYS_move_mount,
        SYS_open_tree,
        SYS_fsopen,
        SYS_fsconfig,
        SYS_fsmount,
        SYS_fspick,
        SYS_mount_setattr,
        SYS_chroot,
        SYS_swapon,
        SYS_swapoff,
        SYS_quotactl,
        SYS_quotactl_fd,
        SYS_ptrace,
        SYS_process_vm_readv,
        SYS_reboot,
        SYS_kexec_load,
        SYS_process_vm_writev,
        SYS_pidfd_getfd,
        SYS_bpf,
        SYS_userfaultfd,
        SYS_kexec_file_load,
        SYS_perf_event_open,
        SYS_keyctl,
        SYS_add_key,
        SYS_io_uring_setup,
        SYS_io_uring_enter,
        SYS_request_key,
        SYS_setns,
        SYS_io_uring_register,
        SYS_clone3,
        SYS_settimeofday,
        SYS_clock_settime,
        SYS_adjtimex,
        SYS_clock_adjtime,
        SYS_sethostname,
        SYS_setdomainname,
        SYS_acct,
        SYS_open_by_handle_at,
#ifdef SYS_ioperm
        SYS_ioperm,
        SYS_iopl,
#endif
    };
    std::sort(listed.begin(), listed.end());
    CHECK(refused(floor_filter) == listed);
    for (const long number : listed) {
        CAPTURE(number);
        CHECK(verdict(floor_filter, number) == (number == SYS_clone3 ? Filter::absent : Filter::refused));
    }
}

TEST_CASE("another architecture's calls and x32's are refused, whatever their number") {
    for (const std::uint32_t arch : {std::uint32_t{AUDIT_ARCH_I386}, std::uint32_t{AUDIT_ARCH_ARM},
                                     std::uint32_t{AUDIT_ARCH_RISCV64}, 0u}) {
        CAPTURE(arch);
        CHECK(verdict(floor_filter, {.nr = SYS_getpid, .arch = arch, .instruction_pointer = 0, .args = {}}) ==
              Filter::refused);
    }
#ifdef __x86_64__
    CHECK(verdict(floor_filter, 0x40000000 | SYS_getpid) == Filter::refused);
    CHECK(verdict(floor_filter, 0x3fffffff) == Filter::allowed);
#endif
}

TEST_CASE("threads and processes may be made, namespaces not") {
    constexpr std::uint64_t thread =
        CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SETTLS;
    CHECK(verdict(floor_filter, SYS_clone, thread) == Filter::allowed);
    CHECK(verdict(floor_filter, SYS_clone, 17) == Filter::allowed); // SIGCHLD: fork
    CHECK(verdict(floor_filter, SYS_clone, CLONE_VM | CLONE_VFORK | 17) == Filter::allowed);
    CHECK(verdict(floor_filter, SYS_unshare, CLONE_FS | CLONE_FILES) == Filter::allowed);
    for (const int kind : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                           CLONE_NEWPID, CLONE_NEWNET}) {
        const auto flag = static_cast<std::uint64_t>(kind);
        CAPTURE(flag);
        CHECK(verdict(floor_filter, SYS_clone, thread | flag) == Filter::refused);
        CHECK(verdict(floor_filter, SYS_unshare, flag) == Filter::refused);
    }
    CHECK(verdict(floor_filter, SYS_unshare, CLONE_NEWTIME) == Filter::refused);
}

TEST_CASE("a capability lets its own calls through, and no others") {
    const auto [capability, calls] = GENERATE(table<unsigned, std::vector<long>>({
        {CAP_SYS_MODULE, {SYS_init_module, SYS_finit_module, SYS_delete_module}},
        {CAP_SYS_CHROOT, {SYS_chroot}},
        {CAP_SYS_PTRACE,
         {SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_userfaultfd}},
        {CAP_SYS_BOOT, {SYS_reboot, SYS_kexec_load, SYS_kexec_file_load}},
        {CAP_SYS_TIME, {SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime}},
        {CAP_SYS_PACCT, {SYS_acct}},
        {CAP_DAC_READ_SEARCH, {SYS_open_by_handle_at}},
        {CAP_BPF, {SYS_bpf}},
        {CAP_PERFMON, {SYS_perf_event_open}},
        {CAP_NET_RAW, {}},
        {CAP_SYS_ADMIN,
         {SYS_mount,  SYS_umount2,     SYS_pivot_root,    SYS_move_mount,  SYS_open_tree,
          SYS_fsopen, SYS_fsconfig,    SYS_fsmount,       SYS_fspick,      SYS_mount_setattr,
          SYS_swapon, SYS_swapoff,     SYS_quotactl,      SYS_quotactl_fd, SYS_setns,
          SYS_clone3, SYS_sethostname, SYS_setdomainname, SYS_bpf,         SYS_perf_event_open}},
#ifdef SYS_ioperm
        {CAP_SYS_RAWIO, {SYS_ioperm, SYS_iopl}},
#endif
    }));
    CAPTURE(capability);
    const Filter granted = init::build_filter(init::capability_bit(capability), {});
    CHECK(refused(granted) == without(refused(floor_filter), calls));
    CHECK(verdict(granted, SYS_clone, CLONE_NEWNET) ==
          (capability == CAP_SYS_ADMIN ? Filter::allowed : Filter::refused));
}

TEST_CASE("an item that is relaxed lets its own calls through, and no others") {
    const auto [item, calls] = GENERATE(table<Item, std::vector<long>>({
        {Item::modules, {SYS_init_module, SYS_finit_module, SYS_delete_module}},
        {Item::kexec, {SYS_kexec_load, SYS_kexec_file_load}},
        {Item::bpf, {SYS_bpf}},
        {Item::perf, {SYS_perf_event_open}},
        {Item::ptrace, {SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd}},
        {Item::keyring, {SYS_keyctl, SYS_add_key, SYS_request_key}},
        {Item::io_uring, {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register}},
        {Item::userns, {SYS_setns, SYS_clone3}},
        {Item::hidepid, {}},
    }));
    CAPTURE(static_cast<unsigned>(item));
    CHECK(refused(init::build_filter(0, item)) == without(refused(floor_filter), calls));
}

TEST_CASE("the kernel takes the program and answers by it") {
    CHECK(answer(floor_filter, SYS_getpid, 0) == 0);
    CHECK(answer(floor_filter, SYS_clone3, 0) == ENOSYS);
    // without the filter these say EFAULT, EFAULT and EBADF
    CHECK(answer(floor_filter, SYS_adjtimex, 0) == EPERM);
    CHECK(answer(floor_filter, SYS_io_uring_setup, 0) == EPERM);
    CHECK(answer(floor_filter, SYS_setns, -1) == EPERM);
    CHECK(answer(init::build_filter(init::capability_bit(CAP_SYS_TIME), {}), SYS_adjtimex, 0) == EFAULT);
#ifdef __x86_64__
    CHECK(answer(floor_filter, 0x40000000 | SYS_getpid, 0) == EPERM);
#endif
}
