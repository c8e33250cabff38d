// Two programs write and read the same files and share no code: whatever wisp-board takes, /init must take
// too, or an image is built that refuses to start.
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "init/conf.hpp"
#include "init/strings.hpp"
#include "wisp/initrd_files.hpp"

namespace {

using Settings = std::multimap<std::string, std::string>;

init::Text text(const std::string& string) { return {string.data(), string.size()}; }

/// What init says of a file; "" when it takes it.
std::string said(init::Text file, const init::Refusal& refusal) {
    init::Line line;
    return refusal ? init::describe(line, file, refusal).c_str() : "";
}

std::string init_says_of_conf(const std::string& file) {
    if (file.size() > init::Conf::largest_file) return "wisp.conf: too large";
    init::Conf conf;
    return said("wisp.conf", init::parse_conf(text(file), conf));
}

std::string init_says_of_strings(const wisp::Guest& guest) {
    const std::string environment_file = wisp::nul_terminated(guest.environment);
    const std::string argument_file = guest.arguments.empty() ? ""
                                                              : std::string(wisp::service_path) + '\0' +
                                                                    wisp::nul_terminated(guest.arguments);
    if (environment_file.size() + argument_file.size() > init::Strings::largest_files) return "too large";
    init::Arguments arguments;
    init::Environment environment;
    const std::string problem = said("argv", init::parse_arguments(text(argument_file), arguments));
    return problem + said("env", init::parse_environment(text(environment_file), environment));
}

wisp::BuildConfig checked(const Settings& settings) {
    wisp::GivenValues given{{"target", {{"b", "--target"}}}};
    for (const auto& [setting, value] : settings) given[setting].push_back({value, "--" + setting});
    if (!settings.contains("ip")) given["ip"].push_back({"10.0.0.2/24", "--ip"});
    return wisp::check_config(given);
}

/// Whether wisp-board takes `settings`. What it makes of them, init must take.
bool both_take(const Settings& settings, const std::string& interface = "eth0") {
    wisp::Board board;
    board.network_interface = interface;
    std::string file;
    wisp::Guest guest;
    try {
        const wisp::BuildConfig config = checked(settings);
        guest = config.guest;
        file = wisp::wisp_conf(config, board, 0xffffffff);
    } catch (const wisp::Error&) {
        return false;
    }
    CAPTURE(file);
    CHECK(init_says_of_conf(file) == "");
    CHECK(init_says_of_strings(guest) == "");
    return true;
}

template <std::size_t n>
void check_same(const std::array<std::string_view, n>& ours, const init::Names& inits) {
    REQUIRE(inits.size() == n);
    for (std::uint32_t i = 0; i < n; ++i) CHECK(ours[i] == std::string(inits[i].data(), inits[i].size()));
}

template <class Thing, size_t capacity>
constexpr size_t capacity_of(init::List<Thing, capacity> init::Conf::*) {
    return capacity;
}

} // namespace

TEST_CASE("wisp-board and /init have the same names for capabilities and for hardening") {
    check_same(wisp::capability_names, init::capability_names);
    check_same(wisp::hardening_names, init::item_names);
}

TEST_CASE("wisp-board and /init have the same limits") {
    CHECK(wisp::guest_limit::strings == init::Strings::most);
    CHECK(wisp::guest_limit::string_bytes == init::Strings::largest_files);
    CHECK(wisp::guest_limit::tmpfs == capacity_of(&init::Conf::tmpfs));
    CHECK(wisp::guest_limit::sysctls == capacity_of(&init::Conf::variables));
    CHECK(wisp::guest_limit::line == init::Lines::longest);
    CHECK(wisp::User{}.uid == init::Conf{}.uid);
    CHECK(wisp::User{}.gid == init::Conf{}.gid);
}

