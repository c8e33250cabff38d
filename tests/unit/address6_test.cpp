#include <arpa/inet.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "wisp/address6.hpp"

using namespace wisp;

TEST_CASE("parse_ipv6 takes what inet_pton takes, and writes what inet_ntop writes") {
    const std::string text = GENERATE(
        as<std::string>{}, "::", "::1", "1::", "2001:db8::1", "2001:DB8:0:0:8:800:200C:417A", "fe80::1",
        "ff02::2", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::3:4:5:6:7:8",
        "2001:db8:0:0:1:0:0:1", "2001:0:0:1:0:0:0:1", "2001:db8:0:1:1:1:1:1", "0:0:1::", "::ffff:192.0.2.1",
        "64:ff9b::192.0.2.33", "1:2:3:4:5:6:1.2.3.4", "::ffff:0:0", "0001:0010:0100:1000::", "", ":",
        ":::", "1", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8:9",
        "12345::", "g::", "::1.2.3", "::1.2.3.4.5", "::1.2.3.256", "::01.2.3.4", "1.2.3.4::", "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4", "fe80::1%eth0", "::1/64", " ::1", "::1 ", "-1::", "+1::", "0x1::", "1.2.3.4",
        "1:::2", "::00001");
    CAPTURE(text);
    in6_addr expected{};
    if (::inet_pton(AF_INET6, text.c_str(), &expected) == 1) {
        const Ipv6 address = parse_ipv6(text, "--ip");
        for (std::size_t i = 0; i < 8; ++i)
            CHECK(address.groups[i] == (expected.s6_addr[2 * i] << 8 | expected.s6_addr[2 * i + 1]));
        char spelt[INET6_ADDRSTRLEN] = "";
        CHECK(to_text(address) == ::inet_ntop(AF_INET6, &expected, spelt, sizeof spelt));
    } else {
        CHECK_THROWS_WITH(parse_ipv6(text, "--ip"),
                          "--ip: " + text + ": '" + text + "' is not an IPv6 address");
    }
}

TEST_CASE("IPv6 has one spelling") {
    // what RFC 5952, 4 says of each
    const auto [text, canonical] = GENERATE(table<std::string, std::string>({
        {"2001:0db8::0001", "2001:db8::1"},               // 4.1
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},        // 4.2.1
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, // 4.2.2
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          // 4.2.3
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    // 4.2.3
        {"2001:DB8::ABCD", "2001:db8::abcd"},             // 4.3
        {"::FFFF:C000:201", "::ffff:192.0.2.1"},          // 5
    }));
    CHECK(to_text(parse_ipv6(text, "--ip")) == canonical);
}

TEST_CASE("an interface's IPv6 address is one that its network has for machines") {
    const auto [text, refusal] = GENERATE(table<std::string, std::string>({
        {"2001:db8::2/64", ""},
        {"fd00::1/8", ""},
        {"2001:db8::2/128", ""},
        {"2001:db8::/127", ""},
        {"2001:db8::2/1", ""},
        {"2001:db8::2", "has no prefix: write ADDRESS/PREFIX, like 2001:db8::2/64"},
        {"2001:db8::2/", "the prefix must be a number from 1 to 128"},
        {"2001:db8::2/0", "the prefix must be a number from 1 to 128"},
        {"2001:db8::2/129", "the prefix must be a number from 1 to 128"},
        {"2001:db8::2/064", "the prefix must be a number from 1 to 128"},
        {"2001:db8::x/64", "'2001:db8::x' is not an IPv6 address"},
        {"::/64", "is no machine's address (::)"},
        {"::1/128", "is the loopback address (::1)"},
        {"ff02::1/64", "is a multicast address (ff00::/8)"},
        {"::ffff:10.0.0.1/64", "is a mapped IPv4 address (::ffff:0:0/96)"},
        {"fe80::2/64", "is link-local (fe80::/10), which the interface has anyway"},
        {"febf::2/64", "is link-local (fe80::/10), which the interface has anyway"},
        {"fec0::2/64", ""},
        {"2001:db8::/64", "is the address of the network itself (its routers', RFC 4291 2.6.1)"},
        {"2001:db8:0:4000::/50", "is the address of the network itself (its routers', RFC 4291 2.6.1)"},
        {"2001:db8:0:4000::/49", ""},
    }));
    CAPTURE(text);
    if (refusal.empty()) {
        CHECK(to_text(parse_host_address6(text, "--ip")) == text);
    } else {
        CHECK_THROWS_WITH(parse_host_address6(text, "--ip"), "--ip: " + text + ": " + refusal);
    }
}

TEST_CASE("an IPv6 gateway is in the network or on the link") {
    const auto [host, gateway, refusal] = GENERATE(table<std::string, std::string, std::string>({
        {"2001:db8::2/64", "2001:db8::1", ""},
        {"2001:db8::2/64", "fe80::1", ""},
        {"2001:db8::2/128", "fe80::1", ""},
        {"2001:db8:0:7fff::2/49", "2001:db8::1", ""},
        {"2001:db8:0:8000::2/49", "2001:db8::1",
         "is neither link-local nor in the network of 2001:db8:0:8000::2/49"},
        {"2001:db8::2/64", "2001:db8::2", "is the machine's own address"},
        {"2001:db8::2/64", "2001:db8:0:1::1", "is neither link-local nor in the network of 2001:db8::2/64"},
        {"2001:db8::2/64", "ff02::2", "is a multicast address (ff00::/8)"},
    }));
    CAPTURE(host, gateway);
    const HostAddress6 own = parse_host_address6(host, "--ip");
    if (refusal.empty()) {
        CHECK(to_text(parse_gateway6(gateway, own, "--gateway")) == gateway);
    } else {
        CHECK_THROWS_WITH(parse_gateway6(gateway, own, "--gateway"),
                          "--gateway: " + gateway + ": " + refusal);
    }
}
