// Any bytes as a program and as a kernel module: checked or refused, in bounds. Build with clang++
// -fsanitize=fuzzer.
#include "wisp/elf_check.hpp"
#include "wisp/module.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const wisp::MemorySeekable file({data, size}, "fuzz");
    for (const std::uint64_t page_size : {4096ull, 65536ull}) {
        const wisp::ElfReport report = wisp::check_elf(file, {.page_size = page_size});
        if (report.objections.empty() == report.facts.empty()) __builtin_trap();
    }
    try {
        const wisp::ModuleInfo module(file);
        module.depends();
        module.softdeps();
        module.release();
    } catch (const wisp::Error&) {
    }
    return 0;
}
