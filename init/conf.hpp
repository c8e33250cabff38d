// wisp.conf, read in place. No system call, so that a test on the host can include this file.
//
// The grammar; wisp.sh writes it, and nothing else is accepted:
//
//   file    = *line                      at most 16384 bytes
//   line    = KEY "=" value LF           at most 255 bytes before the LF, which the last line has too
//
//   IFACE=name           required        1 to 15 printable ASCII bytes, no '/' or ':', not "." or ".."
//   ADDR=a.b.c.d/prefix  or ADDR6        prefix 1 to 32; an address one host can have (see below)
//   ADDR=dhcp            or ADDR6        address, router and resolvers are asked for
//   GW=a.b.c.d           with ADDR       another such address; without it there is no default route
//   ADDR6=x::y/prefix    or ADDR         prefix 1 to 128, any form of RFC 4291 2.2
//   GW6=x::z             with ADDR6      may be link-local
//   WAIT_LINK=seconds    optional (10)   0 to 600: how long the cable may take
//   DNS=explicit         with ADDR=dhcp  /etc/resolv.conf stays as it is
//
// Keys stand in any order, each at most once unless it says "repeated". There are no blanks, quotes, comments or empty lines. Numbers
// are decimal without leading zeros. An address one host can have is not in 0.0.0.0/8 (this network),
// 127.0.0.0/8 (loopback) or 224.0.0.0/3 (multicast, reserved, broadcast) [RFC 6890], and in a network of
// prefix 1 to 30 it is neither the first nor the last [RFC 1122 3.2.1.3; RFC 3021 for 31]. Of IPv6, it is not ::,
// ::1, in ff00::/8 or in ::ffff:0:0/96 [RFC 4291 2.4], nor the anycast address of its network's routers (2.6.1).
//
// Whether the gateway can be reached is the kernel's to say, when the route is made.
#pragma once

#include "ipv6.hpp"

namespace init {

/// What wisp.conf says. IPv4 addresses are in host order.
struct Conf {
    static constexpr size_t largest_file = 16384;

    char interface[16] = {}; ///< NUL-terminated; IFNAMSIZ
    bool dhcp = false;    ///< address, prefix and gateway come from a lease
    uint32_t address = 0; ///< 0: none
    uint32_t prefix = 0;
    uint32_t gateway = 0; ///< 0: none
    bool explicit_resolvers = false;
    Ipv6 address6;
    uint32_t prefix6 = 0; ///< 0: no IPv6 address
    Ipv6 gateway6;
    Text address6_text; ///< as written, without the prefix
    Text gateway6_text; ///< empty: none
    uint32_t link_wait_seconds = 10;
};

namespace conf_detail {

/// The kernel's dev_valid_name(), narrowed to what a terminal can show.
inline const char* read_interface(Text value, Conf& conf) {
    if (value.empty() || value.size() > 15) return "an interface name has 1 to 15 bytes";
    for (char c : value)
        if (c <= ' ' || c > '~' || c == '/' || c == ':') return "not the name of an interface";
    if (value == "." || value == "..") return "not the name of an interface";
    for (size_t i = 0; i < value.size(); ++i) conf.interface[i] = value[i];
    return nullptr;
}

inline const char* read_address(Text value, Conf& conf) {
    conf.dhcp = value == "dhcp";
    if (conf.dhcp) return nullptr;
    Text prefix = value;
    const Text host = cut_at(prefix, '/');
    if (host.size() == value.size()) return "no prefix length: a.b.c.d/prefix is wanted";
    if (!parse_ipv4(host, conf.address)) return "not an IPv4 address";
    if (!parse_number(prefix, 32, conf.prefix) || conf.prefix == 0) return "a prefix length is 1 to 32";
    if (!is_unicast(conf.address)) return "not an address a host can have";
    if (is_first_or_last(conf.address, conf.prefix)) return "names its network, not a host in it";
    return nullptr;
}

inline const char* read_gateway(Text value, Conf& conf) {
    if (!parse_ipv4(value, conf.gateway)) return "not an IPv4 address";
    return is_unicast(conf.gateway) ? nullptr : "not an address a host can have";
}

inline const char* read_address6(Text value, Conf& conf) {
    Text prefix = value;
    conf.address6_text = cut_at(prefix, '/');
    if (conf.address6_text.size() == value.size()) return "no prefix length: address/prefix is wanted";
    if (!parse_ipv6(conf.address6_text, conf.address6)) return "not an IPv6 address";
    if (!parse_number(prefix, uint32_t{128}, conf.prefix6) || conf.prefix6 == 0)
        return "a prefix length is 1 to 128";
    if (!is_unicast(conf.address6)) return "not an address a host can have";
    if (is_router_anycast(conf.address6, conf.prefix6)) return "names its network, not a host in it";
    return nullptr;
}

inline const char* read_gateway6(Text value, Conf& conf) {
    conf.gateway6_text = value;
    if (!parse_ipv6(value, conf.gateway6)) return "not an IPv6 address";
    return is_unicast(conf.gateway6) ? nullptr : "not an address a host can have";
}

inline const char* read_link_wait(Text value, Conf& conf) {
    return parse_number(value, uint32_t{600}, conf.link_wait_seconds) ? nullptr : "0 to 600 seconds";
}

inline const char* read_resolvers(Text value, Conf& conf) {
    conf.explicit_resolvers = true;
    return value == "explicit" ? nullptr : "only \"explicit\" can stand here";
}

enum class Occurs {
    once,     ///< at most
    required, ///< exactly once
    repeated, ///< any number of lines, each a value of its own; how many fit is for `read` to say
    list,     ///< at most once; the value is one or more items between commas
};

struct Key {
    Text name;
    const char* (*read)(Text value, Conf& conf); ///< what is wrong with the value or item, or nullptr
    Occurs occurs;
};

inline constexpr Key keys[] = {
    {"IFACE", read_interface, Occurs::required},
    {"ADDR", read_address, Occurs::once},
    {"GW", read_gateway, Occurs::once},
    {"ADDR6", read_address6, Occurs::once},
    {"GW6", read_gateway6, Occurs::once},
    {"WAIT_LINK", read_link_wait, Occurs::once},
    {"DNS", read_resolvers, Occurs::once},
};
inline constexpr size_t key_count = sizeof keys / sizeof *keys;

constexpr size_t key_index(Text name) {
    size_t i = 0;
    while (i < key_count && !(keys[i].name == name)) ++i;
    return i;
}

/// The lines read so far: by key, where the last of it stands and what it says. `line` 0: nowhere.
struct Given {
    struct Place {
        uint32_t line = 0;
        Text text;

