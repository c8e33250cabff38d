// Whether a file is still the one that was there: by what the file system says of it, without reading it, as
// git does for its index [git, Documentation/technical/racy-git.txt].
#pragma once

#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/input.hpp"
#include "wisp/new_file.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// Nanoseconds since 1970.
inline std::int64_t nanoseconds(const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

/// One file as the file system describes it. Contents cannot change without one of these, but for a change in
/// the very tick of the clock in which they were asked: is_settled() knows.
struct Identity {
    std::uint64_t size = 0;
    std::int64_t modified = 0; ///< mtime in nanoseconds
    std::int64_t changed = 0;  ///< ctime, which no program sets; 0 in a list: a renaming to come changes it
    std::uint64_t inode = 0;
    std::uint64_t device = 0;

    bool operator==(const Identity&) const = default;

    /// The last moments in which a change may leave the one and the other time as it is. Times are no finer than the clock's
    /// tick, and no coarser than 2 s on FAT [fatgen103, "Date and Time Formats"], 1 s on HFS+ and on ext4 with inodes of 128
    /// bytes [linux, Documentation/filesystems/ext4/inodes.rst]; there no time has nanoseconds. Where times are finer, a file
    /// of which neither has any is one in 10^18, or its mtime was set and the list leaves its ctime out: then it is old.
    std::array<std::int64_t, 2> blind_until() const {
        constexpr std::int64_t second = 1'000'000'000;
        const bool coarse = modified % second == 0 && changed % second == 0;
        const std::int64_t unit = coarse ? 2 * second : 0;
        return {modified + unit, changed + unit};
    }

    /// Whether a later change would show: it would happen after `time`.
    bool is_settled(std::int64_t time) const {
        const auto [modifying, changing] = blind_until();
        return modifying < time && changing < time;
    }
};

/// What is at `path`, symbolic links followed; nothing where no regular file is.
inline std::optional<Identity> identity_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
#ifdef __APPLE__
    const timespec &modified = status.st_mtimespec, &changed = status.st_ctimespec;
#else
    const timespec &modified = status.st_mtim, &changed = status.st_ctim;
#endif
    return Identity{static_cast<std::uint64_t>(status.st_size), nanoseconds(modified), nanoseconds(changed),
                    status.st_ino, static_cast<std::uint64_t>(status.st_dev)};
}

/// A path and what was there.
struct KnownFile {
    std::string path{};
    Identity identity{};

    bool operator==(const KnownFile&) const = default;
};

/// Lines "SIZE MTIME CTIME INODE DEVICE PATH"; a path with a newline is refused.
inline std::string identities_text(const std::vector<KnownFile>& files) {
    std::string text;
    for (const auto& [path, identity] : files) {
        if (path.find('\n') != std::string::npos) refuse(printable(path), "has a newline in its name");
        for (const auto number :
             {identity.size, static_cast<std::uint64_t>(identity.modified),
              static_cast<std::uint64_t>(identity.changed), identity.inode, identity.device})
            text += std::to_string(number) + " ";
        text += path + "\n";
    }
    return text;
}

/// Reads such lines; nothing where one is no such line.
inline std::optional<std::vector<KnownFile>> parse_identities(std::string_view text) {
    std::vector<KnownFile> files;
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (end == std::string_view::npos) return std::nullopt;
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        std::array<std::uint64_t, 5> numbers{};
        for (std::uint64_t& number : numbers) {
            const auto blank = line.find(' ');
            const auto value = parse_unsigned(line.substr(0, blank));
            if (!value || blank == std::string_view::npos) return std::nullopt;
            number = *value;
            line.remove_prefix(blank + 1);
        }
        files.push_back({std::string(line),
                         {numbers[0], static_cast<std::int64_t>(numbers[1]),
                          static_cast<std::int64_t>(numbers[2]), numbers[3], numbers[4]}});
    }
    return files;
}

/// A list of identities in a file, and when that file was written: what was changed in the same tick or later
/// may have been changed after it was listed.
struct KnownFiles {
    std::vector<KnownFile> files{};
    std::int64_t written = 0;

    /// The list in the file `path`; nothing where there is none that can be read, whyever.
    static std::optional<KnownFiles> load(const std::string& path) try {
        constexpr std::uint64_t limit = 64 * 1024 * 1024;
        const auto own = identity_of(path);
        if (!own) return std::nullopt;
        FdInput in(open_read(path), path);
        auto files = parse_identities(as_text(in.read_all(limit)));
        if (!files) return std::nullopt;
        return KnownFiles{std::move(*files), own->modified};
    } catch (const Error&) {
        return std::nullopt;
    }

    /// Whether `path`, listed as `listed`, is as it was, and a change since would show.
    bool holds(const KnownFile& listed) const {
        auto now = identity_of(listed.path);
        if (now && listed.identity.changed == 0) now->changed = 0;
        return now && *now == listed.identity && now->is_settled(written);
    }

    bool all_hold() const {
        return std::all_of(files.begin(), files.end(), [this](const KnownFile& file) { return holds(file); });
    }
};

/// Writes the list `files` to `path`; others are not told what there is.
inline void save_identities(const std::vector<KnownFile>& files, const std::string& path) {
    write_file(path, identities_text(files), private_file);
}

} // namespace wisp
