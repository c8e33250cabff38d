// Writing pins into a profile: which version of a package, and which SHA-256, the next build has to find.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/names.hpp"
#include "wisp/profile.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// What one package or URL of a profile is pinned to.
struct Pin {
    std::string name{};    ///< of the package, or the URL
    std::string version{}; ///< "" for a URL
    std::string sha256{};
};

/// Reads lines "package NAME VERSION SHA256" and "url URL SHA256", with "end" as the last: a list that was
/// cut would leave a profile half pinned. Anything else is refused by its line.
inline std::vector<Pin> parse_pins(std::string_view text, std::string_view input) {
    constexpr std::string_view last = "end\n";
    if (text != last && !text.ends_with("\n" + std::string(last)))
        refuse(input, "is cut: the last line must be 'end'");
    text.remove_suffix(last.size());
    std::vector<Pin> pins;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto words = split(text.substr(0, end), ' ');
        text.remove_prefix(end + 1);
        const bool package =
            words.size() == 4 && words[0] == "package" && is_package_name(words[1]) && is_version(words[2]);
        const bool url = words.size() == 3 && words[0] == "url" && is_url(words[1]);
        if ((!package && !url) || !is_sha256(words.back()))
            refuse(std::string(input) + ":" + std::to_string(pins.size() + 1),
                   "is neither 'package NAME VERSION SHA256' nor 'url URL SHA256'");
        pins.push_back(
            {std::string(words[1]), package ? std::string(words[2]) : "", std::string(words.back())});
    }
    return pins;
}

/// Writes pins into a profile and leaves the rest of it, the order of its keys included, as it is.
class PinWriter {
public:
    /// `text` must be a profile; `file` is the subject of refusals.
    PinWriter(std::string_view text, std::string_view file) : file_(file) {
        parse_board(text, file);
        root_ = Ordered::parse(text);
    }

    /// Refuses a package or URL that the profile does not have.
    void write(const Pin& pin) {
        Ordered& kernel = root_["kernel"];
        const bool found = pin.version.empty() ? write_in(root_, "firmware", "url", pin)
                                               : write(kernel, "package", pin) ||
                                                     write_in(kernel, "packages", "package", pin);
        if (!found) refuse(file_, "has no '" + pin.name + "' to pin");
    }

    /// The profile, indented by two, a newline at the end.
    std::string text() const { return root_.dump(2) + "\n"; }

private:
    using Ordered = nlohmann::ordered_json;

    static bool write_in(Ordered& object, const char* list, const char* key, const Pin& pin) {
        bool found = false;
        if (object.contains(list))
            for (Ordered& element : object[list]) found = write(element, key, pin) || found;
        return found;
    }

    static bool write(Ordered& object, const char* key, const Pin& pin) {
        if (!object.contains(key) || object[key] != pin.name) return false;
        if (!pin.version.empty()) put(object, "version", pin.version, key);
        put(object, "sha256", pin.sha256, pin.version.empty() ? key : "version");
        return true;
    }

    /// Sets `key`; a new one comes to stand behind `before`.
    static void put(Ordered& object, const std::string& key, const std::string& value,
                    const std::string& before) {
        if (object.contains(key)) {
            object[key] = value;
            return;
        }
        Ordered longer = Ordered::object();
        for (auto& [name, member] : object.items()) {
            longer[name] = std::move(member);
            if (name == before) longer[key] = value;
        }
        object = std::move(longer);
    }

    std::string file_;
    Ordered root_;
};

/// The profile `text` with `pins`, which is a profile again.
inline std::string pin_profile(std::string_view text, std::string_view file, const std::vector<Pin>& pins) {
    PinWriter writer(text, file);
    for (const Pin& pin : pins) writer.write(pin);
    std::string pinned = writer.text();
    parse_board(pinned, file);
    return pinned;
}

} // namespace wisp
