#include <catch2/catch.hpp>

#include "wisp/build_record.hpp"
#include "wisp/config.hpp"
#include "wisp/profile.hpp"

using namespace wisp;

namespace {

const std::string profile = R"({
  "name": "b", "arch": "riscv64", "page_size": 65536, "network_interface": "end0",
  "kernel": {"source": "alpine", "branch": "edge", "package": "linux", "version": "1-r0", "image": "/boot/k", "release": "a/b"},
  "modules": ["virtio_net", {"name": "x-y", "path": "kernel/x-y.ko"}],
  "cmdline": "console=ttyS0",
  "qemu": {"cpu": "sifive", "extra": ["-smp", "2"]}
})";

/// `profile` with `from` replaced.
std::string with(std::string_view from, std::string_view to) {
    std::string text = profile;
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

} // namespace

TEST_CASE("a profile is read as it says, and QEMU's machine is filled in") {
    const Board board = parse_board(profile, "b.json");
    CHECK(board.name == "b");
    CHECK(board.arch == "riscv64");
    CHECK(board.page_size == 65536);
    CHECK(board.network_interface == "end0");
    CHECK(board.kernel.source == "alpine");
    CHECK(board.kernel.branch == "edge");
    CHECK(board.kernel.image == "boot/k");
    CHECK(board.kernel.release == "a/b");
    REQUIRE(board.kernel.packages.size() == 1);
    CHECK(board.kernel.packages[0].version == "1-r0");
    CHECK(board.kernel.packages[0].sha256.empty());
    REQUIRE(board.modules.size() == 2);
    CHECK(board.modules[0].path.empty());
    CHECK(board.modules[1].name == "x-y");
    CHECK(board.modules[1].path == "kernel/x-y.ko");
    REQUIRE(board.qemu);
    CHECK(board.qemu->binary == "qemu-system-riscv64");
    CHECK(board.qemu->machine == "virt");
    CHECK(board.qemu->cpu == "sifive");
    CHECK(board.qemu->memory == "512M");
    CHECK(board.qemu->extra == std::vector<std::string>{"-smp", "2"});
    CHECK_FALSE(board.boots_from_card());
}

TEST_CASE("a board boots from a card when QEMU does not play it or it has a config.txt") {
    CHECK(parse_board(with(R"("qemu": {"cpu": "sifive", "extra": ["-smp", "2"]})", R"("dtb": [])"), "b")
              .boots_from_card());
    CHECK(parse_board(with(R"("cmdline")",
                           R"("boot_config": ["kernel=Image", "initramfs initrd.img followkernel"], "cmdline")"),
                      "b")
              .boots_from_card());
}

TEST_CASE("nothing that means something to a shell or in a URL gets through a name") {
    const std::string bad = GENERATE(as<std::string>{}, "", "-x", ".x", "..", "a/b", "a b", "a;b", "a$b",
                                     "a%2e", "a\\\\b", "a'b", "a?b", "a#b", "ä", "a\\tb", "a{b");
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_board(with("\"linux\"", "\"" + bad + "\""), "b"), Error);
    CHECK_THROWS_AS(parse_board(with("\"1-r0\"", "\"" + bad + "\""), "b"), Error);
    CHECK_THROWS_AS(parse_board(with("\"edge\"", "\"" + bad + "\""), "b"), Error);
    CHECK_THROWS_AS(parse_board(with("\"virtio_net\"", "\"" + bad + "\""), "b"), Error);
    CHECK_THROWS_AS(parse_board(with("\"end0\"", "\"" + bad + "\""), "b"), Error);
    CHECK_THROWS_AS(parse_board(with("\"b\"", "\"" + bad + "\""), "b"), Error);
}

TEST_CASE("names are as long and as spelt as their formats allow") {
    CHECK(is_interface("enp0s31f6_12345"));
    CHECK_FALSE(is_interface("enp0s31f6_123456"));
    CHECK(is_version("1:2.3~rc1+b1-0ubuntu1"));
    CHECK(is_memory_size("512M"));
    CHECK_FALSE(is_memory_size("0M"));
    CHECK_FALSE(is_memory_size("M"));
    CHECK_FALSE(is_memory_size(""));
    CHECK(is_url("file:///a/b"));
    CHECK_FALSE(is_url("https://"));
    CHECK_FALSE(is_url("https://a b"));
    CHECK(is_sha256(std::string(64, 'f')));
    CHECK_FALSE(is_sha256(std::string(64, 'F')));
    CHECK_FALSE(is_sha256(std::string(63, 'f')));
}

TEST_CASE("a byte changed in a profile is refused or gives another profile, and never anything else") {
    const Board board = parse_board(profile, "b.json");
    const Json values = Json::parse(profile);
    for (std::size_t i = 0; i < profile.size(); ++i)
        for (const char byte : {'\0', '\n', '"', '{', '\xff', '9'}) {
            std::string mutant = profile;
            mutant[i] = byte;
            try {
                const bool is_same = parse_board(mutant, "b.json") == board;
                CHECK(is_same == (Json::parse(mutant) == values)); // such as a newline for a blank
            } catch (const Error& error) {
                CHECK(error.fault == Fault::input);
                CHECK(std::string_view(error.what()).starts_with("b.json:"));
                CHECK(std::string_view(error.what()).find('\n') == std::string_view::npos);
            }
        }
}

TEST_CASE("JSON that nests without end is refused, not followed") {
    CHECK_THROWS_WITH(parse_json(std::string(500'000, '['), "deep"), "deep: nests deeper than 32");
    CHECK_THROWS_WITH(parse_json(std::string(33, '[') + std::string(33, ']'), "deep"),
                      "deep: nests deeper than 32");
    CHECK_NOTHROW(parse_json(std::string(32, '[') + std::string(32, ']'), "deep"));
}

TEST_CASE("a flag replaces all values of the file's setting") {
    GivenValues given =
        parse_settings(R"({"dns": ["9.9.9.9", "8.8.8.8"], "ip": "10.0.0.2/24"})", "x/wisp.json");
    CHECK(given["dns"].size() == 2);
    CHECK(given["dns"][1].subject == "x/wisp.json: dns[1]");
    given["dns"] = {{"1.1.1.1", "--dns"}};
    const BuildConfig config = check_config(given);
    REQUIRE(config.network.dns == std::vector<std::string>{"1.1.1.1"});
    REQUIRE(config.run.ports.size() == 1);
    CHECK(to_text(config.run.ports[0]) == "18080:8080");
}

TEST_CASE("an empty list in a wisp.json is none, not the default") {
    const BuildConfig config = check_config(parse_settings(
        R"({"dns": [], "port": [], "ip": "10.0.0.2/24", "gateway": "10.0.0.1"})", "wisp.json"));
    CHECK(config.network.dns.empty());
    CHECK(config.run.ports.empty());
}

TEST_CASE("a path in a file is beside the file") {
    CHECK(beside("wisp.json", "a") == "a");
    CHECK(beside("x/y/wisp.json", "a/b") == "x/y/a/b");
    CHECK(beside("/wisp.json", "a") == "/a");
    CHECK(beside("x/wisp.json", "/a") == "/a");
}
