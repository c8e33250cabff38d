// What every tool's main() is made of: options, messages, exit statuses, the standard streams. The only header that
// prints or reads the environment.
#pragma once

#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/input.hpp"
#include "wisp/process.hpp"
#include "wisp/seekable.hpp"
#include "wisp/sink.hpp"
#include "wisp/text.hpp"
#include "wisp/version.hpp"

namespace wisp {

/// One option of a tool.
struct Option {
    enum class Value { none, required, optional };

    std::string name;           ///< the long name, without dashes
    char letter = 0;            ///< the short name, or 0
    Value value = Value::none;  ///< whether a value follows
};

/// What a tool is.
struct Tool {
    std::string name;
    std::string help;            ///< all of --help, usage line first
    std::vector<Option> options; ///< beside --help, -h and --version
};

/// The command line, taken apart.
class Arguments {
public:
    std::vector<std::string> operands;

    bool has(const std::string& option) const { return values_.contains(option); }

    /// The last value given: later ones win. An optional value left out is "".
    std::optional<std::string> value(const std::string& option) const {
        const auto found = values_.find(option);
        if (found == values_.end()) return std::nullopt;
        return found->second.back();
    }

    /// All values given, in order.
    std::vector<std::string> values(const std::string& option) const {
        const auto found = values_.find(option);
        return found == values_.end() ? std::vector<std::string>{} : found->second;
    }

    /// A number in base 10 from `min` to `max`, or a usage error that names the option, the value and the limits.
    std::optional<std::uint64_t> number(const std::string& option, std::uint64_t min, std::uint64_t max) const {
        const auto text = value(option);
        if (!text) return std::nullopt;
        const auto number = parse_unsigned(*text, 10, max);
        if (!number || *number < min)
            throw Error("--" + option, "'" + printable(*text) + "' is not a number from " + std::to_string(min) +
                                           " to " + std::to_string(max), Fault::usage);
        return number;
    }

    void add(const std::string& option, std::string text) { values_[option].push_back(std::move(text)); }

private:
    std::map<std::string, std::vector<std::string>> values_;
};

/// A usage error: what `subject`, an option, an operand or a command, is not or lacks.
[[noreturn]] inline void misuse(std::string_view subject, std::string_view problem) {
    throw Error(subject, problem, Fault::usage);
}

/// For a tool of several commands, the first operand being one: a usage error for an option that is none of `taken`.
inline void check_options(const Tool& tool, const Arguments& arguments, const std::set<std::string>& taken) {
    for (const Option& option : tool.options)
        if (arguments.has(option.name) && !taken.contains(option.name))
            misuse("--" + option.name, "means nothing to " + arguments.operands[0]);
}

/// Takes a command line apart with getopt_long: GNU long options and their unambiguous abbreviations, options and
/// operands in any order, "--" ends the options. Throws Error (usage).
inline Arguments parse_arguments(const Tool& tool, int argc, char** argv) {
    constexpr int first_code = 256; // above every option letter
    std::string letters = ":h";
    std::vector<struct ::option> table;
    for (std::size_t i = 0; i < tool.options.size(); ++i) {
        const Option& option = tool.options[i];
        table.push_back({option.name.c_str(), static_cast<int>(option.value), nullptr,
                         first_code + static_cast<int>(i)});
        if (option.letter == 0) continue;
        letters += option.letter;
        letters += std::string_view("::").substr(0, static_cast<std::size_t>(option.value));
    }
    table.push_back({"help", no_argument, nullptr, 'h'});
    table.push_back({"version", no_argument, nullptr, 'V'});
    table.push_back({});

    Arguments arguments;
    opterr = 0;
    for (int code; (code = ::getopt_long(argc, argv, letters.c_str(), table.data(), nullptr)) != -1;) {
        const std::string text = optarg ? optarg : "";
        const std::string given = optind > 0 && argv[optind - 1] ? argv[optind - 1] : "";
        if (code == ':') misuse(printable(given), "needs a value");
        if (code == '?') {
            const bool is_short = given.substr(0, 2) != "--" && optopt > 0 && optopt < first_code;
            misuse(is_short ? printable(std::string("-") + static_cast<char>(optopt)) : printable(given),
                   "unknown option, see " + tool.name + " --help");
        }
        if (code == 'h' || code == 'V') {
            arguments.add(code == 'h' ? "help" : "version", "");
            continue;
        }
        for (std::size_t i = 0; i < tool.options.size(); ++i)
            if (code == first_code + static_cast<int>(i) || code == tool.options[i].letter)
                arguments.add(tool.options[i].name, text);
    }
    arguments.operands.assign(argv + optind, argv + argc);
    return arguments;
}

/// Fills descriptors 0 to 2 where the caller closed them, the wrong way round: so no file that is opened later takes a
/// standard stream's number, and reading or writing the stream still fails.
inline void reserve_standard_streams() {
    for (int fd = 0; fd <= 2; ++fd)
        if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) std::_Exit(2);
}

