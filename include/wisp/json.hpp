// JSON files, read strictly: nlohmann-json takes the text apart, this header refuses what it lets pass (a key
// twice, an unknown key, a number for a text) and says where in which file it stands.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/input.hpp"
#include "wisp/text.hpp"

namespace wisp {

using Json = nlohmann::json;

/// Profiles and configurations are a few kilobytes; a longer one is not what it says it is.
inline constexpr std::uint64_t json_size_limit = 1024 * 1024;

/// Lists and objects inside each other; no file of wisp's needs five, and memory is bounded.
inline constexpr std::size_t json_depth_limit = 32;

/// Follows the parser, and refuses a key that its object has already: RFC 8259 (4) leaves open which of the
/// two counts, and readers differ.
class JsonGuard {
public:
    explicit JsonGuard(std::string_view file) : file_(file) {}

    /// nlohmann-json's parser callback; true keeps the value.
    bool operator()(int, Json::parse_event_t event, Json& parsed) {
        using Event = Json::parse_event_t;
        if (event == Event::key) enter(parsed.get<std::string>());
        if (event == Event::value || event == Event::object_start || event == Event::array_start) count();
        if (event == Event::object_start || event == Event::array_start) open(event == Event::array_start);
        if (event == Event::object_end || event == Event::array_end) open_.pop_back();
        return true;
    }

private:
    struct Level {
        bool is_list = false;
        std::size_t elements = 0;
        std::set<std::string> keys{};
        std::string key{};
    };

    void open(bool is_list) {
        if (open_.size() == json_depth_limit)
            refuse(file_, "nests deeper than " + std::to_string(json_depth_limit));
        open_.push_back({.is_list = is_list});
    }

    void count() {
        if (!open_.empty()) ++open_.back().elements;
    }

    void enter(const std::string& key) {
        open_.back().key = key;
        if (!open_.back().keys.insert(key).second) refuse(file_, path() + ": the key is there twice");
    }

    std::string path() const {
        std::string path;
        for (const Level& level : open_)
            path += level.is_list ? "[" + std::to_string(level.elements - 1) + "]"
                                  : (path.empty() ? "" : ".") + printable(level.key);
        return path;
    }

    std::string file_;
    std::vector<Level> open_;
};

/// Refuses `text`, in which the parser could not go on after `position` bytes, by line and column.
[[noreturn]] inline void refuse_syntax(std::string_view text, std::size_t position, std::string_view file) {
    const std::string_view read = text.substr(0, std::min(position, text.size()));
    const auto line = 1 + std::count(read.begin(), read.end(), '\n');
    const std::string subject = std::string(file) + ":" + std::to_string(line);
    if (position > text.size() || read.empty()) refuse(subject, "is not JSON: it ends too early");
    const auto column = read.size() - (read.rfind('\n') == std::string_view::npos ? 0 : read.rfind('\n') + 1);
    refuse(subject, "is not JSON: unexpected '" + printable(read.substr(read.size() - 1)) + "' in column " +
                        std::to_string(column));
}

/// `text` as JSON [RFC 8259], which has no comments; `file` is the subject of refusals.
inline Json parse_json(std::string_view text, std::string_view file) {
    try {
        return Json::parse(text, JsonGuard(file));
    } catch (const Json::parse_error& error) {
        refuse_syntax(text, error.byte, file);
    } catch (const Json::exception&) {
        refuse(file, "is not JSON: a number in it is too large");
    }
}

/// All of the JSON file `path`; a longer one than `limit` is refused. Throws Error (system) when it cannot be
/// read.
inline std::string read_json_file(const std::string& path, std::uint64_t limit = json_size_limit) {
    FdInput in(open_read(path), path);
    return std::string(as_text(in.read_all(limit)));
}

/// One value of a JSON file, which knows where it stands: a refusal reads "FILE: path.inside[2].it: problem".
/// The Json belongs to the caller and must outlive it.
class JsonValue {
public:
    using Words = std::vector<std::string_view>;

    /// The root of `file`, which must be an object.
    JsonValue(const Json& root, std::string_view file) : JsonValue(root, std::string(file), "") { object(); }

    /// "FILE: path", or "FILE" for the root.
    std::string subject() const { return path_.empty() ? file_ : file_ + ": " + path_; }

    [[noreturn]] void refuse(std::string_view problem) const { wisp::refuse(subject(), problem); }

    /// Refuses an object that has a key beside `known`.
    void only(const Words& known) const {
        for (const auto& [key, value] : object().items())
            if (std::find(known.begin(), known.end(), key) == known.end())
                member(key, value).refuse("unknown key, known here: " + join(known));
    }

    bool has(const std::string& key) const { return object().contains(key); }

    /// The member `key`, or nothing.
    std::optional<JsonValue> find(const std::string& key) const {
        const auto found = object().find(key);
        if (found == object().end()) return std::nullopt;
        return member(key, *found);
    }

    /// The member `key`; refused where there is none.
    JsonValue at(const std::string& key) const {
        if (const auto value = find(key)) return *value;
        member(key, *value_).refuse("is missing");
    }

    bool is_text() const { return value_->is_string(); }
    bool is_list() const { return value_->is_array(); }

    /// One line of text: not empty, no control character.
    std::string text() const {
        const std::string& text = any_text();
        if (text.empty()) refuse("is empty");
        if (printable(text) != text) refuse("'" + printable(text) + "' has a control character");
        return text;
    }

    /// Text of any kind.
    const std::string& any_text() const {
        if (!value_->is_string()) wrong_type("text");
        return value_->get_ref<const std::string&>();
    }

    /// Text that is one of `choices`.
    std::string choice(const Words& choices) const {
        const std::string given = text();
        if (std::find(choices.begin(), choices.end(), given) == choices.end())
            refuse("'" + given + "' is none of " + join(choices));
        return given;
    }

    /// A whole number, not negative.
    std::uint64_t number() const {
        if (!value_->is_number_unsigned()) wrong_type("a whole number");
        return value_->get<std::uint64_t>();
    }

    bool boolean() const {
        if (!value_->is_boolean()) wrong_type("true or false");
        return value_->get<bool>();
    }

    std::vector<JsonValue> list() const {
        if (!value_->is_array()) wrong_type("a list");
        std::vector<JsonValue> values;
        for (const Json& element : *value_)
            values.push_back({element, file_, path_ + "[" + std::to_string(values.size()) + "]"});
        return values;
    }

private:
    JsonValue(const Json& value, std::string file, std::string path)
        : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

    static std::string join(const Words& words) {
        std::string text;
        for (const std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
        return text;
    }

    const Json& object() const {
        if (!value_->is_object()) wrong_type("an object");
        return *value_;
    }

    JsonValue member(const std::string& key, const Json& value) const {
        return {value, file_, (path_.empty() ? "" : path_ + ".") + printable(key)};
    }

    [[noreturn]] void wrong_type(std::string_view wanted) const {
        refuse("must be " + std::string(wanted) + ", not " + describe());
    }

    std::string describe() const {
        if (value_->is_array()) return "a list";
        if (value_->is_object()) return "an object";
        if (value_->is_string()) return "text";
        return value_->dump();
    }

    const Json* value_;
    std::string file_;
    std::string path_;
};

} // namespace wisp
