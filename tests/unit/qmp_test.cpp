#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "wisp/qmp.hpp"

using namespace wisp;

namespace {

// What QEMU 7.2 said.
const std::string greeting =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}})"
    "\r\n";
const std::string agreed = "{\"return\": {}}\r\n";
const std::string listing = R"(Hub -1 (net0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n)"
                            R"(  TCP[HOST_FORWARD]   9       127.0.0.1 46871       10.0.2.15  8080     0     0\r\n)"
                            R"(  TCP[HOST_FORWARD]   3               * 34435       10.0.2.15    80     0     0\r\n)";
const std::string listed = "{\"return\": \"" + listing + "\"}\r\n";

std::vector<std::string> ports(const std::vector<Forward>& forwards) {
    std::vector<std::string> all;
    for (const Forward& forward : forwards) all.push_back(to_text(forward));
    return all;
}

} // namespace

TEST_CASE("a machine is let go when its ports are known, however QEMU's words are cut") {
    const std::string said = greeting + agreed + listed + "{\"timestamp\": {}, \"event\": \"RESUME\"}\r\n" + agreed +
                             R"({"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}})" + "\r\n";
    for (std::size_t piece = 1; piece <= said.size(); ++piece) {
        QmpSession session({{loopback_address, 0, 8080}, {{}, 0, 80}});
        std::string answers;
        for (std::size_t at = 0; at < said.size(); at += piece) answers += session.feed(said.substr(at, piece));
        CHECK(answers ==
              "{\"execute\": \"qmp_capabilities\"}\n"
              "{\"execute\": \"human-monitor-command\", \"arguments\": {\"command-line\": \"info usernet\"}}\n"
              "{\"execute\": \"cont\"}\n");
        CHECK(session.started());
        CHECK(ports(session.forwards()) == std::vector<std::string>{"46871:8080", "0.0.0.0:34435:80"});
        CHECK(session.stop_reason() == "guest-shutdown");
    }
}

TEST_CASE("nothing is let go before the ports are known") {
    QmpSession session({});
    CHECK(session.feed(agreed) == "");
    session.feed(greeting);
    session.feed(R"({"event": "RTC_CHANGE", "data": {"offset": 1}})" "\n");
    session.feed(agreed);
    CHECK_FALSE(session.started());
    session.feed(agreed); // no text
    CHECK_FALSE(session.started());
    session.feed(listed);
    CHECK(session.started());
}

TEST_CASE("what QEMU refuses, and what is not its protocol, ends the start") {
    const auto [said, why] = GENERATE(table<std::string, std::string>({
        {R"({"error": {"class": "GenericError", "desc": "no such thing"}})", "no such thing"},
        {R"({"error": {"class": "GenericError"}})", "refuses"},
        {R"({"error": 1})", "refuses"},
        {R"({"error": {"desc": 5}})", "refuses"},
        {"QEMU 7.2 monitor", "no JSON object: QEMU 7.2 monitor"},
        {"[]", "no JSON object: []"},
        {"{", "no JSON object: {"},
    }));
    CAPTURE(said);
    QmpSession session({});
    CHECK_THROWS_WITH(session.feed(said + "\n"), "QEMU: monitor: " + why);
}

TEST_CASE("a message without end is refused") {
    QmpSession session({});
    CHECK_THROWS_WITH(session.feed(std::string(QmpSession::longest_message + 1, ' ')),
                      "QEMU: monitor: a message exceeds 1048576 bytes");
}

TEST_CASE("a chosen port is one that was not asked for, whatever the order") {
    const std::string text = "  TCP[HOST_FORWARD] 9 127.0.0.1 2000 10.0.2.15 80 0 0\r\n"
                             "  TCP[HOST_FORWARD] 9 127.0.0.1 1000 10.0.2.15 80 0 0\r\n"
                             "  TCP[ESTABLISHED] 9 127.0.0.1 3000 10.0.2.15 80 0 0\r\n";
    std::vector<Forward> forwards{{loopback_address, 0, 80}, {loopback_address, 1000, 80}};
    take_chosen_ports(text, forwards);
    CHECK(ports(forwards) == std::vector<std::string>{"2000:80", "1000:80"});
    std::vector<Forward> other{{loopback_address, 0, 81}};
    CHECK_THROWS_WITH(take_chosen_ports(text, other), "QEMU: tells no port for the forward 0:81");
}
