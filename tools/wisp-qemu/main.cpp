// wisp-qemu: a kernel and an initrd become a running machine, by becoming QEMU or by standing over it.
#include <termios.h>
#include <unistd.h>

#include <csignal>

#include "sockets.hpp"
#include "supervisor.hpp"
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
program ends when the machine does. Under supervision, QEMU is a child, and the exit status is the service's own.

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
                             a TCP port of this machine leads to the guest's; repeatable (ADDRESS: 127.0.0.1).
                             HOST 0 is a free port, chosen and told under supervision
      --ip ADDRESS/PREFIX    what the guest calls itself (10.0.2.15/24)
      --gateway ADDRESS      its gateway
      --dns ADDRESS          its resolver; repeatable
      --print                print the command for a shell, run nothing
Supervision, which each of these turns on:
      --supervise
      --expect URL[=STATUS]  end with status 0 once the URL is answered so (200), with 1 at another first answer;
                             repeatable. http://:8080/ is the guest's port 8080, wherever its --forward begins
      --timeout SECONDS      end with status 124 after so long
      --json                 how it ended as one JSON object on standard output, the console on standard error
      --console FILE         the console into a file (-: standard output)
      --quiet                no line about an end with status 0
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
                {"print"},
                {"supervise"},
                {"expect", 0, Option::Value::required},
                {"timeout", 0, Option::Value::required},
                {"json"},
                {"console", 0, Option::Value::required},
                {"quiet"}},
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

[[noreturn]] void become(const QemuRun& run) {
    require_ports(run.network.forwards);
    std::vector<std::string> words = qemu_command(run);
    const std::vector<char*> argv = exec_words(words);
    keep_input_from_guest();
    for (const int signal : ignored_signals) std::signal(signal, SIG_DFL);
    ::execvp(argv[0], argv.data());
    fail_exec(words[0], errno);
}

/// Puts the terminal of standard input back as it was: QEMU does so itself unless it has to be killed.
class TerminalKeeper {
public:
    TerminalKeeper() : flags_(::fcntl(STDIN_FILENO, F_GETFL)), is_one_(::tcgetattr(STDIN_FILENO, &modes_) == 0) {}
    TerminalKeeper(const TerminalKeeper&) = delete;
    TerminalKeeper& operator=(const TerminalKeeper&) = delete;
    ~TerminalKeeper() {
        if (!is_one_) return;
        ::fcntl(STDIN_FILENO, F_SETFL, flags_);
        ::tcsetattr(STDIN_FILENO, TCSANOW, &modes_);
    }

private:
    termios modes_{};
    int flags_;
    bool is_one_;
};

bool is_supervised(const Arguments& arguments, const std::vector<Forward>& forwards) {
    for (const char* const option : {"supervise", "expect", "timeout", "json", "console", "quiet"})
        if (arguments.has(option)) return true;
    return std::any_of(forwards.begin(), forwards.end(), [](const Forward& one) { return one.host_port == 0; });
}

/// The expectations, each with a way to ask it.
std::vector<Expectation> expectations_of(const Arguments& arguments, const std::vector<Forward>& forwards) {
    std::vector<Expectation> expectations;
    for (const std::string& text : arguments.values("expect")) {
        expectations.push_back(parse_expectation(text, "--expect"));
        static_cast<void>(endpoint_of(expectations.back(), forwards, "--expect"));
    }
    return expectations;
}

/// A file's own descriptor, or none for one of the standard streams.
struct ConsoleTarget {
    Fd file{};
    int fd = STDOUT_FILENO;
    std::string name = "standard output";
};

ConsoleTarget console_of(const Arguments& arguments) {
    const bool json = arguments.has("json");
    const auto path = arguments.value("console");
    if (!path && json) return {{}, STDERR_FILENO, "standard error"};
    if (!path || *path == "-") {
        if (json) misuse("--console", "standard output is for --json");
        return {};
    }
    Fd file(::open(path->c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666));
    if (!file) fail_errno(printable(*path), "open");
    const int fd = file.get();
    return {std::move(file), fd, printable(*path)};
}

/// One line on standard error.
void say(const std::string& text) { std::fprintf(stderr, "%s: %s\n", tool.name.c_str(), printable(text).c_str()); }

/// Tells the ports that nobody but QEMU could know.
void tell_chosen(const std::vector<Forward>& asked, const std::vector<Forward>& got) {
    for (std::size_t i = 0; i < asked.size(); ++i)
        if (asked[i].host_port == 0)
            say("forwarding " + to_text(Endpoint{got[i].address, got[i].host_port}) + " to the machine's port " +
                std::to_string(got[i].guest_port));
}

/// The phases are marked by lines that kernels keep to themselves below this level; of several the last counts.
constexpr std::string_view loglevel_of_phases = " loglevel=7";

/// What QEMU gives the machine: the last -m counts.
std::string memory_of(const QemuMachine& machine) {
    std::string memory = machine.memory;
    for (std::size_t i = 1; i < machine.extra.size(); ++i)
        if (machine.extra[i - 1] == "-m") memory = machine.extra[i];
    return memory;
}

/// Runs the machine to its end; the result is this program's exit status.
int supervise(const Arguments& arguments, QemuRun run) {
    constexpr std::uint64_t week = 7 * 24 * 60 * 60;
    const std::vector<Forward> asked = run.network.forwards;
    const bool json = arguments.has("json");
    if (json) run.append += loglevel_of_phases;
    const auto seconds = arguments.number("timeout", 1, week);
    RunJudge judge(expectations_of(arguments, asked),
                   seconds ? std::optional(std::chrono::seconds(*seconds)) : std::nullopt, memory_of(run.machine));
    require_ports(asked);
    ConsoleTarget console = console_of(arguments);
    keep_input_from_guest();
    bool whole = true;
    std::vector<Forward> got;
    {
        const TerminalKeeper terminal;
        Supervisor supervisor(qemu_command(run), asked, judge, ConsoleOutput(console.fd, console.name),
                              [&](const std::vector<Forward>& forwards) { tell_chosen(asked, forwards); });
        whole = supervisor.run();
        got = supervisor.forwards();
    }
    if (console.file) console.file.close(console.name);
    const Verdict& verdict = *judge.verdict();
    if (!whole) warn(tool.name, console.name, "the end of the console found no reader");
    if (verdict.exit_status != 0 || !arguments.has("quiet")) say(verdict.message);
    if (json) print(run_report(judge, got));
    return verdict.exit_status;
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
    int status = 0;
    const int failure = run_tool(tool, argc, argv, [&](const Arguments& arguments) {
        require_separator(words, arguments.operands);
        const QemuRun run = run_of(arguments);
        if (!arguments.has("print")) {
            if (!is_supervised(arguments, run.network.forwards)) become(run);
            status = supervise(arguments, run);
            return;
        }
        print(shell_command(qemu_command(run)) + "\n");
    });
    return failure != 0 ? failure : status;
}
