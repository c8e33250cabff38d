// /etc/argv and /etc/env: lists of strings that each end in a NUL, so that every other byte may stand in
// them. No system call: a test on the host can include it.
//
//   argv    = *(argument NUL)            the first is argv[0]; an empty list is "/service/run" alone
//   env     = *(NAME "=" value NUL)      each NAME once; NAME is not empty and holds no "="
//
// Each has at most 256 strings, both together at most 65536 bytes. What is refused is named FILE:N, N being
// the string's place in its list, from 1.
#pragma once

#include "list.hpp"
#include "text.hpp"

namespace init {

struct Strings {
    static constexpr size_t most = 256;
    static constexpr size_t largest_files = 65536;
};

/// What execve() takes: addresses of NUL-terminated strings that live elsewhere, and a null at the end.
template <size_t most>
class StringList {
public:
    /// `string` ends in a NUL right after its last byte. False when there is no room left.
    bool add(Text string) { return size() < most && strings_.add(string.data()); }

    size_t size() const { return strings_.size(); }
    Text operator[](size_t i) const { return strings_[i]; }
    const char* const* data() const { return strings_.begin(); } ///< the null is what List leaves there

private:
    List<const char*, most + 1> strings_;
};

using Arguments = StringList<Strings::most>;

/// Room for those init adds itself.
using Environment = StringList<Strings::most + 8>;

/// Told to the service, and so nothing a configuration can say.
inline constexpr Text watchdog_variable = "WISP_WATCHDOG_FD";

namespace strings_detail {

/// As much of a string as helps: some are longer than a line of the console.
constexpr Text shown(Text string) { return string.first(80); }

/// Hands each string, of which there is room for all, to `take`, which says what is wrong with it, or
/// nullptr.
template <class Take>
Refusal for_each_string(Text file, Take take) {
    for (uint32_t number = 1; !file.empty(); ++number) {
        const size_t before = file.size();
        const Text string = cut_at(file, '\0');
        const auto refuse = [&](const char* problem) { return Refusal{number, shown(string), problem}; };
        if (string.size() == before) return refuse("the file is cut: no NUL at the end of its last string");
        if (number > Strings::most) return refuse("more than 256 strings");
        if (const char* problem = take(string)) return refuse(problem);
    }
    return {};
}

constexpr Text name_of(Text variable) { return variable.first(variable.find('=')); }

inline bool has_variable(const Environment& environment, Text name) {
    for (size_t i = 0; i < environment.size(); ++i)
        if (name_of(environment[i]) == name) return true;
    return false;
}

} // namespace strings_detail

/// Reads the text of an argv file, to which `arguments` refers afterwards.
inline Refusal parse_arguments(Text file, Arguments& arguments) {
    return strings_detail::for_each_string(file, [&](Text string) -> const char* {
        (void)arguments.add(string);
        return nullptr;
    });
}

/// Reads the text of an env file, to which `environment` refers afterwards.
inline Refusal parse_environment(Text file, Environment& environment) {
    using namespace strings_detail;
    return for_each_string(file, [&](Text string) -> const char* {
        const Text name = name_of(string);
        if (name.empty() || name.size() == string.size()) return "not NAME=value";
        if (name == watchdog_variable) return "is init's to set";
        if (has_variable(environment, name)) return "the name was given before";
        (void)environment.add(string);
        return nullptr;
    });
}

/// Adds NAME=value unless the environment has a NAME already.
inline void add_default(Environment& environment, Text variable) {
    using namespace strings_detail;
    if (!has_variable(environment, name_of(variable))) (void)environment.add(variable);
}

} // namespace init
