#include "wisp/unpack.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "wisp/gzip.hpp"

using namespace wisp;

namespace {

const std::string temporary = std::filesystem::temp_directory_path().string();

std::vector<std::uint8_t> gzipped(std::string_view text) {
    MemorySink out;
    GzipSink gzip(out, 6);
    gzip.write(text);
    gzip.finish();
    return out.bytes;
}

/// What `printf 'hello\n' | xz -c` wrote (XZ Utils 5.4.1).
const std::vector<std::uint8_t> xz_hello = {
    0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01,
    0x16, 0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
    0x0a, 0x00, 0x00, 0x00, 0xa5, 0x60, 0x97, 0xf1, 0x94, 0xf6, 0xfd, 0xe0, 0x00, 0x01, 0x1e, 0x06,
    0xc1, 0x2f, 0xa4, 0x1d, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a};

/// A zstd frame of `blocks` blocks of 128 KiB, each the byte 'z' repeated [RFC 8878, 3.1.1.2]: 4 bytes a
/// block.
std::vector<std::uint8_t> zstd_run(std::size_t blocks) {
    std::vector<std::uint8_t> frame = {0x28, 0xb5, 0x2f,
                                       0xfd, 0x00, 0x38}; // window 128 KiB, no size, no checksum
    for (std::size_t i = 1; i <= blocks; ++i) {
        const std::uint8_t last = i == blocks;
        frame.insert(frame.end(), {static_cast<std::uint8_t>(0x02 | last), 0x00, 0x10, 'z'});
    }
    return frame;
}

std::string unpacked(const std::vector<std::uint8_t>& bytes, std::uint64_t limit = 1 << 20) {
    MemoryInput in(bytes, "packed");
    UnpackInput out(in, temporary);
    const auto all = out.read_all(limit);
    return std::string(as_text(all));
}

/// PATH for the life of the object.
class WithPath {
public:
    explicit WithPath(const char* path) : before_(std::getenv("PATH")) { ::setenv("PATH", path, 1); }
    ~WithPath() { ::setenv("PATH", before_.c_str(), 1); }

private:
    std::string before_;
};

} // namespace

TEST_CASE("what is not packed passes as it is") {
    CHECK(unpacked({}).empty());
    CHECK(unpacked({0x1f}) == "\x1f");
    CHECK(unpacked({'p', 'l', 'a', 'i', 'n', '\n', 'x'}) == "plain\nx");
}

TEST_CASE("all members of a gzip file are one text") {
    auto bytes = gzipped("one ");
    for (const std::string_view more : {"", "two"}) {
        const auto member = gzipped(more);
        bytes.insert(bytes.end(), member.begin(), member.end());
    }
    CHECK(unpacked(bytes) == "one two");
    bytes.push_back('x');
    CHECK_THROWS_WITH(unpacked(bytes), Catch::StartsWith("packed: has something that is not gzip at byte "));
    bytes.resize(bytes.size() - 2);
    CHECK_THROWS_WITH(unpacked(bytes), Catch::StartsWith("packed: is cut inside a gzip member"));
}

TEST_CASE("xz and zstd are unpacked by the programs of that name") {
    CHECK(unpacked(xz_hello) == "hello\n");
    CHECK(unpacked(zstd_run(3)) == std::string(3 << 17, 'z'));
}

TEST_CASE("what a helper refuses is refused, with its status") {
    auto damaged = xz_hello;
    damaged[20] ^= 0xff;
    CHECK_THROWS_WITH(unpacked(damaged), "packed: is damaged: xz cannot unpack it (exit status 1)");
    for (std::size_t length = 6; length < xz_hello.size(); ++length) {
        const std::vector<std::uint8_t> cut(xz_hello.begin(),
                                            xz_hello.begin() + static_cast<std::ptrdiff_t>(length));
        CHECK_THROWS_WITH(unpacked(cut), "packed: is damaged: xz cannot unpack it (exit status 1)");
    }
    auto short_run = zstd_run(3);
    short_run.pop_back();
    CHECK_THROWS_WITH(unpacked(short_run), "packed: is damaged: zstd cannot unpack it (exit status 1)");
}

TEST_CASE("a helper that is not there is named with its package, and is not the input's fault") {
    const WithPath nowhere("/nonexistent");
    CHECK_THROWS_WITH(unpacked(xz_hello),
                      "packed: is packed with xz, and the program xz is not here: install xz-utils");
    CHECK_THROWS_WITH(unpacked(zstd_run(1)),
                      "packed: is packed with zstd, and the program zstd is not here: install zstd");
    try {
        unpacked(xz_hello);
    } catch (const Error& error) {
        CHECK(error.fault == Fault::system);
    }
}

TEST_CASE("a helper ends when its reader has enough, also where SIGPIPE is ignored") {
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    const auto bytes = zstd_run(10000); // 1.2 GiB: the test would be slow if the helper went on
    MemoryInput in(bytes, "packed");
    {
        UnpackInput out(in, temporary);
        std::array<std::uint8_t, 10> start{};
        CHECK(out.read_up_to(start) == 10);
    }
    std::signal(SIGPIPE, before);
}

TEST_CASE("a limit to the size of files ends a helper, also where SIGXFSZ is ignored") {
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    HelperInput out({"sh", {"-c", "ulimit -c 0; kill -s XFSZ $$"}, "sh"}, open_read("/dev/null"), "in");
    CHECK_THROWS_WITH(out.read_all(10), "in: sh was ended by signal " + std::to_string(SIGXFSZ));
    std::signal(SIGXFSZ, before);
}

TEST_CASE("variables with options for a helper change nothing") {
    ::setenv("XZ_OPT", "--no-such-option", 1);
    CHECK(unpacked(xz_hello) == "hello\n");
    ::unsetenv("XZ_OPT");
}

TEST_CASE("an input can be looked at before it is read, and read in part") {
    const std::vector<std::uint8_t> bytes = {1, 2, 3, 4, 5};
    MemoryInput in(bytes, "five");
    PeekInput peek(in, 3);
    CHECK(peek.head().size() == 3);
    PartInput part(peek, 4);
    CHECK(part.read_all(10) == std::vector<std::uint8_t>{1, 2, 3, 4});
    CHECK(part.left() == 0);
    PartInput rest(peek, 4);
    CHECK(rest.read_all(10) == std::vector<std::uint8_t>{5});
    CHECK(rest.left() == 3);
}

TEST_CASE("a folder for temporary files that is not there is an error of the system") {
    const std::string text = "words";
    MemoryInput in(as_bytes(text), "words");
    CHECK_THROWS_WITH(spool(in, "/nonexistent"),
                      Catch::StartsWith("/nonexistent/wisp-") &&
                          Catch::EndsWith(": create a temporary file: No such file or directory"));
}
