// From root to a process that is nobody special and cannot become so again [capabilities(7), credentials(7)].
// The order is the point: each step needs a privilege that a later one takes away.
#pragma once

#include <linux/prctl.h>
#include <linux/securebits.h>

#include "console.hpp"

namespace init {

namespace privileges_detail {

inline constexpr char step[] = "privileges";

struct CapabilitySets {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {}; // all empty

    bool empty() const {
        uint32_t any = 0;
        for (const auto& half : data) any |= half.effective | half.permitted | half.inheritable;
        return any == 0;
    }
};

/// The kernel knows capabilities 0 to /proc/sys/kernel/cap_last_cap, and says EINVAL for the next one.
inline void empty_bounding_set() {
    for (unsigned long capability = 0;; ++capability) {
        const Result held = sys_prctl(PR_CAPBSET_READ, capability);
        if (held.error() == EINVAL) return;
        must(held, step, "bounding set");
        must(sys_prctl(PR_CAPBSET_DROP, capability), step, "bounding set");
    }
}

/// uid 0 means nothing special any more, and that cannot be changed back. NO_SETUID_FIXUP stays off (locked):
/// it would carry the capabilities through the change of user.
inline void lock_securebits() {
    must(sys_prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                          SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                          SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED),
         step, "securebits");
}

inline void change_user(unsigned id) {
    must(sys_setgroups(0, nullptr), step, "supplementary groups");
    must(sys_setresgid(id, id, id), step, "gid");
    must(sys_setresuid(id, id, id), step, "uid");
}

/// The change of user emptied all but the inheritable set already; this says so in full.
inline void empty_capability_sets() {
    CapabilitySets none;
    must(sys_capset(&none.header, none.data), step, "capabilities");
    must(sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL), step, "ambient capabilities");
}

/// Asks the kernel instead of believing it: ids, sets, and that the way back is closed.
inline void verify(unsigned id) {
    unsigned uid[3];
    unsigned gid[3];
    must(sys_getresuid(&uid[0], &uid[1], &uid[2]), step, "uid");
    must(sys_getresgid(&gid[0], &gid[1], &gid[2]), step, "gid");
    for (int i = 0; i < 3; ++i)
        if (uid[i] != id || gid[i] != id) fail(step, "uid and gid", "not what they were set to");
    const Result groups = sys_getgroups(0, nullptr);
    must(groups, step, "supplementary groups");
    if (groups.value() != 0) fail(step, "supplementary groups", "some are left");
    CapabilitySets sets;
    must(sys_capget(&sets.header, sets.data), step, "capabilities");
    if (!sets.empty()) fail(step, "capabilities", "some are left");
    if (sys_setuid(0).ok() || sys_setgid(0).ok()) fail(step, "uid", "root can be had back");
}

} // namespace privileges_detail

/// Gives up everything root has, for good, and becomes user and group `id`.
inline void drop_privileges(unsigned id) {
    using namespace privileges_detail;
    empty_bounding_set();
    lock_securebits();
    change_user(id);
    empty_capability_sets();
    must(sys_prctl(PR_SET_NO_NEW_PRIVS, 1), step, "no_new_privs");
    verify(id);
}

} // namespace init
