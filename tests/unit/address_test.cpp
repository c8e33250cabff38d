#include <arpa/inet.h>

#include <catch2/catch.hpp>
#include <tuple>

#include "wisp/address.hpp"

using namespace wisp;

TEST_CASE("parse_ipv4 takes what inet_pton takes") {
    const std::string text =
        GENERATE(as<std::string>{}, "0.0.0.0", "255.255.255.255", "192.168.1.100", "1.2.3.4", "", ".",
                 "1.2.3", "1.2.3.", ".1.2.3", "1.2.3.4.", "1.2.3.4.5", "1..2.3", "256.1.1.1", "1.1.1.256",
                 "01.2.3.4", "1.2.3.00", "1.2.3.0x4", "-1.2.3.4", "+1.2.3.4", "1.2.3.4 ", " 1.2.3.4",
                 "1.2.3.a", "4294967296.1.1.1", "::1", "1.2.3.4/24");
    CAPTURE(text);
    in_addr expected{};
    if (::inet_pton(AF_INET, text.c_str(), &expected) == 1) {
        CHECK(parse_ipv4(text, "--ip").value == ntohl(expected.s_addr));
        CHECK(to_text(parse_ipv4(text, "--ip")) == text);
    } else {
        CHECK_THROWS_WITH(parse_ipv4(text, "--ip"),
                          "--ip: " + text + ": '" + text + "' is not an IPv4 address");
    }
}

TEST_CASE("an interface's address is one that its network has for machines") {
    const auto [text, refusal] = GENERATE(table<std::string, std::string>({
        {"192.168.1.100/24", ""},
        {"10.0.0.1/8", ""},
        {"10.0.0.0/31", ""},
        {"10.0.0.1/31", ""},
        {"10.0.0.1/32", ""},
        {"10.0.0.1/1", ""},
        {"192.168.1.100", "has no prefix: write ADDRESS/PREFIX, like 192.168.1.100/24"},
        {"192.168.1.100/", "the prefix must be a number from 1 to 32"},
        {"192.168.1.100/0", "the prefix must be a number from 1 to 32"},
        {"192.168.1.100/33", "the prefix must be a number from 1 to 32"},
        {"192.168.1.100/024", "the prefix must be a number from 1 to 32"},
        {"192.168.1.100/24/24", "the prefix must be a number from 1 to 32"},
        {"192.168.1.100/255.255.255.0", "the prefix must be a number from 1 to 32"},
        {"300.1.1.1/24", "'300.1.1.1' is not an IPv4 address"},
        {"192.168.1.0/24", "is the address of the network itself"},
        {"192.168.1.255/24", "is the broadcast address of its network"},
        {"192.168.1.3/30", "is the broadcast address of its network"},
        {"192.168.0.255/23", ""},
        {"0.1.2.3/24", "is no machine's address (0.0.0.0/8)"},
        {"127.0.0.1/8", "is a loopback address (127.0.0.0/8)"},
        {"224.0.0.1/4", "is a multicast address (224.0.0.0/4)"},
        {"239.255.255.254/30", "is a multicast address (224.0.0.0/4)"},
        {"240.0.0.1/8", "is reserved (240.0.0.0/4)"},
        {"255.255.255.255/32", "is reserved (240.0.0.0/4)"},
        {"223.255.255.254/24", ""},
        {"126.0.0.1/8", ""},
        {"128.0.0.1/8", ""},
    }));
    CAPTURE(text);
    if (refusal.empty()) {
        CHECK(to_text(parse_host_address(text, "--ip")) == text);
    } else {
        CHECK_THROWS_WITH(parse_host_address(text, "--ip"), "--ip: " + text + ": " + refusal);
    }
}

TEST_CASE("a network is its prefix") {
    const HostAddress host = parse_host_address("192.168.5.77/22", "--ip");
    CHECK(to_text(host.network()) == "192.168.4.0");
    CHECK(to_text(host.last()) == "192.168.7.255");
    CHECK(host.reaches(parse_ipv4("192.168.4.1", "")));
    CHECK_FALSE(host.reaches(parse_ipv4("192.168.8.1", "")));
}

