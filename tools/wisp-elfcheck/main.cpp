// wisp-elfcheck: is this a static program that a board can run?
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include "wisp/elf_check.hpp"
#include "wisp/module.hpp"
#include "wisp/seekable.hpp"
#include "wisp/spool.hpp"
#include "wisp/tool.hpp"
#include "wisp/unpack.hpp"

using namespace wisp;

namespace {

const Tool tool{
    .name = "wisp-elfcheck",
    .help = R"(usage: wisp-elfcheck [--arch ARCH] [--page-size BYTES] [FILE]
       wisp-elfcheck --modinfo [FILE]

Tells whether FILE, or standard input, is a static program a board can run: one line of facts, or
every objection on standard error.

  --arch ARCH        aarch64, x86_64 or riscv64 (any of them)
  --page-size BYTES  of the board's kernel: 4096, 16384 or 65536 (4096)
  --modinfo          print what a kernel module (.ko, packed or not) says of itself
  --help, --version

Example: wisp-elfcheck --arch aarch64 --page-size 16384 ./service
)",
    .options = {{"arch", 0, Option::Value::required},
                {"page-size", 0, Option::Value::required},
                {"modinfo", 0, Option::Value::none}},
};

std::uint16_t machine_of(const std::string& arch) {
    if (arch == "aarch64") return elf::em::aarch64;
    if (arch == "x86_64") return elf::em::x86_64;
    if (arch == "riscv64") return elf::em::riscv;
    misuse("--arch", "'" + printable(arch) + "' is none of aarch64, x86_64, riscv64");
}

ElfDemand demand_of(const Arguments& arguments) {
    ElfDemand demand;
    if (const auto arch = arguments.value("arch")) demand.machine = machine_of(*arch);
    if (const auto text = arguments.value("page-size")) {
        const auto size = parse_unsigned(*text);
        if (size != 4096 && size != 16384 && size != 65536)
            misuse("--page-size", "'" + printable(*text) + "' is none of 4096, 16384, 65536");
        demand.page_size = *size;
    }
    return demand;
}

/// Nothing larger than an initrd takes is copied from a pipe: one byte more is enough to object.
constexpr std::uint64_t copy_limit = std::uint64_t{1} << 32;

/// The program's bytes at any offset: the file itself, or a copy of what comes through a pipe. Of a pipe that
/// does not start like ELF only that start: it may have no end.
std::unique_ptr<Seekable> open_program(const std::optional<std::string>& file, const std::string& name,
                                       std::vector<std::uint8_t>& head) {
    Fd fd = file && *file != "-" ? open_read(*file) : Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!fd) fail_errno(name, "open");
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) fail_errno(name, "stat");
    if (S_ISREG(status.st_mode) && ::lseek(fd.get(), 0, SEEK_CUR) == 0)
        return std::make_unique<FdSeekable>(std::move(fd), name);
    FdInput in(std::move(fd), name);
    PeekInput peek(in, magic_size);
    head.assign(peek.head().begin(), peek.head().end());
    if (!elf::is_elf(head)) return std::make_unique<MemorySeekable>(head, name);
    PartInput part(peek, copy_limit);
    return std::make_unique<FdSeekable>(spool(part, temporary_folder()), name);
}

/// All objections but the last are printed here; the last goes the way of every refusal.
[[noreturn]] void refuse_all(const std::string& name, std::vector<std::string> objections) {
    const std::string last = std::move(objections.back());
    objections.pop_back();
    for (const std::string& objection : objections)
        std::fprintf(stderr, "%s: %s: %s\n", tool.name.c_str(), name.c_str(), objection.c_str());
    refuse(name, last);
}

void check_program(const Arguments& arguments) {
    const ElfDemand demand = demand_of(arguments);
    const auto file = single_operand(arguments);
    const std::string name = file && *file != "-" ? printable(*file) : "standard input";
    std::vector<std::uint8_t> head;
    const auto program = open_program(file, name, head);
    ElfReport report = check_elf(*program, demand);
    if (!report.objections.empty()) refuse_all(name, std::move(report.objections));
    for (const std::string& warning : report.warnings) warn(tool.name, name, warning);
    print(name + ": " + report.facts + "\n");
}

void print_modinfo(const Arguments& arguments) {
    for (const char* const option : {"arch", "page-size"})
        if (arguments.has(option)) misuse(std::string("--") + option, "does not go with --modinfo");
    const auto in = open_operand(single_operand(arguments));
    const FdSeekable module(unpack_module(*in, temporary_folder()), in->name());
    const ModuleInfo info(module);
    std::string text;
    for (const std::string& record : info.records()) text += printable(record) + "\n";
    print(text);
}

} // namespace

int main(int argc, char** argv) {
    return run_tool(tool, argc, argv, [](const Arguments& arguments) {
        if (arguments.has("modinfo"))
            print_modinfo(arguments);
        else
            check_program(arguments);
    });
}
