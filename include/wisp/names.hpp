// What the names in a board profile may look like. They travel into URLs, command lines, shell variables and
// file names, so each kind has an alphabet in which nothing means anything there.
#pragma once

#include <string_view>

#include "wisp/text.hpp"

namespace wisp {

/// Whether `text` has only ASCII letters (lower-case ones unless `upper`), digits and `marks`, and some.
inline bool is_spelt(std::string_view text, std::string_view marks, bool upper) {
    for (const char c : text) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper && c >= 'A' && c <= 'Z');
        if (!plain && marks.find(c) == std::string_view::npos) return false;
    }
    return !text.empty();
}

/// is_spelt(), and the first character is no mark: so nothing looks like an option, "." or "..".
inline bool is_name(std::string_view text, std::string_view marks, bool upper) {
    return is_spelt(text, marks, upper) && is_spelt(text.substr(0, 1), "", upper);
}

/// A board: the NAME of boards/NAME.json and of --target.
inline bool is_target_name(std::string_view text) { return is_name(text, "_-", false); }

/// A package of Debian [Debian Policy 5.6.1] or Alpine.
inline bool is_package_name(std::string_view text) { return is_name(text, "+-._", true); }

/// A package version [Debian Policy 5.6.12; APK's are a subset] or a kernel release.
inline bool is_version(std::string_view text) { return is_name(text, "+-.:~_", true); }

/// A distribution's branch or suite: "v3.24", "trixie".
inline bool is_suite(std::string_view text) { return is_name(text, "-._", false); }

/// A kernel module; `-` and `_` are the same to the kernel.
inline bool is_module_name(std::string_view text) { return is_name(text, "_-", true); }

/// SHA-256 as sha256sum prints it.
inline bool is_sha256(std::string_view text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// A network interface, as the kernel's dev_valid_name() has it: at most 15 bytes (IFNAMSIZ less the NUL).
inline bool is_interface(std::string_view text) { return text.size() < 16 && is_name(text, "._-", true); }

/// Memory of a machine in QEMU's spelling, in MiB or GiB.
inline bool is_memory_size(std::string_view text) {
    const bool unit = text.ends_with('M') || text.ends_with('G');
    return unit && text[0] != '0' && parse_unsigned(text.substr(0, text.size() - 1), 10, 1 << 20).has_value();
}

/// A place files come from. The alphabet is RFC 3986's without quotes, brackets and parentheses.
inline bool is_url(std::string_view text) {
    for (const std::string_view scheme : {"https://", "http://", "file://"})
        if (text.starts_with(scheme)) return is_spelt(text.substr(scheme.size()), "-._~:/?#@!$&*+,;=%", true);
    return false;
}

/// The alphabet of paths inside packages and images.
inline bool is_plain_path(std::string_view text) { return is_spelt(text, "/._+,@~:=-", true); }

} // namespace wisp
