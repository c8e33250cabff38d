// Extended headers of tar archives [POSIX.1-2017 pax, "pax Extended Header"]: records that overrule the next
// header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wisp/error.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// What a reader of contents needs of the records that stand before an entry. Times, owners and extended
/// attributes are checked for form and forgotten.
struct PaxRecords {
    std::optional<std::string> path{};
    std::optional<std::string> linkpath{};
    std::optional<std::uint64_t> size{};
    std::string
        sha1{}; ///< of the contents, in hexadecimal: abuild's APK-TOOLS.checksum.SHA1; "" where there is none
};

/// Cuts the first record off `rest` and returns its "key=value". A record is "LENGTH key=value\n", and its
/// length counts itself.
inline std::string_view cut_pax_record(std::string_view& rest, std::string_view subject) {
    const auto bad = [&](std::string_view why) {
        refuse(subject, "extended header record '" + printable(rest.substr(0, 20)) + "' " + std::string(why));
    };
    const auto space = rest.substr(0, 21).find(' ');
    if (space == std::string_view::npos) bad("has no length");
    const auto length = parse_unsigned(rest.substr(0, space));
    if (!length) bad("has no length");
    if (*length > rest.size()) bad("is longer than its header");
    if (*length < space + 4) bad("is shorter than a key and a value");
    const auto record = rest.substr(space + 1, *length - space - 1);
    if (!record.ends_with('\n')) bad("does not end its line");
    rest.remove_prefix(*length);
    return record.substr(0, record.size() - 1);
}

/// Takes one record into `records`. An empty value takes an earlier one back.
inline void take_pax_record(std::string_view key, std::string_view value, PaxRecords& records,
                            std::string_view subject) {
    const auto text = [&]() -> std::optional<std::string> {
        if (value.find('\0') != std::string_view::npos)
            refuse(subject, "extended header " + std::string(key) + " has a NUL byte");
        return value.empty() ? std::nullopt : std::optional<std::string>(value);
    };
    if (key == "path")
        records.path = text();
    else if (key == "linkpath")
        records.linkpath = text();
    else if (key == "APK-TOOLS.checksum.SHA1")
        records.sha1 = value;
    else if (key.starts_with("GNU.sparse."))
        refuse(subject, "has a sparse entry, which is not supported");
    else if (key == "size" && value.empty())
        records.size.reset();
    else if (key == "size" && !(records.size = parse_unsigned(value)))
        refuse(subject, "extended header size '" + printable(value) + "' is not a number of 64 bits");
}

/// Parses the extended header of one entry (typeflag x). Refuses malformed records under `subject`.
inline PaxRecords parse_pax(std::string_view text, std::string_view subject) {
    PaxRecords records;
    while (!text.empty()) {
        const auto record = cut_pax_record(text, subject);
        const auto equals = record.find('=');
        if (equals == std::string_view::npos || equals == 0)
            refuse(subject, "extended header record '" + printable(record.substr(0, 20)) + "' has no key");
        take_pax_record(record.substr(0, equals), record.substr(equals + 1), records, subject);
    }
    return records;
}

/// Checks a global extended header (typeflag g). What it says applies to all entries and is not needed, but a
/// path or a size for all of them can only be meant to mislead.
inline void check_global_pax(std::string_view text, std::string_view subject) {
    const PaxRecords records = parse_pax(text, subject);
    if (records.path || records.linkpath || records.size)
        refuse(subject, "has a global extended header that sets the path or size of every entry");
}

} // namespace wisp
