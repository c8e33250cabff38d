// How the run of a machine ends, decided from what happened: no clock, no processes, no sockets.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/console_scan.hpp"
#include "wisp/expectation.hpp"
#include "wisp/json.hpp"

namespace wisp {

/// Time since QEMU was started.
using Elapsed = std::chrono::milliseconds;

/// When each phase of a boot began; empty for what nobody saw begin.
struct BootPhases {
    std::optional<Elapsed> firmware{}; ///< QEMU let the machine go
    std::optional<Elapsed> kernel{};   ///< the kernel's clock stood at 0
    std::optional<Elapsed> init{};     ///< the kernel started /init
    std::optional<Elapsed> service{};  ///< init became the service
    std::optional<Elapsed> answer{};   ///< the first expectation was answered, with whatever status
};

/// What an expectation got.
struct Answer {
    std::optional<unsigned> status{};
    std::optional<Elapsed> when{};
};

/// How a run ended.
struct Verdict {
    std::string outcome{};            ///< the machine-readable word; wisp-qemu(1) lists them
    int exit_status = 0;              ///< of the run
    std::optional<unsigned> signal{}; ///< that killed PID 1
    std::string message{};            ///< one line for people, "subject: problem"
};

/// The name of a signal in the guest, which is a Linux; "signal N" for the real-time ones.
inline std::string guest_signal_name(unsigned signal) {
    // The same on aarch64, x86_64 and riscv64 [kernel include/uapi/asm-generic/signal.h].
    static constexpr std::array<std::string_view, 32> names{
        "",        "SIGHUP",  "SIGINT",  "SIGQUIT", "SIGILL",  "SIGTRAP",   "SIGABRT", "SIGBUS",
        "SIGFPE",  "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE",   "SIGALRM", "SIGTERM",
        "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN",  "SIGTTOU", "SIGURG",
        "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",  "SIGPWR",  "SIGSYS"};
    return signal > 0 && signal < names.size() ? std::string(names[signal]) : "signal " + std::to_string(signal);
}

/// Follows one run and says when and how it ends. Once there is a verdict, nothing changes it.
class RunJudge {
public:
    /// `memory` is the machine's, as QEMU is told it.
    RunJudge(std::vector<Expectation> expectations, std::optional<std::chrono::seconds> timeout, std::string memory)
        : expectations_(std::move(expectations)), answers_(expectations_.size()), timeout_(timeout),
          memory_(std::move(memory)) {}

    const std::optional<Verdict>& verdict() const { return verdict_; }
    const BootPhases& phases() const { return phases_; }
    const std::vector<Expectation>& expectations() const { return expectations_; }
    const std::vector<Answer>& answers() const { return answers_; } ///< in the order of the expectations
    /// When pass_time() will end the run, if nothing else does.
    std::optional<Elapsed> deadline() const { return timeout_; }

    void machine_started(Elapsed now) { phases_.firmware = now; }

    void console_says(const ConsoleEvent& event, Elapsed now) {
        using Kind = ConsoleEvent::Kind;
        if (verdict_) return;
        switch (event.kind) {
            case Kind::kernel: note_kernel(std::chrono::microseconds(event.value), now); break;
            case Kind::unpacking: unpacking_ = event.text; break;
            case Kind::init: phases_.init = now; break;
            case Kind::service: phases_.service = now; break;
            case Kind::complaint: complaint_ = event.text; break;
            case Kind::init_ended: judge_exit(GuestExit::of(event.value)); break;
            case Kind::panic: end({"panicked", 1, {}, cause_of("kernel: panicked: " + event.text)}); break;
        }
    }

    /// Expectation `index` was answered with `status`. The first answer counts.
    void answered(std::size_t index, unsigned status, Elapsed now) {
        if (verdict_) return;
        note_answer(index, now);
        answers_[index].status = status;
        const Expectation& expected = expectations_[index];
        if (status != expected.status)
            return end({"unexpected", 1, {},
                        expected.url + ": answered " + std::to_string(status) + ", expected " +
                            std::to_string(expected.status)});
        if (awaited().empty())
            end({"expected", 0, {}, "machine: answered as expected after " + std::to_string(now.count()) + " ms"});
    }

    /// What came from the port of expectation `index` is not HTTP.
    void answered_nonsense(std::size_t index, std::string_view beginning, Elapsed now) {
        if (verdict_) return;
        note_answer(index, now);
        end({"unexpected", 1, {},
             expectations_[index].url + ": answered '" + std::string(beginning) + "', which is not HTTP"});
    }

    /// QEMU is gone of its own accord. `failure` says how where that was not in peace; `reason` is its monitor's.
    void machine_ended(std::string_view failure, std::string_view reason) {
        if (!failure.empty()) return end({"failed", 2, {}, "QEMU: " + std::string(failure)});
        const std::string how = reason == "guest-shutdown" ? "was switched off"
                                : reason == "guest-reset"  ? "was reset"
                                                           : "ended";
        end({"ended", 1, {}, "machine: " + how + ", and how " + actor() + " ended was not seen"});
    }

