// Paths inside an archive or an image.
#pragma once

#include <string>
#include <string_view>

#include "wisp/error.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// `text` as a path relative to the root of an image: one leading slash is dropped. Refused under `subject`: nothing,
/// an empty part ("a//b", "a/"), ".", "..", a NUL byte.
inline std::string relative_path(std::string_view text, std::string_view subject) {
    const auto bad = [&](std::string_view why) {
        refuse(subject, "path '" + printable(text) + "' " + std::string(why));
    };
    std::string_view rest = text;
    if (rest.starts_with('/')) rest.remove_prefix(1);
    if (rest.empty()) bad("names nothing");
    if (rest.find('\0') != std::string_view::npos) bad("has a NUL byte");
    for (const std::string_view part : split(rest, '/')) {
        if (part.empty()) bad("has an empty part");
        if (part == "." || part == "..") bad("has a part '" + std::string(part) + "'");
    }
    return std::string(rest);
}

/// The path of the folder that holds `path`; "" for one at the root.
inline std::string_view parent_path(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

/// The last part of `path`.
inline std::string_view base_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

} // namespace wisp
