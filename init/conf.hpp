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
//   USER=uid:gid         optional        each 1 to 4294967294; without it 1000:1000
//   HOSTNAME=name        optional        1 to 64 letters, digits, '-', '_' and '.', the first neither '-' nor
//   '.' CLOCK=seconds        optional        since 1970, 0 to 4294967295: the clock starts no earlier
//   CAPS=name,...        optional        capabilities the service has, by capability.hpp's names
//   TMPFS=/path:bytes    at most 8       a folder of the service's own, 1 to 1099511627776 bytes; the path
//   has at
//                                        most 200 printable bytes without blanks, no empty, "." or ".." part
//   SYSCTL=key=value     at most 32      a kernel variable as sysctl(8) writes it, '.' between the parts and
//   '/' for
//                                        a '.' in one; parts of letters, digits, '-', '_' and ':'
//   WATCHDOG=seconds     optional        1 to 65535
//   RELAX=name,...       optional        hardening to leave out, by relax.hpp's names
//
// Keys stand in any order, each at most once unless it says how often. There are no blanks, quotes, comments
// or empty lines. Numbers are decimal without leading zeros. An address one host can have is not in 0.0.0.0/8
// (this network), 127.0.0.0/8 (loopback) or 224.0.0.0/3 (multicast, reserved, broadcast) [RFC 6890], and in a
// network of prefix 1 to 30 it is neither the first nor the last [RFC 1122 3.2.1.3; RFC 3021 for 31].
//
// Whether the gateway can be reached is the kernel's to say, when the route is made; so are a variable's
// value and whether this kernel has a capability.
#pragma once

#include "capability.hpp"
#include "list.hpp"
#include "relax.hpp"
#include "text.hpp"

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

/// What wisp.conf says. Addresses are in host order. Texts refer to the file.
struct Conf {
    static constexpr size_t largest_file = 16384;

    char interface[16] = {}; ///< NUL-terminated; IFNAMSIZ
    uint32_t address = 0;
    uint32_t prefix = 0;
    uint32_t gateway = 0; ///< 0: none

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
    {"IFACE", read_interface, Occurs::required}, {"ADDR", read_address, Occurs::required},
    {"GW", read_gateway, Occurs::once},          {"USER", read_user, Occurs::once},
    {"HOSTNAME", read_host_name, Occurs::once},  {"CLOCK", read_clock, Occurs::once},
    {"CAPS", read_capability, Occurs::list},     {"TMPFS", read_tmpfs, Occurs::repeated},
    {"SYSCTL", read_variable, Occurs::repeated}, {"WATCHDOG", read_watchdog, Occurs::once},
    {"RELAX", read_relaxed, Occurs::list},
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