TEST_CASE("wisp-board takes a limit and refuses what is beyond, as /init does") {
    const auto [setting, good, bad,
                bad_line] = GENERATE(table<std::string, std::string, std::string, std::string>({
        {"wait-link", "600", "601", "WAIT_LINK=601"},
        {"wait-link", "0", "-1", "WAIT_LINK=-1"},
        {"watchdog", "65535", "65536", "WATCHDOG=65536"},
        {"watchdog", "1", "0", "WATCHDOG=0"},
        {"user", "1:1", "0:1", "USER=0:1"},
        {"user", "4294967294:4294967294", "1:4294967295", "USER=1:4294967295"},
        {"user", "1000:1", "1000:0", "USER=1000:0"},
        {"hostname", "a." + std::string(62, 'a'), std::string(65, 'a'), "HOSTNAME=" + std::string(65, 'a')},
        {"tmpfs", "/dev/shm:4096", "/dev/x:4096", "TMPFS=/dev/x:4096"},
        {"tmpfs", "/process:4096", "/proc/x:4096", "TMPFS=/proc/x:4096"},
        {"tmpfs", "/system:4096", "/sys:4096", "TMPFS=/sys:4096"},
        {"tmpfs", "/" + std::string(199, 'a') + ":1024G", "/" + std::string(200, 'a') + ":1K",
         "TMPFS=/" + std::string(200, 'a') + ":1024"},
        {"tmpfs", "/a:1024G", "/a:1025G", "TMPFS=/a:1100585369600"},
        {"tmpfs", "/a=b:1M", "/a:b:1M", "TMPFS=/a:b:1048576"},
        {"sysctl", "a.b=" + std::string(244, 'x'), "a.b=" + std::string(245, 'x'),
         "SYSCTL=a.b=" + std::string(245, 'x')},
        {"sysctl", "net._x=1", "net.-x=1", "SYSCTL=net.-x=1"},
        {"ip", "2001:db8::1/64", "2001:db8::/64", "ADDR6=2001:db8::/64"},
        {"ip", "2001:db8::/127", "::ffff:1.2.3.4/64", "ADDR6=::ffff:1.2.3.4/64"},
        {"ip", "fd00::1/8", "ff00::1/8", "ADDR6=ff00::1/8"},
    }));
    CAPTURE(setting, good, bad);
    CHECK(both_take({{setting, good}}));
    CHECK_FALSE(both_take({{setting, bad}}));
    CHECK(init_says_of_conf("IFACE=eth0\nADDR=10.0.0.2/24\n" + bad_line + "\n") != "");
}

TEST_CASE("wisp-board refuses together what /init refuses together") {
    const auto [settings, taken] = GENERATE(table<Settings, bool>({
        {{{"ip", "dhcp"}}, true},
        {{{"ip", "dhcp"}, {"dns", "9.9.9.9"}}, true},
        {{{"ip", "10.0.0.2/24"}, {"dns", "9.9.9.9"}}, true},
        {{{"ip", "dhcp"}, {"gateway", "10.0.0.1"}}, false},
        {{{"gateway", "fe80::1"}}, false},
        {{{"ip", "2001:db8::2/64"}, {"gateway", "fe80::1"}}, true},
        {{{"ip", "2001:db8::2/64"}, {"gateway", "10.0.0.1"}}, false},
        {{{"ip", "dhcp"}, {"ip", "2001:db8::2/64"}, {"gateway", "2001:db8::1"}}, true},
        {{{"cap", "net_raw"}, {"cap", "net_raw"}}, false},
        {{{"cap", "net_raw,bpf"}, {"cap", "chown"}}, true},
        {{{"relax", "bpf"}, {"relax", "bpf"}}, false},
        {{{"env", "A=1"}, {"env", "A=2"}}, false},
        {{{"env", "A=1"}, {"env", "B="}}, true},
        {{{"env", "WISP_WATCHDOG_FD=3"}}, false},
        {{{"env", "=1"}}, false},
    }));
    CAPTURE(settings);
    CHECK(both_take(settings) == taken);
}

