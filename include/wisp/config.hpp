// What to build: the driver's flags and a wisp.json of the same names, merged and checked.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/address.hpp"
#include "wisp/address6.hpp"
#include "wisp/board.hpp"
#include "wisp/expectation.hpp"
#include "wisp/guest.hpp"
#include "wisp/json.hpp"
#include "wisp/names.hpp"
#include "wisp/path.hpp"

namespace wisp {

/// One thing a user can set, by --NAME on the command line or "NAME" in wisp.json, there with underscores.
struct Setting {
    enum class Kind { one, several, yes_no };

    std::string_view name{};
    char letter = 0; ///< the flag's short form, or 0
    Kind kind = Kind::one;
    bool is_path = false;     ///< in wisp.json relative to that file's folder
    bool any_byte = false;    ///< may be empty and have control characters
    bool shapes_image = true; ///< false: what is built does not depend on it
};

inline constexpr std::array settings{
    Setting{.name = "target", .letter = 't'},
    Setting{.name = "binary", .letter = 'b', .is_path = true},
    Setting{.name = "arg", .kind = Setting::Kind::several, .any_byte = true},
    Setting{.name = "env", .kind = Setting::Kind::several, .any_byte = true},
    Setting{.name = "file", .kind = Setting::Kind::several, .is_path = true},
    Setting{.name = "user"},
    Setting{.name = "hostname"},
    Setting{.name = "ip", .kind = Setting::Kind::several},
    Setting{.name = "gateway", .kind = Setting::Kind::several},
    Setting{.name = "dns", .kind = Setting::Kind::several},
    Setting{.name = "wait-link"},
    Setting{.name = "tmpfs", .kind = Setting::Kind::several},
    Setting{.name = "sysctl", .kind = Setting::Kind::several},
    Setting{.name = "cap", .kind = Setting::Kind::several},
    Setting{.name = "relax", .kind = Setting::Kind::several},
    Setting{.name = "watchdog"},
    Setting{.name = "output", .letter = 'o', .is_path = true},
    Setting{.name = "port", .kind = Setting::Kind::several, .shapes_image = false},
    Setting{.name = "expect", .kind = Setting::Kind::several, .shapes_image = false},
    Setting{.name = "timeout", .shapes_image = false},
    Setting{.name = "json", .kind = Setting::Kind::yes_no, .shapes_image = false},
    Setting{.name = "console", .is_path = true, .shapes_image = false},
    Setting{.name = "accel", .shapes_image = false},
    Setting{.name = "boards", .kind = Setting::Kind::several, .is_path = true},
    Setting{.name = "offline", .kind = Setting::Kind::yes_no, .shapes_image = false},
    Setting{.name = "allow-unpinned", .kind = Setting::Kind::yes_no},
    Setting{.name = "quiet", .letter = 'q', .kind = Setting::Kind::yes_no, .shapes_image = false},
    Setting{.name = "verbose", .letter = 'v', .kind = Setting::Kind::yes_no, .shapes_image = false},
};

/// The key of a setting in wisp.json.
inline std::string json_key(std::string_view setting) {
    std::string key(setting);
    std::replace(key.begin(), key.end(), '-', '_');
    return key;
}

/// One value as it was given, and how its giver calls it: "--ip", or "wisp.json: ip".
struct GivenValue {
    std::string text{};
    std::string subject{};
};

/// Values by setting. Those of a later layer replace all of the setting's earlier ones: flags after the file.
using GivenValues = std::map<std::string, std::vector<GivenValue>, std::less<>>;

/// All values of a setting.
inline std::vector<GivenValue> all_of(const GivenValues& given, std::string_view setting) {
    const auto found = given.find(setting);
    return found == given.end() ? std::vector<GivenValue>{} : found->second;
}

/// The value that counts of a setting that has one, or null.
inline const GivenValue* last_of(const GivenValues& given, std::string_view setting) {
    const auto found = given.find(setting);
    return found == given.end() || found->second.empty() ? nullptr : &found->second.back();
}

/// `path` as found in a file: relative to that file's folder, as a compose file's paths are.
inline std::string beside(std::string_view file, const std::string& path) {
    const std::string_view folder = file.substr(0, file.rfind('/') + 1);
    return path.starts_with('/') || file.find('/') == std::string_view::npos ? path
                                                                             : std::string(folder) + path;
}

/// The values of one setting of the wisp.json `file`; a list only where the flag may be repeated.
inline std::vector<GivenValue> read_setting(const Setting& setting, const JsonValue& value,
                                            std::string_view file) {
    if (setting.kind == Setting::Kind::yes_no)
        return value.boolean() ? std::vector<GivenValue>{{"", value.subject()}} : std::vector<GivenValue>{};
    std::vector<GivenValue> given;
    const bool several = setting.kind == Setting::Kind::several && value.is_list();
    for (const JsonValue& one : several ? value.list() : std::vector{value}) {
        const std::string text = setting.any_byte ? one.any_text() : one.text();
        given.push_back({setting.is_path ? beside(file, text) : text, one.subject()});
    }
    return given;
}

/// The values in `text`, a wisp.json; `file` is its path. Refuses a key that is no setting, and a wrong type.
inline GivenValues parse_settings(std::string_view text, std::string_view file) {
    const Json json = parse_json(text, file);
    const JsonValue root(json, file);
    std::vector<std::string> keys;
    for (const Setting& setting : settings) keys.push_back(json_key(setting.name));
    root.only(JsonValue::Words(keys.begin(), keys.end()));
    GivenValues given;
    for (std::size_t i = 0; i < keys.size(); ++i)
        if (const auto value = root.find(keys[i]))
            given[std::string(settings[i].name)] = read_setting(settings[i], *value, file);
    return given;
}

/// The machine's place in the network. Each family may be left out, but one is needed to build.
struct NetworkConfig {
    bool dhcp = false; ///< the IPv4 address comes from a lease
    std::optional<HostAddress> ip{};
    std::optional<Ipv4> gateway{};
    std::optional<HostAddress6> ip6{};
    std::optional<Ipv6> gateway6{};
    std::vector<std::string> dns{}; ///< canonical; a link-local one without its zone
    bool dns_given = false;         ///< by the user: over what a lease says

