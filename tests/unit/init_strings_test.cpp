// /etc/argv and /etc/env, in the words of PID 1.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "init/strings.hpp"

using namespace std::string_literals;

namespace {

init::Text text(const std::string& string) { return {string.data(), string.size()}; }

std::string described(init::Text file, const init::Refusal& refusal) {
    init::Line line;
    return refusal ? init::describe(line, file, refusal).c_str() : "";
}

template <class List>
std::vector<std::string> strings(const List& list) {
    std::vector<std::string> out;
    for (const char* const* string = list.data(); *string != nullptr; ++string) out.emplace_back(*string);
    CHECK(out.size() == list.size());
    return out;
}

std::string argv_refusal(const std::string& file) {
    init::Arguments arguments;
    return described("argv", init::parse_arguments(text(file), arguments));
}

std::string env_refusal(const std::string& file) {
    init::Environment environment;
    return described("env", init::parse_environment(text(file), environment));
}

template <class Make>
std::string repeated(int times, Make string) {
    std::string out;
    for (int i = 0; i < times; ++i) out += string(i) + '\0';
    return out;
}

} // namespace

TEST_CASE("arguments are what stands between the NULs, whatever it is") {
    std::string bytes;
    for (int byte = 1; byte < 256; ++byte) bytes += static_cast<char>(byte);
    const std::string file = "/service/run\0\0two words\0"s + bytes + '\0';
    init::Arguments arguments;
    REQUIRE(described("argv", init::parse_arguments(text(file), arguments)) == "");
    CHECK(strings(arguments) == std::vector<std::string>{"/service/run", "", "two words", bytes});
}

TEST_CASE("an empty list has no strings") {
    init::Arguments arguments;
    CHECK(described("argv", init::parse_arguments("", arguments)) == "");
    CHECK(strings(arguments).empty());
}

TEST_CASE("a list of strings that is not whole is refused by the string's number") {
    CHECK(argv_refusal("run") == "argv:1: run: the file is cut: no NUL at the end of its last string");
    CHECK(argv_refusal("run\0x"s) == "argv:2: x: the file is cut: no NUL at the end of its last string");
    CHECK(argv_refusal(std::string(1000, 'x')) ==
          "argv:1: " + std::string(80, 'x') + ": the file is cut: no NUL at the end of its last string");
}

TEST_CASE("every prefix of a list is whole only where a string ends") {
    const std::string whole = "run\0A=b\0c\0"s;
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        CAPTURE(size);
        CHECK(argv_refusal(whole.substr(0, size)).empty() == (size == 0 || whole[size - 1] == '\0'));
    }
}

TEST_CASE("256 strings fit and one more does not") {
    const auto number = [](int i) { return "N" + std::to_string(i) + "=x"; };
    CHECK(argv_refusal(repeated(256, number)) == "");
    CHECK(argv_refusal(repeated(257, number)) == "argv:257: N256=x: more than 256 strings");
    CHECK(env_refusal(repeated(256, number)) == "");
    CHECK(env_refusal(repeated(257, number)) == "env:257: N256=x: more than 256 strings");
}

TEST_CASE("a variable that is not one is refused by its number") {
    CHECK(env_refusal("A=\0B\0"s) == "env:2: B: not NAME=value");
    CHECK(env_refusal("=x\0"s) == "env:1: =x: not NAME=value");
    CHECK(env_refusal("\0"s) == "env:1: not NAME=value");
    CHECK(env_refusal("A=1\0AB=2\0A=3\0"s) == "env:3: A=3: the name was given before");
    CHECK(env_refusal("WISP_WATCHDOG_FD=9\0"s) == "env:1: WISP_WATCHDOG_FD=9: is init's to set");
}

TEST_CASE("a default holds only where nothing else was said, and all of init's own fit") {
    const auto number = [](int i) { return i == 0 ? "HOME=" : "N" + std::to_string(i) + "=x"; };
    const std::string file = repeated(256, number);
    init::Environment environment;
    REQUIRE(described("env", init::parse_environment(text(file), environment)) == "");
    for (const char* variable : {"PATH=/bin", "HOME=/", "TERM=linux"})
        init::add_default(environment, variable);
    CHECK(environment.add("WISP_WATCHDOG_FD=3"));
    const std::vector<std::string> all = strings(environment);
    CHECK(all.size() == 259);
    CHECK(all[0] == "HOME=");
    CHECK(std::vector(all.end() - 3, all.end()) ==
          std::vector<std::string>{"PATH=/bin", "TERM=linux", "WISP_WATCHDOG_FD=3"});
}
