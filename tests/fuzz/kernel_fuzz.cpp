// Any bytes as a kernel image, and as a tar of modules: unpacked or refused, in bounds. Build with clang++
// -fsanitize=fuzzer.
#include <cstdlib>
#include <memory>

#include "wisp/kernel.hpp"
#include "wisp/module_files.hpp"

namespace {

/// What the index of a tar says is in it has to be there, and to be what is read of the tar front to back.
void read_tree(wisp::Bytes bytes) {
    const wisp::ModuleTar tree(std::make_unique<wisp::MemorySeekable>(bytes, "fuzz"), ".");
    wisp::MemoryInput in(bytes, "fuzz");
    wisp::TarReader archive(in);
    std::size_t files = 0;
    while (const wisp::TarEntry* entry = archive.next()) {
        if (entry->type != wisp::TarType::file) continue;
        const std::string path = wisp::entry_path(entry->path, "fuzz");
        if (path.empty()) continue;
        const auto contents = archive.contents(bytes.size());
        if (tree.open(path)->read_all(bytes.size()) != contents) __builtin_trap();
        ++files;
    }
    if (tree.list().size() != files) __builtin_trap();
}

} // namespace

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
    try {
        read_tree({data, size});
    } catch (const wisp::Error&) {
    }
    return 0;
}