    /// This program was told to stop by `signal`, called `name`.
    void interrupted(int signal, std::string_view name) {
        end({"interrupted", 128 + signal, {}, "machine: ended by " + std::string(name)});
    }

    void pass_time(Elapsed now) {
        if (timeout_ && now >= *timeout_) end({"timeout", 124, {}, missed()});
    }

private:
    /// `now` is when a line arrived that was written at `clock`, or later: the best guess is the earliest.
    void note_kernel(std::chrono::microseconds clock, Elapsed now) {
        const auto began = std::max(now - std::chrono::duration_cast<Elapsed>(clock), phases_.firmware.value_or(Elapsed{}));
        phases_.kernel = std::min(began, phases_.kernel.value_or(began));
    }

    void note_answer(std::size_t index, Elapsed now) {
        answers_[index].when = now;
        if (!phases_.answer) phases_.answer = now;
    }

    void judge_exit(const GuestExit& exit) {
        const std::string how = exit.signal != 0 ? "was killed by " + guest_signal_name(exit.signal)
                                                 : "exited with status " + std::to_string(exit.status);
        const auto signal = exit.signal != 0 ? std::optional(exit.signal) : std::nullopt;
        const int status = static_cast<int>(exit.shell_status());
        if (!phases_.service) {
            const std::string why = complaint_.empty() ? " before the service started" : ": " + complaint_;
            return end({"failed init", std::max(status, 1), signal, cause_of("init: " + how + why)});
        }
        const std::string pending = awaited();
        if (pending.empty()) return end({signal ? "killed" : "exited", status, signal, "service: " + how});
        end({signal ? "killed" : "exited", std::max(status, 1), signal,
             "service: " + how + " before it answered " + pending});
    }

    /// What ended the boot: the unpacking of the initrd where that has failed, for all that was missed then, `symptom`,
    /// comes of it.
    std::string cause_of(const std::string& symptom) const {
        if (unpacking_.empty() || phases_.service) return symptom;
        return "machine: the kernel could not unpack the initrd (" + unpacking_ + ")" +
               (unpacking_ == "write error" ? ": it does not fit into the machine's memory, " + memory_ : "");
    }

    /// The URLs that have not been answered.
    std::string awaited() const {
        std::string urls;
        for (std::size_t i = 0; i < expectations_.size(); ++i)
            if (!answers_[i].when) urls += (urls.empty() ? "" : ", ") + expectations_[i].url;
        return urls;
    }

    /// Who is running in the machine, as far as is known.
    std::string actor() const { return phases_.service ? "the service" : "init"; }

    /// What a time-out waited for in vain.
    std::string missed() const {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*timeout_).count();
        const std::string limit = " within " + std::to_string(seconds) + " s";
        if (!phases_.firmware) return "QEMU: has not started the machine" + limit;
        if (const std::string urls = awaited(); !urls.empty())
            return urls + ": no answer" + limit + "; the service had " + (phases_.service ? "" : "not ") + "started";
        return (phases_.service ? "service: has not ended" : "service: has not started") + limit;
    }

    void end(Verdict verdict) {
        if (!verdict_) verdict_ = std::move(verdict);
    }

    std::vector<Expectation> expectations_;
    std::vector<Answer> answers_;
    std::optional<Elapsed> timeout_;
    std::string memory_;
    BootPhases phases_;
    std::string unpacking_; ///< why it failed, or ""
    std::string complaint_;
    std::optional<Verdict> verdict_;
};

/// A run that has its verdict, for scripts: one JSON object; what is not known is null.
inline std::string run_report(const RunJudge& run, const std::vector<Forward>& forwards) {
    using Report = nlohmann::ordered_json;
    const auto number = [](const auto& value) { return value ? Report(*value) : Report(nullptr); };
    const auto ms = [](const std::optional<Elapsed>& time) { return time ? Report(time->count()) : Report(nullptr); };
    const Verdict& verdict = *run.verdict();
    Report report{{"outcome", verdict.outcome},
                  {"exit_status", verdict.exit_status},
                  {"signal", number(verdict.signal)},
                  {"message", verdict.message},
                  {"forwards", Report::array()},
                  {"phases_ms",
                   {{"firmware", ms(run.phases().firmware)},
                    {"kernel", ms(run.phases().kernel)},
                    {"init", ms(run.phases().init)},
                    {"service", ms(run.phases().service)},
                    {"answer", ms(run.phases().answer)}}},
                  {"expectations", Report::array()}};
    for (const Forward& forward : forwards)
        report["forwards"].push_back({{"address", to_text(forward.address)},
                                      {"host_port", forward.host_port},
                                      {"guest_port", forward.guest_port}});
    for (std::size_t i = 0; i < run.expectations().size(); ++i)
        report["expectations"].push_back({{"url", run.expectations()[i].url},
                                          {"expected", run.expectations()[i].status},
                                          {"status", number(run.answers()[i].status)},
                                          {"ms", ms(run.answers()[i].when)}});
    return report.dump(2, ' ', false, Report::error_handler_t::replace) + "\n";
}

} // namespace wisp
