// IPv6 addresses as PID 1 reads them. The C library's inet_pton is the judge.
#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string>

#include <arpa/inet.h>

#include "init/ipv6.hpp"

using init::Ipv6;

namespace {

bool parse(const std::string& text, Ipv6& address) {
    return init::parse_ipv6({text.data(), text.size()}, address);
}

Ipv6 read(const std::string& text) {
    Ipv6 address;
    REQUIRE(parse(text, address));
    return address;
}

/// Both read it, as the same, or neither does.
void check_with_the_library(const std::string& text) {
    CAPTURE(text);
    Ipv6 ours;
    Ipv6 theirs;
    const bool readable = inet_pton(AF_INET6, text.c_str(), theirs.bytes) == 1;
    CHECK(parse(text, ours) == readable);
    if (readable) CHECK(ours == theirs);
}

} // namespace

TEST_CASE("the textual forms of an IPv6 address are read as the C library reads them") {
    for (const std::string text : {"::",
                                   "::1",
                                   "1::",
                                   "2001:db8::1",
                                   "2001:DB8:0:0:8:800:200C:417A",
                                   "1:2:3:4:5:6:7:8",
                                   "1:2:3:4:5:6:7::",
                                   "::2:3:4:5:6:7:8",
                                   "1::8",
                                   "::ffff:192.0.2.1",
                                   "1:2:3:4:5:6:192.0.2.1",
                                   "64:ff9b::192.0.2.33",
                                   "0:0::0:0",
                                   "fe80::1",
                                   "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
                                   "00::0001",
                                   "",
                                   ":",
                                   ":::",
                                   "1",
                                   "1:",
                                   ":1",
                                   "1:2",
                                   "1::2::3",
                                   "::1::",
                                   "1:2:3:4:5:6:7:8:9",
                                   "1:2:3:4:5:6:7:8::",
                                   "::1:2:3:4:5:6:7:8",
                                   "1:2:3:4::5:6:7:8",
                                   "12345::",
                                   "g::",
                                   "1::g",
                                   "1:::2",
                                   "::1 ",
                                   " ::1",
                                   "+1::",
                                   "-1::",
                                   "0x1::",
                                   "::1%eth0",
                                   "::1/64",
                                   "1.2.3.4",
                                   "::1.2.3",
                                   "::1.2.3.4.5",
                                   "::256.1.1.1",
                                   "::1.2.3.4:5",
                                   "1.2.3.4::",
                                   "::01.2.3.4",
                                   "::1.2.3.",
                                   "1:2:3:4:5:6:7:1.2.3.4",
                                   "1:2:3:4:5:1.2.3.4",
                                   "::.1.2.3",
                                   "[::1]",
                                   "2001:db8::1:"})
        check_with_the_library(text);
    const std::string with_nul("::1\0", 4); // which the library cannot be asked about
    Ipv6 address;
    CHECK_FALSE(parse(with_nul, address));
}

TEST_CASE("so is anything made of the letters of an IPv6 address") {
    const auto seed = GENERATE(1u, 2u, 3u);
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::string pieces[] = {"::",    ":",         "0", "1",   "ab", "ffff", "Fe80",
                                  "12345", "192.0.2.1", ".", "::1", "g",  "10.0"};
    for (int round = 0; round < 20000; ++round) {
        std::string text;
        for (std::size_t left = random() % 18; left-- > 0;) text += pieces[random() % std::size(pieces)];
        check_with_the_library(text);
    }
}

TEST_CASE("which IPv6 addresses a host can have") {
    for (const std::string text :
         {"2001:db8::1", "fd00::2", "fe80::1", "::2", "::1:0", "64:ff9b::1.2.3.4", "::1.2.3.4"})
        CHECK(init::is_unicast(read(text)));
    for (const std::string text : {"::", "::1", "ff02::1", "ff00::", "::ffff:10.0.0.1", "::ffff:0:0"})
        CHECK_FALSE(init::is_unicast(read(text)));
}

TEST_CASE("the address of a network's routers") {
    CHECK(init::is_router_anycast(read("2001:db8::"), 64));
    CHECK(init::is_router_anycast(read("2001:db8:1::"), 48));
    CHECK(init::is_router_anycast(read("2001:db8::4"), 126));
    CHECK_FALSE(init::is_router_anycast(read("2001:db8::1"), 64));
    CHECK_FALSE(init::is_router_anycast(read("2001:db8:0:0:8000::"), 64));
    CHECK_FALSE(init::is_router_anycast(read("2001:db8::"), 127)); // RFC 6164
    CHECK_FALSE(init::is_router_anycast(read("2001:db8::"), 128));
}
