// What another program writes, as an input.
#pragma once

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/input.hpp"

namespace wisp {

/// Signals that would end a tool without a word, though what they tell of is an error of write(2), too: run_tool() ignores
/// them. exec would pass that on, and a helper whose reader has gone must end, so who starts one gives it the default back.
inline constexpr std::array ignored_signals{SIGPIPE, SIGXFSZ};

/// A program that decompresses its standard input to its standard output.
struct Helper {
    std::string program; ///< looked for in PATH
    std::vector<std::string> arguments;
    std::string package; ///< what to install when it is not there
};

namespace detail {

/// What posix_spawn wants, torn down in any case.
class SpawnPlan {
public:
    SpawnPlan() {
        if (::posix_spawn_file_actions_init(&actions_) != 0) throw std::bad_alloc();
        if (::posix_spawnattr_init(&attributes_) != 0) throw std::bad_alloc();
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
    ~SpawnPlan() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    /// Standard input and output as given, standard error to nowhere, and ignored_signals deadly again.
    bool prepare(int input, int output) {
        sigset_t deadly;
        ::sigemptyset(&deadly);
        for (const int signal : ignored_signals) ::sigaddset(&deadly, signal);
        return ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO) == 0 &&
               ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO) == 0 &&
               ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
               ::posix_spawnattr_setsigdefault(&attributes_, &deadly) == 0 &&
               ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF) == 0;
    }

    /// 0, or the errno of the attempt. The environment is empty but for the locale: options for xz or zstd
    /// that somebody keeps in variables change nothing here.
    int spawn(pid_t& pid, const Helper& helper) {
        std::vector<std::string> words = helper.arguments;
        words.insert(words.begin(), helper.program);
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        std::string locale = "LC_ALL=C";
        std::array<char*, 2> environment = {locale.data(), nullptr};
        return ::posix_spawnp(&pid, helper.program.c_str(), &actions_, &attributes_, argv.data(),
                              environment.data());
    }

private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

} // namespace detail

/// Runs a helper over a file and yields what it writes. The end is reached only when the helper has ended
/// with status 0; another status refuses the input. SIGCHLD must not be ignored meanwhile, or there is no status.
class HelperInput : public Input {
public:
    /// `input` is read by the helper from where it stands. `name` is the subject of errors.
    HelperInput(Helper helper, Fd input, std::string_view name) : helper_(std::move(helper)), name_(name) {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) fail_errno(name_, "pipe");
        from_ = Fd(ends[0]);
        const Fd to(ends[1]);
        if (::fcntl(from_.get(), F_SETFD, FD_CLOEXEC) != 0 || ::fcntl(to.get(), F_SETFD, FD_CLOEXEC) != 0)
            fail_errno(name_, "fcntl");
        detail::SpawnPlan plan;
        if (!plan.prepare(input.get(), to.get())) throw std::bad_alloc();
        const int failure = plan.spawn(pid_, helper_);
        if (failure == 0) return;
        pid_ = -1;
        if (failure == ENOENT) missing();
        errno = failure;
        fail_errno(name_, "start " + helper_.program);
    }
    ~HelperInput() override {
        from_ = Fd(); // a helper that still writes gets SIGPIPE
        if (pid_ > 0) wait();
    }

    std::size_t read_some(std::span<std::uint8_t> into) override {
        for (;;) {
            const ssize_t count = ::read(from_.get(), into.data(), into.size());
            if (count > 0) return static_cast<std::size_t>(count);
            if (count == 0) break;
            if (errno != EINTR) fail_errno(name_, "read");
        }
        if (pid_ > 0) check(wait());
        return 0;
    }
    const std::string& name() const override { return name_; }

private:
    static constexpr int not_found = 127; // how a posix_spawnp that forks first says ENOENT

    [[noreturn]] void missing() const {
        throw Error(name_,
                    "is packed with " + helper_.program + ", and the program " + helper_.program +
                        " is not here: install " + helper_.package,
                    Fault::system);
    }

    /// The helper's wait status, or -1 with errno set.
    int wait() {
        const pid_t pid = std::exchange(pid_, -1);
        int status = 0;
        pid_t got = -1;
        do got = ::waitpid(pid, &status, 0);
        while (got < 0 && errno == EINTR);
        return got < 0 ? -1 : status;
    }

    void check(int status) const {
        if (status == -1) fail_errno(name_, "wait for " + helper_.program);
        if (WIFSIGNALED(status))
            throw Error(name_, helper_.program + " was ended by signal " + std::to_string(WTERMSIG(status)),
                        Fault::system);
        if (WEXITSTATUS(status) == not_found) missing();
        if (WEXITSTATUS(status) != 0)
            refuse(name_, "is damaged: " + helper_.program + " cannot unpack it (exit status " +
                              std::to_string(WEXITSTATUS(status)) + ")");
    }

    Helper helper_;
    std::string name_;
    Fd from_;
    pid_t pid_ = -1;
};

} // namespace wisp
