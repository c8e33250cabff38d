// Reads an initramfs as the kernel does: any sequence of zero padding, newc archives and compressed archives.
// Source: buffer-format.rst; unpack_to_rootfs() in init/initramfs.c.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "wisp/cpio.hpp"
#include "wisp/gunzip.hpp"
#include "wisp/gzip_head.hpp"
#include "wisp/input.hpp"

namespace wisp {

/// One entry of an archive that is being read.
struct NewcEntry {
    std::string name;
    std::string target; ///< of a symbolic link
    std::uint32_t ino = 0, mode = 0, uid = 0, gid = 0, nlink = 0, mtime = 0, size = 0, rmaj = 0, rmin = 0;
};

/// What bytes of an initramfs are.
enum class InitramfsPart {
    padding, ///< zeros between archives
    member,  ///< a gzip member
    // of an entry:
    header,
    name,
    contents,
    entry_padding, ///< behind its name and its contents
};

/// In front of an entry's name, if there is one.
constexpr std::string_view to_text(InitramfsPart part) {
    switch (part) {
        case InitramfsPart::padding: return "padding";
        case InitramfsPart::member: return "gzip member";
        case InitramfsPart::header: return "header of";
        case InitramfsPart::name: return "name of";
        case InitramfsPart::contents: return "contents of";
        case InitramfsPart::entry_padding: return "padding of";
    }
    return "";
}

/// Sees an initramfs part by part, as it lies in its file and in that file's gzip members.
class InitramfsObserver {
public:
    InitramfsObserver() = default;
    InitramfsObserver(const InitramfsObserver&) = delete;
    InitramfsObserver& operator=(const InitramfsObserver&) = delete;
    virtual ~InitramfsObserver() = default;

    /// Where the contents of an entry go that come next; links' are in NewcEntry::target.
    virtual Sink& contents(const NewcEntry&) { return nowhere_; }
    /// An entry has been read to its end.
    virtual void entry(const NewcEntry&) {}
    /// The bytes up to `end` have been read: of the file for `member` 0, else of what that gzip member holds, counted
    /// from 1. `name` is the entry's, "" outside of one. A member's own bytes come after its contents.
    virtual void part(unsigned member, std::uint64_t end, InitramfsPart part, const std::string& name) {
        static_cast<void>(member), static_cast<void>(end), static_cast<void>(part), static_cast<void>(name);
    }

private:
    NullSink nowhere_;
};

namespace cpio_detail {

/// An input that can look at its next bytes, and take back what a decompressor read beyond its member.
class Lookahead : public Input {
public:
    explicit Lookahead(Input& in) : in_(in) {}

    /// The next `count` bytes, or fewer at the end, without using them up.
    Bytes peek(std::size_t count) {
        if (end_ - at_ < count) {
            std::copy(held().begin(), held().end(), block_.first(end_).begin());
            end_ -= at_;
            at_ = 0;
            while (end_ < count && read_more()) {
            }
        }
        return held().first(std::min(count, end_ - at_));
    }

    /// Uses up the zeros at the front of what has been read.
    void skip_zeros() {
        const Bytes ahead = held();
        const auto end = std::ranges::find_if(ahead, [](std::uint8_t byte) { return byte != 0; });
        const auto count = static_cast<std::size_t>(end - ahead.begin());
        at_ += count;
        position_ += count;
    }

    std::size_t read_some(std::span<std::uint8_t> into) override {
        if (at_ == end_) {
            at_ = end_ = 0;
            read_more();
        }
        const std::size_t count = std::min(into.size(), end_ - at_);
        std::copy_n(held().begin(), count, into.begin()); // libstdc++ 12's ranges::copy takes const bytes one by one
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
    /// What has been read and not used up.
    Bytes held() const { return block_.first(end_).subspan(at_); }

    /// Reads as much as the block has room for; false at the end.
    bool read_more() {
        const std::size_t count = in_.read_some(std::span<std::uint8_t>(block_).subspan(end_));
        end_ += count;
        return count > 0;
    }

    Input& in_;
    Block block_;
    std::size_t at_ = 0, end_ = 0;
    std::uint64_t position_ = 0;
};

/// Parses one run of bytes: zero padding and archives, and where `compressed_too`, gzip members that hold such runs.
class InitramfsReader {
public:
    /// `member` is the number of the gzip member that `in` has the contents of, 0 for the file itself.
    InitramfsReader(Lookahead& in, InitramfsObserver& observer, unsigned member = 0)
        : in_(in), observer_(observer), member_(member) {}

