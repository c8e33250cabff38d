// The capabilities by name [linux/capability.h, capabilities(7)]. No system call.
#pragma once

#include <linux/capability.h>

#include "text.hpp"

namespace init {

/// A set of capabilities, each a bit by its number.
using Capabilities = uint64_t;

constexpr Capabilities capability_bit(uint32_t number) { return Capabilities{1} << number; }

/// By number, without "cap_". New ones get the next number.
inline constexpr Text capability_names =
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable "
    "net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot "
    "sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease "
    "audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read "
    "perfmon bpf checkpoint_restore";
inline constexpr uint32_t capability_count = word_count(capability_names);
static_assert(capability_count == CAP_CHECKPOINT_RESTORE + 1);

} // namespace init
