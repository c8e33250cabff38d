// Which entries of an archive somebody has asked for, and whether the archive can be trusted to mean them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/path.hpp"
#include "wisp/tar.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// The path of an entry, relative and without a slash at its end; "" for the archive's root ("./"). Refused
/// under `subject` whether anybody wants it or not: absolute paths, ones that climb out by "..", and ones with control
/// characters, which would make two lines of one in whatever lists them, as entry or as what a hard link refers to.
/// Nothing good is in an archive that has them.
inline std::string entry_path(std::string_view spelt, std::string_view subject) {
    std::string_view path = spelt;
    if (path.starts_with('/')) refuse(subject, "has the absolute path '" + printable(spelt) + "'");
    while (path.starts_with("./")) path.remove_prefix(2);
    if (path.ends_with('/')) path.remove_suffix(1);
    if (path.empty() || path == ".") return "";
    std::string checked = relative_path(path, subject);
    for (const char byte : checked)
        if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f)
            refuse(subject, "path '" + printable(spelt) + "' has a control character");
    return checked;
}

/// Checks the names in an entry, see entry_path(); returns its path.
inline std::string check_names(const TarEntry& entry, std::string_view subject) {
    if (entry.type == TarType::hard_link) entry_path(entry.target, subject);
    return entry_path(entry.path, subject);
}

/// A set of wanted paths: exact ones, and folders with all that is in them.
class Selection {
public:
    static constexpr std::size_t max_files = 100'000;
    static constexpr std::size_t max_name_bytes = 8 << 20;

    /// Adds a path; one that ends in '/' is a folder, "./" the whole archive. False when it cannot be a path inside an
    /// archive.
    bool add(std::string_view path) {
        const bool folder = path.ends_with('/');
        while (path.starts_with("./")) path.remove_prefix(2);
        if (folder && path.empty()) {
            folders_.emplace("", false);
            return true;
        }
        if (folder) path.remove_suffix(1);
        if (path.empty()) return false;
        for (const std::string_view part : split(path, '/'))
            if (part.empty() || part == "." || part == "..") return false;
        (folder ? folders_ : files_).emplace(path, false);
        return true;
    }

    /// Whether a folder is among what is wanted.
    bool has_folders() const { return !folders_.empty(); }

    /// Whether everything wanted has been there, and nothing more can be.
    bool is_complete() const { return folders_.empty() && found_files_ == files_.size(); }

    /// Whether `path`, as takes() has it, is wanted by itself, and not only with its folder.
    bool names(const std::string& path) const { return files_.contains(path); }

    /// Whether the contents of `entry` are wanted; its path is then in `path`. Refuses under `subject` what
    /// is wanted and no regular file, what comes twice, and what lies under something that is no folder.
    bool takes(const TarEntry& entry, std::string_view subject, std::string& path) {
        path = check_names(entry, subject);
        if (path.empty()) return take_folder(path, false, subject);
        const bool exact = files_.contains(path);
        const bool inside = is_inside(path);
        if (entry.type == TarType::folder) return take_folder(path, exact, subject);
        if (!exact && !inside && !leads_to_wanted(path)) return false;
        remember(path, entry, subject);
        if (exact) note_file(path, entry, subject);
        return entry.type == TarType::file && (exact || inside);
    }

    /// After the last entry: everything asked for must have been there.
    void check_found(std::string_view subject) const {
        std::string missing;
        for (const auto* wanted : {&files_, &folders_})
            for (const auto& [path, found] : *wanted)
                if (!found)
                    missing += (missing.empty() ? "'" : ", '") + printable(path.empty() ? "." : path) +
                               (wanted == &folders_ ? "/'" : "'");
        if (!missing.empty()) refuse(subject, "has no " + missing);
    }

private:
    /// Called once for each path: remember() refuses a second entry.
    void note_file(const std::string& path, const TarEntry& entry, std::string_view subject) {
        if (entry.type != TarType::file) refuse_kind(entry, path, subject);
        files_[path] = true;
        ++found_files_;
    }

    bool take_folder(const std::string& path, bool exact, std::string_view subject) {
        if (exact)
            refuse(subject, "'" + printable(path) + "' is a folder; '" + printable(path) +
                                "/' would take what is in it");
        if (const auto wanted = folders_.find(path); wanted != folders_.end()) wanted->second = true;
        return false;
    }

    /// Whether `path` lies in a wanted folder; notes all such folders as found.
    bool is_inside(std::string_view path) {
        bool inside = false;
        for (std::string_view folder = path; !folder.empty();) {
            folder = parent_path(folder);
            if (const auto wanted = folders_.find(std::string(folder)); wanted != folders_.end())
                wanted->second = inside = true;
        }
        return inside;
    }

    /// Whether something wanted would lie in `path` if that were a folder, or is wanted as a folder.
    bool leads_to_wanted(const std::string& path) const {
        for (const auto* wanted : {&files_, &folders_}) {
            const auto next = wanted->lower_bound(path + "/");
            if (next != wanted->end() && next->first.starts_with(path + "/")) return true;
        }
        return folders_.contains(path);
    }

    /// Notes something that is no folder, and refuses what contradicts an earlier entry.
    void remember(const std::string& path, const TarEntry& entry, std::string_view subject) {
        name_bytes_ += path.size();
        if (seen_.size() == max_files || name_bytes_ > max_name_bytes)
            refuse(subject, "has more in the wanted folders than " + std::to_string(max_files) +
                                " files or " + std::to_string(max_name_bytes) + " bytes of names");
        for (std::string_view folder = parent_path(path); !folder.empty(); folder = parent_path(folder))
            if (const auto found = seen_.find(folder); found != seen_.end())
                refuse(subject, "has '" + printable(path) + "' in '" + printable(folder) + "', which is " +
                                    std::string(name_of(found->second)));
        const auto next = seen_.lower_bound(path + "/");
        if (next != seen_.end() && next->first.starts_with(path + "/"))
            refuse(subject, "has '" + printable(next->first) + "' in '" + printable(path) + "', which is " +
                                std::string(name_of(entry.type)));
        if (!seen_.emplace(path, entry.type).second) refuse(subject, "has '" + printable(path) + "' twice");
    }

    [[noreturn]] static void refuse_kind(const TarEntry& entry, const std::string& path,
                                         std::string_view subject) {
        std::string problem = "'" + printable(path) + "' is " + std::string(name_of(entry.type));
        if (!entry.target.empty()) problem += " to '" + printable(entry.target) + "'";
        refuse(subject, problem + ", not a regular file");
    }

    std::map<std::string, bool> files_{}; // whether it was found
    std::map<std::string, bool> folders_{};
    std::map<std::string, TarType, std::less<>> seen_{};
    std::size_t name_bytes_ = 0;
    std::size_t found_files_ = 0;
};

} // namespace wisp
