// Which files a folder holds.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace wisp {

/// The regular files below `folder`, relative to it, in any order. No symbolic link is followed, nor asked what it
/// leads to: one that leads nowhere, or to itself, is passed over like the others.
inline std::vector<std::string> regular_files_below(const std::string& folder, std::error_code& failure) {
    namespace fs = std::filesystem;
    std::vector<std::string> paths;
    fs::recursive_directory_iterator at(folder, failure);
    for (std::error_code ignored; !failure && at != fs::recursive_directory_iterator(); at.increment(failure))
        if (at->symlink_status(ignored).type() == fs::file_type::regular)
            paths.push_back(at->path().lexically_relative(folder).generic_string());
    return paths;
}

} // namespace wisp
