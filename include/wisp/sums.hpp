// Checksums of the files of a folder, in the lists that sha1sum(1) and sha256sum(1) write and check.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/input.hpp"
#include "wisp/regular_files.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// What a file is, as far as records tell.
struct Measure {
    std::uint64_t size = 0; ///< in bytes
    std::string sha1{};
    std::string sha256{};
};

/// Hexadecimal digests by path.
using Sums = std::map<std::string, std::string, std::less<>>;

/// The lists beside the files of a folder; neither lists itself or the other.
inline constexpr std::string_view sha1_list = "SHA1SUMS";
inline constexpr std::string_view sha256_list = "SHA256SUMS";

/// The lines of a list, sorted by path.
inline std::string sums_text(const Sums& sums) {
    std::string text;
    for (const auto& [path, sum] : sums) text.append(sum).append("  ").append(path).append("\n");
    return text;
}

/// Reads a list of digests of `digits` digits; a line that is none is refused under `name`.
inline Sums parse_sums(std::string_view text, std::size_t digits, std::string_view name) {
    Sums sums;
    for (std::size_t line = 1; !text.empty(); ++line) {
        const auto end = text.find('\n');
        const std::string_view one = text.substr(0, end);
        const bool good = end != std::string_view::npos && one.size() > digits + 2 &&
                          one.find_first_not_of("0123456789abcdef") == digits &&
                          one.substr(digits, 2) == "  ";
        if (!good)
            refuse(std::string(name) + ":" + std::to_string(line), "is no line of a list of checksums");
        sums.emplace(one.substr(digits + 2), one.substr(0, digits));
        text.remove_prefix(end + 1);
    }
    return sums;
}

/// The list in the file `path`, which must be there.
inline Sums read_sums(const std::string& path, std::size_t digits) {
    constexpr std::uint64_t limit = 64 * 1024 * 1024;
    FdInput in(open_read(path), path);
    return parse_sums(as_text(in.read_all(limit)), digits, path);
}

inline constexpr std::size_t sha1_digits = 40, sha256_digits = 64;

/// Every regular file below `folder`, relative to it, sorted; the two lists are left out.
inline std::vector<std::string> files_below(const std::string& folder) {
    std::error_code failure;
    std::vector<std::string> paths = regular_files_below(folder, failure);
    if (failure) throw Error(printable(folder), failure.message(), Fault::system);
    std::erase_if(paths, [](const std::string& path) { return path == sha1_list || path == sha256_list; });
    std::sort(paths.begin(), paths.end());
    return paths;
}

} // namespace wisp
