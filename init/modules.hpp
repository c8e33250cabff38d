// Kernel modules, in the order of a list that was resolved when the image was built.
#pragma once

#include "files.hpp"
#include "module_list.hpp"

namespace init {

/// What the loader means by each errno: init_module(2), and kernel/module/.
inline constexpr Hint module_hints[] = {
    {ENOENT, "an unknown symbol: a module it depends on is missing or comes later"},
    {ENOEXEC, "not a module for this kernel: still compressed, or of another version or architecture"},
    {EKEYREJECTED, "its signature is bad"},
    {ENOKEY, "not signed by a key this kernel trusts"},
    {EBADMSG, "its signature is malformed"},
    {EPERM, "this kernel's module loading is switched off or locked down"},
    {EINVAL, "a bad parameter, symbols of another kernel's build, or not a module at all"},
    {EBUSY, "something else is loading it"},
    {ENODEV, "the device it drives is not there"},
    {ENOMEM, "not enough memory"},
    {ETXTBSY, "its file is open for writing"},
};

/// A module that is in the kernel already is no failure: it is there, as was asked for.
inline void load_module(const ModuleLine& module) {
    Line name;
    name << module.file;
    Line path;
    path << "/lib/modules/" << module.file;
    const Result file = sys_open(path.c_str(), O_RDONLY | O_CLOEXEC);
    must(file, "modules", path.c_str(), file_hints);
    Line parameters;
    parameters << module.parameters;
    const Result loaded = sys_finit_module(file.fd(), parameters.c_str(), 0);
    if (loaded.error() != EEXIST) must(loaded, "modules", name.c_str(), module_hints);
    must(sys_close(file.fd()), "modules", path.c_str());
}

/// Loads every module of the list at `path`; the first that does not load ends the boot.
inline void load_modules(const char* path) {
    static char buffer[ModuleLine::largest_list + 1];
    for (Lines lines(read_file("modules", path, buffer, sizeof buffer)); lines.next();) {
        ModuleLine module;
        if (const Refusal refusal = parse_module(lines, module)) fail("modules", path, refusal);
        load_module(module);
    }
}

} // namespace init
