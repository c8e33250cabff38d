// From root to a process that is nobody special and cannot become so again [capabilities(7), credentials(7)].
// The order is the point: each step needs a privilege that a later one takes away.
#pragma once

#include <linux/prctl.h>
#include <linux/securebits.h>

#include "conf.hpp"
#include "console.hpp"
#include "seccomp.hpp"

namespace init {

namespace privileges_detail {

inline constexpr char step[] = "privileges";

struct CapabilitySets {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
};
static_assert(_LINUX_CAPABILITY_U32S_3 == 2);

inline void set_capabilities(Capabilities usable, Capabilities inheritable) {
    CapabilitySets sets;
    for (int half = 0; half < 2; ++half) {
        const auto usable_half = static_cast<uint32_t>(usable >> 32 * half);
        sets.data[half] = {usable_half, usable_half, static_cast<uint32_t>(inheritable >> 32 * half)};
    }
    must(sys_capset(&sets.header, sets.data), step, "capabilities");
}

/// The kernel knows capabilities 0 to /proc/sys/kernel/cap_last_cap, and says EINVAL for the next one.
inline void limit_bounding_set(Capabilities granted) {
    for (uint32_t number = 0; number < 64; ++number) {
        const Result held = sys_prctl(PR_CAPBSET_READ, number);
        const bool known = held.error() != EINVAL;
        const bool keep = (granted & capability_bit(number)) != 0;
        if (!known && keep) {
            Line name;
            name << word_at(capability_names, number);
            fail(step, name.c_str(), "this kernel has no such capability");
        }
        if (!known || keep) continue;
        must(held, step, "bounding set");
        must(sys_prctl(PR_CAPBSET_DROP, number), step, "bounding set");
    }
}

/// The permitted set outlives the change by SECBIT_KEEP_CAPS; no other securebit may stand yet.
inline void change_user(unsigned uid, unsigned gid) {
    must(sys_prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS), step, "securebits");
    must(sys_setgroups(0, nullptr), step, "supplementary groups");
    must(sys_setresgid(gid, gid, gid), step, "gid");
    must(sys_setresuid(uid, uid, uid), step, "uid");
}

/// What is granted comes through exec by the ambient set, which takes what is permitted and inheritable.
inline void raise_ambient(Capabilities granted) {
    for (uint32_t number = 0; number < capability_count; ++number)
        if ((granted & capability_bit(number)) != 0)
            must(sys_call(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number), step,
                 "ambient capabilities");
}

/// uid 0 means nothing special any more, and that cannot be changed back. NO_SETUID_FIXUP stays off (locked):
/// it would carry capabilities through a change of user. So does KEEP_CAPS.
inline void lock_securebits() {
    must(sys_prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                          SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                          SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED),
         step, "securebits");
}

/// CAP_SETPCAP is what locking the securebits takes, and ends with it.
inline void reduce_capabilities(Capabilities granted) {
    set_capabilities(granted | capability_bit(CAP_SETPCAP), granted);
    raise_ambient(granted);
    lock_securebits();
    set_capabilities(granted, granted);
}

inline void refuse_calls(Capabilities granted, Relaxed relaxed) {
    static constexpr Hint hints[] = {{EINVAL, "this kernel was built without seccomp filters"},
                                     {ENOSYS, "this kernel was built without seccomp"}};
    if (relaxed.has(Item::seccomp)) return;
    const Filter filter = build_filter(granted, relaxed);
    const sock_fprog program{filter.size(),
                             const_cast<sock_filter*>(filter.data())}; // which the kernel copies
    must(sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program), step, "seccomp", hints);
}

inline void verify_ids(unsigned wanted_uid, unsigned wanted_gid) {
    unsigned uid[3];
    unsigned gid[3];
    must(sys_getresuid(&uid[0], &uid[1], &uid[2]), step, "uid");
    must(sys_getresgid(&gid[0], &gid[1], &gid[2]), step, "gid");
    for (int i = 0; i < 3; ++i)
        if (uid[i] != wanted_uid || gid[i] != wanted_gid)
            fail(step, "uid and gid", "not what they were set to");
    const Result groups = sys_getgroups(0, nullptr);
    must(groups, step, "supplementary groups");
    if (groups.value() != 0) fail(step, "supplementary groups", "some are left");
}

inline void verify_capabilities(Capabilities granted) {
    CapabilitySets sets;
    must(sys_capget(&sets.header, sets.data), step, "capabilities");
    for (int half = 0; half < 2; ++half) {
        const auto wanted = static_cast<uint32_t>(granted >> 32 * half);
        const __user_cap_data_struct& are = sets.data[half];
        if (are.effective != wanted || are.permitted != wanted || are.inheritable != wanted)
            fail(step, "capabilities", "not what they were set to");
    }
}

/// Asks the kernel instead of believing it: ids, sets, and that the way back is closed.
inline void verify(const Conf& conf) {
    verify_ids(conf.uid, conf.gid);
    verify_capabilities(conf.granted);
    const bool may_be_root = (conf.granted & (capability_bit(CAP_SETUID) | capability_bit(CAP_SETGID))) != 0;
    if (!may_be_root && (sys_setuid(0).ok() || sys_setgid(0).ok())) fail(step, "uid", "root can be had back");
}

} // namespace privileges_detail

/// Gives up everything root has but the capabilities that are granted, for good, and becomes the service's
/// user.
inline void drop_privileges(const Conf& conf) {
    using namespace privileges_detail;
    limit_bounding_set(conf.granted);
    change_user(conf.uid, conf.gid);
    reduce_capabilities(conf.granted);
    must(sys_prctl(PR_SET_NO_NEW_PRIVS, 1), step, "no_new_privs");
    verify(conf);
    refuse_calls(conf.granted, conf.relaxed);
}

} // namespace init
