#include <clocale>
#include <cwctype>
#include <set>

#include <catch2/catch.hpp>

#include "wisp/fat32_names.hpp"
#include "wisp/unicode.hpp"

using namespace wisp;
using Catch::Matchers::Equals;

namespace {

std::string text(const fat32::ShortName& name) { return {name.begin(), name.end()}; }

std::vector<std::string> aliases(const std::vector<std::u16string_view>& names) {
    std::vector<std::string> result;
    for (const auto& name : fat32::short_names(names)) result.push_back(text(name));
    return result;
}

} // namespace

TEST_CASE("UTF-8 becomes UTF-16 and comes back") {
    const auto [utf8, utf16] = GENERATE(table<std::string, std::u16string>({
        {"", u""},
        {"plain", u"plain"},
        {"\xC2\x80\xDF\xBF", u"\u0080\u07FF"},
        {"\xE0\xA0\x80\xEF\xBF\xBF", u"\u0800\uFFFF"},
        {"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", u"\U00010000\U0010FFFF"},
    }));
    CHECK(utf16_from_utf8(utf8) == utf16);
    CHECK(utf8_from_utf16(utf16) == utf8);
}

TEST_CASE("what is not well-formed UTF-8 is not taken for it") {
    const std::string bad = GENERATE(
        // alone, cut, overlong, surrogates, past the last character
        "\x80", "a\xBF", "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF",
        "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
        "\xC3(", "\xE2(\xA1", "\xF0\x9F(\x80");
    CHECK_FALSE(utf16_from_utf8(bad));
}

TEST_CASE("a surrogate without its partner is shown as U+FFFD") {
    CHECK(utf8_from_utf16(std::u16string{0xD800}) == "\xEF\xBF\xBD");
    CHECK(utf8_from_utf16(std::u16string{0xDC00, 'a'}) ==
          "\xEF\xBF\xBD"
          "a");
    CHECK(utf8_from_utf16(std::u16string{0xD800, 'a'}) ==
          "\xEF\xBF\xBD"
          "a");
}

TEST_CASE("upper case is the C library's in all of the basic plane") {
    if (!std::setlocale(LC_CTYPE, "C.UTF-8")) return;
    for (unsigned unit = 0x20; unit <= 0xFFFF; ++unit) {
        const auto ours = upper_case(static_cast<char16_t>(unit));
        if (ours != std::towupper(unit)) FAIL_CHECK("of " << unit << " is " << int{ours});
    }
    std::setlocale(LC_CTYPE, "C");
}

TEST_CASE("short names are those Windows documents, numbered where they had to change") {
    // "TheQuickBrown.fox" and "The quick brown.fox" are fatgen103's own examples of a base and of lost
    // characters.
    const auto [name, alias] = GENERATE(table<std::u16string_view, std::string>({
        {u"Image", "IMAGE      "},
        {u"config.txt", "CONFIG  TXT"},
        {u"12345678.123", "12345678123"},
        {u"123456789.123", "123456~1123"},
        {u"bcm2712-rpi-5-b.dtb", "BCM271~1DTB"},
        {u"a.dtbo", "A~1     DTB"},
        {u"The quick brown.fox", "THEQUI~1FOX"},
        {u"two.dots.txt", "TWODOT~1TXT"},
        {u".hidden", "HIDDEN~1   "},
        {u"..x", "X~1        "},
        {u"a+b,c;d=[e].t+t", "A_B_C_~1T_T"},
        {u"Gr\u00F6\u00DFe", "GR__E~1    "},
        {u"\U0001F600", "__~1       "},
        {u" .x", "~1      X  "},
        {u"$%'-_@~`.!()", "$%'-_@~`!()"},
        {u"{}^#&", "{}^#&      "},
        {u"name. x", "NAME~1  X  "},
    }));
    CHECK(aliases({name}) == std::vector{alias});
}

TEST_CASE("numbers past 9, 99 and 999 shorten the base, and stay clear of names that are 8.3 themselves") {
    std::vector<std::u16string> names{u"PREFIX~2.TXT", u"prefi~11.txt"};
    for (int i = 0; i < 1100; ++i)
        names.push_back(u"prefixed-" + utf16_from_utf8(std::to_string(i)).value() + u".txt");
    const auto found = aliases({names.begin(), names.end()});
    CHECK(found[0] == "PREFIX~2TXT");
    CHECK(found[1] == "PREFI~11TXT");
    CHECK(found[2] == "PREFIX~1TXT");
    CHECK(found[3] == "PREFIX~3TXT");
    CHECK(found[9] == "PREFIX~9TXT");
    CHECK(found[10] == "PREFI~10TXT");
    CHECK(found[11] == "PREFI~12TXT");
    CHECK(found[99] == "PREF~100TXT");
    CHECK(found[999] == "PRE~1000TXT");
    CHECK(std::set<std::string>(found.begin(), found.end()).size() == found.size());
}

TEST_CASE("as many colliding names as a folder holds are numbered at once") {
    std::vector<std::u16string> names;
    for (int i = 0; i < 32767; ++i) names.push_back(u"collide-" + utf16_from_utf8(std::to_string(i)).value());
    const auto found = aliases({names.begin(), names.end()});
    CHECK(std::set<std::string>(found.begin(), found.end()).size() == names.size());
    CHECK(found.back() == "CO~32767   ");
}

TEST_CASE("a short name's checksum is the one mtools writes") {
    // read back from an image: mcopy of "bcm2712-rpi-5-b.dtb" and of "Image"
    CHECK(fat32::checksum({'B', 'C', 'M', '2', '7', '1', '~', '1', 'D', 'T', 'B'}) == 0x51);
    CHECK(fat32::checksum({'I', 'M', 'A', 'G', 'E', ' ', ' ', ' ', ' ', ' ', ' '}) == 0x17);
}

TEST_CASE("long entries come last piece first, ended by a zero and filled with FFFF") {
    const std::u16string name = u"thirteen-is-1and more";
    const auto entries = fat32::long_entries(name, {});
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].order == (2 | fat32::LongEntry::last));
    CHECK(entries[1].order == 1);
    for (std::size_t i = 0; i < 13; ++i) CHECK(entries[1].unit(i) == name[i]);
    for (std::size_t i = 0; i < 8; ++i) CHECK(entries[0].unit(i) == name[13 + i]);
    CHECK(entries[0].unit(8) == 0);
    for (std::size_t i = 9; i < 13; ++i) CHECK(entries[0].unit(i) == 0xFFFF);
    CHECK(fat32::long_entries(name.substr(0, 13), {}).size() == 1);
    CHECK(fat32::long_entries(name.substr(0, 13), {})[0].unit(12) == u'1');
    CHECK(fat32::entries_for(std::u16string(255, u'n')) == 21);
}

TEST_CASE("a name of 255 UTF-16 units is held, however many bytes it has") {
    std::string name;
    for (int i = 0; i < 127; ++i) name += "\xF0\x9F\x98\x80";
    CHECK(fat32::long_name(name + "x", "m:1").size() == 255);
    CHECK_THROWS_WITH(fat32::long_name(name + "xy", "m:1"),
                      Catch::Matchers::EndsWith("has 256 UTF-16 units, FAT allows 255"));
}
