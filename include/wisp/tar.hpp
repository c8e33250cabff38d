// Tar archives, read front to back: ustar, pax and GNU long names.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/input.hpp"
#include "wisp/pax.hpp"
#include "wisp/sink.hpp"
#include "wisp/tar_header.hpp"
#include "wisp/tar_window.hpp"
#include "wisp/text.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// Kinds of entry; the values are their typeflags.
enum class TarType : char {
    file = '0',
    hard_link = '1',
    symlink = '2',
    character = '3',
    block = '4',
    folder = '5',
    pipe = '6',
};

/// What to call a kind in a sentence.
constexpr std::string_view name_of(TarType type) {
    switch (type) {
        case TarType::file: return "a regular file";
        case TarType::hard_link: return "a hard link";
        case TarType::symlink: return "a symbolic link";
        case TarType::character:
        case TarType::block: return "a device";
        case TarType::folder: return "a folder";
        case TarType::pipe: break;
    }
    return "a pipe";
}

/// One entry as the archive describes it; nothing in it is to be trusted.
struct TarEntry {
    std::string path{}; ///< as the archive spells it: may be absolute, may hold ".."
    TarType type = TarType::file;
    std::uint64_t size = 0; ///< of the contents, in bytes; 0 for all but regular files
    std::uint32_t mode = 0; ///< permission bits
    std::string target{};   ///< of a link
    std::string sha1{};     ///< of the contents, in hexadecimal; "" where the archive does not say
};

/// Reads the entries of an archive in order, holding one window of it whatever its size. Every checksum and
/// length is checked before it is believed, and what two tar programs would read in two ways is refused.
class TarReader {
public:
    static constexpr std::uint64_t max_entries = 1'000'000;
    static constexpr std::size_t max_name = 4096; // PATH_MAX
    static constexpr std::size_t max_extended_header = 1 << 20;

    explicit TarReader(Input& in) : window_(in) {}

    /// The subject of errors about this archive.
    const std::string& name() const { return window_.name(); }

    /// Goes to the next entry, past contents nobody asked for; null after the last. The entry is valid until
    /// the next call. Throws Error (input) where the archive is damaged, cut or beyond a limit.
    const TarEntry* next() {
        contents_left_ -= window_.skip(contents_left_);
        while (contents_left_ > 0) take_contents();
        window_.skip_padding();
        Extensions extensions;
        while (!ended_ && next_header())
            if (!extend(extensions)) return describe(extensions);
        ended_ = true;
        if (extensions.pax || extensions.path || extensions.target)
            refuse(name(), "ends after an extended header, before the entry it belongs to");
        return nullptr;
    }

    /// Where the present entry's contents begin, in bytes of the archive, before any of them are taken.
    std::uint64_t contents_offset() const { return window_.offset(); }

    /// Moves the present entry's contents to `out`. Once only.
    void copy_contents(Sink& out) {
        while (contents_left_ > 0) out.write(take_contents());
    }

    /// The present entry's contents; more than `limit` bytes are refused.
    std::vector<std::uint8_t> contents(std::uint64_t limit) {
        if (contents_left_ > limit)
            refuse(name(), quoted_path() + " has " + std::to_string(contents_left_) + " bytes, more than " +
                               std::to_string(limit));
        MemorySink out;
        copy_contents(out);
        return std::move(out.bytes);
    }

    /// After the last entry: whether the archive ended with its mark, two records of zeros, or just stopped.
    /// Whoever cuts a tar in pieces, as abuild does, takes the mark off.
    bool has_end_mark() const { return has_end_mark_; }

private:
    /// What has been said so far about the entry to come.
    struct Extensions {
        std::optional<PaxRecords> pax{};
        std::optional<std::string> path{};   // GNU L
        std::optional<std::string> target{}; // GNU K
    };

    std::string quoted_path() const { return "'" + printable(entry_.path) + "'"; }

    Bytes take_contents() {
        const Bytes part = window_.take(contents_left_, "the contents of " + quoted_path());
        contents_left_ -= part.size();
        return part;
    }

    /// Reads one header record into header_, or says false at the end of the archive.
    bool next_header() {
        const std::uint64_t at = window_.offset();
        const Bytes record = window_.record();
        if (record.empty()) return false;
        if (is_zero(record)) {
            check_end_mark();
            return false;
        }
        std::memcpy(&header_, record.data(), sizeof header_);
        if (!is_tar_header(header_))
            refuse(name(), "the tar header at byte " + std::to_string(at) + " is damaged: wrong checksum");
        if (++headers_ > max_entries * 2 || entries_ == max_entries)
            refuse(name(), "has more than " + std::to_string(max_entries) + " entries");
        return true;
    }

    static bool is_zero(Bytes bytes) {
        return bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
    }

