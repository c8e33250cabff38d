// The text form of a list of entries: the grammar of the kernel's gen_init_cpio, read strictly.
//
//   # a comment                                      file  NAME LOCATION MODE UID GID [HARD-LINK]...
//   dir   NAME MODE UID GID                          slink NAME TARGET MODE UID GID
//   nod   NAME MODE UID GID c|b MAJOR MINOR          pipe  NAME MODE UID GID
//   sock  NAME MODE UID GID
//
// Words are separated by blanks; MODE is octal, the other numbers decimal; ${VARIABLE} in LOCATION is expanded.
// Source: the usage text of usr/gen_init_cpio.c in the kernel. Where that program is lenient this one refuses: an
// unknown type, a word too many or too few, a name listed twice, a name whose folder is not listed before it (the
// kernel drops such a file without a word when it unpacks the archive), a variable that is not set.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/entry.hpp"
#include "wisp/error.hpp"
#include "wisp/input.hpp"
#include "wisp/path.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// Looks up a ${VARIABLE}; nothing where it is not set.
using Variables = std::function<std::optional<std::string>(const std::string&)>;

namespace manifest_detail {

/// One line, taken word by word; every refusal names it as "manifest:LINE".
class Line {
public:
    Line(std::string_view text, std::string_view manifest, std::uint64_t number)
        : subject_(std::string(manifest) + ":" + std::to_string(number)), rest_(text) {}

    const std::string& subject() const { return subject_; }

    /// The next word, or nothing at the end of the line.
    std::optional<std::string_view> next() {
        const auto start = rest_.find_first_not_of(" \t");
        if (start == std::string_view::npos) return std::nullopt;
        rest_.remove_prefix(start);
        const auto word = rest_.substr(0, rest_.find_first_of(" \t"));
        rest_.remove_prefix(word.size());
        return word;
    }

    std::string_view word(std::string_view what) {
        const auto found = next();
        if (!found) refuse(subject_, std::string(what) + " is missing");
        return *found;
    }

    std::string path(std::string_view what = "name") { return relative_path(word(what), subject_); }

    std::uint32_t number(std::string_view what) {
        const auto text = word(what);
        const auto value = parse_unsigned(text, 10, std::numeric_limits<std::uint32_t>::max());
        if (!value)
            refuse(subject_, std::string(what) + " '" + printable(text) + "' is not a number from 0 to 4294967295");
        return static_cast<std::uint32_t>(*value);
    }

    /// Permission bits, which may come with the type bits of their own `type` as in st_mode.
    std::uint32_t mode(std::uint32_t type) {
        const auto text = word("mode");
        const auto value = parse_unsigned(text, 8);
        if (!value || (*value & ~(mode::type_mask | 07777ull)) || ((*value & mode::type_mask) | type) != type)
            refuse(subject_, "mode '" + printable(text) + "' is not an octal number from 0 to 7777");
        return static_cast<std::uint32_t>(*value) | type;
    }

