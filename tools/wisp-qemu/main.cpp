// wisp-qemu: a kernel and an initrd become a running machine, by becoming QEMU.
#include <unistd.h>

#include <csignal>

#include "wisp/accel.hpp"
#include "wisp/profile.hpp"
#include "wisp/qemu.hpp"
#include "wisp/tool.hpp"

using namespace wisp;

namespace {

const Tool tool{
    .name = "wisp-qemu",
    .help = R"(usage: wisp-qemu --kernel FILE --initrd FILE [OPTION]... [-- QEMU-OPTION...]

Composes a QEMU command line and becomes that QEMU. The guest's serial console is standard input and output; the
program ends when the machine does.

      --board FILE           a board profile: what the options below do not say
      --kernel FILE
      --initrd FILE
      --dtb FILE             device tree
      --append TEXT          the kernel's command line
      --arch ARCH            aarch64, x86_64 or riscv64 (this machine's)
      --binary PROGRAM       QEMU itself (qemu-system-ARCH)
      --machine MACHINE      QEMU's -machine
      --cpu CPU              QEMU's -cpu; the host's under kvm and hvf
      --memory SIZE          512M
      --accel ACCEL          auto, kvm, hvf or tcg (auto: hardware where it was seen to work)
      --net-device DEVICE    QEMU's -device of the network card
      --forward [ADDRESS:]HOST:GUEST
                             a TCP port of this machine leads to the guest's; repeatable (ADDRESS: 127.0.0.1)
      --ip ADDRESS/PREFIX    what the guest calls itself (10.0.2.15/24)
      --gateway ADDRESS      its gateway
      --dns ADDRESS          its resolver; repeatable
      --print                print the command for a shell, run nothing
      --help, --version

Example: wisp-qemu --board boards/qemu.json --kernel vmlinuz --initrd initrd.img --forward 18080:8080
)",
    .options = {{"board", 0, Option::Value::required},
                {"kernel", 0, Option::Value::required},
                {"initrd", 0, Option::Value::required},
                {"dtb", 0, Option::Value::required},
                {"append", 0, Option::Value::required},
                {"arch", 0, Option::Value::required},
                {"binary", 0, Option::Value::required},
                {"machine", 0, Option::Value::required},
                {"cpu", 0, Option::Value::required},
                {"memory", 0, Option::Value::required},
                {"accel", 0, Option::Value::required},
                {"net-device", 0, Option::Value::required},
                {"forward", 0, Option::Value::required},
                {"ip", 0, Option::Value::required},
                {"gateway", 0, Option::Value::required},
                {"dns", 0, Option::Value::required},
                {"print"}},
};

std::string one_of(const std::string& option, const std::string& value,
                   const std::vector<std::string>& choices) {
    std::string known;
    for (const std::string& choice : choices) {
        if (value == choice) return value;
        known += (known.empty() ? "" : ", ") + choice;
    }
    misuse("--" + option, "'" + printable(value) + "' is none of " + known);
}

/// The machine itself, and what the profile says of it or, without one, what is usual for the architecture.
struct Base {
    std::string arch;
    QemuMachine machine;
    std::string cmdline;
};

Base base_of(const Arguments& arguments) {
    const auto file = arguments.value("board");
    if (!file) {
        const std::string arch = arguments.value("arch").value_or(std::string(host_arch));
        one_of("arch", arch, {"aarch64", "x86_64", "riscv64"});
        return {arch, default_machine(arch), ""};
    }
    if (arguments.has("arch")) misuse("--arch", "is the board's to say");
    const Board board = load_board(*file);
    if (!board.qemu) refuse(*file, "qemu: is missing: QEMU has no machine for this board");
    return {board.arch, *board.qemu, board.qemu->cmdline.empty() ? board.cmdline : board.qemu->cmdline};
}

/// Settles the accelerator. A processor model is for emulation: hardware runs only its own.
void choose_accelerator(const Arguments& arguments, const std::string& arch, QemuMachine& machine) {
    if (const auto accel = arguments.value("accel"))
        machine.accel = one_of("accel", *accel, {"auto", "kvm", "hvf", "tcg"});
    if (machine.accel == "auto") machine.accel = usable_accelerator(arch);
    if (machine.accel != "tcg") machine.cpu = "host";
    machine.cpu = arguments.value("cpu").value_or(machine.cpu);
}

QemuNetwork network_of(const Arguments& arguments, const QemuMachine& machine) {
    QemuNetwork network{.device = arguments.value("net-device").value_or(machine.net_dev)};
    if (const auto ip = arguments.value("ip")) network.ip = parse_host_address(*ip, "--ip");
    for (const char* const needy : {"gateway", "dns"})
        if (arguments.has(needy) && !network.ip) misuse(std::string("--") + needy, "needs --ip");
    if (const auto gateway = arguments.value("gateway"))
        network.gateway = parse_gateway(*gateway, *network.ip, "--gateway");
    for (const std::string& dns : arguments.values("dns")) network.dns.push_back(parse_unicast(dns, "--dns"));
    for (const std::string& forward : arguments.values("forward"))
        add_forward(network.forwards, parse_forward(forward, "--forward"), "--forward");
    return network;
}

/// A file QEMU is to read: better missed here, by its name, than there.
std::string readable(const Arguments& arguments, const std::string& option) {
    const std::string path = arguments.value(option).value_or("");
    if (arguments.has(option)) static_cast<void>(open_read(path));
    return path;
}

QemuRun run_of(const Arguments& arguments) {
    for (const char* const needed : {"kernel", "initrd"})
        if (!arguments.has(needed)) misuse(std::string("--") + needed, "is missing");
    const Base base = base_of(arguments);
    QemuRun run{.machine = base.machine,
                .kernel = readable(arguments, "kernel"),
                .initrd = readable(arguments, "initrd"),
                .dtb = readable(arguments, "dtb"),
                .append = arguments.value("append").value_or(base.cmdline)};
    run.machine.binary = arguments.value("binary").value_or(run.machine.binary);
    run.machine.machine = arguments.value("machine").value_or(run.machine.machine);
    run.machine.memory = arguments.value("memory").value_or(run.machine.memory);
    run.machine.extra.insert(run.machine.extra.end(), arguments.operands.begin(), arguments.operands.end());
    run.network = network_of(arguments, run.machine);
    choose_accelerator(arguments, base.arch, run.machine);
    return run;
}

/// The console reads a terminal in the foreground and nothing else: the lines of a script's input are not for
/// the guest, and a background job that touched the terminal would be stopped.
void keep_input_from_guest() {
    if (::isatty(STDIN_FILENO) != 0 && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp()) return;
    const Fd nothing = open_read("/dev/null");
    if (::dup2(nothing.get(), STDIN_FILENO) < 0) fail_errno("standard input", "dup2");
}

[[noreturn]] void become(std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    keep_input_from_guest();
    std::signal(SIGPIPE, SIG_DFL); // run_tool() ignores it, and exec would pass that on
    ::execvp(argv[0], argv.data());
    if (errno == ENOENT)
        throw Error(printable(words[0]), "is not in PATH: install QEMU's system emulator", Fault::system);
    fail_errno(printable(words[0]), "exec");
}

/// Operands are QEMU's, and only behind "--": one that went astray is no disk image. getopt moves operands to
/// the end, so the word in front of as many last words must have been "--".
void require_separator(const std::vector<std::string>& words, const std::vector<std::string>& operands) {
    if (operands.empty() || words[words.size() - operands.size() - 1] == "--") return;
    misuse(printable(operands[0]), "is no option; QEMU's own options come after --");
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv, argv + argc);
    return run_tool(tool, argc, argv, [&](const Arguments& arguments) {
        require_separator(words, arguments.operands);
        const std::vector<std::string> command = qemu_command(run_of(arguments));
        if (!arguments.has("print")) become(command);
        FdSink out(STDOUT_FILENO, "standard output");
        out.write(shell_command(command) + "\n");
        out.finish();
    });
}