TEST_CASE("as much as wisp-board takes of everything, /init has room for") {
    Settings all{{"ip", "203.0.113.254/24"},
                 {"ip", "2001:db8:1111:2222:3333:4444:5555:6666/128"},
                 {"gateway", "203.0.113.253"},
                 {"gateway", "fe80:1111:2222:3333:4444:5555:6666:7777"},
                 {"user", "4294967294:4294967294"},
                 {"hostname", "a." + std::string(62, 'a')},
                 {"wait-link", "600"},
                 {"watchdog", "65535"}};
    for (const std::string_view name : wisp::hardening_names) all.emplace("relax", name);
    for (std::size_t i = 0; i < 20; ++i) all.emplace("cap", wisp::capability_names[i]);
    for (std::size_t i = 0; i < wisp::guest_limit::tmpfs; ++i)
        all.emplace("tmpfs", "/" + std::to_string(i) + std::string(198, 'a') + ":1024G");
    for (std::size_t i = 10; i < 10 + wisp::guest_limit::sysctls; ++i)
        all.emplace("sysctl", "a.b" + std::to_string(i) + "=" + std::string(242, 'x'));
    for (std::size_t i = 0; i + 1 < wisp::guest_limit::strings; ++i)
        all.emplace("arg", std::string(100, 'a'));
    for (std::size_t i = 0; i < wisp::guest_limit::strings; ++i)
        all.emplace("env", "A" + std::to_string(i) + "=b");
    CHECK(both_take(all));
}

TEST_CASE("/init takes every address and router that wisp-board takes") {
    const std::vector<std::string> hosts4{"0.0.0.1",        "1.0.0.1",         "10.0.0.0",  "10.0.0.1",
                                          "10.0.0.255",     "126.0.0.2",       "127.0.0.1", "128.0.0.1",
                                          "169.254.1.1",    "223.255.255.254", "224.0.0.1", "240.0.0.1",
                                          "255.255.255.255"};
    const std::vector<std::string> hosts6{
        "::",         "::1",        "::2",         "::10.0.0.1",          "::ffff:10.0.0.1",
        "64:ff9b::1", "2001:db8::", "2001:db8::1", "2001:db8:0:0:8000::", "fd00::1",
        "fe80::1",    "fec0::1",    "ff02::1"};
    const auto [hosts, prefixes] = GENERATE_COPY(table<std::vector<std::string>, std::vector<int>>(
        {{hosts4, {0, 1, 2, 7, 8, 24, 30, 31, 32, 33}}, {hosts6, {0, 1, 8, 64, 65, 126, 127, 128, 129}}}));
    std::size_t taken = 0;
    for (const std::string& host : hosts)
        for (const int prefix : prefixes) {
            const std::string ip = host + "/" + std::to_string(prefix);
            taken += both_take({{"ip", ip}});
            for (const std::string& gateway : hosts) taken += both_take({{"ip", ip}, {"gateway", gateway}});
        }
    CHECK(taken > 100);
}

TEST_CASE("/init takes whatever byte wisp-board takes in a setting") {
    std::map<std::string, std::size_t> taken;
    for (int byte = 0; byte < 256; ++byte) {
        const std::string c(1, static_cast<char>(byte));
        CAPTURE(byte);
        for (const auto& [setting, before, after] : std::vector<std::array<std::string, 3>>{
                 {"hostname", "a", "b"},   {"hostname", "", "b"},     {"hostname", "a", ""},
                 {"tmpfs", "/a", "b:1M"},  {"tmpfs", "/", ":1M"},     {"tmpfs", "", "/a:1M"},
                 {"sysctl", "a.", "b=1"},  {"sysctl", "a.b", "=1"},   {"sysctl", "a", "a.b=1"},
                 {"sysctl", "", "a.b=1"},  {"sysctl", "a.b=", ""},    {"user", "1", "1"},
                 {"ip", "10.0.0", "1/24"}, {"ip", "2001", ":1/64"},   {"wait-link", "1", ""},
                 {"watchdog", "", "1"},    {"cap", "net_raw", "bpf"}, {"relax", "bpf", "kptr"},
                 {"env", "", "=1"},        {"env", "A", "B=1"},       {"arg", "", ""}})
            taken[setting] += both_take({{setting, before + c + after}});
        if (wisp::is_interface("a" + c)) taken["interface"] += both_take({}, "a" + c);
        if (wisp::is_interface(c)) taken["interface"] += both_take({}, c);
    }
    for (const auto& [setting, count] : taken) {
        CAPTURE(setting);
        CHECK(count > 0);
    }
    CHECK(both_take({}, std::string(15, 'a')));
}