    /// The first of the two zero records has been read. All that follows the second is padding, or hidden.
    void check_end_mark() {
        Bytes record = window_.record();
        if (record.empty()) refuse(name(), "is cut inside its end mark");
        for (; !record.empty(); record = window_.record())
            if (!is_zero(record))
                refuse(name(), "goes on after its end mark, at byte " +
                                   std::to_string(window_.offset() - record.size()) + " of the tar");
        has_end_mark_ = true;
    }

    /// Takes the header in hand as an extension of the entry to come, or says that it is the entry itself.
    bool extend(Extensions& extensions) {
        switch (header_.typeflag) {
            case 'x':
                set(extensions.pax, parse_pax(extension_text(max_extended_header), name()));
                return true;
            case 'L': set(extensions.path, long_name()); return true;
            case 'K': set(extensions.target, long_name()); return true;
            case 'g': check_global_pax(extension_text(max_extended_header), name()); return true;
            default: return false;
        }
    }

    template <class T>
    void set(std::optional<T>& extension, T value) {
        if (extension) refuse(name(), "has two extended headers of one kind for one entry");
        extension = std::move(value);
    }

    std::string long_name() {
        const std::string text = extension_text(max_name + 1);
        return text.substr(0, text.find('\0'));
    }

    std::string extension_text(std::uint64_t limit) {
        const auto size = tar_number(header_.size, name(), "extended header size");
        if (size > limit)
            refuse(name(), "has an extended header of " + std::to_string(size) + " bytes, more than " +
                               std::to_string(limit));
        std::string text;
        while (text.size() < size) text += as_text(window_.take(size - text.size(), "an extended header"));
        window_.skip_padding();
        return text;
    }

    const TarEntry* describe(Extensions& extensions) {
        ++entries_;
        const PaxRecords pax = extensions.pax.value_or(PaxRecords{});
        entry_.path = pax.path ? *pax.path : extensions.path ? *extensions.path : header_path();
        if (entry_.path.empty() || entry_.path.size() > max_name)
            refuse(name(), "has an entry with a name of " + std::to_string(entry_.path.size()) +
                               " bytes, allowed are 1 to " + std::to_string(max_name));
        entry_.target = pax.linkpath        ? *pax.linkpath
                        : extensions.target ? *extensions.target
                                            : std::string(tar_text(header_.linkname));
        entry_.type = type();
        entry_.size = contents_left_ = size(pax.size);
        entry_.mode = static_cast<std::uint32_t>(tar_number(header_.mode, name(), "mode") & 07777);
        entry_.sha1 = pax.sha1;
        return &entry_;
    }

    /// The prefix field is a ustar invention; GNU's old format keeps other things there.
    std::string header_path() const {
        const std::string_view prefix = tar_text(header_.prefix);
        const bool ustar = as_text(Bytes(reinterpret_cast<const std::uint8_t*>(header_.magic.data()), 6)) ==
                           std::string_view("ustar\0", 6);
        std::string path(tar_text(header_.name));
        return ustar && !prefix.empty() ? std::string(prefix) + "/" + path : path;
    }

    /// Before ustar a folder was a file whose name ends in a slash, and typeflag was NUL; 7 asked for
    /// contiguous storage.
    TarType type() const {
        const char flag = header_.typeflag;
        if (flag == '0' || flag == '\0' || flag == '7')
            return entry_.path.ends_with('/') ? TarType::folder : TarType::file;
        if (flag < '1' || flag > '6')
            refuse(name(), quoted_path() + " is of type '" + printable(std::string_view(&flag, 1)) +
                               "', which is not supported");
        return static_cast<TarType>(flag);
    }

    /// An extended header may give a size the header has no room for: then the header says 0 (GNU tar) or as
    /// much as fits (libarchive). Other disagreement hides entries from one reader or the other, and so do
    /// contents of an entry that cannot have any.
    std::uint64_t size(const std::optional<std::uint64_t>& extended) const {
        constexpr std::uint64_t full = 077777777777;
        const auto plain = tar_number(header_.size, name(), "size of " + quoted_path());
        if (extended && plain != *extended && plain != 0 && plain != full)
            refuse(name(), quoted_path() + " has two sizes, " + std::to_string(plain) + " and " +
                               std::to_string(*extended));
        const std::uint64_t size = extended.value_or(plain);
        if (size != 0 && entry_.type != TarType::file)
            refuse(name(), quoted_path() + " is " + std::string(name_of(entry_.type)) + " with contents of " +
                               std::to_string(size) + " bytes");
        return size;
    }

    TarWindow window_;
    TarHeader header_;
    TarEntry entry_;
    std::uint64_t contents_left_ = 0;
    std::uint64_t headers_ = 0;
    std::uint64_t entries_ = 0;
    bool ended_ = false;
    bool has_end_mark_ = false;
};

} // namespace wisp
