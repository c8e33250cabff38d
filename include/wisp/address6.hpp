// IPv6 addresses as a user types them [RFC 4291 2.2], and in their one canonical spelling [RFC 5952].
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/address.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// One IPv6 address: eight groups of 16 bits, most significant first.
struct Ipv6 {
    std::array<std::uint16_t, 8> groups{};

    auto operator<=>(const Ipv6&) const = default;
    /// fe80::/10: means something on one link only [RFC 4291 2.5.6].
    bool is_link_local() const { return (groups[0] & 0xffc0) == 0xfe80; }
    bool is_multicast() const { return groups[0] >> 8 == 0xff; }
    /// ::ffff:0:0/96: an IPv4 address in disguise, never on a wire [RFC 4291 2.5.5.2].
    bool is_mapped() const { return Ipv6{{0, 0, 0, 0, 0, 0xffff, groups[6], groups[7]}} == *this; }
};

/// The address in RFC 5952's spelling: lower case, no leading zeros, the longest run of two or more zero
/// groups (of equal ones the first) as "::"; a mapped address ends as IPv4 does.
inline std::string to_text(const Ipv6& address) {
    if (address.is_mapped())
        return "::ffff:" +
               to_text(Ipv4{static_cast<std::uint32_t>(address.groups[6]) << 16 | address.groups[7]});
    std::size_t run_start = 0, run_length = 0;
    for (std::size_t i = 0, zeros = 0; i < 8; ++i) {
        zeros = address.groups[i] == 0 ? zeros + 1 : 0;
        if (zeros > run_length) {
            run_length = zeros;
            run_start = i + 1 - zeros;
        }
    }
    if (run_length < 2) run_length = 0;
    std::string text;
    for (std::size_t i = 0; i < 8; ++i) {
        if (run_length > 0 && i == run_start) {
            text += "::";
            i += run_length - 1;
            continue;
        }
        if (!text.empty() && !text.ends_with(':')) text += ':';
        const auto digits = hex(std::array{static_cast<std::uint8_t>(address.groups[i] >> 8),
                                           static_cast<std::uint8_t>(address.groups[i] & 0xff)});
        text += digits.substr(std::min<std::size_t>(3, digits.find_first_not_of('0')));
    }
    return text;
}

namespace address6_detail {

/// Four decimal octets as two groups; nothing where they are none.
inline std::optional<std::array<std::uint16_t, 2>> dotted_groups(std::string_view text) {
    std::array<std::uint32_t, 4> octets{};
    const auto parts = split(text, '.');
    if (parts.size() != octets.size()) return std::nullopt;
    for (std::size_t i = 0; i < octets.size(); ++i) {
        const auto octet = parse_plain(parts[i], 255);
        if (!octet) return std::nullopt;
        octets[i] = *octet;
    }
    return std::array{static_cast<std::uint16_t>(octets[0] << 8 | octets[1]),
                      static_cast<std::uint16_t>(octets[2] << 8 | octets[3])};
}

/// The groups in `text`, which has no "::"; `may_end_dotted` allows an IPv4 address at the end.
inline std::optional<std::vector<std::uint16_t>> plain_groups(std::string_view text, bool may_end_dotted) {
    std::vector<std::uint16_t> groups;
    if (text.empty()) return groups;
    const auto parts = split(text, ':');
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (may_end_dotted && i + 1 == parts.size() && parts[i].find('.') != std::string_view::npos) {
            const auto last = dotted_groups(parts[i]);
            if (!last) return std::nullopt;
            groups.insert(groups.end(), last->begin(), last->end());
            continue;
        }
        const auto group = parts[i].size() > 4 ? std::nullopt : parse_unsigned(parts[i], 16, 0xffff);
        if (!group) return std::nullopt;
        groups.push_back(static_cast<std::uint16_t>(*group));
    }
    return groups;
}

/// The address in `text`, or nothing: at most one "::", which stands for at least one group.
inline std::optional<Ipv6> read(std::string_view text) {
    const auto gap = text.find("::");
    const bool has_gap = gap != std::string_view::npos;
    const auto front = plain_groups(text.substr(0, gap), !has_gap);
    const auto back = plain_groups(has_gap ? text.substr(gap + 2) : "", true);
    if (!front || !back) return std::nullopt;
    const std::size_t given = front->size() + back->size();
    if (has_gap ? given > 7 : given != 8) return std::nullopt;
    Ipv6 address;
    std::copy(front->begin(), front->end(), address.groups.begin());
    std::copy_backward(back->begin(), back->end(), address.groups.end());
    return address;
}

} // namespace address6_detail

