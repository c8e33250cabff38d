#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <memory>

#include "wisp/accel.hpp"
#include "wisp/qemu.hpp"

using namespace wisp;

namespace {

/// The words `sh` makes of a line, each with a NUL behind it.
std::string words_of_shell(const std::string& line) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
        ::popen(("printf '%s\\0' " + line).c_str(), "r"), ::pclose);
    REQUIRE(pipe);
    std::string words;
    for (int c; (c = std::fgetc(pipe.get())) != EOF;) words += static_cast<char>(c);
    return words;
}

/// The word that follows `option`.
std::string value_of(const std::vector<std::string>& words, std::string_view option) {
    const auto found = std::find(words.begin(), words.end(), option);
    return found == words.end() || found + 1 == words.end() ? "" : *(found + 1);
}

} // namespace

TEST_CASE("a shell reads quoted words as they were, whatever byte is in them") {
    std::vector<std::string> words{"",     "plain", "-x", "it's", "a b", "a\nb", "$HOME",
                                   "`id`", "\\",    "!",  "~",    "*",   "a=b",  "''"};
    std::string every;
    for (int byte = 1; byte < 256; ++byte) every += static_cast<char>(byte);
    words.push_back(every);
    for (const char c : every) words.push_back({c});
    std::string expected;
    for (const std::string& word : words) expected += word + '\0';
    CHECK(words_of_shell(shell_command(words)) == expected);
}

TEST_CASE("plain words are not quoted") {
    CHECK(shell_command({"qemu", "-m", "512M", "a=b,c"}) == "qemu -m 512M a=b,c");
    CHECK(shell_command({"a b", ""}) == "'a b' ''");
}

TEST_CASE("a command has each option once, and the user's words last") {
    QemuRun run{.machine = default_machine("x86_64"), .kernel = "-k,1", .initrd = "i", .append = "a b"};
    run.machine.extra = {"-smp", "2"};
    run.network.device = "e1000";
    const std::vector<std::string> words = qemu_command(run);
    CHECK(words.front() == "qemu-system-x86_64");
    CHECK(value_of(words, "-kernel") == "-k,1");
    CHECK(value_of(words, "-append") == "a b");
    CHECK(value_of(words, "-device") == "e1000,netdev=net0");
    CHECK(value_of(words, "-netdev") == "user,id=net0");
    CHECK(std::find(words.begin(), words.end(), "-dtb") == words.end());
    CHECK(std::vector(words.end() - 2, words.end()) == run.machine.extra);
}

TEST_CASE(
    "host and resolver of QEMU's network are never the guest, nor each other, and host is in the network") {
    const HostAddress ip =
        parse_host_address(GENERATE(as<std::string>{}, "10.0.0.1/29", "10.0.0.6/29", "10.0.0.1/30",
                                    "10.0.0.2/30", "10.0.0.0/31", "10.0.0.1/31", "10.0.0.9/8"),
                           "--ip");
    for (std::uint32_t gateway = ip.network().value; gateway <= ip.network().value + 8; ++gateway)
        for (std::uint32_t dns = ip.network().value; dns <= ip.network().value + 8; ++dns) {
            QemuNetwork network{.ip = ip, .dns = {Ipv4{dns}}};
            if (ip.has_host({gateway}) && Ipv4{gateway} != ip.address) network.gateway = Ipv4{gateway};
            const SlirpPlaces places = slirp_places(network);
            CAPTURE(to_text(ip), to_text(Ipv4{gateway}), to_text(Ipv4{dns}), to_text(places.host),
                    to_text(places.dns));
            CHECK(places.host != places.dns);
            CHECK(places.host != ip.address);
            CHECK(places.dns != ip.address);
            CHECK(ip.has_host(places.host));
            if (network.gateway) CHECK((places.host == *network.gateway || places.dns == *network.gateway));
        }
}

TEST_CASE("another architecture is emulated") {
    CHECK(usable_accelerator(host_arch == "x86_64" ? "aarch64" : "x86_64") == "tcg");
}
