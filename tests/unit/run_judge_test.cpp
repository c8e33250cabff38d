#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "wisp/run_judge.hpp"

using namespace wisp;

namespace {

using Kind = ConsoleEvent::Kind;
using namespace std::chrono_literals;

RunJudge judge_of(const std::vector<std::string>& expected, std::optional<std::chrono::seconds> timeout = {}) {
    std::vector<Expectation> expectations;
    for (const std::string& text : expected) expectations.push_back(parse_expectation(text, "--expect"));
    return {expectations, timeout, "512M"};
}

/// A machine whose service runs.
RunJudge running(const std::vector<std::string>& expected = {}) {
    RunJudge judge = judge_of(expected, 30s);
    judge.machine_started(10ms);
    judge.console_says({Kind::service}, 500ms);
    return judge;
}

void is(const RunJudge& judge, const std::string& outcome, int status, const std::string& message) {
    REQUIRE(judge.verdict());
    CHECK(judge.verdict()->outcome == outcome);
    CHECK(judge.verdict()->exit_status == status);
    CHECK(judge.verdict()->message == message);
}

} // namespace

TEST_CASE("the service's own end is the end") {
    RunJudge judge = running();
    CHECK_FALSE(judge.verdict());
    SECTION("well") {
        judge.console_says({Kind::init_ended, 0}, 1s);
        is(judge, "exited", 0, "service: exited with status 0");
    }
    SECTION("not well") {
        judge.console_says({Kind::init_ended, 0x300}, 1s);
        is(judge, "exited", 3, "service: exited with status 3");
        CHECK_FALSE(judge.verdict()->signal);
    }
    SECTION("by a signal") {
        judge.console_says({Kind::init_ended, 0xb}, 1s);
        is(judge, "killed", 139, "service: was killed by SIGSEGV");
        CHECK(judge.verdict()->signal == 11u);
    }
    SECTION("by a real-time signal") {
        judge.console_says({Kind::init_ended, 40}, 1s);
        is(judge, "killed", 168, "service: was killed by signal 40");
    }
    // Nothing changes a verdict.
    const std::string message = judge.verdict()->message;
    judge.interrupted(2, "SIGINT");
    judge.pass_time(100s);
    judge.console_says({Kind::panic, 0, "x"}, 2s);
    CHECK(judge.verdict()->message == message);
}

TEST_CASE("an end before the answers is a failure, whatever the service says of it") {
    RunJudge judge = running({"http://:1/", "http://:2/"});
    judge.answered(0, 200, 1s);
    SECTION("well") {
        judge.console_says({Kind::init_ended, 0}, 1s);
        is(judge, "exited", 1, "service: exited with status 0 before it answered http://:2/");
    }
    SECTION("not well") {
        judge.console_says({Kind::init_ended, 0x500}, 1s);
        is(judge, "exited", 5, "service: exited with status 5 before it answered http://:2/");
    }
}

TEST_CASE("init's end is not the service's") {
    RunJudge judge = judge_of({});
    judge.machine_started(1ms);
    SECTION("with its words") {
        judge.console_says({Kind::complaint, 0, "wisp: a: b"}, 1s);
        judge.console_says({Kind::complaint, 0, "wisp: c: d"}, 1s);
        judge.console_says({Kind::init_ended, 0x100}, 1s);
        is(judge, "failed init", 1, "init: exited with status 1: wisp: c: d");
    }
    SECTION("without") {
        judge.console_says({Kind::init_ended, 0x100}, 1s);
        is(judge, "failed init", 1, "init: exited with status 1 before the service started");
    }
    SECTION("even where it claims success") {
        judge.console_says({Kind::init_ended, 0}, 1s);
        is(judge, "failed init", 1, "init: exited with status 0 before the service started");
    }
}

TEST_CASE("an initrd that could not be unpacked is why, and what was missed then is not") {
    const auto after = [](const std::string& reason, const ConsoleEvent& end) {
        RunJudge judge = judge_of({});
        judge.machine_started(1ms);
        judge.console_says({Kind::unpacking, 0, reason}, 500ms);
        judge.console_says({Kind::complaint, 0, "wisp: mount: /sys: ENOENT"}, 900ms);
        judge.console_says(end, 1s);
        return judge;
    };
    const std::string too_large = "machine: the kernel could not unpack the initrd (write error): it does not fit into the "
                                  "machine's memory, 512M";
    is(after("write error", {Kind::init_ended, 0x100}), "failed init", 1, too_large);
    is(after("write error", {Kind::panic, 0, "No working init found."}), "panicked", 1, too_large);
    is(after("junk within compressed archive", {Kind::init_ended, 0x100}), "failed init", 1,
       "machine: the kernel could not unpack the initrd (junk within compressed archive)");
    // a service that was there all the same ends as it does
    RunJudge judge = judge_of({});
    judge.console_says({Kind::unpacking, 0, "write error"}, 500ms);
    judge.console_says({Kind::service}, 900ms);
    judge.console_says({Kind::panic, 0, "Oops"}, 1s);
    is(judge, "panicked", 1, "kernel: panicked: Oops");
}

