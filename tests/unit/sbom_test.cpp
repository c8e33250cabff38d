#include "wisp/sbom.hpp"

#include <catch2/catch.hpp>

#include "wisp/board.hpp"

using namespace wisp;

TEST_CASE("a licence on SPDX's list becomes an expression of it, and nothing else does") {
    CHECK(spdx_expression("GPL-2.0-only") == "GPL-2.0-only");
    CHECK(spdx_expression("GPL-2") == "GPL-2.0-only");
    CHECK(spdx_expression("Expat OR GPL-2+") == "MIT OR GPL-2.0-or-later");
    CHECK(spdx_expression("GPL-2.0-only WITH Linux-syscall-note AND MIT") ==
          "GPL-2.0-only WITH Linux-syscall-note AND MIT");
    const std::string none = GENERATE(as<std::string>{}, "", "custom", "GPL-2.0-only MIT", "GPL-2.0-only AND",
                                      "AND MIT", "MIT and ISC", "MIT  AND ISC", "MIT WITH ISC",
                                      "GPL-2.0-only WITH Linux-syscall-note WITH Linux-syscall-note",
                                      "Linux-syscall-note", "MIT AND Linux-syscall-note", "(MIT)", "mit");
    CAPTURE(none);
    CHECK(spdx_expression(none).empty());
}

TEST_CASE("licences of a package's own have one name each") {
    Licences licences;
    CHECK(licences.expression("") == "NOASSERTION");
    CHECK(licences.expression("custom") == "LicenseRef-1");
    CHECK(licences.expression("as is") == "LicenseRef-2");
    CHECK(licences.expression("custom") == "LicenseRef-1");
    CHECK(licences.expression("MIT") == "MIT");
    CHECK(licences.own().size() == 2);
}

TEST_CASE("a package URL escapes what is not plain") {
    CHECK(package_url("deb/debian", "linux-7.2+deb14", "1:7.2~rc1+b1", "arm64") ==
          "pkg:deb/debian/linux-7.2%2Bdeb14@1:7.2~rc1%2Bb1?arch=arm64");
    CHECK(package_url("apk/alpine", "a", "1-r0", "") == "pkg:apk/alpine/a@1-r0");
    CHECK(package_url("apk/alpine", "a/b", "1@?#", "") == "pkg:apk/alpine/a%2Fb@1%40%3F%23");
}

TEST_CASE("what is no UTF-8, or would not stay in its line, comes into no record") {
    // a stray byte, a cut character, an overlong one, a surrogate, one beyond Unicode [RFC 3629, 3]; a control character
    const auto [bytes, words] = GENERATE(table<std::string, std::string>({{"\xff", "\\xff"},
                                                                         {"\xe2\x82", "\\xe2\\x82"},
                                                                         {"\xc0\xaf", "\\xc0\\xaf"},
                                                                         {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
                                                                         {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
                                                                         {"\x1b", "\\x1b"}}));
    CHECK_THROWS_WITH(BuildRecord("records").read("target\tt" + bytes + "\nend\n"),
                      "records:1: 't" + words + "' is not a line of UTF-8 text");
}

TEST_CASE("a board's fields without pins are those of packages and URLs") {
    Board board;
    board.kernel.packages = {{"a", "1", "x"}, {"b", "", ""}, {"c", "1", ""}};
    board.firmware = {{"url", "https://u", "u", ""}, {"url", "https://v", "v", "x"}, {"file", "f", "f", ""}};
    CHECK(unpinned_fields(board) ==
          std::vector<std::string>{"b: version", "b: sha256", "c: sha256", "https://u: sha256"});
}
