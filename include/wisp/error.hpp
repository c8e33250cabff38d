// How wisp says no: one exception type, worded where the fact is known.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace wisp {

/// Whose fault a failure is; the value is the exit status of a tool that meets it.
enum class Fault {
    input = 1,  ///< the input was read and is refused
    usage = 2,  ///< the command line asks for something that does not exist
    system = 2, ///< the machine could not do its part: open, read, write, memory
};

/// The one exception of the library. what() reads "subject: problem"; a tool puts its own name in front.
struct Error : std::runtime_error {
    Error(std::string_view subject, std::string_view problem, Fault whose = Fault::input)
        : std::runtime_error(std::string(subject).append(": ").append(problem)), fault(whose) {}

    Fault fault;
};

/// What `error` says of `subject`, without naming it again.
inline std::string problem_with(std::string_view subject, const Error& error) {
    const std::string_view text = error.what();
    const std::string start = std::string(subject).append(": ");
    return std::string(text.starts_with(start) ? text.substr(start.size()) : text);
}

/// Refuses an input.
[[noreturn]] inline void refuse(std::string_view subject, std::string_view problem) {
    throw Error(subject, problem, Fault::input);
}

/// Reports a failed system call, in errno's words. Call it while errno still belongs to `call`.
[[noreturn]] inline void fail_errno(std::string_view subject, std::string_view call) {
    throw Error(subject, std::string(call).append(": ").append(std::strerror(errno)), Fault::system);
}

} // namespace wisp