    bool has_address() const { return dhcp || ip || ip6; }
};

/// The longest --timeout, a week, in seconds: wisp-qemu's.
inline constexpr std::uint64_t longest_run = 7 * 24 * 60 * 60;

/// What `run` does beside building.
struct RunConfig {
    std::vector<Forward> ports{};
    std::vector<std::string> expect{};      ///< URL[=STATUS], as given
    std::optional<std::uint32_t> timeout{}; ///< in seconds
    bool json = false;
    std::string console{}; ///< a file's path, or ""
    std::string accel = "auto";
};

/// What to build, checked. Nothing here says whether the board exists.
struct BuildConfig {
    std::string target{};
    std::string binary{};
    NetworkConfig network{};
    Guest guest{};
    std::string output = "wisp-output";
    RunConfig run{};
    std::vector<std::string> boards{};
    bool offline = false;
    bool allow_unpinned = false;
    bool quiet = false;
    bool verbose = false;
};

/// A path the user gave: one line, since it travels in lines.
inline std::string checked_path(const GivenValue& given) {
    if (given.text.empty()) refuse(given.subject, "is empty");
    if (printable(given.text) != given.text)
        refuse_value(given.subject, given.text, "has a control character");
    return given.text;
}

/// Gives `place` a value unless it has one already.
template <class T>
void fill_once(std::optional<T>& place, const T& value, const GivenValue& given, std::string_view what) {
    if (place) refuse_value(given.subject, given.text, "is a second " + std::string(what));
    place = value;
}

/// One of --ip: "dhcp", or an address of either family.
inline void add_ip(NetworkConfig& network, const GivenValue& given) {
    const bool dhcp = given.text == "dhcp";
    if (!dhcp && looks_like_ipv6(given.text))
        return fill_once(network.ip6, parse_host_address6(given.text, given.subject), given, "IPv6 address");
    if (network.dhcp || (dhcp && network.ip))
        refuse_value(given.subject, given.text, "is a second IPv4 address");
    network.dhcp = dhcp;
    if (!dhcp) fill_once(network.ip, parse_host_address(given.text, given.subject), given, "IPv4 address");
}

/// One of --gateway, which needs the machine's own address of its family.
inline void add_gateway(NetworkConfig& network, const GivenValue& given) {
    if (looks_like_ipv6(given.text)) {
        if (!network.ip6) refuse(given.subject, "needs the machine's own IPv6 address: give ip too");
        return fill_once(network.gateway6, parse_gateway6(given.text, *network.ip6, given.subject), given,
                         "IPv6 gateway");
    }
    if (network.dhcp) refuse_value(given.subject, given.text, "the IPv4 gateway comes with the lease");
    if (!network.ip) refuse(given.subject, "needs the machine's own address: give ip too");
    fill_once(network.gateway, parse_gateway(given.text, *network.ip, given.subject), given, "IPv4 gateway");
}

/// The addresses among `given`. Resolvers are the gateways unless the user says otherwise.
inline NetworkConfig read_network(const GivenValues& given) {
    NetworkConfig network;
    for (const GivenValue& ip : all_of(given, "ip")) add_ip(network, ip);
    for (const GivenValue& gateway : all_of(given, "gateway")) add_gateway(network, gateway);
    for (const GivenValue& dns : all_of(given, "dns")) {
        if (network.dns.size() == guest_limit::resolvers)
            refuse_value(
                dns.subject, dns.text,
                "is one more than the " + std::to_string(guest_limit::resolvers) + " a resolver asks");
        network.dns.push_back(looks_like_ipv6(dns.text) ? to_text(parse_unicast6(dns.text, dns.subject))
                                                        : to_text(parse_unicast(dns.text, dns.subject)));
    }
    network.dns_given = !network.dns.empty();
    if (given.contains("dns")) return network;
    if (network.gateway) network.dns.push_back(to_text(*network.gateway));
    if (network.gateway6) network.dns.push_back(to_text(*network.gateway6));
    return network;
}

/// Passes each value of a setting on, with its subject.
template <class Take>
void for_each(const GivenValues& given, std::string_view setting, Take take) {
    for (const GivenValue& value : all_of(given, setting)) take(value.text, value.subject);
}

/// The number of seconds a setting has, or nothing.
inline std::optional<std::uint32_t> seconds_of(const GivenValues& given, std::string_view setting,
                                               std::uint64_t min, std::uint64_t max) {
    const GivenValue* const value = last_of(given, setting);
    if (!value) return std::nullopt;
    return parse_seconds(value->text, min, max, value->subject);
}

inline Guest read_guest(const GivenValues& given, std::string_view target) {
    Guest guest;
    std::string arguments_subject, environment_subject;
    for_each(given, "arg", [&](const std::string& text, const std::string& subject) {
        guest.arguments.push_back(without_nul(text, arguments_subject = subject));
    });
    for_each(given, "env", [&](const std::string& text, const std::string& subject) {
        add_variable(guest.environment, text, environment_subject = subject);
    });
    check_strings(guest, arguments_subject, environment_subject);
    for_each(given, "file", [&](const std::string& text, const std::string& subject) {
        add_guest_file(guest.files, parse_guest_file(text, subject), subject);
    });
    for_each(given, "tmpfs", [&](const std::string& text, const std::string& subject) {
        add_tmpfs(guest, parse_tmpfs(text, subject), subject);
    });
    for_each(given, "sysctl", [&](const std::string& text, const std::string& subject) {
        add_sysctl(guest.sysctls, text, subject);
    });
    for_each(given, "cap", [&](const std::string& text, const std::string& subject) {
        add_names(guest.capabilities, text, capability_names, subject);
    });
    for_each(given, "relax", [&](const std::string& text, const std::string& subject) {
        add_names(guest.relaxed, text, hardening_names, subject);
    });
    if (const GivenValue* const user = last_of(given, "user"))
        guest.user = parse_user(user->text, user->subject);
    const GivenValue* const hostname = last_of(given, "hostname");
    guest.hostname = hostname ? parse_hostname(hostname->text, hostname->subject) : default_hostname(target);
    guest.wait_link = seconds_of(given, "wait-link", 0, guest_limit::wait_seconds);
    guest.watchdog = seconds_of(given, "watchdog", 1, guest_limit::watchdog_seconds);
    return guest;
}

/// One of --expect, which wisp-qemu will be able to ask through one of `ports`.
inline std::string checked_expectation(const GivenValue& given, const std::vector<Forward>& ports) {
    static_cast<void>(endpoint_of(parse_expectation(given.text, given.subject), ports, given.subject));
    return given.text;
}

inline RunConfig read_run(const GivenValues& given) {
    RunConfig run;
    if (!given.contains("port")) run.ports = {{.host_port = 18080, .guest_port = 8080}};
    for (const GivenValue& port : all_of(given, "port"))
        add_forward(run.ports, parse_forward(port.text, port.subject), port.subject);
    for (const GivenValue& expect : all_of(given, "expect"))
        run.expect.push_back(checked_expectation(expect, run.ports));
    run.timeout = seconds_of(given, "timeout", 1, longest_run);
    run.json = last_of(given, "json") != nullptr;
    if (const GivenValue* const console = last_of(given, "console")) run.console = checked_path(*console);
    if (const GivenValue* const accel = last_of(given, "accel")) {
        run.accel = accel->text;
        if (run.accel != "auto" && run.accel != "kvm" && run.accel != "hvf" && run.accel != "tcg")
            refuse(accel->subject, printable(run.accel) + " is none of auto, kvm, hvf, tcg");
    }
    return run;
}

/// Checks what was given and fills in the defaults: output wisp-output, port 18080:8080, dns the gateways.
inline BuildConfig check_config(const GivenValues& given) {
    BuildConfig config;
    if (const GivenValue* const target = last_of(given, "target")) {
        config.target = target->text;
        if (!is_target_name(config.target))
            refuse_value(target->subject, config.target, "is not a board's name: a-z, 0-9, - and _");
    }
    if (const GivenValue* const binary = last_of(given, "binary")) config.binary = checked_path(*binary);
    if (const GivenValue* const output = last_of(given, "output")) config.output = checked_path(*output);
    for (const GivenValue& folder : all_of(given, "boards")) config.boards.push_back(checked_path(folder));
    config.network = read_network(given);
    config.guest = read_guest(given, config.target);
    config.run = read_run(given);
    config.offline = last_of(given, "offline") != nullptr;
    config.allow_unpinned = last_of(given, "allow-unpinned") != nullptr;
    config.quiet = last_of(given, "quiet") != nullptr;
    config.verbose = last_of(given, "verbose") != nullptr;
    return config;
}

/// Where QEMU plays the board and no address was given, the one that QEMU's user network hands out.
inline void fill_in_network(NetworkConfig& network, const Board& board) {
    if (!board.qemu || network.has_address()) return;
    network.ip = HostAddress{{0x0a00020f}, 24};
    network.gateway = Ipv4{0x0a000202};
    if (!network.dns_given) network.dns = {"10.0.2.3"};
}

} // namespace wisp