/// Writes `text` to standard output, to its end.
inline void print(std::string_view text) {
    FdSink out(STDOUT_FILENO, "standard output");
    out.write(text);
    out.finish();
}

/// Runs `body` as the tool `tool`, and is what main() returns: 0, or after one line on standard error 1 (the input is
/// refused) or 2 (usage, system). A closed pipe is an error like any other, and so is a limit to the size of files:
/// ignored_signals are. SIGCHLD is not, whatever the caller does, for a child's status would be lost with it [POSIX, exec:
/// ignored signals stay so].
inline int run_tool(const Tool& tool, int argc, char** argv, const std::function<void(const Arguments&)>& body) {
    reserve_standard_streams();
    for (const int signal : ignored_signals) std::signal(signal, SIG_IGN);
    std::signal(SIGCHLD, SIG_DFL);
    std::string message;
    int status = 2;
    try {
        const Arguments arguments = parse_arguments(tool, argc, argv);
        if (arguments.has("help") || arguments.has("version")) {
            print(arguments.has("help") ? tool.help : tool.name + " " + version + "\n");
        } else {
            body(arguments);
        }
        if (::close(STDOUT_FILENO) != 0) fail_errno("standard output", "close");
        return 0;
    } catch (const Error& error) {
        message = error.what();
        status = static_cast<int>(error.fault);
    } catch (const std::bad_alloc&) {
        message = "memory: is used up";
    } catch (const std::exception& error) { // of a library's own; no input may end a tool by abort()
        message = std::string("internal: ") + error.what();
    }
    std::fprintf(stderr, "%s: %s\n", tool.name.c_str(), printable(message).c_str());
    return status;
}

/// Prints one warning of the tool of that name; the work goes on.
inline void warn(const std::string& tool, std::string_view subject, std::string_view problem) {
    std::fprintf(stderr, "%s: %.*s: warning: %.*s\n", tool.c_str(), static_cast<int>(subject.size()), subject.data(),
                 static_cast<int>(problem.size()), problem.data());
}

/// Refuses to write bytes that are not text to a terminal. To be called before anything is read.
inline void refuse_terminal() {
    if (::isatty(STDOUT_FILENO) != 0)
        misuse("standard output", "is a terminal, and the output is binary: redirect it or pipe it on");
}

/// The FILE operand, "-" or nothing meaning standard input, which is named `stdin_name` in messages.
inline std::unique_ptr<FdInput> open_operand(const std::optional<std::string>& file,
                                             std::string_view stdin_name = "standard input") {
    if (!file || *file == "-") return std::make_unique<FdInput>(STDIN_FILENO, stdin_name);
    return std::make_unique<FdInput>(open_read(*file), *file);
}

/// The FILE operand as open_operand() takes it, to be read at any place: a file or a device, not a pipe.
inline std::unique_ptr<FdSeekable> open_seekable_operand(const std::optional<std::string>& file) {
    if (!file || *file == "-") return std::make_unique<FdSeekable>(STDIN_FILENO, "standard input");
    return std::make_unique<FdSeekable>(open_read(*file), printable(*file));
}

/// At most one operand, or a usage error naming the second.
inline std::optional<std::string> single_operand(const Arguments& arguments) {
    if (arguments.operands.size() > 1) misuse(printable(arguments.operands[1]), "one FILE is enough");
    if (arguments.operands.empty()) return std::nullopt;
    return arguments.operands[0];
}

/// The value of an environment variable, or nothing where it is not set.
inline std::optional<std::string> environment_variable(const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    if (!value) return std::nullopt;
    return value;
}

/// The folder for temporary files: TMPDIR, or /tmp [POSIX, environment variables].
inline std::string temporary_folder() {
    const char* const folder = std::getenv("TMPDIR");
    return folder && *folder ? folder : "/tmp";
}

/// SOURCE_DATE_EPOCH in seconds [reproducible-builds.org specification], 0 where it is not set. Throws Error (usage)
/// when it is set to something else than a number from 0 to `max`.
inline std::uint64_t source_date_epoch(std::uint64_t max) {
    const char* const text = std::getenv("SOURCE_DATE_EPOCH");
    if (!text || !*text) return 0;
    const auto seconds = parse_unsigned(text, 10, max);
    if (!seconds)
        misuse("SOURCE_DATE_EPOCH",
               "'" + printable(text) + "' is not a number of seconds from 0 to " + std::to_string(max));
    return *seconds;
}

} // namespace wisp
