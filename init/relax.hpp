// The parts of the hardening that a configuration can name and turn off (README.md says what each does). No
// system call.
#pragma once

#include "text.hpp"

namespace init {

enum class Item : uint32_t {
    hidepid,
    sysfs,
    rootfs,
    modules,
    kexec,
    dmesg,
    kptr,
    bpf,
    sysrq,
    userns,
    ptrace,
    perf,
    keyring,
    io_uring,
    seccomp,
};

/// In the order of Item.
inline constexpr Text item_names =
    "hidepid sysfs rootfs modules kexec dmesg kptr bpf sysrq userns ptrace perf keyring io_uring seccomp";
inline constexpr uint32_t item_count = word_count(item_names);
static_assert(item_count == static_cast<uint32_t>(Item::seccomp) + 1);

/// A set of items; empty unless the configuration says otherwise.
class Relaxed {
public:
    constexpr Relaxed() = default;
    constexpr Relaxed(Item item) : bits_(1u << static_cast<uint32_t>(item)) {} // implicit: a set of one

    constexpr bool has(Relaxed any_of) const { return (bits_ & any_of.bits_) != 0; }
    constexpr void add(Relaxed more) { bits_ |= more.bits_; }

private:
    uint32_t bits_ = 0;
};

} // namespace init
