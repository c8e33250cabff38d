// wisp.conf, read in place. No system call, so that a test on the host can include this file.
//
// The grammar; wisp.sh writes it, and nothing else is accepted:
//
//   file    = *line                      at most 16384 bytes
//   line    = KEY "=" value LF           at most 255 bytes before the LF, which the last line has too
//
//   IFACE=name           required        1 to 15 printable ASCII bytes, no '/' or ':', not "." or ".."
//   ADDR=a.b.c.d/prefix  required        prefix 1 to 32; an address one host can have (see below)
//   GW=a.b.c.d           optional        another such address; without it there is no default route
//
// Keys stand in any order, each at most once unless it says "repeated". There are no blanks, quotes, comments or empty lines. Numbers
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
    static constexpr size_t largest_file = 16384;

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
    {"ADDR", read_address, Occurs::required},
    {"GW", read_gateway, Occurs::once},
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

    const Place& operator[](Text name) const { return places[key_index(name)]; }
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

/// What only two keys together can be wrong about.
inline Refusal read_together(const Given& given, const Conf& conf) {
    if (given["GW"].line == 0) return {};
    const bool local = ((conf.gateway ^ conf.address) & network_mask(conf.prefix)) == 0;
    if (conf.gateway == conf.address) return given["GW"].refused("is this machine's own address");
    if (local && is_first_or_last(conf.gateway, conf.prefix))
        return given["GW"].refused("names its network, not a host in it");
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
