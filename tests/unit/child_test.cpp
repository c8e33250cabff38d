#include <catch2/catch.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include <array>

#include "tools/wisp-qemu/child.hpp"

namespace {

/// Whether the other ends of the pipe close within `seconds`: whoever held them has ended.
bool closes(int fd, int seconds) {
    pollfd end{.fd = fd, .events = POLLIN, .revents = 0};
    std::array<char, 16> block{};
    while (::poll(&end, 1, seconds * 1000) == 1)
        if (::read(fd, block.data(), block.size()) <= 0) return true;
    return false;
}

/// A child of this process that holds `pipe` open and sleeps.
pid_t sleeper() {
    const pid_t pid = ::fork();
    if (pid == 0)
        for (;;) ::pause();
    return pid;
}

int wait_status(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
}

/// Runs `body` in a process of its own, which then is killed without a word; returns the end of a pipe that all
/// it started hold.
template <class Body>
wisp::Fd killed_after(Body body) {
    auto [alive, held] = private_pipe();
    auto [ready, say_ready] = private_pipe();
    const pid_t pid = ::fork();
    if (pid == 0) {
        body(held.get());
        static_cast<void>(!::write(say_ready.get(), "", 1));
        for (;;) ::pause();
    }
    char word = 1;
    REQUIRE(::read(ready.get(), &word, 1) == 1);
    held = wisp::Fd();
    CHECK_FALSE(closes(alive.get(), 0));
    ::kill(pid, SIGKILL);
    wait_status(pid);
    return std::move(alive);
}

} // namespace

TEST_CASE("a child does not outlive a program that is killed") {
    const wisp::Fd alive = killed_after([](int held) {
        static wisp::Fd nothing(::open("/dev/null", O_RDWR));
        static Child child({"sleep", "1000"}, {nothing.get(), nothing.get(), nothing.get(), held});
    });
    CHECK(closes(alive.get(), 20));
}

TEST_CASE("the death watch kills when its maker dies without a word") {
    const wisp::Fd alive = killed_after([](int) { static DeathWatch watch(sleeper()); });
    CHECK(closes(alive.get(), 20));
}

TEST_CASE("the death watch kills nobody when it is dismissed") {
    const pid_t watched = sleeper();
    { const DeathWatch watch(watched); }
    CHECK(::waitpid(watched, nullptr, WNOHANG) == 0);
    ::kill(watched, SIGKILL);
    wait_status(watched);
}

TEST_CASE("a child that goes out of scope is gone, and one that ends is told") {
    auto [alive, held] = private_pipe();
    const wisp::Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const auto streams = [&](int kept) { return ChildStreams{nothing.get(), nothing.get(), nothing.get(), kept}; };
    {
        const Child child({"sleep", "1000"}, streams(held.get()));
        held = wisp::Fd();
        CHECK_FALSE(closes(alive.get(), 0));
    }
    CHECK(closes(alive.get(), 0));
    auto [end, until] = private_pipe();
    Child child({"sh", "-c", "exit 7"}, streams(until.get()));
    until = wisp::Fd();
    REQUIRE(closes(end.get(), 20));
    std::optional<int> status;
    while (!status) status = child.reap();
    CHECK(WEXITSTATUS(*status) == 7);
    CHECK_FALSE(child.running());
    CHECK_FALSE(child.reap());
}

TEST_CASE("a child whose status is lost goes out of scope without a word") {
    auto [alive, held] = private_pipe();
    const wisp::Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const auto before = std::signal(SIGCHLD, SIG_IGN);
    {
        const Child child({"sleep", "1000"}, {nothing.get(), nothing.get(), nothing.get(), held.get()});
        held = wisp::Fd();
    }
    std::signal(SIGCHLD, before);
    CHECK(closes(alive.get(), 0));
}