    void read(bool compressed_too) {
        for (Bytes next; !(next = in_.peek(6)).empty();) {
            if (next[0] == 0) {
                in_.skip_zeros();
                observe(InitramfsPart::padding);
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
        InitramfsReader(ahead, observer_, ++members_).read(false);
        in_.unread(static_cast<std::size_t>(in_.position() - start - member.consumed()));
        observe(InitramfsPart::member);
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
        const std::uint64_t name_start = in_.position();
        NewcEntry entry = decode(header, start);
        const std::uint32_t name_size = number(header.namesize, "namesize", start);
        if (name_size < 2 || name_size > newc_path_max)
            refuse(in_.name(), "namesize " + std::to_string(name_size) + " at byte " + std::to_string(start) +
                                   " is outside 2.." + std::to_string(newc_path_max));
        entry.name = read_text(name_size, "a name");
        observer_.part(member_, name_start, InitramfsPart::header, entry.name);
        observe(InitramfsPart::name, entry.name);
        pad(start, entry.name);
        if (entry.name == newc_trailer && entry.size == 0) return false;
        const bool is_link = (entry.mode & mode::type_mask) == mode::symlink && entry.size <= newc_path_max;
        if (is_link) entry.target = read_text(entry.size, "a symbolic link");
        if (!is_link)
            in_.copy_exactly(observer_.contents(entry), entry.size, "the contents of " + printable(entry.name));
        observe(InitramfsPart::contents, entry.name);
        pad(start, entry.name);
        observer_.entry(entry);
        return true;
    }

    void observe(InitramfsPart part, const std::string& name = "") {
        observer_.part(member_, in_.position(), part, name);
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
    void pad(std::uint64_t start, const std::string& name) {
        skip(padding(in_.position() - start, 4), "padding");
        observe(InitramfsPart::entry_padding, name);
    }

    Lookahead& in_;
    InitramfsObserver& observer_;
    unsigned member_;
    unsigned members_ = 0; ///< seen so far
};

/// Hands entries to a function.
class EntryVisitor : public InitramfsObserver {
public:
    explicit EntryVisitor(const std::function<void(const NewcEntry&)>& visit) : visit_(visit) {}
    void entry(const NewcEntry& entry) override { visit_(entry); }

private:
    const std::function<void(const NewcEntry&)>& visit_;
};

} // namespace cpio_detail

/// Whether bytes start as a newc archive does, without or with checksums [buffer-format.rst, c_magic].
inline bool starts_as_newc(Bytes head) {
    return as_text(head).starts_with("070701") || as_text(head).starts_with("070702");
}

/// Whether bytes that start with `head` are an initramfs by their first bytes: a newc archive, plain or gzipped.
inline bool looks_like_initramfs(Bytes head) {
    return starts_as_newc(head) || starts_as_newc(gunzip_head(head, 6));
}

/// Shows `observer` each part of each archive in `in`, in order. Throws Error (input) for an empty input, a cut or
/// malformed archive, one without its trailer, and a compression other than gzip.
inline void observe_initramfs(Input& in, InitramfsObserver& observer) {
    cpio_detail::Lookahead ahead(in);
    if (ahead.peek(1).empty()) refuse(in.name(), "is empty");
    cpio_detail::InitramfsReader(ahead, observer).read(true);
}

/// Calls `visit` for each entry of each archive in `in`, in order, once it has been read whole; throws as
/// observe_initramfs() does.
inline void read_initramfs(Input& in, const std::function<void(const NewcEntry&)>& visit) {
    cpio_detail::EntryVisitor visitor(visit);
    observe_initramfs(in, visitor);
}

} // namespace wisp
