#include <catch2/catch.hpp>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "wisp/digest.hpp"
#include "wisp/gunzip.hpp"
#include "wisp/gzip.hpp"
#include "wisp/input.hpp"
#include "wisp/le.hpp"
#include "wisp/sink.hpp"
#include "wisp/source.hpp"

using namespace wisp;

namespace {

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

/// A file that is gone with the test.
struct TemporaryFile {
    std::string path = (std::filesystem::temp_directory_path() / "wisp-test-XXXXXX").string();
    Fd fd{::mkstemp(path.data())};
    ~TemporaryFile() { std::filesystem::remove(path); }

    std::string contents() const {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
};

/// Gives its bytes one at a time, as a slow pipe would.
class Trickle : public MemoryInput {
public:
    using MemoryInput::MemoryInput;
    std::size_t read_some(std::span<std::uint8_t> into) override { return MemoryInput::read_some(into.first(1)); }
};

std::vector<std::uint8_t> gzipped(std::string_view text, int level = 6) {
    MemorySink out;
    GzipSink packed(out, level);
    packed.write(text);
    packed.finish();
    return out.bytes;
}

} // namespace

TEST_CASE("a sink counts, pads and writes structs as they lie on disk") {
    MemorySink out;
    out.write("abc");
    out.pad_to(4);
    out.write(le16(std::uint16_t{0x0201}));
    CHECK(out.position() == 6);
    CHECK(out.bytes == bytes_of(std::string_view("abc\0\1\2", 6)));
    out.zeros(10000);
    CHECK(out.bytes.size() == 10006);
}

TEST_CASE("long zeros are holes in a file, and what is read back is the same") {
    TemporaryFile file;
    FdSink out(file.fd.get(), "file");
    out.write("head");
    out.zeros(1 << 20);
    out.write("tail");
    out.zeros(1 << 20);
    out.finish();
    CHECK(file.contents() ==
          "head" + std::string(1 << 20, '\0') + "tail" + std::string(1 << 20, '\0'));
    struct stat status {};
    REQUIRE(::fstat(file.fd.get(), &status) == 0);
    CHECK(status.st_blocks * 512 < 1 << 20);
}

TEST_CASE("what goes into a file in pieces of any size, and zeros between them, is what comes out") {
    std::uint32_t x = 5;
    const auto random = [&](std::uint32_t below) { return ((x = x * 1664525 + 1013904223) >> 8) % below; };
    for (int round = 0; round < 20; ++round) {
        TemporaryFile file;
        FdSink out(file.fd.get(), "file");
        MemorySink expected;
        for (int piece = 0; piece < 12; ++piece) {
            std::vector<std::uint8_t> bytes(random(piece % 3 == 0 ? 600'000 : 5000));
            const bool zero = random(4) == 0;
            for (std::uint8_t& byte : bytes) byte = zero ? 0 : static_cast<std::uint8_t>(random(256));
            expected.write(Bytes(bytes));
            switch (random(3)) {
                case 0: out.write(Bytes(bytes)); break;
                case 1: MemoryInput(bytes, "in").copy_all(out); break;
                default: MemoryInput(bytes, "in").copy_exactly(out, bytes.size(), "a piece");
            }
            const std::uint32_t zeros = random(2) * random(1'000'000);
            expected.zeros(zeros);
            out.zeros(zeros);
            CHECK(out.position() == expected.position());
        }
        out.finish();
        CHECK(bytes_of(file.contents()) == expected.bytes);
    }
}

TEST_CASE("a descriptor that cannot be written to is the system's fault") {
    const Fd full(::open("/dev/full", O_WRONLY));
    FdSink out(full.get(), "standard output");
    out.write("x");
    CHECK_THROWS_WITH(out.finish(), "standard output: write: No space left on device");
}

TEST_CASE("an input that ends early says what was cut and where") {
    const auto bytes = bytes_of("0123456789");
    Trickle in(bytes, "in");
    std::array<std::uint8_t, 4> four{};
    in.read_exactly(four, "a header");
    CHECK(as_text(four) == "0123");
    MemorySink out;
    CHECK_THROWS_WITH(in.copy_exactly(out, 7, "the contents"), "in: is cut in the contents: 6 of 7 bytes");
    MemoryInput again(bytes, "in");
    CHECK_THROWS_WITH(again.read_all(9), "in: is longer than 9 bytes");
    MemoryInput whole(bytes, "in");
    CHECK(whole.read_all(10) == bytes);
}

TEST_CASE("a file source holds a file to the size it had") {
    TemporaryFile file;
    REQUIRE(::write(file.fd.get(), "hello", 5) == 5);
    const FileSource source(file.path);
    MemorySink out;
    source.copy_to(out);
    source.copy_to(out);
    CHECK(out.bytes == bytes_of("hellohello"));
    REQUIRE(::ftruncate(file.fd.get(), 4) == 0);
    CHECK_THROWS_WITH(source.copy_to(out), file.path + ": changed while it was read: was 5 bytes, is 4");
    CHECK_THROWS_WITH(FileSource("/"), "/: is not a regular file");
    CHECK_THROWS_WITH(FileSource("/nowhere/x"), "/nowhere/x: open: No such file or directory");
}

TEST_CASE("gzip out is gzip in, at every level and in any pieces") {
    std::string text;
    for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919);
    for (int level = 1; level <= 9; ++level) {
        const auto packed = gzipped(text, level);
        CHECK(packed[9] == 3); // OS, RFC 1952
        Trickle slow(packed, "in");
        GunzipInput in(slow);
        REQUIRE(in.next_member());
        MemorySink out;
        in.copy_all(out);
        CHECK(as_text(out.bytes) == text);
        CHECK_FALSE(in.next_member());
        CHECK(in.consumed() == packed.size());
    }
}

TEST_CASE("gzip members are told apart, and the tap sees each byte once") {
    auto packed = gzipped("first");
    const auto border = packed.size();
    const auto second = gzipped("second");
    packed.insert(packed.end(), second.begin(), second.end());
    MemoryInput raw(packed, "in");
    std::vector<std::uint8_t> seen;
    GunzipInput in(raw, [&](Bytes more) { seen.insert(seen.end(), more.begin(), more.end()); });
    REQUIRE(in.next_member());
    CHECK(in.read_all(100) == bytes_of("first"));
    CHECK(seen == std::vector(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(border)));
    REQUIRE(in.next_member());
    CHECK(in.read_all(100) == bytes_of("second"));
    CHECK(seen == packed);
    CHECK_FALSE(in.next_member());
}

TEST_CASE("gzip that is cut anywhere is refused") {
    const auto packed = gzipped("some text that is long enough to be worth it");
    for (std::size_t size = 1; size < packed.size(); ++size) {
        CAPTURE(size);
        MemoryInput raw(Bytes(packed).first(size), "in");
        GunzipInput in(raw);
        const auto read = [&] {
            if (in.next_member()) in.read_all(1000);
        };
        CHECK_THROWS_WITH(read(), Catch::StartsWith("in: is cut inside a gzip member at compressed byte "));
    }
}

TEST_CASE("digests are the published ones") {
    // FIPS 180-4 example values for "abc"
    CHECK(hex(digest_of(DigestAlgorithm::sha1, as_bytes("abc"))) == "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK(hex(digest_of(DigestAlgorithm::sha256, as_bytes("abc"))) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hex(digest_of(DigestAlgorithm::sha512, as_bytes("abc"))).substr(0, 32) ==
          "ddaf35a193617abacc417349ae204131");
    MemorySink out;
    DigestSink through(DigestAlgorithm::sha256, out);
    through.write("a");
    through.write("bc");
    CHECK(out.bytes == bytes_of("abc"));
    CHECK(through.digest() == digest_of(DigestAlgorithm::sha256, as_bytes("abc")));
}

TEST_CASE("what is not an RSA public key is refused by name") {
    CHECK_THROWS_WITH(RsaPublicKey("nonsense", "k.pub"), "k.pub: is not a public key in PEM");
    CHECK_THROWS_WITH(RsaPublicKey("-----BEGIN PUBLIC KEY-----\n"
                                   "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                                   "-----END PUBLIC KEY-----\n", "ed25519.pub"),
                      "ed25519.pub: is not an RSA key");
}