    void end() {
        if (const auto word = next()) refuse(subject_, "has a word too many: '" + printable(*word) + "'");
    }

private:
    std::string subject_;
    std::string_view rest_;
};

/// LOCATION with each ${VARIABLE} replaced by its value, in which no further one is looked for.
inline std::string expand(std::string_view text, const Variables& variables, const Line& line) {
    std::string expanded;
    for (;;) {
        const auto start = text.find("${");
        const auto stop = start == std::string_view::npos ? start : text.find('}', start);
        if (stop == std::string_view::npos) return expanded.append(text);
        const std::string name(text.substr(start + 2, stop - start - 2));
        const auto value = variables ? variables(name) : std::nullopt;
        if (!value) refuse(line.subject(), "variable '" + printable(name) + "' is not set");
        expanded.append(text.substr(0, start)).append(*value);
        text.remove_prefix(stop + 1);
    }
}

inline void parse_owner(Line& line, Entry& entry, std::uint32_t type) {
    entry.mode = line.mode(type);
    entry.uid = line.number("uid");
    entry.gid = line.number("gid");
}

inline Entry parse_file(Line& line, const Variables& variables) {
    Entry entry{.path = line.path()};
    const std::string location = expand(line.word("location"), variables, line);
    parse_owner(line, entry, mode::file);
    while (const auto link = line.next()) entry.links.push_back(relative_path(*link, line.subject()));
    try {
        entry.data = std::make_shared<FileSource>(location);
    } catch (const Error& error) {
        throw Error(line.subject(), error.what(), error.fault);
    }
    return entry;
}

inline Entry parse_device(Line& line) {
    Entry entry{.path = line.path()};
    parse_owner(line, entry, 0);
    const auto type = line.word("device type");
    if (type != "c" && type != "b")
        refuse(line.subject(), "device type '" + printable(type) + "' is neither c nor b");
    entry.mode |= type == "c" ? mode::character : mode::block;
    entry.rdev_major = line.number("major number");
    entry.rdev_minor = line.number("minor number");
    return entry;
}

inline Entry parse_link(Line& line) {
    Entry entry{.path = line.path()};
    entry.target = line.word("target");
    parse_owner(line, entry, mode::symlink);
    return entry;
}

inline Entry parse_plain(Line& line, std::uint32_t type) {
    Entry entry{.path = line.path()};
    parse_owner(line, entry, type);
    return entry;
}

inline Entry parse_entry(Line& line, std::string_view type, const Variables& variables) {
    if (type == "file") return parse_file(line, variables);
    if (type == "dir") return parse_plain(line, mode::directory);
    if (type == "slink") return parse_link(line);
    if (type == "nod") return parse_device(line);
    if (type == "pipe") return parse_plain(line, mode::pipe);
    if (type == "sock") return parse_plain(line, mode::socket);
    refuse(line.subject(), "unknown entry type '" + printable(type) + "'");
}

/// What has been listed so far, by path: on which line, and whether it can hold others.
class Seen {
public:
    void add(const std::string& path, bool is_directory, const Line& line, std::uint64_t number) {
        const auto folder = parent_path(path);
        if (const auto parent = seen_.find(folder); !folder.empty()) {
            if (parent == seen_.end())
                refuse(line.subject(), "'" + printable(path) + "': folder '" + printable(folder) +
                                           "' is not listed before it");
            if (!parent->second.is_directory)
                refuse(line.subject(), "'" + printable(path) + "': '" + printable(folder) + "' on line " +
                                           std::to_string(parent->second.line) + " is not a folder");
        }
        if (const auto [old, fresh] = seen_.insert({path, {number, is_directory}}); !fresh)
            refuse(line.subject(),
                   "'" + printable(path) + "' is already listed on line " + std::to_string(old->second.line));
    }

private:
    struct Place {
        std::uint64_t line;
        bool is_directory;
    };
    std::map<std::string, Place, std::less<>> seen_;
};

/// Reads one line without its end; nothing at the end of the input. A line without an end is the last one.
class LineReader {
public:
    /// In bytes; about twice gen_init_cpio's own limit, so hard links have room.
    static constexpr std::size_t longest = 4 * 4096;

    explicit LineReader(Input& in) : in_(in), block_(block_size) {}

    std::optional<std::string> next() {
        std::string line;
        ++number;
        for (;;) {
            const auto rest = as_text(unread_);
            const auto end = rest.find('\n');
            line.append(rest.substr(0, end));
            check(line);
            if (end != std::string_view::npos) {
                unread_ = unread_.subspan(end + 1);
                return line;
            }
            unread_ = Bytes(block_).first(in_.read_some(block_));
            if (!unread_.empty()) continue;
            if (line.empty()) return std::nullopt;
            return line;
        }
    }

    std::uint64_t number = 0; ///< of the line read last

private:
    void check(const std::string& line) const {
        const std::string subject = in_.name() + ":" + std::to_string(number);
        if (line.size() > longest) refuse(subject, "is longer than " + std::to_string(longest) + " bytes");
        if (line.find('\0') != std::string::npos) refuse(subject, "has a NUL byte");
    }

    Input& in_;
    std::vector<std::uint8_t> block_;
    Bytes unread_;
};

} // namespace manifest_detail

/// Reads a whole manifest. Every file it names has been found, is a regular file, and has a known size; nothing of
/// its contents has been read. Throws Error, naming the line.
inline std::vector<Entry> read_manifest(Input& in, const Variables& variables = {}) {
    std::vector<Entry> entries;
    manifest_detail::Seen seen;
    manifest_detail::LineReader lines(in);
    while (const auto text = lines.next()) {
        if (text->starts_with('#')) continue;
        manifest_detail::Line line(*text, in.name(), lines.number);
        const auto type = line.next();
        if (!type) continue;
        Entry entry = manifest_detail::parse_entry(line, *type, variables);
        line.end();
        entry.line = lines.number;
        seen.add(entry.path, entry.is(mode::directory), line, lines.number);
        for (const std::string& link : entry.links) seen.add(link, false, line, lines.number);
        entries.push_back(std::move(entry));
    }
    return entries;
}

} // namespace wisp
