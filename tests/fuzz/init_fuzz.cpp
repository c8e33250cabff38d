// Any bytes as the files PID 1 reads: read or refused, in bounds. Build with clang++ -fsanitize=fuzzer.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "init/conf.hpp"
#include "init/module_list.hpp"
#include "init/strings.hpp"

namespace {

/// A refusal can be said in one line, and names a place in the file.
void check(const init::Refusal& refusal) {
    if (!refusal) return;
    init::Line line;
    init::describe(line, "file", refusal);
    line.make_printable();
    if (line.text().find('\n') != line.text().size()) __builtin_trap();
}

template <class List>
void check_list(const List& list, init::Text file) {
    for (std::size_t i = 0; i < list.size(); ++i) {
        const char* const string = list.data()[i];
        if (string < file.begin() || string + std::strlen(string) >= file.end()) __builtin_trap();
    }
    if (list.data()[list.size()] != nullptr) __builtin_trap();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const init::Text file(reinterpret_cast<const char*>(data), size);
    init::Conf conf;
    const init::Refusal refusal = init::parse_conf(file, conf);
    check(refusal);
    if (!refusal && (conf.uid == 0 || conf.gid == 0 || conf.granted >> init::capability_count != 0))
        __builtin_trap();

    init::Arguments arguments;
    check(init::parse_arguments(file, arguments));
    check_list(arguments, file);
    init::Environment environment;
    check(init::parse_environment(file, environment));
    check_list(environment, file);

    for (init::Lines lines(file); lines.next();) {
        init::ModuleLine module;
        check(init::parse_module(lines, module));
    }
    return 0;
}