TEST_CASE("answers as expected are the end, and the first answer counts") {
    RunJudge judge = running({"http://:1/", "http://:2/=404"});
    judge.answered(1, 404, 600ms);
    CHECK_FALSE(judge.verdict());
    SECTION("all") {
        judge.answered(0, 200, 700ms);
        is(judge, "expected", 0, "machine: answered as expected after 700 ms");
    }
    SECTION("another status") {
        judge.answered(0, 503, 700ms);
        is(judge, "unexpected", 1, "http://:1/: answered 503, expected 200");
        CHECK(judge.answers()[0].status == 503u);
    }
    SECTION("no HTTP") {
        judge.answered_nonsense(0, "SSH-2.0", 700ms);
        is(judge, "unexpected", 1, "http://:1/: answered 'SSH-2.0', which is not HTTP");
        CHECK_FALSE(judge.answers()[0].status);
    }
    CHECK(judge.phases().answer == 600ms);
}

TEST_CASE("a time-out names what was awaited") {
    const auto at = GENERATE(29999ms, 30000ms, 31000ms);
    const auto check = [&](RunJudge judge, const std::string& message) {
        judge.pass_time(at);
        if (at < 30s) CHECK_FALSE(judge.verdict());
        else is(judge, "timeout", 124, message);
    };
    check(judge_of({}, 30s), "QEMU: has not started the machine within 30 s");
    RunJudge booting = judge_of({"http://:1/"}, 30s);
    booting.machine_started(1s);
    check(booting, "http://:1/: no answer within 30 s; the service had not started");
    RunJudge idle = judge_of({}, 30s);
    idle.machine_started(1s);
    check(idle, "service: has not started within 30 s");
    check(running(), "service: has not ended within 30 s");
    RunJudge half = running({"http://:1/", "http://:2/", "http://:3/"});
    half.answered(1, 200, 1s);
    check(half, "http://:1/, http://:3/: no answer within 30 s; the service had started");
    RunJudge patient = judge_of({});
    patient.pass_time(1000h);
    CHECK_FALSE(patient.verdict());
}

TEST_CASE("a machine that ends otherwise") {
    RunJudge judge = running();
    SECTION("another panic") {
        judge.console_says({Kind::panic, 0, "VFS: no root"}, 1s);
        is(judge, "panicked", 1, "kernel: panicked: VFS: no root");
    }
    SECTION("power off") {
        judge.machine_ended("", "guest-shutdown");
        is(judge, "ended", 1, "machine: was switched off, and how the service ended was not seen");
    }
    SECTION("reset") {
        judge.machine_ended("", "guest-reset");
        is(judge, "ended", 1, "machine: was reset, and how the service ended was not seen");
    }
    SECTION("no reason") {
        judge.machine_ended("", "");
        is(judge, "ended", 1, "machine: ended, and how the service ended was not seen");
    }
    SECTION("QEMU's own failure") {
        judge.machine_ended("was ended by signal 11", "");
        is(judge, "failed", 2, "QEMU: was ended by signal 11");
    }
    SECTION("from outside") {
        judge.interrupted(15, "SIGTERM");
        is(judge, "interrupted", 143, "machine: ended by SIGTERM");
    }
}

TEST_CASE("the kernel began when its clock says, at the earliest of what the lines allow") {
    RunJudge judge = judge_of({});
    judge.machine_started(100ms);
    judge.console_says({Kind::kernel, 0}, 900ms); // its console came late, and with it all lines
    CHECK(judge.phases().kernel == 900ms);
    judge.console_says({Kind::kernel, 700000}, 905ms);
    CHECK(judge.phases().kernel == 205ms);
    judge.console_says({Kind::kernel, 700000}, 950ms);
    CHECK(judge.phases().kernel == 205ms);
    judge.console_says({Kind::kernel, 99000000}, 951ms); // a clock that is ahead: not before the machine
    CHECK(judge.phases().kernel == 100ms);
}

TEST_CASE("signals have their Linux names") {
    CHECK(guest_signal_name(1) == "SIGHUP");
    CHECK(guest_signal_name(6) == "SIGABRT");
    CHECK(guest_signal_name(9) == "SIGKILL");
    CHECK(guest_signal_name(15) == "SIGTERM");
    CHECK(guest_signal_name(31) == "SIGSYS");
    CHECK(guest_signal_name(0) == "signal 0");
    CHECK(guest_signal_name(32) == "signal 32");
    CHECK(guest_signal_name(127) == "signal 127");
}

TEST_CASE("the report has every field, null for what is not known") {
    RunJudge judge = running({"http://:1/", "http://:2/=404"});
    judge.console_says({Kind::init}, 400ms);
    judge.answered(1, 404, 600ms);
    judge.console_says({Kind::init_ended, 0x86}, 1s);
    CHECK(Json::parse(run_report(judge, {{loopback_address, 18080, 1}})) == Json::parse(R"({
        "outcome": "killed", "exit_status": 134, "signal": 6,
        "message": "service: was killed by SIGABRT before it answered http://:1/",
        "forwards": [{"address": "127.0.0.1", "host_port": 18080, "guest_port": 1}],
        "phases_ms": {"firmware": 10, "kernel": null, "init": 400, "service": 500, "answer": 600},
        "expectations": [{"url": "http://:1/", "expected": 200, "status": null, "ms": null},
                         {"url": "http://:2/", "expected": 404, "status": 404, "ms": 600}]})"));
    RunJudge binary = judge_of({});
    binary.console_says({Kind::panic, 0, "\xff\xfe"}, 1s);
    CHECK(Json::parse(run_report(binary, {})).is_object());
}
