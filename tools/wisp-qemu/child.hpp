// One program that runs under this one, and does not outlive it.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "signals.hpp"
#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/process.hpp"
#include "wisp/text.hpp"

/// Words as exec wants them; they must outlive the result.
inline std::vector<char*> exec_words(std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return argv;
}

/// Why exec of `program` failed, as an Error (system).
[[noreturn]] inline void fail_exec(const std::string& program, int error) {
    if (error == ENOENT)
        throw wisp::Error(wisp::printable(program), "is not in PATH: install QEMU's system emulator",
                          wisp::Fault::system);
    errno = error;
    wisp::fail_errno(wisp::printable(program), "exec");
}

/// Kills a process when the one that made this dies without a word, SIGKILL included: a third process waits for
/// the end of a pipe that only the first can write to. Where the system has nothing better.
class DeathWatch {
public:
    explicit DeathWatch(pid_t watched) : ends_(private_pipe()) {
        pid_ = ::fork();
        if (pid_ < 0) wisp::fail_errno("fork", "watch");
        if (pid_ == 0) wait_and_kill(watched);
        ends_.first = wisp::Fd();
    }
    DeathWatch(const DeathWatch&) = delete;
    DeathWatch& operator=(const DeathWatch&) = delete;
    /// Nobody needs killing. To be called before the watched one is waited for: then its number is still its own.
    ~DeathWatch() {
        static_cast<void>(!::write(ends_.second.get(), "", 1));
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
    }

private:
    [[noreturn]] void wait_and_kill(pid_t watched) {
        for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) ::signal(signal, SIG_IGN);
        ends_.second = wisp::Fd();
        // Whoever reads what this program wrote must see its end.
        for (int fd = 0; fd < 256; ++fd)
            if (fd != ends_.first.get()) ::close(fd);
        char word = 0;
        ssize_t count = -1;
        do count = ::read(ends_.first.get(), &word, 1);
        while (count < 0 && errno == EINTR);
        if (count == 0) ::kill(watched, SIGKILL);
        ::_exit(0);
    }

    std::pair<wisp::Fd, wisp::Fd> ends_;
    pid_t pid_ = -1;
};

/// Where a child's standard streams lead, and one more descriptor that it keeps.
struct ChildStreams {
    int in = -1;
    int out = -1;
    int error = -1;
    int kept = -1;
};

/// Starts a program, and kills it at the latest when this object or this process ends.
class Child {
public:
    /// Looks for the program, the first word, in PATH. Throws Error (system).
    Child(std::vector<std::string> words, const ChildStreams& streams) {
        const std::vector<char*> argv = exec_words(words);
        auto [failure, report] = private_pipe();
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ < 0) wisp::fail_errno("fork", "start " + wisp::printable(words[0]));
        if (pid_ == 0) become(argv.data(), streams, parent, report.get());
        report = wisp::Fd();
        int error = 0;
        ssize_t count = -1;
        do count = ::read(failure.get(), &error, sizeof error);
        while (count < 0 && errno == EINTR);
        if (count == sizeof error) {
            wait(0);
            fail_exec(words[0], error);
        }
#if !defined(__linux__)
        watch_.emplace(pid_);
#endif
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (pid_ < 0) return;
        signal(SIGKILL);
        try {
            wait(0);
        } catch (const wisp::Error&) { // it has ended all the same, and somebody else has its status
        }
    }

    bool running() const { return pid_ >= 0; }

    void signal(int number) const {
        if (pid_ >= 0) ::kill(pid_, number);
    }

    /// The wait status, once, when the program has ended.
    std::optional<int> reap() { return wait(WNOHANG); }

private:
    /// The child's side of the fork: only what a signal handler may do.
    [[noreturn]] static void become(char* const* argv, const ChildStreams& streams, pid_t parent, int report) {
#if defined(__linux__)
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
        const bool ready = ::getppid() == parent && ::dup2(streams.in, STDIN_FILENO) >= 0 &&
                           ::dup2(streams.out, STDOUT_FILENO) >= 0 && ::dup2(streams.error, STDERR_FILENO) >= 0 &&
                           ::fcntl(streams.kept, F_SETFD, 0) == 0;
        if (ready) {
            for (const int signal : wisp::ignored_signals) ::signal(signal, SIG_DFL);
            ::execvp(argv[0], argv);
        }
        const int error = errno;
        static_cast<void>(!::write(report, &error, sizeof error));
        ::_exit(127);
    }

    std::optional<int> wait(int flags) {
        if (pid_ < 0) return std::nullopt;
        siginfo_t ended{};
        while (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT | flags) < 0)
            if (errno != EINTR) wisp::fail_errno("child", "wait");
        if (ended.si_pid != pid_) return std::nullopt;
        watch_.reset();
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0)
            if (errno != EINTR) wisp::fail_errno("child", "wait");
        pid_ = -1;
        return status;
    }

    pid_t pid_ = -1;
    std::optional<DeathWatch> watch_;
};
