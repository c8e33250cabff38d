// Stands over one QEMU from its start until nothing of it is left.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "child.hpp"
#include "console_output.hpp"
#include "prober.hpp"
#include "signals.hpp"
#include "wisp/console_scan.hpp"
#include "wisp/qmp.hpp"
#include "wisp/run_judge.hpp"
#include "wisp/tool.hpp"

/// What QEMU itself says on standard error: kept until the machine runs, for it may be why that never will;
/// passed on from then on; and dropped once QEMU has been told to end, which it would only confirm.
class Diagnostics {
public:
    void take(std::string_view text) {
        if (dropped_) return;
        held_ += text;
        if (!passes_) return held_.resize(std::min(held_.size(), longest));
        std::fwrite(held_.data(), 1, held_.size(), stderr);
        held_.clear();
    }
    void pass_on() {
        passes_ = true;
        take("");
    }
    void drop() { dropped_ = true; }

    /// What was kept, on one line and without the name of the program in front of each.
    std::string as_line(const std::string& program) const {
        const std::string prefix = program.substr(program.rfind('/') + 1) + ": ";
        std::string line;
        for (std::string_view part : wisp::split(held_, '\n')) {
            if (part.starts_with(prefix)) part.remove_prefix(prefix.size());
            if (!part.empty()) line += (line.empty() ? "" : "; ") + std::string(part);
        }
        return line;
    }

private:
    static constexpr std::size_t longest = 4096;

    std::string held_;
    bool passes_ = false;
    bool dropped_ = false;
};

/// Both ends of a connection to QEMU's monitor; neither survives an exec unless told to.
inline std::pair<wisp::Fd, wisp::Fd> monitor_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) wisp::fail_errno("monitor", "socketpair");
    std::pair<wisp::Fd, wisp::Fd> made{ends[0], ends[1]};
    for (const int end : ends)
        if (::fcntl(end, F_SETFD, FD_CLOEXEC) != 0) wisp::fail_errno("monitor", "fcntl");
    never_wait(ends[0]);
    return made;
}

/// Runs one machine. One loop waits for everything at once and never for one thing: the console's reader may
/// be slow, and the time-out still comes.
class Supervisor {
public:
    using OnStart = std::function<void(const std::vector<wisp::Forward>&)>;

    /// `command` is QEMU's, with its console on its standard streams. `on_start` is told the forwards before the
    /// guest's first instruction. Throws Error (system) when the program cannot be started.
    Supervisor(std::vector<std::string> command, std::vector<wisp::Forward> forwards, wisp::RunJudge& judge,
               ConsoleOutput passed_to, OnStart on_start)
        : program_(command[0]), judge_(judge), console_(std::move(passed_to)), on_start_(std::move(on_start)),
          qmp_(std::move(forwards)),
          scanner_([this](const wisp::ConsoleEvent& event) { on_console(event); }) {
        auto [from_output, into_output] = private_pipe();
        auto [from_errors, into_errors] = private_pipe();
        auto [our_monitor, qemus_monitor] = monitor_pair();
        for (const int fd : {from_output.get(), from_errors.get()}) never_wait(fd);
        const std::string number = std::to_string(qemus_monitor.get());
        command.insert(command.end(), {"-chardev", "socket,id=wisp-monitor,fd=" + number, "-mon",
                                       "chardev=wisp-monitor,mode=control", "-S"});
        started_ = Clock::now();
        child_.emplace(std::move(command), ChildStreams{.in = STDIN_FILENO, .out = into_output.get(),
                                                        .error = into_errors.get(), .kept = qemus_monitor.get()});
        output_ = std::move(from_output);
        errors_ = std::move(from_errors);
        monitor_ = std::move(our_monitor);
    }

