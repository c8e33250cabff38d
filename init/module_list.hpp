// /etc/modules: the kernel modules to load, in order. No system call: a test on the host can include it.
//
//   line    = file [blanks parameters] LF     at most 255 bytes before the LF
//
// `file` is a name in /lib/modules, such as virtio_net.ko; the parameters are what insmod takes after it.
// An empty file loads nothing. There are no comments and no empty lines.
#pragma once

#include "text.hpp"

namespace init {

struct ModuleLine {
    static constexpr size_t largest_list = 16384;

    Text file;
    Text parameters; ///< empty when there are none
};

/// Reads the line `lines` stands on.
inline Refusal parse_module(const Lines& lines, ModuleLine& module) {
    if (lines.problem()) return {lines.number(), {}, lines.problem()};
    const Text line = lines.line();
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    size_t i = 0;
    while (i < line.size() && !is_blank(line[i])) ++i;
    module.file = line.first(i);
    while (i < line.size() && is_blank(line[i])) ++i;
    module.parameters = line.from(i);
    const bool plain =
        !module.file.empty() && module.file[0] != '.' && module.file.find('/') == module.file.size();
    return {lines.number(), line, plain ? nullptr : "not the name of a file in /lib/modules"};
}

} // namespace init