TEST_CASE("a gateway is another machine of the network") {
    const auto [host, gateway, refusal] = GENERATE(table<std::string, std::string, std::string>({
        {"192.168.1.100/24", "192.168.1.1", ""},
        {"10.0.0.0/31", "10.0.0.1", ""},
        {"192.168.1.100/24", "192.168.2.1", "is outside the network of 192.168.1.100/24"},
        {"192.168.1.100/24", "192.168.1.100", "is the machine's own address"},
        {"192.168.1.100/24", "192.168.1.0", "is no machine's address in the network of 192.168.1.100/24"},
        {"192.168.1.100/24", "192.168.1.255", "is no machine's address in the network of 192.168.1.100/24"},
        {"10.0.0.1/32", "10.0.0.2", "is outside the network of 10.0.0.1/32"},
        {"126.0.0.2/7", "127.0.0.1", "is a loopback address (127.0.0.0/8)"},
        {"10.0.0.1/24", "224.0.0.1", "is a multicast address (224.0.0.0/4)"},
    }));
    CAPTURE(host, gateway);
    const HostAddress own = parse_host_address(host, "--ip");
    if (refusal.empty()) {
        CHECK(to_text(parse_gateway(gateway, own, "--gateway")) == gateway);
    } else {
        CHECK_THROWS_WITH(parse_gateway(gateway, own, "--gateway"), "--gateway: " + gateway + ": " + refusal);
    }
}

TEST_CASE("a forward is two ports, and this machine's own unless an address says otherwise") {
    CHECK(to_text(parse_forward("18080:8080", "--port")) == "18080:8080");
    CHECK(parse_forward("18080:8080", "--port").address == loopback_address);
    CHECK(to_text(parse_forward("127.0.0.1:1:65535", "--port")) == "1:65535");
    CHECK(to_text(parse_forward("0.0.0.0:80:80", "--port")) == "0.0.0.0:80:80");
    CHECK(to_text(parse_forward("0:80", "--port")) == "0:80");
    const auto [text, refusal] = GENERATE(table<std::string, std::string>({
        {"", "is not [ADDRESS:]HOST:GUEST, like 18080:8080"},
        {"80", "is not [ADDRESS:]HOST:GUEST, like 18080:8080"},
        {"1:2:3:4", "is not [ADDRESS:]HOST:GUEST, like 18080:8080"},
        {"80:", "the machine's port must be a number from 1 to 65535"},
        {":80", "the host's port must be a number from 0 (a free one) to 65535"},
        {"80:0", "the machine's port must be a number from 1 to 65535"},
        {"00:80", "the host's port must be a number from 0 (a free one) to 65535"},
        {"65536:80", "the host's port must be a number from 0 (a free one) to 65535"},
        {"080:80", "the host's port must be a number from 0 (a free one) to 65535"},
        {"8081:81/udp", "only TCP is forwarded: leave out the / and what follows"},
        {"localhost:80:80", "'localhost' is not an IPv4 address"},
    }));
    CAPTURE(text);
    CHECK_THROWS_WITH(parse_forward(text, "--port"), "--port: " + text + ": " + refusal);
}

TEST_CASE("two forwards cannot share a port of one host address") {
    const auto [first, second, free] = GENERATE(table<std::string, std::string, bool>({
        {"80:1", "80:2", false},
        {"80:1", "81:1", true},
        {"127.0.0.2:80:1", "80:1", true},
        {"0.0.0.0:80:1", "80:1", false},
        {"80:1", "0.0.0.0:80:1", false},
        {"0:1", "0:1", true}, // each gets a port of its own
    }));
    CAPTURE(first, second);
    std::vector<Forward> all;
    add_forward(all, parse_forward(first, "--port"), "--port");
    const Forward other = parse_forward(second, "--port");
    if (free) {
        CHECK_NOTHROW(add_forward(all, other, "--port"));
    } else {
        CHECK_THROWS_WITH(add_forward(all, other, "--port"),
                          "--port: " + second + ": host port is taken by " + first);
    }
}