    /// Until the judge has a verdict, QEMU is gone and the console is passed on. False when the console's reader
    /// did not take all of it within the time it has for that. Throws Error (system) when QEMU does not start
    /// the machine, or the console cannot be written.
    bool run() {
        while (!judge_.verdict()) step({});
        probers_.clear();
        diagnostics_.drop();
        child_->signal(SIGTERM);
        const wisp::Elapsed kill_at = now() + time_to_end;
        while (child_->running()) {
            step(kill_at);
            if (now() >= kill_at) child_->signal(SIGKILL);
        }
        const wisp::Elapsed leave_at = now() + time_to_read;
        while (!passed_on() && now() < leave_at && !insisted_) step(leave_at);
        return passed_on();
    }

    const std::vector<wisp::Forward>& forwards() const { return qmp_.forwards(); }

private:
    using Clock = std::chrono::steady_clock;

    static constexpr wisp::Elapsed time_to_end{2000};  ///< for QEMU, after SIGTERM
    static constexpr wisp::Elapsed time_to_read{5000}; ///< for the console's reader, after QEMU

    wisp::Elapsed now() const { return std::chrono::duration_cast<wisp::Elapsed>(Clock::now() - started_); }

    /// Whether the last byte of the console has arrived and gone on.
    bool passed_on() const { return !output_ && console_.empty(); }

    /// Where step() has what it polls for.
    enum Polled : std::size_t { signals, monitor, errors, output, console, first_prober };

