// What to build: the driver's flags and a wisp.json of the same names, merged and checked.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/address.hpp"
#include "wisp/json.hpp"
#include "wisp/names.hpp"
#include "wisp/path.hpp"

namespace wisp {

/// One thing a user can set, by --NAME on the command line or "NAME" in wisp.json.
struct Setting {
    enum class Kind { one, several, yes_no };

    std::string_view name{};
    char letter = 0; ///< the flag's short form, or 0
    Kind kind = Kind::one;
    bool is_path = false; ///< in wisp.json relative to that file's folder
};

inline constexpr std::array settings{
    Setting{"target", 't'},
    Setting{"binary", 'b', Setting::Kind::one, true},
    Setting{"ip"},
    Setting{"gateway"},
    Setting{"dns", 0, Setting::Kind::several},
    Setting{"output", 'o', Setting::Kind::one, true},
    Setting{"port", 0, Setting::Kind::several},
    Setting{"boards", 0, Setting::Kind::several, true},
    Setting{"offline", 0, Setting::Kind::yes_no},
    Setting{"allow-unpinned", 0, Setting::Kind::yes_no},
};

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
    for (const JsonValue& one : several ? value.list() : std::vector{value})
        given.push_back({setting.is_path ? beside(file, one.text()) : one.text(), one.subject()});
    return given;
}

/// The values in `text`, a wisp.json; `file` is its path. Refuses a key that is no setting, and a wrong type.
inline GivenValues parse_settings(std::string_view text, std::string_view file) {
    const Json json = parse_json(text, file);
    const JsonValue root(json, file);
    JsonValue::Words known;
    for (const Setting& setting : settings) known.push_back(setting.name);
    root.only(known);
    GivenValues given;
    for (const Setting& setting : settings)
        if (const auto value = root.find(std::string(setting.name)))
            given[std::string(setting.name)] = read_setting(setting, *value, file);
    return given;
}

/// What to build, checked. Nothing here says whether the board exists.
struct BuildConfig {
    std::string target{};
    std::string binary{};
    std::optional<HostAddress> ip{};
    std::optional<Ipv4> gateway{};
    std::vector<Ipv4> dns{};
    std::string output = "wisp-output";
    std::vector<Forward> ports{};
    std::vector<std::string> boards{};
    bool offline = false;
    bool allow_unpinned = false;
};

/// A path the user gave: one line, since it travels in lines.
inline std::string checked_path(const GivenValue& given) {
    if (given.text.empty()) refuse(given.subject, "is empty");
    if (printable(given.text) != given.text)
        refuse_value(given.subject, given.text, "has a control character");
    return given.text;
}

/// The addresses among `given`. A gateway needs an address whose network it is in; resolvers are the gateway
/// unless the user says otherwise.
inline void read_addresses(const GivenValues& given, BuildConfig& config) {
    if (const GivenValue* const ip = last_of(given, "ip"))
        config.ip = parse_host_address(ip->text, ip->subject);
    if (const GivenValue* const gateway = last_of(given, "gateway")) {
        if (!config.ip) refuse(gateway->subject, "needs the machine's own address: give ip too");
        config.gateway = parse_gateway(gateway->text, *config.ip, gateway->subject);
    }
    if (!given.contains("dns") && config.gateway) config.dns = {*config.gateway};
    for (const GivenValue& dns : all_of(given, "dns"))
        config.dns.push_back(parse_unicast(dns.text, dns.subject));
}

/// Checks what was given and fills in the defaults: output wisp-output, port 18080:8080, dns the gateway.
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
    read_addresses(given, config);
    if (!given.contains("port")) config.ports = {{.host_port = 18080, .guest_port = 8080}};
    for (const GivenValue& port : all_of(given, "port"))
        add_forward(config.ports, parse_forward(port.text, port.subject), port.subject);
    config.offline = last_of(given, "offline") != nullptr;
    config.allow_unpinned = last_of(given, "allow-unpinned") != nullptr;
    return config;
}

} // namespace wisp
