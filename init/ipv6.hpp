// IPv6 addresses: reading their textual forms [RFC 4291 2.2], and which of them one host can have. No system
// call. Nothing writes one: messages show it as wisp.conf has it.
#pragma once

#include "ipv4.hpp"

namespace init {

/// In network order, as it travels.
struct Ipv6 {
    uint8_t bytes[16] = {};

    friend constexpr bool operator==(const Ipv6& a, const Ipv6& b) {
        for (size_t i = 0; i < sizeof a.bytes; ++i)
            if (a.bytes[i] != b.bytes[i]) return false;
        return true;
    }
};
static_assert(sizeof(Ipv6) == 16);

namespace ipv6_detail {

constexpr int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The bytes read so far, and where among them "::" stood.
struct Builder {
    static constexpr size_t nowhere = 17;

    Ipv6 address;
    size_t size = 0;
    size_t gap = nowhere;

    constexpr bool add(uint32_t value, size_t bytes) {
        if (size + bytes > sizeof address.bytes) return false;
        while (bytes-- > 0) address.bytes[size++] = static_cast<uint8_t>(value >> 8 * bytes);
        return true;
    }

    constexpr bool add_group(Text digits) {
        if (digits.empty() || digits.size() > 4) return false;
        uint32_t value = 0;
        for (char c : digits) {
            const int digit = hex_digit(c);
            if (digit < 0) return false;
            value = value << 4 | static_cast<uint32_t>(digit);
        }
        return add(value, 2);
    }

    constexpr bool add_gap() {
        if (gap != nowhere) return false;
        gap = size;
        return true;
    }

    /// Fills the gap, which stands for at least one group, with zeros.
    constexpr bool finish() {
        if (gap == nowhere) return size == sizeof address.bytes;
        if (size > sizeof address.bytes - 2) return false;
        for (size_t from = size, to = sizeof address.bytes; from-- > gap;) {
            address.bytes[--to] = address.bytes[from];
            address.bytes[from] = 0;
        }
        return true;
    }
};

/// True when what is left is the dotted form of the last four bytes.
constexpr bool is_dotted(Text rest) { return rest.find(':') == rest.size() && rest.find('.') != rest.size(); }

constexpr bool read_groups(Text rest, Builder& out) {
    if (rest.first(2) == "::") {
        out.gap = 0;
        rest = rest.from(2);
        if (rest.empty()) return true;
    }
    for (;;) {
        uint32_t last_four = 0;
        if (is_dotted(rest)) return parse_ipv4(rest, last_four) && out.add(last_four, 4);
        const Text group = rest.first(rest.find(':'));
        if (!out.add_group(group)) return false;
        rest = rest.from(group.size());
        if (rest.empty()) return true;
        rest = rest.from(1);
        if (rest.first(1) == ":") {
            if (!out.add_gap()) return false;
            rest = rest.from(1);
            if (rest.empty()) return true;
        }
    }
}

constexpr bool starts_with_zeros(const Ipv6& address, size_t count) {
    for (size_t i = 0; i < count; ++i)
        if (address.bytes[i] != 0) return false;
    return true;
}

} // namespace ipv6_detail

/// Reads any form of RFC 4291 2.2; no zone, no prefix.
constexpr bool parse_ipv6(Text text, Ipv6& address) {
    ipv6_detail::Builder builder;
    if (!ipv6_detail::read_groups(text, builder) || !builder.finish()) return false;
    address = builder.address;
    return true;
}

/// Not multicast (ff00::/8), unspecified (::), loopback (::1) or an IPv4 address in disguise (::ffff:0:0/96)
/// [RFC 4291 2.4].
constexpr bool is_unicast(const Ipv6& address) {
    using ipv6_detail::starts_with_zeros;
    if (address.bytes[0] == 0xff) return false;
    if (starts_with_zeros(address, 15) && address.bytes[15] <= 1) return false;
    return !(starts_with_zeros(address, 10) && address.bytes[10] == 0xff && address.bytes[11] == 0xff);
}

/// The address whose bits after the prefix are 0 belongs to the network's routers, all of them [RFC 4291
/// 2.6.1]; not in networks of two or one [RFC 6164].
constexpr bool is_router_anycast(const Ipv6& address, uint32_t prefix) {
    if (prefix >= 127) return false;
    for (uint32_t bit = prefix; bit < 128; ++bit)
        if (address.bytes[bit / 8] >> (7 - bit % 8) & 1) return false;
    return true;
}

} // namespace init
