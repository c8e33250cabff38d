// race: runs commands in turn, round after round, and says what each of them took.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr const char* usage =
    "usage: race ROUNDS {NAME PREPARATION COMMAND}...\n\n"
    "Runs the shell's COMMANDs one after the other, ROUNDS times after a round that warms up, each after\n"
    "its PREPARATION, which is not timed; who begins changes every round. Prints a JSON object for each: "
    "its\n"
    "name, the median, the least and the most milliseconds, and the peak resident memory, in KiB, of the\n"
    "largest process among those it ran.\n";

using Milliseconds = std::chrono::duration<double, std::milli>;

struct Runner {
    std::string name{}, preparation{}, command{};
    std::vector<double> milliseconds{};
    long peak_rss_kib = 0;
};

/// Runs `script` by sh to its end; throws where that is not success.
rusage run(const std::string& script) {
    std::string copy = script;
    char sh[] = "sh", option[] = "-c";
    char* const arguments[] = {sh, option, copy.data(), nullptr};
    pid_t child = 0;
    if (const int error = posix_spawnp(&child, "sh", nullptr, nullptr, arguments, environ); error != 0)
        throw std::runtime_error(std::string("sh: ") + std::strerror(error));
    int status = 0;
    rusage use{};
    while (wait4(child, &status, 0, &use) < 0)
        if (errno != EINTR) throw std::runtime_error(std::string("wait4: ") + std::strerror(errno));
    if (status != 0)
        throw std::runtime_error("'" + script + "' ended with wait status " + std::to_string(status));
    return use;
}

void time(Runner& runner, bool is_warm_up) {
    if (!runner.preparation.empty()) run(runner.preparation);
    const auto start = std::chrono::steady_clock::now();
    const rusage use = run(runner.command);
    const Milliseconds taken = std::chrono::steady_clock::now() - start;
    runner.peak_rss_kib = std::max(runner.peak_rss_kib, use.ru_maxrss);
    if (!is_warm_up) runner.milliseconds.push_back(taken.count());
}

void race(std::vector<Runner>& runners, std::size_t rounds) {
    for (std::size_t round = 0; round <= rounds; ++round)
        for (std::size_t i = 0; i < runners.size(); ++i)
            time(runners[(round + i) % runners.size()], round == 0);
}

/// Of an even number, the mean of the two in the middle.
double median(std::vector<double> values) {
    std::ranges::sort(values);
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void print(const Runner& runner) {
    const auto [least, most] = std::ranges::minmax(runner.milliseconds);
    std::printf(
        "{\"name\": \"%s\", \"median_ms\": %.2f, \"least_ms\": %.2f, \"most_ms\": %.2f, \"peak_rss_kib\": "
        "%ld}\n",
        runner.name.c_str(), median(runner.milliseconds), least, most, runner.peak_rss_kib);
}

} // namespace

int main(int argc, char** argv) try {
    const std::span arguments(argv + 1, static_cast<std::size_t>(std::max(argc - 1, 0)));
    const long rounds = arguments.empty() ? 0 : std::strtol(arguments[0], nullptr, 10);
    if (rounds < 1 || arguments.size() < 4 || arguments.size() % 3 != 1) {
        std::fputs(usage, stderr);
        return 2;
    }
    std::vector<Runner> runners;
    for (std::size_t i = 1; i < arguments.size(); i += 3)
        runners.push_back(
            {.name = arguments[i], .preparation = arguments[i + 1], .command = arguments[i + 2]});
    race(runners, static_cast<std::size_t>(rounds));
    std::ranges::for_each(runners, print);
    return std::fflush(stdout) == 0 ? 0 : 2;
} catch (const std::exception& error) {
    std::fprintf(stderr, "race: %s\n", error.what());
    return 2;
}