/// Whether `text` is meant as IPv6: no IPv4 address has a colon.
inline bool looks_like_ipv6(std::string_view text) { return text.find(':') != std::string_view::npos; }

/// Any of RFC 4291's forms, without a zone. `whole` is what the user wrote where that is more than `text`.
inline Ipv6 parse_ipv6(std::string_view text, std::string_view subject, std::string_view whole = {}) {
    const auto address = address6_detail::read(text);
    if (!address)
        refuse_value(subject, whole.empty() ? text : whole,
                     "'" + printable(text) + "' is not an IPv6 address");
    return *address;
}

/// An address one machine can have on a wire.
inline Ipv6 parse_unicast6(std::string_view text, std::string_view subject, std::string_view whole = {}) {
    const Ipv6 address = parse_ipv6(text, subject, whole);
    const auto bad = [&](std::string_view why) { refuse_value(subject, whole.empty() ? text : whole, why); };
    if (address == Ipv6{}) bad("is no machine's address (::)");
    if (address == Ipv6{{0, 0, 0, 0, 0, 0, 0, 1}}) bad("is the loopback address (::1)");
    if (address.is_multicast()) bad("is a multicast address (ff00::/8)");
    if (address.is_mapped()) bad("is a mapped IPv4 address (::ffff:0:0/96)");
    return address;
}

/// An interface's own IPv6 address and the length of its network's prefix, 1 to 128.
struct HostAddress6 {
    Ipv6 address;
    unsigned prefix = 128;

    bool reaches(const Ipv6& other) const {
        for (unsigned bit = 0; bit < prefix; bit += 16) {
            const unsigned wanted = std::min(prefix - bit, 16u);
            if ((address.groups[bit / 16] ^ other.groups[bit / 16]) >> (16 - wanted) != 0) return false;
        }
        return true;
    }
    /// Whether the bits behind the prefix are all zero: the subnet-router anycast address. A network of one
    /// or two addresses has none [RFC 6164].
    bool is_network() const {
        HostAddress6 network{{}, prefix};
        for (unsigned i = 0; i < 8; ++i) {
            const unsigned kept = std::min(prefix - std::min(prefix, 16 * i), 16u);
            network.address.groups[i] = static_cast<std::uint16_t>(address.groups[i] & ~(0xffffu >> kept));
        }
        return prefix < 127 && network.address == address;
    }
};

inline std::string to_text(const HostAddress6& host) {
    return to_text(host.address) + "/" + std::to_string(host.prefix);
}

/// "ADDRESS/PREFIX". The kernel gives every interface a link-local address of its own, so one is no choice.
inline HostAddress6 parse_host_address6(std::string_view text, std::string_view subject) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos)
        refuse_value(subject, text, "has no prefix: write ADDRESS/PREFIX, like 2001:db8::2/64");
    const auto prefix = parse_plain(text.substr(slash + 1), 128);
    if (!prefix || *prefix == 0) refuse_value(subject, text, "the prefix must be a number from 1 to 128");
    const HostAddress6 host{parse_unicast6(text.substr(0, slash), subject, text), *prefix};
    if (host.address.is_link_local())
        refuse_value(subject, text, "is link-local (fe80::/10), which the interface has anyway");
    if (host.is_network())
        refuse_value(subject, text, "is the address of the network itself (its routers', RFC 4291 2.6.1)");
    return host;
}

/// The router of `host`: another machine of the network, or a link-local address, as routers announce theirs.
inline Ipv6 parse_gateway6(std::string_view text, const HostAddress6& host, std::string_view subject) {
    const Ipv6 gateway = parse_unicast6(text, subject);
    if (gateway == host.address) refuse_value(subject, text, "is the machine's own address");
    if (!gateway.is_link_local() && !host.reaches(gateway))
        refuse_value(subject, text, "is neither link-local nor in the network of " + to_text(host));
    return gateway;
}

} // namespace wisp
