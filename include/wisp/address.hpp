// IPv4 addresses and forwarded ports as a user types them, and what is usable as which.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// One IPv4 address, most significant octet first.
struct Ipv4 {
    std::uint32_t value = 0;

    auto operator<=>(const Ipv4&) const = default;
};

inline constexpr Ipv4 loopback_address{0x7f000001};

/// Dotted-quad text.
inline std::string to_text(Ipv4 address) {
    std::string text;
    for (const int shift : {24, 16, 8, 0})
        text += (text.empty() ? "" : ".") + std::to_string(address.value >> shift & 0xff);
    return text;
}

/// Refuses the value `text` that the user gave as `subject`.
[[noreturn]] inline void refuse_value(std::string_view subject, std::string_view text, std::string_view why) {
    refuse(subject, printable(text) + ": " + std::string(why));
}

/// A decimal number without leading zeros: inet_aton(3) would read "010" as octal, so it means two things.
inline std::optional<std::uint32_t> parse_plain(std::string_view text, std::uint32_t max) {
    if (text.size() > 1 && text[0] == '0') return std::nullopt;
    const auto number = parse_unsigned(text, 10, max);
    return number ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
}

/// Four decimal octets, none left out: inet_aton(3)'s "10.1" is refused. `whole` is what the user wrote where
/// that is more than `text`.
inline Ipv4 parse_ipv4(std::string_view text, std::string_view subject, std::string_view whole = {}) {
    const auto parts = split(text, '.');
    Ipv4 address;
    for (const std::string_view part : parts) {
        const auto octet = parse_plain(part, 255);
        if (!octet || parts.size() != 4)
            refuse_value(subject, whole.empty() ? text : whole,
                         "'" + printable(text) + "' is not an IPv4 address");
        address.value = address.value << 8 | *octet;
    }
    return address;
}

/// An address one machine can have: not of "this network" (0/8), multicast (224/4) or reserved (240/4)
/// [RFC 1122 3.2.1.3, RFC 6890].
inline Ipv4 parse_unicast(std::string_view text, std::string_view subject, std::string_view whole = {}) {
    const Ipv4 address = parse_ipv4(text, subject, whole);
    const auto bad = [&](std::string_view why) { refuse_value(subject, whole.empty() ? text : whole, why); };
    const std::uint32_t first = address.value >> 24;
    if (first == 0) bad("is no machine's address (0.0.0.0/8)");
    if (first >= 240) bad("is reserved (240.0.0.0/4)");
    if (first >= 224) bad("is a multicast address (224.0.0.0/4)");
    return address;
}

/// An interface's own address and the length of its network's prefix, 1 to 32.
struct HostAddress {
    Ipv4 address;
    unsigned prefix = 32;

    std::uint32_t mask() const { return 0xffffffffu << (32 - prefix); }
    Ipv4 network() const { return {address.value & mask()}; }
    /// The network's last address.
    Ipv4 last() const { return {address.value | ~mask()}; }
    bool reaches(Ipv4 other) const { return (other.value & mask()) == network().value; }
    /// Whether `other` may belong to a machine of this network: a network of one or two addresses has neither
    /// network nor broadcast address [RFC 3021].
    bool has_host(Ipv4 other) const {
        return reaches(other) && (prefix >= 31 || (other != network() && other != last()));
    }
};

/// "ADDRESS/PREFIX" with both halves.
inline std::string to_text(const HostAddress& host) {
    return to_text(host.address) + "/" + std::to_string(host.prefix);
}

/// "ADDRESS/PREFIX", an address that an interface other than `lo` can have.
inline HostAddress parse_host_address(std::string_view text, std::string_view subject) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos)
        refuse_value(subject, text, "has no prefix: write ADDRESS/PREFIX, like 192.168.1.100/24");
    const auto prefix = parse_plain(text.substr(slash + 1), 32);
    if (!prefix || *prefix == 0) refuse_value(subject, text, "the prefix must be a number from 1 to 32");
    const HostAddress host{parse_unicast(text.substr(0, slash), subject, text), *prefix};
    if (host.address.value >> 24 == 127) refuse_value(subject, text, "is a loopback address (127.0.0.0/8)");
    if (host.has_host(host.address)) return host;
    refuse_value(subject, text,
                 host.address == host.network() ? "is the address of the network itself"
                                                : "is the broadcast address of its network");
}

/// The router of `host`: another machine of the same network.
inline Ipv4 parse_gateway(std::string_view text, const HostAddress& host, std::string_view subject) {
    const Ipv4 gateway = parse_unicast(text, subject);
    if (gateway.value >> 24 == 127) refuse_value(subject, text, "is a loopback address (127.0.0.0/8)");
    if (!host.reaches(gateway)) refuse_value(subject, text, "is outside the network of " + to_text(host));
    if (gateway == host.address) refuse_value(subject, text, "is the machine's own address");
    if (!host.has_host(gateway))
        refuse_value(subject, text, "is no machine's address in the network of " + to_text(host));
    return gateway;
}

/// A TCP port of the host that leads to one of the guest.
struct Forward {
    Ipv4 address = loopback_address; ///< of the host; 0.0.0.0 is all of them
    std::uint16_t host_port = 0;     ///< 0: whichever is free
    std::uint16_t guest_port = 0;

    /// Whether both want the same port of the same host address.
    bool collides(const Forward& other) const {
        return host_port != 0 && host_port == other.host_port &&
               (address == other.address || address == Ipv4{} || other.address == Ipv4{});
    }
};

/// "[ADDRESS:]HOST:GUEST"; the address is left out when it is 127.0.0.1.
inline std::string to_text(const Forward& forward) {
    return (forward.address == loopback_address ? "" : to_text(forward.address) + ":") +
           std::to_string(forward.host_port) + ":" + std::to_string(forward.guest_port);
}

/// "[ADDRESS:]HOST:GUEST"; ports are 1 to 65535, and HOST may be 0 for a free one. Only this machine can connect unless
/// ADDRESS says otherwise.
inline Forward parse_forward(std::string_view text, std::string_view subject) {
    auto parts = split(text, ':');
    Forward forward;
    if (parts.size() == 3) {
        forward.address = parse_ipv4(parts[0], subject, text);
        parts.erase(parts.begin());
    }
    if (parts.size() != 2) refuse_value(subject, text, "is not [ADDRESS:]HOST:GUEST, like 18080:8080");
    if (text.find('/') != text.npos) refuse_value(subject, text, "only TCP is forwarded: leave out the / and what follows");
    const auto host = parse_plain(parts[0], 65535), guest = parse_plain(parts[1], 65535);
    if (!host) refuse_value(subject, text, "the host's port must be a number from 0 (a free one) to 65535");
    if (!guest || *guest == 0) refuse_value(subject, text, "the machine's port must be a number from 1 to 65535");
    forward.host_port = static_cast<std::uint16_t>(*host);
    forward.guest_port = static_cast<std::uint16_t>(*guest);
    return forward;
}

/// Adds `forward` to `all`; refuses, as `subject`, one that wants a host port that is taken.
inline void add_forward(std::vector<Forward>& all, const Forward& forward, std::string_view subject) {
    for (const Forward& other : all)
        if (forward.collides(other))
            refuse_value(subject, to_text(forward), "host port is taken by " + to_text(other));
    all.push_back(forward);
}

} // namespace wisp
