// A service that tries what no service may do, and tells how each attempt was answered: "escape: what:
// errno", or "escape: what: ALLOWED". Each attempt is the real thing, right enough that a kernel that lets it
// through does it.
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <sys/io.h>
#endif

namespace {

/// An attempt: -1 with errno, or anything else when it was allowed.
struct Attempt {
    const char* what;
    long (*make)();
};

long opens(const char* path, int flags) {
    const int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
    return fd;
}

/// A process of another user's, had by hand: hidepid hides all there are. kthreadd is always 2.
constexpr pid_t kernel_thread = 2;

/// The child's end makes no signal: one would stop a process that "be traced" was allowed to.
long clone_with(unsigned long flags) {
    const long child = syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    return child;
}

long raise_capability() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> sets{};
    sets[0].effective = sets[0].permitted = 1u << CAP_SYS_ADMIN;
    return syscall(SYS_capset, &header, sets.data());
}

/// Takes the loopback down, by a request that is otherwise right.
long take_link_down() {
    const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    struct {
        nlmsghdr header;
        ifinfomsg link;
    } request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_NEWLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request.link.ifi_index = 1;
    request.link.ifi_change = 1; // IFF_UP
    struct {
        nlmsghdr header;
        nlmsgerr verdict;
        std::array<char, 1024> rest;
    } answer{};
    if (fd < 0 || send(fd, &request, sizeof request, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 0)
        return -1;
    close(fd);
    errno = -answer.verdict.error;
    return answer.verdict.error == 0 ? 0 : -1;
}

long load_program() {
    std::array<bpf_insn, 2> program{};
    program[0].code = BPF_ALU64 | BPF_MOV | BPF_K; // r0 = 0
    program[1].code = BPF_JMP | BPF_EXIT;
    bpf_attr attributes{};
    attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attributes.insns = reinterpret_cast<std::uint64_t>(program.data());
    attributes.insn_cnt = program.size();
    attributes.license = reinterpret_cast<std::uint64_t>("GPL");
    return syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}

long watch_events() {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.config = PERF_COUNT_SW_TASK_CLOCK;
    attributes.exclude_kernel = 1;
    return syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}

long read_other_memory() {
    long word = 0;
    iovec local{&word, sizeof word};
    iovec remote{&word, sizeof word};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

long write_other_memory() {
    long word = 0;
    iovec local{&word, sizeof word};
    iovec remote{&word, sizeof word};
    return process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}

long make_ring() {
    io_uring_params parameters{};
    return syscall(SYS_io_uring_setup, 4, &parameters);
}

long set_clock() {
    const timespec time{1'000'000'000, 0};
    return clock_settime(CLOCK_REALTIME, &time);
}

long set_day() {
    const timeval time{1'000'000'000, 0};
    return syscall(SYS_settimeofday, &time, nullptr);
}

long adjust_clock() {
    timex change{};
    change.modes = ADJ_TICK;
    change.tick = 10000;
    return adjtimex(&change);
}

long raise_limit() {
    const rlimit more{RLIM_INFINITY, RLIM_INFINITY};
    return setrlimit(RLIMIT_NPROC, &more);
}

long become_real_time() {
    const sched_param priority{.sched_priority = 50};
    return sched_setscheduler(0, SCHED_FIFO, &priority);
}

long write_oom() {
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    const long written = fd < 0 ? -1 : write(fd, "-1000", 5);
    close(fd);
    return written;
}

long set_groups() {
    const gid_t root = 0;
    return setgroups(1, &root);
}

/// A program put where the service may write must not run.
long run_own_file() {
    const int fd = open("/scratch/program", O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    if (fd < 0 || write(fd, "#!/service/run\n", 15) != 15) return 0; // the test is about what follows
    close(fd);
    char* const none[] = {nullptr};
    return execve("/scratch/program", none, none);
}

long map_own_file() {
    const int fd = open("/scratch/program", O_RDONLY | O_CLOEXEC);
    void* const at = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    const int error = errno;
    close(fd);
    errno = error;
    return at == MAP_FAILED ? -1 : 0;
}

long load_module() {
    const int fd = open("/service/run", O_RDONLY | O_CLOEXEC);
    const long loaded = syscall(SYS_finit_module, fd, "", 0);
    const int error = errno;
    close(fd);
    errno = error;
    return loaded;
}

long open_by_handle() {
    struct {
        unsigned bytes = 8;
        int type = 1;
        std::array<unsigned char, 8> handle{};
    } handle;
    return syscall(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDONLY);
}

long set_mount_attributes() {
    mount_attr attributes{};
    attributes.attr_clr = MOUNT_ATTR_RDONLY;
    return syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof attributes);
}

long clone3_user() {
    clone_args arguments{};
    arguments.flags = CLONE_NEWUSER;
    const long child = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child == 0) _exit(0);
    return child;
}

constexpr Attempt attempts[] = {
    // writing
    {"create /new", [] { return opens("/new", O_WRONLY | O_CREAT | O_EXCL); }},
    {"create /etc/new", [] { return opens("/etc/new", O_WRONLY | O_CREAT | O_EXCL); }},
    {"create /dev/new", [] { return opens("/dev/new", O_WRONLY | O_CREAT | O_EXCL); }},
    {"create /proc/new", [] { return opens("/proc/new", O_WRONLY | O_CREAT | O_EXCL); }},
    {"create /sys/new", [] { return opens("/sys/new", O_WRONLY | O_CREAT | O_EXCL); }},
    {"create /tmp/new", [] { return opens("/tmp/new", O_WRONLY | O_CREAT | O_EXCL); }},
    {"create an unnamed file in /tmp", [] { return opens("/tmp", O_WRONLY | O_TMPFILE); }},
    {"write /service/run", [] { return opens("/service/run", O_WRONLY); }},
    {"write /etc/wisp.conf", [] { return opens("/etc/wisp.conf", O_WRONLY); }},
    {"write /tmp/open", [] { return opens("/tmp/open", O_WRONLY); }},
    {"make a folder", []() -> long { return mkdir("/tmp/folder", 0700); }},
    {"make a symbolic link", []() -> long { return symlink("/etc", "/tmp/link"); }},
    {"make a hard link", []() -> long { return link("/tmp/open", "/tmp/link"); }},
    {"make a device", []() -> long { return mknod("/scratch/mem", S_IFCHR | 0600, makedev(1, 1)); }},
    {"remove /init", []() -> long { return unlink("/init"); }},
    {"rename /etc", []() -> long { return rename("/etc", "/etc2"); }},
    {"chmod /service/run", []() -> long { return chmod("/service/run", 04777); }},
    {"chown /dev/null", []() -> long { return chown("/dev/null", 1000, 1000); }},
    {"run a file of its own", run_own_file},
    {"map a file of its own as code", map_own_file},
    // the kernel's files
    {"read /dev/mem", [] { return opens("/dev/mem", O_RDONLY); }},
    {"read /dev/kmsg", [] { return opens("/dev/kmsg", O_RDONLY); }},
    {"read /proc/kmsg", [] { return opens("/proc/kmsg", O_RDONLY); }},
    {"read /proc/kcore", [] { return opens("/proc/kcore", O_RDONLY); }},
    {"read the kernel's log",
     []() -> long {
         std::array<char, 64> buffer{};
         return klogctl(3, buffer.data(), buffer.size());
     }},
    {"write /proc/sysrq-trigger", [] { return opens("/proc/sysrq-trigger", O_WRONLY); }},
    {"write /proc/sys/kernel/core_pattern", [] { return opens("/proc/sys/kernel/core_pattern", O_WRONLY); }},
    {"write /proc/sys/kernel/modprobe", [] { return opens("/proc/sys/kernel/modprobe", O_WRONLY); }},
    {"write /sys/kernel/profiling", [] { return opens("/sys/kernel/profiling", O_WRONLY); }},
    {"look at another process", [] { return opens("/proc/2/status", O_RDONLY); }},
    {"escape the out-of-memory killer", write_oom},
    // modules, mounts, roots
    {"init_module", [] { return syscall(SYS_init_module, "", 0, ""); }},
    {"finit_module", load_module},
    {"delete_module", [] { return syscall(SYS_delete_module, "virtio_net", O_NONBLOCK); }},
    {"mount", []() -> long { return mount("proc", "/scratch", "proc", 0, nullptr); }},
    {"mount again for writing",
     []() -> long { return mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr); }},
    {"umount2", []() -> long { return umount2("/sys", MNT_DETACH); }},
    {"pivot_root", [] { return syscall(SYS_pivot_root, "/scratch", "/scratch"); }},
    {"move_mount", [] { return syscall(SYS_move_mount, AT_FDCWD, "/sys", AT_FDCWD, "/scratch", 0); }},
    {"open_tree", [] { return syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE); }},
    {"fsopen", [] { return syscall(SYS_fsopen, "tmpfs", 0); }},
    {"fsconfig", [] { return syscall(SYS_fsconfig, 0, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0); }},
    {"fsmount", [] { return syscall(SYS_fsmount, 0, 0, 0); }},
    {"fspick", [] { return syscall(SYS_fspick, AT_FDCWD, "/", 0); }},
    {"mount_setattr", set_mount_attributes},
    {"chroot", []() -> long { return chroot("/etc"); }},
    {"swapon", []() -> long { return swapon("/scratch/program", 0); }},
    {"swapoff", []() -> long { return swapoff("/scratch/program"); }},
    {"quotactl", [] { return syscall(SYS_quotactl, 0x80000100, nullptr, 0, nullptr); }}, // Q_SYNC of all
    {"open_by_handle_at", open_by_handle},
    // other processes
    {"ptrace another", []() -> long { return ptrace(PTRACE_SEIZE, kernel_thread, nullptr, nullptr); }},
    {"be traced", []() -> long { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
    {"process_vm_readv", read_other_memory},
    {"process_vm_writev", write_other_memory},
    {"kill a kernel thread", []() -> long { return kill(kernel_thread, SIGKILL); }},
    // the machine
    {"kexec_load", [] { return syscall(SYS_kexec_load, 0, 0, nullptr, 0); }},
    {"kexec_file_load",
     [] { return syscall(SYS_kexec_file_load, -1, -1, 0, "", 0x4); }}, // KEXEC_FILE_NO_INITRAMFS
    {"settimeofday", set_day},
    {"clock_settime", set_clock},
    {"adjtimex", adjust_clock},
    {"sethostname", []() -> long { return sethostname("mine", 4); }},
    {"setdomainname", []() -> long { return setdomainname("mine", 4); }},
    {"acct", []() -> long { return acct(nullptr); }},
    // surface
    {"bpf", load_program},
    {"perf_event_open", watch_events},
    {"userfaultfd", [] { return syscall(SYS_userfaultfd, 1); }}, // UFFD_USER_MODE_ONLY
    {"io_uring_setup", make_ring},
    {"keyctl", [] { return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1); }},
    {"add_key", [] { return syscall(SYS_add_key, "user", "name", "secret", 6, KEY_SPEC_PROCESS_KEYRING); }},
    {"request_key", [] { return syscall(SYS_request_key, "user", "name", nullptr, 0); }},
    // namespaces
    {"a user namespace", []() -> long { return unshare(CLONE_NEWUSER); }},
    {"a mount namespace", []() -> long { return unshare(CLONE_NEWNS); }},
    {"a network namespace", []() -> long { return unshare(CLONE_NEWNET); }},
    {"a time namespace", []() -> long { return unshare(CLONE_NEWTIME); }},
    {"a child in a user namespace", [] { return clone_with(CLONE_NEWUSER); }},
    {"a child in a PID namespace", [] { return clone_with(CLONE_NEWPID); }},
    {"a child by clone3", clone3_user},
    {"setns", []() -> long { return setns(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), 0); }},
    // users and privileges
    {"setuid", [] { return syscall(SYS_setuid, 0); }},
    {"setgid", [] { return syscall(SYS_setgid, 0); }},
    {"setresuid", [] { return syscall(SYS_setresuid, 0, 0, 0); }},
    {"setgroups", set_groups},
    {"capset", raise_capability},
    {"raise an ambient capability",
     []() -> long { return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0); }},
    {"change the securebits", []() -> long { return prctl(PR_SET_SECUREBITS, 0); }},
    {"leave no_new_privs", []() -> long { return prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0); }},
    {"raise a limit", raise_limit},
    {"raise the priority", []() -> long { return setpriority(PRIO_PROCESS, 0, -20); }},
    {"become real-time", become_real_time},
    // the network
    {"a raw socket", []() -> long { return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }},
    {"a raw IPv6 socket", []() -> long { return socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6); }},
    {"a packet socket", []() -> long { return socket(AF_PACKET, SOCK_RAW, 0); }},
    {"take a link down", take_link_down},
#ifdef __x86_64__
    {"ioperm", []() -> long { return ioperm(0x80, 1, 1); }},
    {"iopl", []() -> long { return iopl(3); }},
    {"read /dev/port", [] { return opens("/dev/port", O_RDONLY); }},
    {"a call by the x32 ABI", [] { return syscall(0x40000000 | SYS_getpid); }},
    {"a call by the i386 ABI",
     []() -> long {
         long result = 20; // getpid
         asm volatile("int $0x80" : "+a"(result) : : "memory");
         errno = static_cast<int>(-result);
         return result < 0 ? -1 : result;
     }},
#endif
    {"reboot",
     [] {
         return syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_ON, 0);
     }},
};

} // namespace

int main() {
    for (const Attempt& attempt : attempts) {
        errno = 0;
        const long result = attempt.make();
        const char* answer = result == -1 ? strerrorname_np(errno) : "ALLOWED";
        std::printf("escape: %s: %s\n", attempt.what, answer != nullptr ? answer : "?");
    }
}
