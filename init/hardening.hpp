// The machine closed behind the service, by switches that only root can set and most of which cannot be set
// back. README.md has the list for people.
#pragma once

#include <linux/mount.h>

#include "conf.hpp"
#include "files.hpp"

namespace init {

/// Writes what the configuration wants in /proc/sys, in its order.
inline void set_variable(const Variable& variable) {
    static constexpr Hint hints[] = {
        {ENOENT, "this kernel has no such variable"},
        {EINVAL, "not a value it takes"},
        {EACCES, "this kernel does not let it be written"},
        {EPERM, "this kernel does not let it become that"},
    };
    Line path;
    path << "/proc/sys/";
    for (char c : variable.key) path << (c == '.' ? Text("/") : c == '/' ? Text(".") : Text(&c, 1));
    Line key;
    key << variable.key;
    must(write_file(path.c_str(), variable.value), "sysctl", key.c_str(), hints);
}

/// A folder of memory, which nobody but the service may look into.
inline void mount_tmpfs(const Tmpfs& tmpfs, const Conf& conf) {
    static constexpr Hint hints[] = {
        {ENOENT, "the initrd has no such folder"},
        {ENODEV, "this kernel was built without tmpfs"},
        {ENOTDIR, "not a folder"},
    };
    Line path;
    path << tmpfs.path;
    Line options;
    options << "mode=0700,uid=" << conf.uid << ",gid=" << conf.gid << ",size=" << tmpfs.size;
    const Result made = sys_mkdir(path.c_str(), 0755);
    if (made.error() != EEXIST) must(made, "tmpfs", path.c_str(), hints);
    must(sys_mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options.c_str()),
         "tmpfs", path.c_str(), hints);
}

namespace hardening_detail {

struct Switch {
    Item item;
    const char* path;
    Text value;
};

inline constexpr Switch switches[] = {
    {Item::modules, "/proc/sys/kernel/modules_disabled", "1"},
    {Item::kexec, "/proc/sys/kernel/kexec_load_disabled", "1"},
    {Item::dmesg, "/proc/sys/kernel/dmesg_restrict", "1"},
    {Item::kptr, "/proc/sys/kernel/kptr_restrict", "2"},
    {Item::bpf, "/proc/sys/kernel/unprivileged_bpf_disabled", "1"},
    {Item::sysrq, "/proc/sys/kernel/sysrq", "0"},
    {Item::userns, "/proc/sys/user/max_user_namespaces", "0"},
    {Item::ptrace, "/proc/sys/kernel/yama/ptrace_scope", "3"},
    {Item::perf, "/proc/sys/kernel/perf_event_paranoid", "3"},
    {Item::io_uring, "/proc/sys/kernel/io_uring_disabled", "2"},
};

/// A kernel without the switch was built without what it switches off.
inline void set(const Switch& what) {
    const Result written = write_file(what.path, what.value);
    if (written.error() != ENOENT) must(written, "hardening", what.path);
}

/// Whether the kernel hurries where it waits until no processor uses what it takes away. With sysrq its
/// keyboard handler goes, where it has one, which took 20 ms of a boot [Linux drivers/tty/sysrq.c and
/// input/input.c]. Only a matter of time, so a kernel that cannot be told is as good.
inline void hurry(bool on) { (void)write_file("/sys/kernel/rcu_expedited", on ? "1" : "0"); }

inline void remount(const char* target, unsigned long flags, const char* options = nullptr) {
    must(sys_mount(nullptr, target, nullptr, MS_REMOUNT | flags, options), "hardening", target);
}

} // namespace hardening_detail

/// Sets every switch the configuration does not leave out. Ends the machine's own changes: what init still
/// does concerns the process alone.
inline void harden(Relaxed relaxed) {
    using namespace hardening_detail;
    hurry(true);
    for (const Switch& what : switches)
        if (!relaxed.has(what.item)) set(what);
    hurry(false);

    constexpr unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (!relaxed.has(Item::hidepid)) remount("/proc", plain, "hidepid=2");
    // MS_BIND: the mount is what becomes read-only, whatever file system is behind it.
    if (!relaxed.has(Item::sysfs)) remount("/sys", MS_BIND | MS_RDONLY | plain);
    const unsigned long writing = relaxed.has(Item::rootfs) ? 0 : MS_RDONLY;
    remount("/", MS_BIND | MS_NOSUID | MS_NODEV | writing); // the service is a program, and stands in it
}

} // namespace init
