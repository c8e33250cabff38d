// wisp.conf, read in place. No system call, so that a test on the host can include this file.
//
// The grammar; wisp_conf() of include/wisp/initrd_files.hpp writes it, and nothing else is accepted:
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
//   USER=uid:gid         optional        each 1 to 4294967294; without it 1000:1000
//   HOSTNAME=name        optional        1 to 64 letters, digits, '-', '_' and '.'; not '-' or '.' at first
//   CLOCK=seconds        optional        since 1970, 0 to 4294967295: the clock starts no earlier
//   CAPS=name,...        optional        capabilities the service has, by capability.hpp's names
//   TMPFS=/path:bytes    at most 8       a folder of the service's own, 1 to 1099511627776 bytes; at most 200
//                                        printable bytes of path without blanks, no empty, "." or ".." part
//   SYSCTL=key=value     at most 32      a kernel variable as sysctl(8) writes it, '.' between the parts and
//                                        '/' for a '.' in one; parts of letters, digits, '-', '_' and ':'
//   WATCHDOG=seconds     optional        1 to 65535
//   RELAX=name,...       optional        hardening to leave out, by relax.hpp's names
//
// Keys stand in any order, each at most once unless it says how often. There are no blanks, quotes, comments
// or empty lines. Numbers are decimal without leading zeros.
//
// An address one host can have is not in 0.0.0.0/8 (this network), 127.0.0.0/8 (loopback) or 224.0.0.0/3
// (multicast, reserved, broadcast) [RFC 6890], and in a network of prefix 1 to 30 it is neither the first nor
// the last [RFC 1122 3.2.1.3; RFC 3021 for 31]. Of IPv6, it is not ::, ::1, in ff00::/8 or in ::ffff:0:0/96
// [RFC 4291 2.4], nor the anycast address of its network's routers (2.6.1).
//
// Whether the gateway can be reached is the kernel's to say, when the route is made; so are a variable's
// value and whether this kernel has a capability.
#pragma once

#include "capability.hpp"
#include "ipv6.hpp"
#include "list.hpp"
#include "relax.hpp"

namespace init {

/// A folder of memory that is the service's own.
struct Tmpfs {
    Text path;
    uint64_t size = 0; ///< bytes
};

/// A kernel variable and what it becomes.
struct Variable {
    Text key; ///< as sysctl(8) writes it
    Text value;
};

/// What wisp.conf says. IPv4 addresses are in host order. Texts refer to the file.
struct Conf {
    static constexpr size_t largest_file = 16384;

    char interface[16] = {}; ///< NUL-terminated; IFNAMSIZ
    bool dhcp = false;       ///< address, prefix and gateway come from a lease
    uint32_t address = 0;    ///< 0: none
    uint32_t prefix = 0;
    uint32_t gateway = 0; ///< 0: none
    bool explicit_resolvers = false;
    Ipv6 address6;
    uint32_t prefix6 = 0; ///< 0: no IPv6 address
    Ipv6 gateway6;
    Text address6_text; ///< as written, without the prefix
    Text gateway6_text; ///< empty: none
    uint32_t link_wait_seconds = 10;

