// A board: which kernel a machine boots, what else its card needs, and how QEMU plays it. profile.hpp reads
// one from boards/NAME.json; boards/README.md says what each field means to a user.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wisp {

/// One package of a distribution. An empty version or sha256 is not pinned.
struct KernelPackage {
    std::string name{};
    std::string version{};
    std::string sha256{};

    bool operator==(const KernelPackage&) const = default;
};

/// Where the kernel comes from. Paths are inside the package; "{release}" in them is the kernel's release.
struct BoardKernel {
    std::string source{};                  ///< "alpine", "debian" or "file"
    std::string branch{};                  ///< alpine: the repository's branch
    std::string suite{};                   ///< debian: the suite, "" for what apt is set up for
    std::vector<KernelPackage> packages{}; ///< alpine, debian: at least one
    std::string path{};                    ///< file: a package, or a kernel when `image` is empty
    std::string sha256{};                  ///< file: of `path`, "" when not pinned
    std::string modules{};                 ///< file: the modules' folder when `path` is a kernel
    std::string image{};                   ///< the kernel's path
    std::string release{}; ///< the release itself, or with a slash the path of a file that holds it

    bool operator==(const BoardKernel&) const = default;
};

/// One more file of the card.
struct Firmware {
    std::string from{};   ///< "url", "path" (inside the kernel's package) or "file" (beside the profile)
    std::string where{};  ///< of that kind
    std::string dest{};   ///< path on the card
    std::string sha256{}; ///< "" when not pinned

    bool operator==(const Firmware&) const = default;
};

/// A kernel module to load; its dependencies are found, not listed. No compression suffix.
struct WantedModule {
    std::string name{};
    std::string path{}; ///< inside the modules' folder where the name is not enough, otherwise ""

    bool operator==(const WantedModule&) const = default;
};

/// How QEMU plays the board.
struct QemuMachine {
    std::string binary{};
    std::string machine{};
    std::string cpu{}; ///< when emulated; under hardware acceleration it is the host's
    std::string memory = "512M";
    std::string accel = "auto";
    std::string net_dev = "virtio-net-pci,romfile=";
    std::string cmdline{}; ///< in place of the board's where QEMU's machine differs from the real one, or ""
    std::vector<std::string> extra{};

    bool operator==(const QemuMachine&) const = default;
};

/// A whole profile.
struct Board {
    std::string name{};
    std::string arch{};
    std::uint64_t page_size = 4096;
    std::string network_interface{};
    BoardKernel kernel{};
    std::vector<Firmware> firmware{};
    std::vector<std::string> dtb{};
    std::string overlays{};
    std::vector<std::string> boot_config{}; ///< lines of config.txt
    std::string cmdline{};
    std::vector<WantedModule> modules{};
    std::optional<QemuMachine> qemu{};

    /// QEMU needs no card; a board may be played by it and have one too.
    bool boots_from_card() const { return !qemu || !boot_config.empty(); }

    bool operator==(const Board&) const = default;
};

/// What the profile takes from elsewhere without saying exactly what: "NAME: version" or "NAME: sha256" for
/// each package of a distribution, "URL: sha256". Files of the user's own need no pin.
inline std::vector<std::string> unpinned_fields(const Board& board) {
    std::vector<std::string> missing;
    for (const KernelPackage& package : board.kernel.packages) {
        if (package.version.empty()) missing.push_back(package.name + ": version");
        if (package.sha256.empty()) missing.push_back(package.name + ": sha256");
    }
    for (const Firmware& one : board.firmware)
        if (one.from == "url" && one.sha256.empty()) missing.push_back(one.where + ": sha256");
    return missing;
}

/// QEMU's machine for `arch`, where neither profile nor user says otherwise. cortex-a76 is the Pi 5's: QEMU's
/// "max" would run instructions no board has.
inline QemuMachine default_machine(std::string_view arch) {
    if (arch == "x86_64") return {.binary = "qemu-system-x86_64", .machine = "q35", .cpu = "max"};
    if (arch == "riscv64") return {.binary = "qemu-system-riscv64", .machine = "virt", .cpu = "rv64"};
    return {.binary = "qemu-system-aarch64", .machine = "virt,gic-version=max", .cpu = "cortex-a76"};
}

} // namespace wisp
