// One thing to be stored in an archive or an image.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "wisp/source.hpp"

namespace wisp {

/// The file types of st_mode [POSIX sys/stat.h; the same octal values on every system and in every archive].
namespace mode {
inline constexpr std::uint32_t type_mask = 0170000;
inline constexpr std::uint32_t socket = 0140000;
inline constexpr std::uint32_t symlink = 0120000;
inline constexpr std::uint32_t file = 0100000;
inline constexpr std::uint32_t block = 0060000;
inline constexpr std::uint32_t directory = 0040000;
inline constexpr std::uint32_t character = 0020000;
inline constexpr std::uint32_t pipe = 0010000;
} // namespace mode

/// One thing to be stored. `path` is relative, with no empty part and no "..".
struct Entry {
    std::string path;
    std::uint32_t mode = 0; ///< type and permission bits, as in st_mode
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t rdev_major = 0;       ///< of a device node
    std::uint32_t rdev_minor = 0;       ///< of a device node
    std::string target{};               ///< of a symbolic link
    std::vector<std::string> links{};   ///< further names of a file (hard links)
    std::shared_ptr<const Source> data{}; ///< of a file
    std::uint64_t line = 0;             ///< where the manifest names it, 0 when it does not come from one

    bool is(std::uint32_t type) const { return (mode & mode::type_mask) == type; }
    std::uint64_t size() const { return data ? data->size() : 0; }
};

} // namespace wisp
