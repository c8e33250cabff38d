// Any bytes as a kernel image: unpacked or refused, in bounds. Build with clang++ -fsanitize=fuzzer.
#include <cstdlib>

#include "wisp/kernel.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const int no_helpers =
        ::setenv("PATH", "/nonexistent", 1); // thousands of processes would test zstd
    static_cast<void>(no_helpers);
    wisp::MemoryInput in({data, size}, "fuzz");
    wisp::NullSink out;
    try {
        const wisp::KernelInfo info = wisp::read_kernel(in, out, ".");
        if (info.size != out.position() || info.arch.empty()) __builtin_trap();
    } catch (const wisp::Error&) {
    }
    return 0;
}
