// .PKGINFO, what an Alpine package says about itself [apk-tools doc/apk-v2.5.scd].
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/text.hpp"

namespace wisp::apk {

/// The "key = value" lines of a .PKGINFO; comments and lines of another form are passed over, as apk does.
class PkgInfo {
public:
    PkgInfo() = default;
    explicit PkgInfo(std::string text) : text_(std::move(text)) {
        constexpr std::string_view equals = " = ";
        for (const std::string_view line : split(text_, '\n')) {
            const auto at = line.find(equals);
            if (line.starts_with('#') || at == std::string_view::npos) continue;
            fields_.emplace_back(line.substr(0, at), line.substr(at + equals.size()));
        }
    }

    /// The whole text.
    const std::string& text() const { return text_; }

    /// The values of `key`, in order: some keys may be repeated.
    std::vector<std::string> values(std::string_view key) const {
        std::vector<std::string> found;
        for (const auto& [name, value] : fields_)
            if (name == key) found.push_back(value);
        return found;
    }

    /// The value of a key that stands exactly once; otherwise Error (input) under `subject`.
    std::string one(std::string_view key, std::string_view subject) const {
        const auto found = values(key);
        if (found.size() != 1)
            refuse(subject, ".PKGINFO has " + (found.empty() ? "no" : std::to_string(found.size())) + " " +
                                std::string(key) + (found.size() > 1 ? " lines, not one" : ""));
        return found[0];
    }

private:
    std::string text_;
    std::vector<std::pair<std::string, std::string>> fields_;
};

} // namespace wisp::apk
