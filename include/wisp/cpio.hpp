// The newc archive: what an initramfs is made of. Format: "initramfs buffer format" in the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst; field conventions: usr/gen_init_cpio.c.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "wisp/checked.hpp"
#include "wisp/entry.hpp"
#include "wisp/error.hpp"
#include "wisp/path.hpp"
#include "wisp/sink.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// A number in a newc header: eight hexadecimal digits.
class NewcField {
public:
    constexpr NewcField() = default;
    constexpr NewcField(std::uint32_t value) : digits_(hex8(value)) {}

    /// The number, or nothing when a byte is not a hexadecimal digit.
    std::optional<std::uint32_t> value() const {
        const auto number = parse_unsigned({digits_.data(), digits_.size()}, 16);
        if (!number) return std::nullopt;
        return static_cast<std::uint32_t>(*number);
    }

private:
    std::array<char, 8> digits_ = hex8(0);
};

/// The header before each name; field names as in buffer-format.rst.
struct NewcHeader {
    std::array<char, 6> magic = {'0', '7', '0', '7', '0', '1'};
    NewcField ino{};
    NewcField mode{};
    NewcField uid{};
    NewcField gid{};
    NewcField nlink = 1;
    NewcField mtime{};
    NewcField filesize{};
    NewcField maj{};
    NewcField min{};
    NewcField rmaj{};
    NewcField rmin{};
    NewcField namesize{}; ///< with the NUL
    NewcField chksum{};   ///< 0 under magic 070701
};
static_assert(sizeof(NewcHeader) == 110 && alignof(NewcHeader) == 1);

/// The name of the entry that ends an archive.
inline constexpr std::string_view newc_trailer = "TRAILER!!!";

/// A path or a symbolic link's target, NUL included, is at most this long: the kernel's PATH_MAX, beyond which
/// init/initramfs.c skips the entry without a word.
inline constexpr std::size_t newc_path_max = 4096;

/// One part of a path is at most this long: the kernel's NAME_MAX.
inline constexpr std::size_t newc_name_max = 255;

/// Writes an archive, byte for byte as `gen_init_cpio -t` does: inode numbers from 721, device 3:1, nlink 2 for what
/// has no contents and no device number, a symbolic link's size with its NUL, contents with the last hard link.
class CpioWriter {
public:
    /// `mtime` is every entry's, in seconds since 1970.
    CpioWriter(Sink& out, std::uint32_t mtime) : out_(out), mtime_(mtime) {}

    /// Refuses an entry that newc cannot hold or that the kernel would drop; writes nothing. A caller that promises
    /// all or nothing checks every entry before it adds the first. `manifest` names where its line number counts.
    static void check(const Entry& entry, std::string_view manifest = "manifest") {
        const std::string subject = entry.line ? std::string(manifest) + ":" + std::to_string(entry.line)
                                               : printable(entry.path);
        check_path(entry.path, subject);
        for (const std::string& link : entry.links) check_path(link, subject);
        if (entry.is(mode::symlink)) check_length(entry.target, newc_path_max - 1, "target", subject);
        narrow<std::uint32_t>(entry.size(), subject, "size of '" + printable(entry.path) + "'");
    }

    /// Writes one entry, and a file's contents with it.
    void add(const Entry& entry) {
        check(entry);
        NewcHeader header{.ino = inode_++, .mode = entry.mode, .uid = entry.uid, .gid = entry.gid, .mtime = mtime_,
                          .maj = 3, .min = 1, .rmaj = entry.rdev_major, .rmin = entry.rdev_minor};
        if (entry.is(mode::file)) {
            add_file(header, entry);
        } else if (entry.is(mode::symlink)) {
            add_contents(header, entry.path, entry.target + '\0');
        } else {
            if (!entry.is(mode::character) && !entry.is(mode::block)) header.nlink = 2;
            add_name(header, entry.path);
        }
    }

    /// Writes the trailer and pads to 512. It is how a reader tells a whole archive from a cut one: call it on
    /// success only.
    void finish() {
        add_name({}, newc_trailer);
        out_.pad_to(512);
    }

private:
    static void check_length(std::string_view text, std::size_t limit, std::string_view what,
                             std::string_view subject) {
        if (text.size() > limit)
            refuse(subject, std::string(what) + " of " + std::to_string(text.size()) + " bytes exceeds " +
                                std::to_string(limit));
    }

    static void check_path(std::string_view path, std::string_view subject) {
        check_length(path, newc_path_max - 1, "name", subject);
        for (const std::string_view part : split(path, '/'))
            check_length(part, newc_name_max, "a part of the name", subject);
        if (path == newc_trailer) refuse(subject, "name 'TRAILER!!!' would end the archive");
    }

    void add_file(NewcHeader& header, const Entry& entry) {
        header.nlink = static_cast<std::uint32_t>(entry.links.size() + 1);
        std::string_view name = entry.path;
        for (const std::string& link : entry.links) {
            add_name(header, name);
            name = link;
        }
        header.filesize = static_cast<std::uint32_t>(entry.size());
        add_name(header, name);
        if (entry.data)
            write_announced(out_, entry.size(), printable(entry.path), [&] { entry.data->copy_to(out_); });
        out_.pad_to(4);
    }

    void add_contents(NewcHeader& header, std::string_view name, std::string_view contents) {
        header.filesize = static_cast<std::uint32_t>(contents.size());
        add_name(header, name);
        out_.write(contents);
        out_.pad_to(4);
    }

    void add_name(NewcHeader header, std::string_view name) {
        header.namesize = static_cast<std::uint32_t>(name.size() + 1);
        out_.write(header);
        out_.write(name);
        out_.zeros(1);
        out_.pad_to(4);
    }

    Sink& out_;
    std::uint32_t mtime_;
    std::uint32_t inode_ = 721;
};

} // namespace wisp
