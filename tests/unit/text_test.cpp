#include <catch2/catch.hpp>

#include "wisp/checked.hpp"
#include "wisp/le.hpp"
#include "wisp/path.hpp"
#include "wisp/text.hpp"

using namespace wisp;

TEST_CASE("parse_unsigned takes a whole number and nothing else") {
    CHECK(parse_unsigned("0") == 0u);
    CHECK(parse_unsigned("18446744073709551615") == UINT64_MAX);
    CHECK(parse_unsigned("0755", 8) == 0755u);
    CHECK(parse_unsigned("255", 10, 255) == 255u);
    for (const char* bad : {"", " 1", "1 ", "+1", "-1", "0x1", "1e3", "18446744073709551616", "8"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_unsigned(bad, *bad == '8' ? 8 : 10));
    }
    CHECK_FALSE(parse_unsigned("256", 10, 255));
}

TEST_CASE("hexadecimal is spelt as the formats want it") {
    CHECK(std::string_view(hex8(0xdeadbeef).data(), 8) == "DEADBEEF");
    CHECK(std::string_view(hex8(0).data(), 8) == "00000000");
    CHECK(hex(std::vector<std::uint8_t>{0, 0x1f, 0xff}) == "001fff");
}

TEST_CASE("printable keeps control characters from a terminal and leaves UTF-8 alone") {
    CHECK(printable("a\x1b[2J\n\x7f") == "a\\x1b[2J\\x0a\\x7f");
    CHECK(printable("Größe") == "Größe");
    CHECK(printable("\xc2\x9b" "31m") == "\\xc2\\x9b" "31m");             // CSI as one character
    CHECK(printable("a\xe2\x80\xae" "b") == "a\\xe2\\x80\\xae" "b");        // right-to-left override
    CHECK(printable("\x9b\xff\xc3") == "\\x9b\\xff\\xc3");                 // no UTF-8
    CHECK(printable("\xc2\xa0\xf0\x9f\x98\x80") == "\xc2\xa0\xf0\x9f\x98\x80");
}

TEST_CASE("split keeps empty pieces") {
    CHECK(split("a//b", '/') == std::vector<std::string_view>{"a", "", "b"});
    CHECK(split("", '/') == std::vector<std::string_view>{""});
}

TEST_CASE("a little-endian field is its bytes") {
    const le32 value = 0x11223344u;
    CHECK(reinterpret_cast<const unsigned char*>(&value)[0] == 0x44);
    CHECK(value == 0x11223344u);
    CHECK(le16(std::uint16_t{0xfffe}) == 0xfffe);
    CHECK(le64(UINT64_MAX) == UINT64_MAX);
}

TEST_CASE("numbers that do not fit are refused with the value and the limit") {
    CHECK(narrow<std::uint16_t>(65535, "x", "size") == 65535);
    CHECK_THROWS_WITH(narrow<std::uint16_t>(65536, "x", "size"), "x: size 65536 exceeds 65535");
    CHECK(padding(0, 4) == 0);
    CHECK(padding(1, 4) == 3);
    CHECK(padding(512, 512) == 0);
}

TEST_CASE("a path inside an image is relative and has no way out") {
    CHECK(relative_path("/etc/motd", "x") == "etc/motd");
    CHECK(relative_path("init", "x") == "init");
    CHECK(relative_path("/a/..b/.c", "x") == "a/..b/.c");
    CHECK_THROWS_WITH(relative_path("", "m:1"), "m:1: path '' names nothing");
    CHECK_THROWS_WITH(relative_path("//a", "m:1"), "m:1: path '//a' has an empty part");
    CHECK_THROWS_WITH(relative_path("a/../b", "m:1"), "m:1: path 'a/../b' has a part '..'");
    CHECK_THROWS_WITH(relative_path(std::string_view("a\0b", 3), "m:1"), "m:1: path 'a\\x00b' has a NUL byte");
    CHECK(parent_path("a/b/c") == "a/b");
    CHECK(parent_path("a").empty());
    CHECK(base_name("a/b/c") == "c");
}

TEST_CASE("a time is spelt in UTC with four digits for the year") {
    CHECK(iso8601(0) == "1970-01-01T00:00:00Z");
    CHECK(iso8601(951782400) == "2000-02-29T00:00:00Z");
    CHECK(iso8601(max_iso8601) == "9999-12-31T23:59:59Z");
    CHECK(iso8601(UINT64_MAX) == "9999-12-31T23:59:59Z");
}
