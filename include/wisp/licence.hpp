// Licences as packages name them, as SPDX licence expressions [SPDX 2.3, annex D].
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>

#include "wisp/text.hpp"

namespace wisp {

/// The names that kernels and firmware of the distributions come with, and what SPDX's list calls them:
/// Alpine uses the list's identifiers [APKBUILD(5)], Debian its own [copyright format 1.0, 7.1].
inline constexpr std::array<std::array<std::string_view, 2>, 26> licence_names{{
    {"0BSD", "0BSD"},
    {"Apache-2.0", "Apache-2.0"},
    {"BSD-2-Clause", "BSD-2-Clause"},
    {"BSD-2-clause", "BSD-2-Clause"},
    {"BSD-3-Clause", "BSD-3-Clause"},
    {"BSD-3-clause", "BSD-3-Clause"},
    {"CC0-1.0", "CC0-1.0"},
    {"Expat", "MIT"},
    {"GPL-2", "GPL-2.0-only"},
    {"GPL-2+", "GPL-2.0-or-later"},
    {"GPL-2.0-only", "GPL-2.0-only"},
    {"GPL-2.0-or-later", "GPL-2.0-or-later"},
    {"GPL-3", "GPL-3.0-only"},
    {"GPL-3+", "GPL-3.0-or-later"},
    {"GPL-3.0-only", "GPL-3.0-only"},
    {"GPL-3.0-or-later", "GPL-3.0-or-later"},
    {"ISC", "ISC"},
    {"LGPL-2.1", "LGPL-2.1-only"},
    {"LGPL-2.1+", "LGPL-2.1-or-later"},
    {"LGPL-2.1-only", "LGPL-2.1-only"},
    {"LGPL-2.1-or-later", "LGPL-2.1-or-later"},
    {"Linux-syscall-note", "Linux-syscall-note"},
    {"MIT", "MIT"},
    {"MPL-2.0", "MPL-2.0"},
    {"Unlicense", "Unlicense"},
    {"Zlib", "Zlib"},
}};

/// `text` as an expression of SPDX's list, or "" where it is none: names with AND and OR between them, and
/// the kernel's exception. No parentheses.
inline std::string spdx_expression(std::string_view text) {
    constexpr std::string_view exception = "Linux-syscall-note";
    const auto words = split(text, ' ');
    std::string expression;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view before = i == 0 ? "" : words[i - 1];
        if (i % 2 == 1) {
            if (words[i] != "AND" && words[i] != "OR" && (words[i] != "WITH" || before == exception)) return "";
            expression.append(" ").append(words[i]).append(" ");
            continue;
        }
        const auto found = std::find_if(licence_names.begin(), licence_names.end(),
                                        [&](const auto& name) { return name[0] == words[i]; });
        if (found == licence_names.end() || (before == "WITH") != (words[i] == exception)) return "";
        expression += (*found)[1];
    }
    return words.size() % 2 == 1 ? expression : "";
}

/// The licences of one document. What is not on SPDX's list gets a name of its own, as the document has to
/// say what it stands for.
class Licences {
public:
    /// An expression for what a package says of its licence.
    std::string expression(const std::string& said) {
        if (said.empty()) return "NOASSERTION";
        const std::string listed = spdx_expression(said);
        if (!listed.empty()) return listed;
        return own_.emplace(said, "LicenseRef-" + std::to_string(own_.size() + 1)).first->second;
    }

    /// What is not on SPDX's list, and its name.
    const std::map<std::string, std::string>& own() const { return own_; }

private:
    std::map<std::string, std::string> own_;
};

} // namespace wisp