        Refusal refused(const char* problem) const { return {line, text, problem}; }
    };
    Place places[key_count];

    /// The index of a key, found by the compiler.
    struct Index {
        size_t value;
        consteval Index(const char* name) : value(key_index(name)) {}
    };
    const Place& operator[](Index key) const { return places[key.value]; }
};

/// Reads what stands behind the "=". A list is refused by the item that is wrong.
inline Refusal read_value(const Key& key, Text value, const Given::Place& here, Conf& conf) {
    if (key.occurs != Occurs::list) return here.refused(key.read(value, conf));
    for (bool more = true; more;) {
        const size_t before = value.size();
        const Text item = cut_at(value, ',');
        more = item.size() != before;
        if (const char* problem = key.read(item, conf)) return {here.line, item, problem};
    }
    return {};
}

inline Refusal read_line(const Lines& lines, Given& given, Conf& conf) {
    const Given::Place here{lines.number(), lines.line()};
    if (lines.problem()) return {here.line, {}, lines.problem()};
    Text value = here.text;
    const Text name = cut_at(value, '=');
    if (name.size() == here.text.size()) return here.refused("not KEY=value");
    const size_t key = key_index(name);
    if (key == key_count) return here.refused("unknown key");
    const bool again = given.places[key].line != 0 && keys[key].occurs != Occurs::repeated;
    if (again) return here.refused("the key was given before");
    given.places[key] = here;
    return read_value(keys[key], value, here, conf);
}

inline const char* gateway_problem(const Conf& conf) {
    if (conf.dhcp) return "ADDR=dhcp brings its own";
    if (conf.address == 0) return "no use without ADDR";
    if (conf.gateway == conf.address) return "is this machine's own address";
    const bool local = ((conf.gateway ^ conf.address) & network_mask(conf.prefix)) == 0;
    return local && is_first_or_last(conf.gateway, conf.prefix) ? "names its network, not a host in it"
                                                                : nullptr;
}

inline const char* gateway6_problem(const Conf& conf) {
    if (conf.prefix6 == 0) return "no use without ADDR6";
    return conf.gateway6 == conf.address6 ? "is this machine's own address" : nullptr;
}

/// What only several keys together can be wrong about.
inline Refusal read_together(const Given& given, const Conf& conf) {
    const auto is_given = [&](Given::Index key) { return given[key].line != 0; };
    if (!is_given("ADDR") && !is_given("ADDR6")) return {0, "ADDR", "neither it nor ADDR6 is there"};
    if (is_given("GW"))
        if (const char* problem = gateway_problem(conf)) return given["GW"].refused(problem);
    if (is_given("GW6"))
        if (const char* problem = gateway6_problem(conf)) return given["GW6"].refused(problem);
    if (is_given("DNS") && !conf.dhcp) return given["DNS"].refused("no use without ADDR=dhcp");
    return {};
}

} // namespace conf_detail

/// Reads the text of a wisp.conf, to which `conf` refers afterwards. `conf` holds something meaningful only
/// when nothing is refused.
inline Refusal parse_conf(Text file, Conf& conf) {
    using namespace conf_detail;
    Given given;
    for (Lines lines(file); lines.next();)
        if (const Refusal refusal = read_line(lines, given, conf)) return refusal;
    for (size_t i = 0; i < key_count; ++i)
        if (keys[i].occurs == Occurs::required && given.places[i].line == 0)
            return {0, keys[i].name, "missing"};
    return read_together(given, conf);
}

} // namespace init
