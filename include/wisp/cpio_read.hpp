// Reads an initramfs as the kernel does: any sequence of zero padding, newc archives and compressed archives.
// Source: buffer-format.rst; unpack_to_rootfs() in init/initramfs.c.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wisp/cpio.hpp"
#include "wisp/gzip.hpp"
#include "wisp/input.hpp"

namespace wisp {

/// One entry of an archive that is being read.
struct NewcEntry {
    std::string name;
    std::string target; ///< of a symbolic link
    std::uint32_t ino = 0, mode = 0, uid = 0, gid = 0, nlink = 0, mtime = 0, size = 0, rmaj = 0, rmin = 0;
};

namespace cpio_detail {

/// An input that can look at its next bytes, and take back what a decompressor read beyond its member.
class Lookahead : public Input {
public:
    explicit Lookahead(Input& in) : in_(in), block_(block_size) {}

    /// The next `count` bytes, or fewer at the end, without using them up.
    Bytes peek(std::size_t count) {
        if (end_ - at_ < count) {
            std::copy(block_.begin() + at(), block_.begin() + at() + static_cast<std::ptrdiff_t>(end_ - at_),
                      block_.begin());
            end_ -= at_;
            at_ = 0;
            end_ += in_.read_up_to(std::span(block_).subspan(end_, count - end_));
        }
        return Bytes(block_).subspan(at_, std::min(count, end_ - at_));
    }

    std::size_t read_some(std::span<std::uint8_t> into) override {
        if (at_ == end_) {
            at_ = 0;
            end_ = in_.read_some(block_);
        }
        const std::size_t count = std::min(into.size(), end_ - at_);
        std::copy_n(block_.begin() + at(), count, into.begin());
        at_ += count;
        position_ += count;
        return count;
    }

    /// Takes back the last `count` bytes of the latest read_some().
    void unread(std::size_t count) {
        at_ -= count;
        position_ -= count;
    }

    std::uint64_t position() const { return position_; }
    const std::string& name() const override { return in_.name(); }

private:
    std::ptrdiff_t at() const { return static_cast<std::ptrdiff_t>(at_); }

    Input& in_;
    std::vector<std::uint8_t> block_;
    std::size_t at_ = 0, end_ = 0;
    std::uint64_t position_ = 0;
};

/// Parses one run of bytes: zero padding and archives, and where `compressed_too`, gzip members that hold such runs.
class InitramfsReader {
public:
    using Visit = std::function<void(const NewcEntry&)>;

    InitramfsReader(Lookahead& in, const Visit& visit) : in_(in), visit_(visit) {}

    void read(bool compressed_too) {
        for (Bytes next; !(next = in_.peek(6)).empty();) {
            if (next[0] == 0) {
                skip(1, "padding");
            } else if (next[0] == '0' && in_.position() % 4 == 0) {
                while (read_entry()) {
                }
            } else if (compressed_too && next[0] == 0x1f && next.size() > 1 && next[1] == 0x8b) {
                read_member();
            } else {
                unknown(next);
            }
        }
    }

private:
    /// A decompressor reads ahead of its member: what it read too much is given back.
    void read_member() {
        const std::uint64_t start = in_.position();
        GunzipInput member(in_);
        member.next_member();
        Lookahead ahead(member);
        InitramfsReader(ahead, visit_).read(false);
        in_.unread(static_cast<std::size_t>(in_.position() - start - member.consumed()));
    }

    [[noreturn]] void unknown(Bytes next) const {
        const auto starts = [&](std::string_view magic) { return as_text(next).starts_with(magic); };
        std::string what = "neither an archive nor padding";
        if (starts("\xfd" "7zXZ")) what = "a member compressed by xz, and only gzip is read here";
        if (starts("\x28\xb5\x2f\xfd")) what = "a member compressed by zstd, and only gzip is read here";
        refuse(in_.name(), "has " + what + ", at byte " + std::to_string(in_.position()));
    }

    /// Reads an entry; false for the trailer.
    bool read_entry() {
        const std::uint64_t start = in_.position();
        const NewcHeader header = read_header();
        NewcEntry entry = decode(header, start);
        const std::uint32_t name_size = number(header.namesize, "namesize", start);
        if (name_size < 2 || name_size > newc_path_max)
            refuse(in_.name(), "namesize " + std::to_string(name_size) + " at byte " + std::to_string(start) +
                                   " is outside 2.." + std::to_string(newc_path_max));
        entry.name = read_text(name_size, "a name");
        pad(start);
        if (entry.name == newc_trailer && entry.size == 0) return false;
        if ((entry.mode & mode::type_mask) == mode::symlink && entry.size <= newc_path_max)
            entry.target = read_text(entry.size, "a symbolic link");
        else
            skip(entry.size, "the contents of " + printable(entry.name));
        pad(start);
        visit_(entry);
        return true;
    }

    NewcHeader read_header() {
        NewcHeader header;
        const std::string_view magic = as_text(in_.peek(header.magic.size()));
        if (magic != "070701" && magic != "070702" && magic.size() == header.magic.size()) unknown(as_bytes(magic));
        in_.read_exactly({reinterpret_cast<std::uint8_t*>(&header), sizeof header}, "a header");
        return header;
    }

    NewcEntry decode(const NewcHeader& h, std::uint64_t start) const {
        return {.name{}, .target{}, .ino = number(h.ino, "ino", start), .mode = number(h.mode, "mode", start),
                .uid = number(h.uid, "uid", start), .gid = number(h.gid, "gid", start),
                .nlink = number(h.nlink, "nlink", start), .mtime = number(h.mtime, "mtime", start),
                .size = number(h.filesize, "filesize", start), .rmaj = number(h.rmaj, "rmaj", start),
                .rmin = number(h.rmin, "rmin", start)};
    }

    std::uint32_t number(const NewcField& field, std::string_view what, std::uint64_t start) const {
        const auto value = field.value();
        if (!value)
            refuse(in_.name(), std::string(what) + " at byte " + std::to_string(start) + " is not hexadecimal");
        return *value;
    }

    /// `size` bytes up to a NUL, which ends a name and, from most writers, a target.
    std::string read_text(std::uint32_t size, std::string_view what) {
        std::string bytes(size, '\0');
        in_.read_exactly({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}, what);
        return bytes.substr(0, bytes.find('\0'));
    }

    void skip(std::uint64_t size, std::string_view what) {
        NullSink nowhere;
        in_.copy_exactly(nowhere, size, what);
    }

    /// Name and contents each end on a multiple of 4, counted from the header.
    void pad(std::uint64_t start) { skip(padding(in_.position() - start, 4), "padding"); }

    Lookahead& in_;
    const Visit& visit_;
};

} // namespace cpio_detail

/// Calls `visit` for each entry of each archive in `in`, in order. Throws Error (input) for an empty input, a cut or
/// malformed archive, one without its trailer, and a compression other than gzip.
inline void read_initramfs(Input& in, const std::function<void(const NewcEntry&)>& visit) {
    cpio_detail::Lookahead ahead(in);
    if (ahead.peek(1).empty()) refuse(in.name(), "is empty");
    cpio_detail::InitramfsReader(ahead, visit).read(true);
}

} // namespace wisp
