#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "wisp/console_scan.hpp"

using namespace wisp;

namespace {

using Kind = ConsoleEvent::Kind;
using Events = std::vector<ConsoleEvent>;

/// The events of `text`, given in pieces of `piece` bytes.
Events events_of(std::string_view text, std::size_t piece) {
    Events events;
    ConsoleScanner scanner([&](const ConsoleEvent& event) { events.push_back(event); });
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        scanner.feed(as_bytes(text.substr(0, piece)));
    scanner.finish();
    return events;
}

Events events_of(std::string_view text) { return events_of(text, text.size()); }

// As QEMU's virt machine and Debian's kernel 6.1 sent it, shortened.
const std::string a_boot =
    "\x1b[2JUEFI firmware\r\n"
    "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x414fd0b1]\r\n"
    "[    0.912345] Run /init as init process\r\n"
    "wisp: starting /service/run\r\n"
    "hello from the service\r\n"
    "[    1.200000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300\r\n"
    "[    1.200100] ---[ end Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300 ]---\r\n";

const Events its_events{{Kind::kernel, 0, ""},         {Kind::kernel, 912345, ""},     {Kind::init, 0, ""},
                        {Kind::service, 0, ""},        {Kind::init_ended, 0x300, ""},
                        {Kind::init_ended, 0x300, ""}};

std::string panic_line(std::string_view code) {
    return "Kernel panic - not syncing: Attempted to kill init! exitcode=0x" + std::string(code);
}

} // namespace

TEST_CASE("a boot is told in the same events however its bytes are cut") {
    CHECK(events_of(a_boot) == its_events);
    for (std::size_t piece = 1; piece < 40; ++piece) CHECK(events_of(a_boot, piece) == its_events);
    for (std::size_t cut = 0; cut <= a_boot.size(); ++cut) {
        CAPTURE(cut);
        Events events;
        ConsoleScanner scanner([&](const ConsoleEvent& event) { events.push_back(event); });
        const std::string_view text(a_boot);
        scanner.feed(as_bytes(text.substr(0, cut)));
        scanner.feed(as_bytes(text.substr(cut)));
        CHECK(events == its_events);
    }
}

TEST_CASE("a panic is found wherever the service left the cursor, and without a line end at the end") {
    const std::string line = GENERATE(
        as<std::string>{}, panic_line("0000000b"), "[    9.000000] " + panic_line("0000000b"),
        "an unfinished line[    9.000000] " + panic_line("0000000b") + "\n", "[    9.000000][    T1] " + panic_line("0000000b"),
        "\r50 %\r75 %" + panic_line("0000000b") + "\r\r\n", std::string(1, '\0') + "\xff\xfe\x1b[0m" + panic_line("0000000b"));
    for (const std::size_t before : {0u, 1u, 1900u, 1999u, 2047u, 2048u, 2049u, 100000u}) {
        CAPTURE(line, before);
        CHECK(events_of(std::string(before, '~') + line) == Events{{Kind::init_ended, 0xb, ""}});
        CHECK(events_of(std::string(before, '~') + line, 7) == Events{{Kind::init_ended, 0xb, ""}});
    }
}

TEST_CASE("another panic tells its reason, and an end without a code is one") {
    const auto [line, reason] = GENERATE(table<std::string, std::string>({
        {"[    0.5] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
         "VFS: Unable to mount root fs on unknown-block(0,0)"},
        {"Kernel panic - not syncing: ", ""},
        {"Kernel panic - not syncing: \x1b[31m", "\\x1b[31m"},
        {panic_line(""), "Attempted to kill init! exitcode=0x"},
        {panic_line("xyz"), "Attempted to kill init! exitcode=0xxyz"},
        {"Kernel panic - not syncing: Attempted to kill init!", "Attempted to kill init!"},
    }));
    CHECK(events_of(line) == Events{{Kind::panic, 0, reason}});
}

TEST_CASE("what resembles a mark is none") {
    const std::string line = GENERATE(as<std::string>{}, "Kernel panic: Attempted to kill init!", "kernel Panic - not syncing: x",
                                      " wisp: starting /service/run", "wisp:starting", "Run /init", "xLinux version 6",
                                      "[    1.23456] x", "[1.2345678] x", "[x.123456] x", "[.123456] x", "[    1.123456 x",
                                      "[]", "[.]", "]", ".", "[    1.-23456]");
    CAPTURE(line);
    CHECK(events_of(line).empty());
}

TEST_CASE("a kernel without a clock in its lines, or with the caller behind it") {
    CHECK(events_of("Linux version 6.1\nRun /init as init process\n") ==
          Events{{Kind::kernel, 0, ""}, {Kind::init, 0, ""}});
    CHECK(events_of("[    2.000001][    T1] Run /init as init process\n") ==
          Events{{Kind::kernel, 2000001, ""}, {Kind::init, 0, ""}});
    CHECK(events_of("[12345.678901] x\n") == Events{{Kind::kernel, 12345678901, ""}});
}

TEST_CASE("after the service has started only an end counts") {
    CHECK(events_of("wisp: starting /service/run\n[    1.000000] x\nwisp: clock: no\nRun /init as init process\n"
                    "wisp: starting /service/run\nLinux version 1\n") == Events{{Kind::service, 0, ""}});
}

TEST_CASE("init's own words are told before the service starts") {
    CHECK(events_of("wisp: route: 10.9.9.9: ENETUNREACH\r\n") ==
          Events{{Kind::complaint, 0, "wisp: route: 10.9.9.9: ENETUNREACH"}});
    CHECK(events_of("wisp: " + std::string(1000, 'x') + "\n")[0].text.size() == 256);
}

TEST_CASE("why the initrd could not be unpacked is told before the service starts") {
    CHECK(events_of("[    1.151072] Initramfs unpacking failed: write error\r\n") ==
          Events{{Kind::kernel, 1151072, ""}, {Kind::unpacking, 0, "write error"}});
    CHECK(events_of("Initramfs unpacking failed: junk\x01\n") == Events{{Kind::unpacking, 0, "junk\\x01"}});
    CHECK(events_of("wisp: starting /service/run\nInitramfs unpacking failed: x\n") == Events{{Kind::service, 0, ""}});
}

TEST_CASE("a flood without a line end hides nothing and leaves what follows alone") {
    const std::string flood(3000000, 'x');
    CHECK(events_of(flood + "\nwisp: starting /service/run\n" + panic_line("00000100")) ==
          Events{{Kind::service, 0, ""}, {Kind::init_ended, 0x100, ""}});
    CHECK(events_of(flood + "wisp: starting /service/run\n").empty());
}

TEST_CASE("the kernel's exit code is a wait status") {
    const auto [code, status, signal, shell] = GENERATE(table<unsigned, unsigned, unsigned, unsigned>({
        {0x0, 0, 0, 0},
        {0x300, 3, 0, 3},
        {0xff00, 255, 0, 255},
        {0xb, 0, 11, 139},
        {0x8b, 0, 11, 139}, // with a core dump
        {0x6, 0, 6, 134},
        {0x10300, 3, 0, 3},
    }));
    const GuestExit exit = GuestExit::of(code);
    CHECK(exit.status == status);
    CHECK(exit.signal == signal);
    CHECK(exit.shell_status() == shell);
}
