// IPv4 addresses, in host order: reading, writing, and which of them one host can have. No system call.
#pragma once

#include "text.hpp"

namespace init {

/// The bits of an address that name its network.
constexpr uint32_t network_mask(uint32_t prefix) { return prefix == 0 ? 0 : ~uint32_t{0} << (32 - prefix); }

/// The last address of the network, to which everyone in it listens; 31 and 32 have none.
constexpr uint32_t broadcast_of(uint32_t address, uint32_t prefix) { return address | ~network_mask(prefix); }

/// Not in 0.0.0.0/8 (this network), 127.0.0.0/8 (loopback) or 224.0.0.0/3 (multicast, reserved, broadcast)
/// [RFC 6890].
constexpr bool is_unicast(uint32_t address) {
    const uint32_t top = address >> 24;
    return top != 0 && top != 127 && top < 224;
}

/// In a network of prefix 1 to 30 these two are nobody's [RFC 1122 3.2.1.3; RFC 3021 for 31].
constexpr bool is_first_or_last(uint32_t address, uint32_t prefix) {
    const uint32_t host = address & ~network_mask(prefix);
    return prefix <= 30 && (host == 0 || host == ~network_mask(prefix));
}

/// Reads a.b.c.d, decimal without leading zeros.
constexpr bool parse_ipv4(Text text, uint32_t& address) {
    uint32_t sum = 0;
    for (int i = 0; i < 4; ++i) {
        uint32_t byte = 0;
        if (!parse_number(i < 3 ? cut_at(text, '.') : text, uint32_t{255}, byte)) return false;
        sum = sum << 8 | byte;
    }
    address = sum;
    return true;
}

/// Appends an address as people write it.
inline Line& append_dotted(Line& line, uint32_t address) {
    for (uint32_t shift = 24; shift > 0; shift -= 8) line << (address >> shift & 255) << ".";
    return line << (address & 255);
}

inline Line dotted(uint32_t address) {
    Line line;
    return append_dotted(line, address);
}

} // namespace init
