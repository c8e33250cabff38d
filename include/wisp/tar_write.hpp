// Tar archives, written front to back: the ustar format, and pax records where that has no room.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wisp/checked.hpp"
#include "wisp/sink.hpp"
#include "wisp/tar_header.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// Writes regular files into a tar archive, in the order of the calls. Owner, group and time are 0 and nothing else of
/// the machine is in it, so the same files make the same bytes. [POSIX.1-2017 pax, "ustar Interchange Format" and "pax
/// Interchange Format"]
class TarWriter {
public:
    /// `out` stays the caller's, who finishes it after finish().
    explicit TarWriter(Sink& out) : out_(out) {}

    /// Adds a file of `size` bytes. `path` is relative and has no NUL byte; of `mode` the nine permission bits count.
    /// `write` gets the Sink for the contents; another number of bytes than `size` is an Error (system).
    template <class Write>
    void add(const std::string& path, std::uint32_t mode, std::uint64_t size, Write write) {
        write_headers(path, mode, size);
        write_announced(out_, size, path, [&] { write(out_); });
        out_.zeros(padding(size, tar_record_size));
    }

    /// How many files have been added.
    std::uint64_t count() const { return count_; }

    /// Ends the archive with its mark, two records of zeros.
    void finish() { out_.zeros(2 * tar_record_size); }

private:
    static constexpr std::uint64_t max_plain_size = 077777777777; // what 11 octal digits hold: 8 GiB less one

    /// A path as the two fields of a header hold it.
    struct SplitPath {
        std::string_view prefix, name;
    };

    void write_headers(const std::string& path, std::uint32_t mode, std::uint64_t size) {
        const auto parts = split_path(path);
        std::string extended;
        if (!parts) extended += pax_record("path", path);
        if (size > max_plain_size) extended += pax_record("size", std::to_string(size));
        if (!extended.empty()) {
            write_header({"", "PaxHeader"}, 'x', 0644, extended.size());
            out_.write(extended);
            out_.zeros(padding(extended.size(), tar_record_size));
        }
        const SplitPath cut{"", std::string_view(path).substr(0, sizeof(TarHeader::name))};
        write_header(parts.value_or(cut), '0', mode & 0777, size > max_plain_size ? 0 : size);
        ++count_;
    }

    /// Nothing for a path that does not fit: only at a slash can it be divided, which then stands in neither field.
    static std::optional<SplitPath> split_path(std::string_view path) {
        constexpr std::size_t room = sizeof(TarHeader::name), prefix_room = sizeof(TarHeader::prefix);
        if (path.size() <= room) return SplitPath{"", path};
        const auto slash = path.find('/', path.size() - room - 1);
        if (slash == std::string_view::npos || slash == 0 || slash > prefix_room || slash + 1 == path.size())
            return std::nullopt;
        return SplitPath{path.substr(0, slash), path.substr(slash + 1)};
    }

    /// "LENGTH key=value\n", whose length counts its own digits.
    static std::string pax_record(std::string_view key, std::string_view value) {
        const std::size_t rest = key.size() + value.size() + 3; // blank, '=', newline
        std::size_t length = 0;
        for (std::size_t next = rest; next != length; next = rest + std::to_string(length).size()) length = next;
        return std::to_string(length).append(" ").append(key).append("=").append(value).append("\n");
    }

    void write_header(const SplitPath& path, char type, std::uint32_t mode, std::uint64_t size) {
        TarHeader header;
        put_text(header.name, path.name);
        put_text(header.prefix, path.prefix);
        put_number(header.mode, mode);
        put_number(header.uid, 0);
        put_number(header.gid, 0);
        put_number(header.size, size);
        put_number(header.mtime, 0);
        put_number(header.devmajor, 0);
        put_number(header.devminor, 0);
        put_text(header.magic, "ustar");
        put_text(header.version, "00");
        header.typeflag = type;
        put_number(header.chksum, tar_checksum(header));
        out_.write(header);
    }

    template <std::size_t Size>
    static void put_text(std::array<char, Size>& field, std::string_view text) {
        std::copy(text.begin(), text.end(), field.begin());
    }

    /// Octal, with leading zeros and a NUL at the end. It fits: see max_plain_size.
    template <std::size_t Size>
    static void put_number(std::array<char, Size>& field, std::uint64_t value) {
        for (std::size_t i = Size - 1; i > 0; --i, value >>= 3) field[i - 1] = static_cast<char>('0' + (value & 7));
    }

    Sink& out_;
    std::uint64_t count_ = 0;
};

} // namespace wisp