    /// Waits for whatever happens next, at the latest until `limit`, and deals with it.
    void step(std::optional<wisp::Elapsed> limit) {
        std::vector<pollfd> polled{{.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                                   {.fd = monitor_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = errors_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = console_.empty() ? output_.get() : -1, .events = POLLIN, .revents = 0},
                                   console_.watched()};
        for (const Prober& prober : probers_) polled.push_back(prober.watched());
        if (::poll(polled.data(), static_cast<nfds_t>(polled.size()), milliseconds_until(limit)) < 0) {
            if (errno != EINTR) wisp::fail_errno("poll", "wait");
            for (pollfd& one : polled) one.revents = 0;
        }
        // An answer that came before the end of the service counts.
        for (std::size_t i = first_prober; i < polled.size(); ++i) probe(i - first_prober, polled[i].revents);
        if (polled[signals].revents != 0) take_signals();
        if (polled[monitor].revents != 0) read_monitor();
        if (polled[errors].revents != 0) read_errors();
        if (polled[console].revents != 0) pass_on();
        if (polled[output].revents != 0 || ended_) read_console(); // somebody else may hold the pipe: no end follows
        if (!judge_.verdict()) judge_.pass_time(now());
        if (ended_ && !output_ && !judge_.verdict()) conclude();
    }

    int milliseconds_until(std::optional<wisp::Elapsed> limit) const {
        constexpr wisp::Elapsed longest{60000};
        wisp::Elapsed next = now() + longest;
        const auto consider = [&](std::optional<wisp::Elapsed> time) { next = std::min(next, time.value_or(next)); };
        consider(limit);
        if (!judge_.verdict()) consider(judge_.deadline());
        for (const Prober& prober : probers_) consider(prober.due());
        // A millisecond more: time is counted in whole ones, and waking too early would be waiting busily.
        return static_cast<int>(std::max(next - now() + wisp::Elapsed{1}, wisp::Elapsed{0}).count());
    }

    void take_signals() {
        for (const int signal : signals_.take()) {
            if (signal == SIGCHLD) {
                if (const auto status = child_->reap()) ended_ = status;
            } else if (judge_.verdict()) {
                insisted_ = true;
                child_->signal(SIGKILL);
            } else {
                judge_.interrupted(signal, signal == SIGINT    ? "SIGINT"
                                           : signal == SIGTERM ? "SIGTERM"
                                                               : "SIGHUP");
            }
        }
    }

    /// Reads what is there, up to `block`; "" when there is nothing, and closes `fd` at the end.
    std::string_view read_some(wisp::Fd& fd) {
        const ssize_t count = ::read(fd.get(), block_.data(), block_.size());
        if (count > 0) return {block_.data(), static_cast<std::size_t>(count)};
        if (count == 0 || (errno != EAGAIN && errno != EINTR)) fd = wisp::Fd();
        return {};
    }

    void read_monitor() {
        if (!monitor_) return;
        const bool before = qmp_.started();
        const std::string answer = qmp_.feed(read_some(monitor_));
        if (!before && qmp_.started()) on_machine_start();
        // A few words fit into an empty socket at once; QEMU that does not read them has other troubles.
        if (!answer.empty()) static_cast<void>(!::send(monitor_.get(), answer.data(), answer.size(), 0));
    }

    void on_machine_start() {
        diagnostics_.pass_on();
        on_start_(qmp_.forwards());
        judge_.machine_started(now());
        for (const wisp::Expectation& expectation : judge_.expectations()) {
            const wisp::Endpoint endpoint = wisp::endpoint_of(expectation, qmp_.forwards(), "--expect");
            probers_.emplace_back(endpoint, wisp::http_request(expectation.parsed, wisp::to_text(endpoint),
                                                               std::string("wisp-qemu/") + wisp::version));
            probers_.back().start(now());
        }
    }

    void read_errors() { diagnostics_.take(read_some(errors_)); }

    void read_console() {
        if (!output_ || !console_.empty()) return;
        const std::string_view bytes = read_some(output_);
        if (bytes.empty() && ended_) output_ = wisp::Fd();
        console_.give(wisp::as_bytes(bytes));
        scanner_.feed(wisp::as_bytes(bytes));
        if (!output_) scanner_.finish();
    }

    /// Whoever interrupts this program at a terminal has interrupted the console's reader as well; that it has gone
    /// may be seen before the signal is.
    void pass_on() {
        try {
            console_.proceed();
        } catch (const wisp::Error&) {
            take_signals();
            if (!judge_.verdict() || judge_.verdict()->outcome != "interrupted") throw;
            console_.give({});
        }
    }

    void on_console(const wisp::ConsoleEvent& event) {
        judge_.console_says(event, now());
        // The network is there now: an attempt that was made before may be lost on its way to it.
        if (event.kind == wisp::ConsoleEvent::Kind::service)
            for (Prober& prober : probers_) prober.start(now());
    }

    void probe(std::size_t index, short happened) {
        if (!probers_[index].proceed(happened, now())) return;
        const wisp::HttpStatusReader& answer = probers_[index].result();
        if (answer.state() == wisp::HttpStatusReader::State::status) {
            judge_.answered(index, answer.status(), now());
        } else {
            judge_.answered_nonsense(index, answer.beginning(), now());
        }
    }

    /// QEMU has ended, its console is read, and nothing on it was the end of the machine.
    void conclude() {
        read_monitor();
        read_errors();
        const std::string how = WIFSIGNALED(*ended_) ? "was ended by signal " + std::to_string(WTERMSIG(*ended_))
                                                     : "exited with status " + std::to_string(WEXITSTATUS(*ended_));
        if (!qmp_.started()) {
            const std::string words = diagnostics_.as_line(program_);
            throw wisp::Error(wisp::printable(program_), words.empty() ? how + " before it started the machine" : words,
                              wisp::Fault::system);
        }
        judge_.machine_ended(*ended_ == 0 ? "" : how, qmp_.stop_reason());
    }

    std::string program_;
    wisp::RunJudge& judge_;
    ConsoleOutput console_;
    OnStart on_start_;
    wisp::QmpSession qmp_;
    wisp::ConsoleScanner scanner_;
    Diagnostics diagnostics_;
    std::vector<Prober> probers_;
    std::array<char, 65536> block_{};

    SignalPipe signals_;
    wisp::Fd output_;  ///< QEMU's standard output, the console
    wisp::Fd errors_;  ///< its standard error
    wisp::Fd monitor_; ///< this end of its monitor
    Clock::time_point started_;
    std::optional<Child> child_;
    std::optional<int> ended_; ///< its wait status
    bool insisted_ = false;    ///< a second signal came: nothing more is waited for
};
