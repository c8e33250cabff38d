// Whether this machine can run a guest on its own processor, found out by doing it.
//
// That /dev/kvm opens proves little: under a hypervisor without nested virtualisation there are KVM modules
// that interpret privileged code instead of running it, and the first instruction their interpreter lacks
// ends QEMU with "KVM internal error". So on x86 a guest of two instructions is run.
#pragma once

#include <string>
#include <string_view>

#if defined(__linux__)
#include <linux/kvm.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "wisp/fd.hpp"
#include "wisp/view.hpp"
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace wisp {

/// The processor this program was built for, in the spelling of board profiles; "" for one that no board has.
inline constexpr std::string_view host_arch =
#if defined(__x86_64__)
    "x86_64";
#elif defined(__aarch64__)
    "aarch64";
#elif defined(__riscv) && __riscv_xlen == 64
    "riscv64";
#else
    "";
#endif

#if defined(__linux__)

/// A virtual machine with one processor [kernel Documentation/virt/kvm/api.rst]. Nothing throws: whatever
/// fails leaves it not ready.
class KvmProbe {
public:
    KvmProbe() : kvm_(::open("/dev/kvm", O_RDWR | O_CLOEXEC)) {
        if (::ioctl(kvm_.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION) return;
        vm_ = Fd(::ioctl(kvm_.get(), KVM_CREATE_VM, 0));
        if (vm_) vcpu_ = Fd(::ioctl(vm_.get(), KVM_CREATE_VCPU, 0));
    }

    bool ready() const { return static_cast<bool>(vcpu_); }

#if defined(__x86_64__)
    /// Runs `code` in real mode at guest_start; true when the guest came to a hlt. The mappings stay.
    bool halts(Bytes code) const {
        void* const page = map(MAP_SHARED | MAP_ANONYMOUS, guest_size, -1);
        const int size = ::ioctl(kvm_.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
        if (page == MAP_FAILED || size <= 0 || code.size() > guest_size) return false;
        const void* const run = map(MAP_SHARED, static_cast<std::size_t>(size), vcpu_.get());
        if (run == MAP_FAILED) return false;
        std::copy(code.begin(), code.end(), static_cast<std::uint8_t*>(page));
        return give_memory(page) && point_at_start() && ::ioctl(vcpu_.get(), KVM_RUN, 0) == 0 &&
               static_cast<const kvm_run*>(run)->exit_reason == KVM_EXIT_HLT;
    }

private:
    static constexpr std::size_t guest_size = 4096;
    static constexpr std::uint64_t guest_start = 0x1000;

    static void* map(int flags, std::size_t size, int fd) {
        return ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    }

    /// Intel processors without unrestricted guests want three pages of their own; the address is QEMU's.
    bool give_memory(void* page) const {
        kvm_userspace_memory_region region{};
        region.guest_phys_addr = guest_start;
        region.memory_size = guest_size;
        region.userspace_addr = reinterpret_cast<std::uintptr_t>(page);
        return ::ioctl(vm_.get(), KVM_SET_TSS_ADDR, 0xfffbd000ul) == 0 &&
               ::ioctl(vm_.get(), KVM_SET_USER_MEMORY_REGION, &region) == 0;
    }

    bool point_at_start() const {
        kvm_sregs segments{};
        if (::ioctl(vcpu_.get(), KVM_GET_SREGS, &segments) != 0) return false;
        segments.cs.base = 0;
        segments.cs.selector = 0;
        kvm_regs registers{};
        registers.rip = guest_start;
        registers.rflags = 2; // the bit that is always set
        return ::ioctl(vcpu_.get(), KVM_SET_SREGS, &segments) == 0 &&
               ::ioctl(vcpu_.get(), KVM_SET_REGS, &registers) == 0;
    }
#endif

private:
    Fd kvm_;
    Fd vm_;
    Fd vcpu_;
};

/// Whether a guest really runs. `fldz; hlt`: any processor runs an FPU instruction, KVM's interpreter of x86
/// computes none. Elsewhere KVM has no interpreter: a processor that can be made can run.
inline bool kvm_runs_code() {
    const KvmProbe probe;
    if (!probe.ready()) return false;
#if defined(__x86_64__)
    static constexpr std::array<std::uint8_t, 3> code{0xd9, 0xee, 0xf4};
    return probe.halts(code);
#else
    return true;
#endif
}

/// kvm_runs_code(), tried by a child that has two seconds: a broken KVM may hang or crash, and all of the
/// attempt is gone with the child. Where SIGCHLD is ignored there is no status of it, so nothing works.
inline bool kvm_works() {
    std::array<int, 2> ends{};
    if (::access("/dev/kvm", R_OK | W_OK) != 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    const Fd done(ends[0]);
    Fd running(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return false;
    if (child == 0) ::_exit(kvm_runs_code() ? 0 : 1);
    running = Fd(); // only the child holds this end now: it closes when the child is gone
    pollfd event{.fd = done.get(), .events = POLLIN, .revents = 0};
    if (::poll(&event, 1, 2000) != 1) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif

/// The accelerator QEMU should use for a guest of `arch`: "kvm" or "hvf" where the guest's architecture is
/// this machine's and the accelerator was seen to work, otherwise "tcg", which always does.
inline std::string usable_accelerator(std::string_view arch) {
    if (arch != host_arch) return "tcg";
#if defined(__linux__)
    if (kvm_works()) return "kvm";
#elif defined(__APPLE__)
    int supported = 0;
    std::size_t size = sizeof(supported);
    if (::sysctlbyname("kern.hv_support", &supported, &size, nullptr, 0) == 0 && supported == 1) return "hvf";
#endif
    return "tcg";
}

} // namespace wisp