    uint32_t uid = 1000;
    uint32_t gid = 1000;
    Text host_name;     ///< empty: the kernel's
    uint64_t clock = 0; ///< seconds since 1970, before which the clock does not start
    Capabilities granted = 0;
    List<Tmpfs, 8> tmpfs;
    List<Variable, 32> variables;
    uint32_t watchdog = 0; ///< seconds; 0: none
    Relaxed relaxed;
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

/// Group 0 is refused as user 0 is: hidepid does not hide from it, and it owns every file of the image.
inline const char* read_user(Text value, Conf& conf) {
    constexpr uint32_t largest = ~1u; // the last one means "no change" to the kernel
    Text group = value;
    const Text user = cut_at(group, ':');
    if (!parse_number(user, largest, conf.uid) || !parse_number(group, largest, conf.gid))
        return "not uid:gid, each 1 to 4294967294";
    return conf.uid == 0 || conf.gid == 0 ? "a service is never root, nor in its group" : nullptr;
}

constexpr bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// RFC 1123's letters, and '_', which names of boards have.
inline const char* read_host_name(Text value, Conf& conf) {
    if (value.empty() || value.size() > 64) return "a host name has 1 to 64 bytes";
    for (char c : value)
        if (!is_letter_or_digit(c) && c != '-' && c != '_' && c != '.') return "not the name of a host";
    if (value[0] == '-' || value[0] == '.') return "not the name of a host";
    conf.host_name = value;
    return nullptr;
}

inline const char* read_clock(Text value, Conf& conf) {
    return parse_number(value, uint64_t{~0u}, conf.clock) ? nullptr
                                                          : "not seconds since 1970, 0 to 4294967295";
}

inline const char* read_capability(Text name, Conf& conf) {
    const uint32_t number = capability_names.find(name);
    if (number == capability_count) return "not the name of a capability";
    if ((conf.granted & capability_bit(number)) != 0) return "the capability was named before";
    conf.granted |= capability_bit(number);
    return nullptr;
}

/// "/" and one or more parts with one "/" between them, none of which leads elsewhere.
constexpr bool is_plain_path(Text path) {
    if (path.size() < 2 || path.size() > 200 || path[0] != '/') return false;
    for (char c : path)
        if (c <= ' ' || c > '~') return false;
    for (Text rest = path.from(1);;) {
        const size_t before = rest.size();
        const Text part = cut_at(rest, '/');
        if (part.empty() || part == "." || part == "..") return false;
        if (part.size() == before) return true;
    }
}

/// Whether `path` is `folder` or below it.
constexpr bool is_within(Text path, Text folder) {
    return path.first(folder.size()) == folder &&
           (path.size() == folder.size() || path[folder.size()] == '/');
}

/// The kernel's own folders stay as they are: the rest of init, and what it promises, stands on them.
/// /dev/shm is what C libraries' shared memory wants.
inline const char* read_tmpfs(Text value, Conf& conf) {
    Text size = value;
    Tmpfs tmpfs;
    tmpfs.path = cut_at(size, ':');
    if (tmpfs.path.size() == value.size()) return "no size: /path:bytes is wanted";
    if (!is_plain_path(tmpfs.path)) return "not the whole path of a folder";
    const bool kernels =
        is_within(tmpfs.path, "/proc") || is_within(tmpfs.path, "/sys") || is_within(tmpfs.path, "/dev");
    if (kernels && !(tmpfs.path == "/dev/shm")) return "the folder is the kernel's";
    if (!parse_number(size, uint64_t{1} << 40, tmpfs.size) || tmpfs.size == 0)
        return "a size is 1 to 1099511627776 bytes";
    return conf.tmpfs.add(tmpfs) ? nullptr : "more than 8";
}

/// Its parts become those of a path below /proc/sys, so none may be one that leads elsewhere.
constexpr bool is_variable_key(Text key) {
    bool inside = false; // a part, which needs a letter or digit before anything else
    for (char c : key) {
        const bool plain =
            is_letter_or_digit(c) || c == '_' || (inside && (c == '-' || c == ':' || c == '/'));
        if (!plain && !(inside && c == '.')) return false;
        inside = plain;
    }
    return inside;
}

inline const char* read_variable(Text value, Conf& conf) {
    Variable variable{{}, value};
    variable.key = cut_at(variable.value, '=');
    if (variable.key.size() == value.size() || variable.value.empty()) return "no value: key=value is wanted";
    if (!is_variable_key(variable.key)) return "not the name of a kernel variable";
    return conf.variables.add(variable) ? nullptr : "more than 32";
}

inline const char* read_watchdog(Text value, Conf& conf) {
    const bool read = parse_number(value, uint32_t{65535}, conf.watchdog) && conf.watchdog != 0;
    return read ? nullptr : "not seconds, 1 to 65535";
}

inline const char* read_relaxed(Text name, Conf& conf) {
    const uint32_t number = item_names.find(name);
    if (number == item_count) return "not the name of a hardening item";
    const auto item = static_cast<Item>(number);
    if (conf.relaxed.has(item)) return "the item was named before";
    conf.relaxed.add(item);
    return nullptr;
}

enum class Occurs : uint8_t {
    once,     ///< at most
    required, ///< exactly once
    repeated, ///< any number of lines, each a value of its own; how many fit is for `read` to say
    list,     ///< at most once; the value is one or more items between commas
};

struct Key {
    char name[10]; // in place: a pointer and a size would take more
    Occurs occurs;
    const char* (*read)(Text value, Conf& conf); ///< what is wrong with the value or item, or nullptr
};

inline constexpr Key keys[] = {
    {"IFACE", Occurs::required, read_interface}, {"ADDR", Occurs::once, read_address},
    {"GW", Occurs::once, read_gateway},          {"ADDR6", Occurs::once, read_address6},
    {"GW6", Occurs::once, read_gateway6},        {"WAIT_LINK", Occurs::once, read_link_wait},
    {"DNS", Occurs::once, read_resolvers},       {"USER", Occurs::once, read_user},
    {"HOSTNAME", Occurs::once, read_host_name},  {"CLOCK", Occurs::once, read_clock},
    {"CAPS", Occurs::list, read_capability},     {"TMPFS", Occurs::repeated, read_tmpfs},
    {"SYSCTL", Occurs::repeated, read_variable}, {"WATCHDOG", Occurs::once, read_watchdog},
    {"RELAX", Occurs::list, read_relaxed},
};
inline constexpr size_t key_count = sizeof keys / sizeof *keys;

constexpr size_t key_index(Text name) {
    size_t i = 0;
    while (i < key_count && !(Text(keys[i].name) == name)) ++i;
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
