// Renaming a finished file over an older one.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "wisp/error.hpp"

namespace wisp {

/// Whether `from` and `to`, whatever they are, have swapped names, in one step.
inline bool swap_names(const std::string& from, const std::string& to) {
#ifdef RENAME_EXCHANGE
    return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0;
#else
    static_cast<void>(from), static_cast<void>(to);
    return false;
#endif
}

/// rename(2): the file `from` gets the name `to` in the same file system, and whoever looks there finds the old file
/// or the new one. The old one may be left under the name `from`. Throws Error (system).
///
/// Where it can be had, the names are swapped: as a file is renamed over another, ext4 waits until there is room on the
/// disk for all of it [linux, Documentation/admin-guide/ext4.rst, auto_da_alloc], which for an image takes longer than
/// making it.
inline void replace_file(const std::string& from, const std::string& to) {
    struct stat status {};
    if (::lstat(to.c_str(), &status) == 0 && S_ISREG(status.st_mode) && swap_names(from, to)) return;
    if (::rename(from.c_str(), to.c_str()) != 0) fail_errno(to, "rename");
}

} // namespace wisp
