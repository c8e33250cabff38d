// Real packages and a real index, whole, changed and cut at every byte: what was changed must never pass.
#include "wisp/apk.hpp"

#include <zlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "wisp/apk_index.hpp"
#include "wisp/gzip_audit.hpp"
#include "wisp/selection.hpp"
#include "wisp/stage.hpp"

using namespace wisp;

namespace {

const std::string data = "tests/data/apk/"; // the tests run where the repository's root is

/// Every byte gets its turn; only under a sanitizer, which is ten times slower, one in seven does.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t stride = 7;
#elif defined(__has_feature)
constexpr std::size_t stride = __has_feature(address_sanitizer) ? 7 : 1;
#else
constexpr std::size_t stride = 1;
#endif

const char* const baselayout = "alpine-baselayout-3.2.0-r23.apk";
const char* const pretend = "pretend-baselayout-1.0.0-r0.apk";

std::vector<std::uint8_t> contents(const std::string& file) {
    std::ifstream in(data + file, std::ios::binary);
    REQUIRE(in);
    return {std::istreambuf_iterator<char>(in), {}};
}

const apk::Keyring& keys() {
    static const apk::Keyring keyring(data + "keys");
    return keyring;
}

apk::Package verify(Bytes package) {
    MemoryInput in(package, "in");
    return apk::PackageReader(in, &keys()).read([](TarReader&, const TarEntry&) {});
}

/// The same, for one file: what follows it is not unpacked. True when it was there.
bool verify_for(const std::string& path, Bytes package, apk::Pace pace = apk::Pace::step_by_step) {
    Selection wanted;
    wanted.add(path);
    MemoryInput in(package, "in");
    const auto visit = [&](TarReader& archive, const TarEntry& entry) {
        NullSink nowhere;
        if (std::string found; wanted.takes(entry, "in", found)) apk::copy_checked(archive, entry, nowhere);
    };
    apk::PackageReader(in, &keys(), pace).read(visit, [&] { return wanted.is_complete(); });
    return wanted.is_complete();
}

/// The first file in the data member of a package of ours.
std::string first_file(const std::string& package) { return package == pretend ? "etc/os-release" : "etc/crontabs/root"; }

/// Whether `check` refuses, as an input's fault. Faster than Catch's own macros, and there are many calls.
template <class Check>
bool refuses(Check check) {
    try {
        check();
    } catch (const Error& error) {
        return error.fault == Fault::input;
    }
    return false;
}

/// Where the second gzip member of a file starts.
std::size_t second_member(Bytes file) {
    MemoryInput in(file, "in");
    GunzipInput gunzip(in);
    NullSink nowhere;
    REQUIRE(gunzip.next_member());
    gunzip.copy_all(nowhere);
    return gunzip.consumed();
}

/// A folder that is gone with the test.
struct TemporaryFolder {
    std::string path = (std::filesystem::temp_directory_path() / "wisp-test-XXXXXX").string();
    TemporaryFolder() { REQUIRE(::mkdtemp(path.data())); }
    ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

void extract(const std::string& path, Bytes package, const std::string& folder) {
    Selection wanted;
    wanted.add(path);
    Stage stage(folder);
    MemoryInput in(package, "in");
    const auto take = [&](TarReader& archive, const TarEntry& entry) {
        if (std::string found; wanted.takes(entry, archive.name(), found))
            stage.add(found, false, [&](Sink& out) { apk::copy_checked(archive, entry, out); });
    };
    apk::PackageReader(in, &keys()).read(take, [&] { return wanted.is_complete(); });
    stage.publish();
}

} // namespace

TEST_CASE("real packages verify with the keys of those who made them") {
    const auto alpine = verify(contents(baselayout));
    CHECK(alpine.name + " " + alpine.version == "alpine-baselayout 3.2.0-r23");
    CHECK(alpine.signer->key == "alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub");
    CHECK(alpine.signer->algorithm == DigestAlgorithm::sha1);
    CHECK(alpine.checksum == "Q1LLq2qDNrS/qRnhxQ3hsY/sHbQnc="); // openssl dgst -sha1 -binary | openssl base64
    CHECK(alpine.info.values("depend") == std::vector<std::string>{"alpine-baselayout-data=3.2.0-r23",
                                                                   "/bin/sh", "so:libc.musl-aarch64.so.1"});
    CHECK(verify(contents(pretend)).signer->algorithm == DigestAlgorithm::sha256);
    CHECK_THROWS_WITH(verify(contents("replaces-0.0.1-r0.apk")), "in: is not signed");
}

TEST_CASE("only what a key vouches for may be left unread") {
    const auto good = contents(baselayout);
    const auto seen = [&](const apk::Keyring* keyring) {
        std::vector<std::string> paths;
        MemoryInput in(good, "in");
        apk::PackageReader(in, keyring).read(
            [&](TarReader&, const TarEntry& entry) { paths.push_back(entry.path); },
            [&] { return std::find(paths.begin(), paths.end(), "etc/crontabs/root") != paths.end(); });
        return paths;
    };
    CHECK(seen(&keys()).back() == "etc/crontabs/root");
    CHECK(seen(nullptr).size() > seen(&keys()).size() + 20);
}

TEST_CASE("a real package with any byte changed is refused") {
    const std::string file = GENERATE(as<std::string>{}, baselayout, pretend);
    const auto good = contents(file);
    REQUIRE_NOTHROW(verify(good));
    REQUIRE(verify_for(first_file(file), good));
    REQUIRE(verify_for(".PKGINFO", good));
    const std::size_t signed_from = second_member(good);
    const auto check = [&](std::size_t at, unsigned mask) {
        auto changed = good;
        changed[at] = static_cast<std::uint8_t>(changed[at] ^ mask);
        if (!refuses([&] { verify(changed); })) FAIL("passed at " << at << " with " << mask);
    };
    // The signature member is held to its form alone, so each of its bits gets a turn.
    for (std::size_t at = 0; at < signed_from; at += stride)
        for (unsigned bit = 0; bit < 8; ++bit) check(at, 1u << bit);
    for (std::size_t at = 0; at < signed_from; at += stride) check(at, 0xff);
    for (std::size_t at = signed_from; at < good.size(); at += stride) check(at, 1u << at % 8);
    // Also where most of it is not unpacked.
    for (std::size_t at = 0; at < good.size(); at += stride) {
        auto changed = good;
        changed[at] = static_cast<std::uint8_t>(changed[at] ^ 1u << at % 8);
        const std::string early = at % 2 == 0 ? first_file(file) : ".PKGINFO";
        if (!refuses([&] { verify_for(early, changed); })) FAIL("passed for " << early << " at " << at);
    }
}

TEST_CASE("a real package cut at any byte, or with a byte more, is refused") {
    const auto good = contents(pretend);
    for (std::size_t size = 0; size < good.size(); size += stride)
        for (const std::string early : {"etc/os-release", ".PKGINFO"})
            if (!refuses([&] { verify(Bytes(good).first(size)); }) ||
                !refuses([&] { verify_for(early, Bytes(good).first(size)); }))
                FAIL("passed at " << size);
    for (const int byte : {0, 0x1f, 0x78}) {
        auto longer = good;
        longer.push_back(static_cast<std::uint8_t>(byte));
        CHECK(refuses([&] { verify(longer); }));
        CHECK(refuses([&] { verify_for("etc/os-release", longer); }));
        CHECK(refuses([&] { verify_for("etc/os-release", longer, apk::Pace::ahead); }));
    }
}

TEST_CASE("an input that fails is not mistaken for one that is damaged, wherever it fails") {
    class Failing : public MemoryInput {
    public:
        using MemoryInput::MemoryInput;
        std::size_t read_some(std::span<std::uint8_t> into) override {
            const std::size_t count = MemoryInput::read_some(into.first(std::min<std::size_t>(into.size(), 100)));
            if (count == 0) throw Error(name(), "read: Input/output error", Fault::system);
            return count;
        }
    };
    const auto good = contents(baselayout);
    for (std::size_t size = 0; size < good.size(); size += 97) {
        Failing failing(Bytes(good).first(size), "in");
        AheadInput in(failing);
        CAPTURE(size);
        Selection wanted;
        wanted.add("etc/crontabs/root");
        const auto visit = [&](TarReader&, const TarEntry& entry) {
            std::string path;
            wanted.takes(entry, "in", path);
        };
        const auto enough = [&] { return wanted.is_complete(); };
        CHECK_THROWS_WITH(apk::PackageReader(in, &keys(), apk::Pace::ahead).read(visit, enough),
                          "in: read: Input/output error");
    }
}

TEST_CASE("nothing of a changed package is published, and no trace of the attempt is left") {
    const std::string path = GENERATE("etc/", "etc/crontabs/root");
    const auto good = contents(baselayout);
    const TemporaryFolder folder;
    for (std::size_t at = 0; at < good.size(); at += 31) {
        auto changed = good;
        changed[at] = static_cast<std::uint8_t>(changed[at] ^ 0x10);
        CAPTURE(at);
        CHECK(refuses([&] { extract(path, changed, folder.path); }));
        CHECK(std::filesystem::is_empty(folder.path));
    }
    extract(path, good, folder.path);
    CHECK(std::filesystem::exists(folder.path + "/etc/crontabs/root"));
    CHECK(std::filesystem::exists(folder.path + "/etc/motd") == (path == "etc/"));
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

namespace {

std::vector<apk::IndexRecord> look_up_git(Bytes index) {
    MemoryInput in(index, "in");
    return apk::look_up(in, keys(), "git");
}

/// Flips one bit of every `step`th byte from `from` on, another bit from byte to byte.
void check_flips_of_index(std::vector<std::uint8_t> index, std::size_t from, std::size_t step) {
    for (std::size_t at = from; at < index.size(); at += step) {
        const auto mask = static_cast<std::uint8_t>(1u << at % 8);
        index[at] ^= mask;
        if (!refuses([&] { look_up_git(index); })) FAIL("passed at " << at << " with " << int{mask});
        index[at] ^= mask;
    }
}

} // namespace

TEST_CASE("a real index with a byte changed is refused") {
    const auto good = contents("APKINDEX.tar.gz");
    const auto records = look_up_git(good);
    REQUIRE(records.size() == 1);
    CHECK(records[0].file_name() == "git-2.36.3-r0.apk");
    const std::size_t signed_from = second_member(good);
    for (std::size_t at = 0; at < signed_from; ++at) check_flips_of_index(good, at, good.size());
    check_flips_of_index(good, signed_from, 997 * stride);
    check_flips_of_index(good, good.size() - 1, 1);
}

// Half an hour: by hand, as `build/tests/unit/run "[exhaustive]"`.
TEST_CASE("a real index with any of its bytes changed is refused", "[.exhaustive]") {
    check_flips_of_index(contents("APKINDEX.tar.gz"), 0, 1);
}

TEST_CASE("the audit of deflate data follows zlib wherever zlib goes") {
    std::vector<std::uint8_t> plain;
    for (std::uint32_t i = 0, x = 1; i < 60'000; ++i) {
        x = x * 1664525 + 1013904223;
        plain.push_back(static_cast<std::uint8_t>(i % 5000 < 2500 ? x >> 24 & 15 : x >> 28 == 0 ? 7 : 0));
    }
    const int level = GENERATE(0, 4, 5, 6, 7, 8, 9);
    const int strategy = GENERATE(Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY);
    std::vector<std::uint8_t> packed(100'000);
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, level, Z_DEFLATED, -15, 8, strategy) == Z_OK);
    stream.next_in = plain.data();
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = packed.data();
    stream.avail_out = static_cast<uInt>(packed.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    CAPTURE(level, strategy);
    CHECK(DeflateAudit(packed, plain, false).run() == "");
    plain[30'000] ^= 1;
    CHECK(DeflateAudit(packed, plain, false).run() == "has deflate data that expands to something else");
    CHECK(DeflateAudit(Bytes(packed).first(packed.size() - 1), plain, false).run() != "");
}

TEST_CASE("the audit of deflate data refuses what is none") { // [RFC 1951, 3.2.3 to 3.2.7]
    const auto audit = [](std::vector<std::uint8_t> stream) {
        stream.resize(64);
        return DeflateAudit(stream, as_bytes("a"), true).run();
    };
    CHECK(audit({0x07}) == "has a deflate block of the reserved type 3");
    CHECK(audit({0x01, 1, 0, 1, 0}) == "has a stored block whose LEN and NLEN disagree");
    CHECK(audit({0x1b, 0x03}) == "has an invalid deflate symbol"); // 286 of the fixed code, 11000110
    CHECK(audit({0x05}) == "has an invalid set of code lengths");  // all four are 0
}

TEST_CASE("the audit of deflate data refuses a second spelling") {
    const auto audit = [](std::vector<std::uint8_t> stream, std::string_view plain) {
        return DeflateAudit(stream, as_bytes(plain), true).run();
    };
    // Fixed codes, bit by bit: 1 (last), 01 (fixed), literals 'a' = 0x30 + 97 = 10010001, end = 0000000.
    CHECK(audit({0x4b, 0x04, 0x00}, "a") == "");
    CHECK(audit({0x4b, 0x04, 0x40}, "a") == "has bits set where deflate data is padded");
    CHECK(audit({0x4b, 0x04, 0x00, 0x00}, "a") == "has deflate data of another length than its contents");
    // Stored: 1 (last), 00 (stored), five bits of padding, length and its complement.
    CHECK(audit({0x01, 0x01, 0x00, 0xfe, 0xff, 'a'}, "a") == "");
    CHECK(audit({0x21, 0x01, 0x00, 0xfe, 0xff, 'a'}, "a") == "has bits set where deflate data is padded");
    // Two 'a' and a match of 9 (0000111), at distance 1 (00000) and at distance 2 (00001).
    CHECK(audit({0x4b, 0x4c, 0x84, 0x03, 0x00}, "aaaaaaaaaaa") == "");
    CHECK(audit({0x4b, 0x4c, 0x84, 0x43, 0x00}, "aaaaaaaaaaa") ==
          "has deflate data that no usual compressor writes");
}

TEST_CASE("signature names take the longest algorithm, and unknown ones take none") {
    const auto key = [](std::string_view path) {
        const auto signature = apk::parse_signature_name(path);
        return signature ? std::string(apk::name_of(signature->algorithm)) + " " + signature->key : "none";
    };
    CHECK(key(".SIGN.RSA.a.rsa.pub") == "sha1 a.rsa.pub");
    CHECK(key(".SIGN.RSA256.a.rsa.pub") == "sha256 a.rsa.pub");
    CHECK(key(".SIGN.RSA512.a.rsa.pub") == "sha512 a.rsa.pub");
    CHECK(key(".SIGN.RSA256a.rsa.pub") == "none");
    CHECK(key(".SIGN.DSA.a.pub") == "none");
    CHECK(key(".SIGN.RSA") == "none");
}

TEST_CASE("a keyring holds keys by plain file name only") {
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder.path + "/in");
    std::filesystem::copy_file(data + "keys/melange.rsa.pub", folder.path + "/out.pub");
    std::filesystem::copy_file(data + "keys/melange.rsa.pub", folder.path + "/in/.hidden.pub");
    std::filesystem::copy_file(data + "keys/melange.rsa.pub", folder.path + "/in/key.pub");
    std::ofstream(folder.path + "/in/bad.pub") << "no key";
    const apk::Keyring keyring(folder.path + "/in");
    CHECK(keyring.find("key.pub"));
    for (const std::string name : {"", ".", "..", "../out.pub", ".hidden.pub", "./key.pub", "other.pub"})
        CHECK_FALSE(keyring.find(name));
    CHECK_FALSE(keyring.find(std::string("key.pub\0x", 9)));
    CHECK_FALSE(keyring.find(std::string(5000, 'x')));
    CHECK_THROWS_WITH(keyring.find("bad.pub"), folder.path + "/in/bad.pub: is not a public key in PEM");
}

TEST_CASE("an index gives the records of one package, wherever its text is split") {
    const std::string text =
        "C:Q1BwcHBwcHBwcHBwcHBwcHBwcHBwc=\nP:a\nV:1.0-r0\nA:aarch64\nS:12\nD:so:x b\np:y\nz:?\n\n"
        "C:Q1BwcHBwcHBwcHBwcHBwcHBwcHBwc=\nP:b\nV:2-r1\nA:noarch\nS:7\n";
    for (std::size_t at = 0; at < text.size(); ++at) {
        apk::IndexSink sink("b", "in");
        sink.write(std::string_view(text).substr(0, at));
        sink.write(std::string_view(text).substr(at));
        sink.finish();
        REQUIRE(sink.records.size() == 1);
        CHECK(sink.records[0].file_name() == "b-2-r1.apk");
        CHECK(sink.records[0].size == 7);
    }
}

TEST_CASE("records of an index that cannot be used are refused") {
    const auto read = [](const std::string& text) {
        apk::IndexSink sink("a", "in");
        sink.write(text);
        sink.finish();
    };
    const std::string good = "C:Q1BwcHBwcHBwcHBwcHBwcHBwcHBwc=\nP:a\nV:1.0-r0\nA:aarch64\nS:12\n";
    CHECK_NOTHROW(read(good));
    CHECK_NOTHROW(read("P:other\nS:x\n"));
    const std::string bad = "in: index has a record of 'a' with a bad V, A, S or C field";
    CHECK_THROWS_WITH(read("P:a\n"), bad);
    CHECK_THROWS_WITH(read(good.substr(0, good.size() - 1) + "x\n"), bad);
    CHECK_THROWS_WITH(read("C:Q1short\n" + good), bad);
    CHECK_THROWS_WITH(read("V:../../x\n" + good), bad);
    CHECK_THROWS_WITH(read("nonsense\n" + good), "in: index has a line without a field: 'nonsense'");
    CHECK_THROWS_WITH(read(good + "X:y\n"),
                      "in: index has 'a' with a field 'X', which only newer clients than this may install");
    CHECK_THROWS_WITH(read("T:" + std::string(2 << 20, 'x')),
                      "in: index has a line of more than 1048576 bytes");
}

TEST_CASE("paths of entries are relative and do not climb") {
    CHECK(entry_path("etc/passwd", "in") == "etc/passwd");
    CHECK(entry_path("./etc/", "in") == "etc");
    CHECK(entry_path("./", "in").empty());
    CHECK(entry_path(".", "in").empty());
    CHECK_THROWS_WITH(entry_path("/etc/passwd", "in"), "in: has the absolute path '/etc/passwd'");
    CHECK_THROWS_WITH(entry_path("//x", "in"), "in: has the absolute path '//x'");
    CHECK_THROWS_WITH(entry_path("a/../../x", "in"), "in: path 'a/../../x' has a part '..'");
    CHECK_THROWS_WITH(entry_path("..", "in"), "in: path '..' has a part '..'");
    CHECK_THROWS_WITH(entry_path("a//b", "in"), "in: path 'a//b' has an empty part");
    for (int byte = 1; byte < 256; ++byte) {
        const std::string path = "./a" + std::string(1, static_cast<char>(byte)) + "b/";
        if (byte < 0x20 || byte == 0x7f)
            CHECK_THROWS_WITH(entry_path(path, "in"), "in: path '" + printable(path) + "' has a control character");
        else
            CHECK(entry_path(path, "in") == path.substr(2, 3));
    }
}

TEST_CASE("a selection has files, folders, and the whole archive as a folder") {
    Selection wanted;
    for (const char* bad : {"", "/", ".", "..", "../", "a//", "/a", "a/../b/", "./.", "./../"}) CHECK_FALSE(wanted.add(bad));
    CHECK_FALSE(wanted.has_folders());
    CHECK(wanted.add("./a"));
    CHECK_FALSE(wanted.has_folders());
    CHECK(wanted.names("a"));
    CHECK(wanted.add("b/"));
    CHECK(wanted.has_folders());
    CHECK_FALSE(wanted.names("b"));
    CHECK_THROWS_WITH(wanted.check_found("in"), "in: has no 'a', 'b/'");
    for (const std::string root : {"./", "././"}) {
        Selection all;
        CHECK(all.add(root));
        CHECK(all.has_folders());
        CHECK_THROWS_WITH(all.check_found("in"), "in: has no './'");
        std::string path;
        CHECK(all.takes({.path = "x"}, "in", path));
        CHECK_NOTHROW(all.check_found("in"));
        CHECK(all.takes({.path = "./y/z"}, "in", path));
        CHECK(path == "y/z");
        CHECK_FALSE(all.takes({.path = "./", .type = TarType::folder}, "in", path));
        CHECK_THROWS_WITH(all.takes({.path = "y/z"}, "in", path), "in: has 'y/z' twice");
    }
}
