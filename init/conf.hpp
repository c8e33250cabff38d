// wisp.conf, read in place. No system call, so that a test on the host can include this file.
//
// The grammar; wisp.sh writes it, and nothing else is accepted:
//
//   file    = *line                      at most 4096 bytes
//   line    = KEY "=" value LF           at most 255 bytes before the LF, which the last line has too
//
//   IFACE=name           required        1 to 15 printable ASCII bytes, no '/' or ':', not "." or ".."
//   ADDR=a.b.c.d/prefix  required        prefix 1 to 32; an address one host can have (see below)
//   GW=a.b.c.d           optional        another such address; without it there is no default route
//
// Keys stand in any order, each at most once. There are no blanks, quotes, comments or empty lines. Numbers
// are decimal without leading zeros. An address one host can have is not in 0.0.0.0/8 (this network),
// 127.0.0.0/8 (loopback) or 224.0.0.0/3 (multicast, reserved, broadcast) [RFC 6890], and in a network of
// prefix 1 to 30 it is neither the first nor the last [RFC 1122 3.2.1.3; RFC 3021 for 31].
//
// Whether the gateway can be reached is the kernel's to say, when the route is made.
#pragma once

#include "text.hpp"

namespace init {

/// What wisp.conf says. Addresses are in host order.
struct Conf {
    static constexpr size_t largest_file = 4096;

    char interface[16] = {}; ///< NUL-terminated; IFNAMSIZ
    uint32_t address = 0;
    uint32_t prefix = 0;
    uint32_t gateway = 0; ///< 0: none
};

/// The bits of an address that name its network.
constexpr uint32_t network_mask(uint32_t prefix) { return prefix == 0 ? 0 : ~uint32_t{0} << (32 - prefix); }

/// The last address of the network, to which everyone in it listens; 31 and 32 have none.
constexpr uint32_t broadcast_of(uint32_t address, uint32_t prefix) { return address | ~network_mask(prefix); }

/// An address as people write it.
inline Line dotted(uint32_t address) {
    Line line;
    return line << (address >> 24) << "." << (address >> 16 & 255) << "." << (address >> 8 & 255) << "."
                << (address & 255);
}

namespace conf_detail {

constexpr bool is_unicast(uint32_t address) {
    const uint32_t top = address >> 24;
    return top != 0 && top != 127 && top < 224;
}

constexpr bool is_first_or_last(uint32_t address, uint32_t prefix) {
    const uint32_t host = address & ~network_mask(prefix);
    return prefix <= 30 && (host == 0 || host == ~network_mask(prefix));
}

constexpr bool parse_ipv4(Text text, uint32_t& address) {
    uint32_t sum = 0;
    for (int i = 0; i < 4; ++i) {
        uint32_t byte = 0;
        if (!parse_number(i < 3 ? cut_at(text, '.') : text, 255, byte)) return false;
        sum = sum << 8 | byte;
    }
    address = sum;
    return true;
}

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

struct Key {
    Text name;
    const char* (*read)(Text value, Conf& conf); ///< what is wrong with the value, or nullptr
    bool required;
};

inline constexpr Key keys[] = {
    {"IFACE", read_interface, true},
    {"ADDR", read_address, true},
    {"GW", read_gateway, false},
};
inline constexpr size_t key_count = sizeof keys / sizeof *keys;

inline size_t key_index(Text name) {
    size_t i = 0;
    while (i < key_count && !(keys[i].name == name)) ++i;
    return i;
}

/// What only two keys together can be wrong about.
inline const char* gateway_problem(const Conf& conf) {
    if (conf.gateway == conf.address) return "is this machine's own address";
    const bool local = ((conf.gateway ^ conf.address) & network_mask(conf.prefix)) == 0;
    return local && is_first_or_last(conf.gateway, conf.prefix) ? "names its network, not a host in it"
                                                                : nullptr;
}

} // namespace conf_detail

/// Reads the text of a wisp.conf. `conf` holds something meaningful only when nothing is refused.
inline Refusal parse_conf(Text file, Conf& conf) {
    using namespace conf_detail;
    Text seen[key_count];
    uint32_t line_of[key_count] = {};
    for (Lines lines(file); lines.next();) {
        const Refusal here{lines.number(), lines.line()};
        const auto refuse = [&](const char* problem) { return Refusal{here.line, here.what, problem}; };
        if (lines.problem()) return {here.line, {}, lines.problem()};
        Text value = lines.line();
        const Text name = cut_at(value, '=');
        if (name.size() == lines.line().size()) return refuse("not KEY=value");
        const size_t key = key_index(name);
        if (key == key_count) return refuse("unknown key");
        if (line_of[key] != 0) return refuse("the key was given before");
        if (const char* problem = keys[key].read(value, conf)) return refuse(problem);
        seen[key] = lines.line();
        line_of[key] = lines.number();
    }
    for (size_t i = 0; i < key_count; ++i)
        if (keys[i].required && line_of[i] == 0) return {0, keys[i].name, "missing"};
    const size_t gateway = key_index("GW");
    if (line_of[gateway] == 0) return {};
    return {line_of[gateway], seen[gateway], gateway_problem(conf)};
}

} // namespace init
