#include <catch2/catch.hpp>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "wisp/ahead.hpp"
#include "wisp/chunk_store.hpp"
#include "wisp/gunzip.hpp"
#include "wisp/gzip.hpp"
#include "wisp/hash_files.hpp"
#include "wisp/locked_file.hpp"
#include "wisp/new_file.hpp"
#include "wisp/text.hpp"
#include "wisp/work_ring.hpp"

using namespace wisp;

namespace {

// What GzipSink cuts into: at level 1, and at level 6.
constexpr std::size_t chunk_bytes = 256 * 1024, large_chunk_bytes = 3 * chunk_bytes;

/// Bytes of every kind: words that repeat, noise, zeros; the same in every run.
std::vector<std::uint8_t> sample(std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    for (std::uint32_t i = 0, x = 1; i < size; ++i) {
        x = x * 1664525 + 1013904223;
        const std::uint32_t kind = i / 50'000 % 3;
        bytes[i] = static_cast<std::uint8_t>(kind == 0 ? i % 7 + (x >> 30) : kind == 1 ? x >> 24 : 0);
    }
    return bytes;
}

std::vector<std::uint8_t> gzipped(Bytes plain, std::size_t threads, std::size_t piece, int level = 1) {
    MemorySink out;
    GzipSink packed(out, level, threads);
    for (std::size_t at = 0; at < plain.size(); at += piece)
        packed.write(plain.subspan(at, std::min(piece, plain.size() - at)));
    packed.finish();
    return out.bytes;
}

/// What zlib makes of one whole gzip member; it must end where the member does.
std::vector<std::uint8_t> by_zlib(Bytes packed, std::size_t expected) {
    std::vector<std::uint8_t> plain(expected + 1);
    z_stream stream{};
    REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
    stream.next_in = const_cast<Bytef*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = plain.data();
    stream.avail_out = static_cast<uInt>(plain.size());
    CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
    CHECK(stream.avail_in == 0);
    plain.resize(stream.total_out);
    inflateEnd(&stream);
    return plain;
}

/// A gzip member by zlib with optional fields in its header: all that RFC 1952 has.
std::vector<std::uint8_t> zlib_member(std::vector<std::uint8_t> plain, int level, int strategy, bool fields) {
    std::vector<std::uint8_t> packed(plain.size() + 1000);
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, strategy) == Z_OK);
    std::array<Bytef, 300> extra{};
    gz_header header{};
    header.extra = extra.data();
    header.extra_len = extra.size();
    header.name = reinterpret_cast<Bytef*>(const_cast<char*>("a name"));
    header.comment = reinterpret_cast<Bytef*>(const_cast<char*>("a comment"));
    header.hcrc = 1;
    if (fields) REQUIRE(deflateSetHeader(&stream, &header) == Z_OK);
    stream.next_in = plain.data();
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = packed.data();
    stream.avail_out = static_cast<uInt>(packed.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
}

/// Gives its bytes a few at a time.
class Dribble : public MemoryInput {
public:
    Dribble(Bytes bytes, std::size_t most) : MemoryInput(bytes, "in"), most_(most) {}
    std::size_t read_some(std::span<std::uint8_t> into) override {
        return MemoryInput::read_some(into.first(std::min(into.size(), most_)));
    }

private:
    std::size_t most_;
};

std::vector<std::uint8_t> gunzipped(Input& in) {
    GunzipInput gunzip(in);
    MemorySink out;
    while (gunzip.next_member()) gunzip.copy_all(out);
    return out.bytes;
}

} // namespace

TEST_CASE("gzip has the same bytes by any number of threads and in any pieces, and zlib reads them") {
    const int level = GENERATE(1, 3, 4, 6);
    const std::size_t chunk = level < 4 ? chunk_bytes : large_chunk_bytes;
    const std::size_t size = GENERATE_REF(0u, 1u, chunk - 1, chunk, chunk + 1, 2 * chunk, 7 * chunk + 12345);
    CAPTURE(level, size);
    const auto plain = sample(size);
    const auto alone = gzipped(plain, 1, 1 << 20, level);
    CHECK(by_zlib(alone, plain.size()) == plain);
    CHECK(gzipped(plain, 2, 100'003, level) == alone);
    CHECK(gzipped(plain, 8, 4096, level) == alone);
    // by reads of any length into the sink's own room
    Dribble in(plain, 70'001);
    MemorySink out;
    GzipSink packed(out, level, 2);
    in.copy_all(packed);
    packed.finish();
    CHECK(out.bytes == alone);
}

TEST_CASE("chunks that libdeflate stores, codes by the fixed words or by its own are joined alike") {
    // noise is stored, a few bytes take the fixed codes; each fills a chunk_bytes that another follows
    std::vector<std::uint8_t> plain(4 * chunk_bytes + 3, 0);
    std::uint32_t x = 7;
    for (std::size_t i = 0; i < chunk_bytes; ++i) plain[i] = static_cast<std::uint8_t>((x = x * 1664525 + 1013904223) >> 24);
    for (std::size_t i = chunk_bytes; i < 2 * chunk_bytes; ++i) plain[i] = static_cast<std::uint8_t>("wisp"[i % 4]);
    for (std::size_t i = 3 * chunk_bytes; i < 4 * chunk_bytes; ++i)
        plain[i] = static_cast<std::uint8_t>(i % 9 == 0 ? (x = x * 1664525 + 1013904223) >> 24 : 'a' + i % 5);
    for (int level = 1; level <= 9; ++level) {
        MemorySink out;
        GzipSink packed(out, level, 2);
        packed.write(Bytes(plain));
        packed.finish();
        CHECK(by_zlib(out.bytes, plain.size()) == plain);
    }
}

namespace {

/// A file in a folder of its own, both gone at the end.
struct StoreFile {
    std::string folder = (std::filesystem::temp_directory_path() / "wisp-unit-XXXXXX").string();
    std::string path{};

    StoreFile() {
        REQUIRE(::mkdtemp(folder.data()) != nullptr);
        path = folder + "/chunks";
    }
    StoreFile(const StoreFile&) = delete;
    StoreFile& operator=(const StoreFile&) = delete;
    ~StoreFile() { std::filesystem::remove_all(folder); }

    std::vector<std::uint8_t> read() const { return FdInput(open_read(path), path).read_all(1 << 24); }
    void write(Bytes bytes) const {
        NewFile file(path);
        file.sink().write(bytes);
        file.publish();
    }
};

std::vector<std::uint8_t> gzipped_with(const std::string& path, Bytes plain, int level = 1) {
    MemorySink out;
    ChunkStore store(path, level, GzipSink::chunk_size(level));
    GzipSink packed(out, level, 2, &store);
    packed.write(plain);
    packed.finish();
    return out.bytes;
}

// A slot of the file: a block with the entry, the plain bytes, and room for packed ones that only grew.
constexpr std::size_t plain_at = 4096, packed_at = plain_at + chunk_bytes, slot_bytes = packed_at + chunk_bytes + 4096;

} // namespace

TEST_CASE("a store of chunks gives back what was made of the very bytes, whatever becomes of its file") {
    const StoreFile file;
    const auto plain = sample(5 * chunk_bytes + 100);
    const auto expected = gzipped(plain, 1, 1 << 20);
    CHECK(gzipped_with(file.path, plain) == expected);
    const auto good = file.read();
    CHECK(gzipped_with(file.path, plain) == expected);
    CHECK(file.read() == good);

    const Bytes first = Bytes(plain).first(chunk_bytes);
    std::vector<std::uint8_t> packed;
    {
        const ChunkStore store(file.path, 1, chunk_bytes);
        CHECK(store.find(0, first, packed));
        CHECK(std::search(expected.begin(), expected.end(), packed.begin(), packed.end()) == expected.begin() + 10);
        CHECK_FALSE(store.find(0, first.first(chunk_bytes - 1), packed));
        CHECK_FALSE(store.find(1, first, packed));
        CHECK_FALSE(store.find(5, first, packed));
    }
    // of each chunk it is known whose it is: a file may be put together of two
    const StoreFile other_level;
    gzipped_with(other_level.path, plain, 3);
    auto mixed = other_level.read();
    std::copy_n(good.begin(), slot_bytes, mixed.begin());
    other_level.write(mixed);
    CHECK(gzipped_with(other_level.path, plain) == expected);

    const Bytes large = Bytes(plain).first(large_chunk_bytes);
    const StoreFile other;
    gzipped_with(other.path, plain, 6);
    CHECK(ChunkStore(other.path, 6, large_chunk_bytes).find(0, large, packed));
    CHECK_FALSE(ChunkStore(file.path, 2, chunk_bytes).find(0, first, packed));

    constexpr std::size_t magic = 12; // "wisp chunks\n": damage there makes it a stranger's
    std::uint32_t x = 3;
    for (int round = 0; round < 60; ++round) {
        auto damaged = good;
        for (int i = 0; i < 30; ++i) {
            x = x * 1664525 + 1013904223;
            damaged[magic + x % (damaged.size() - magic)] ^= static_cast<std::uint8_t>(1 + (x >> 29));
        }
        for (std::size_t at = 0; at < damaged.size(); at += slot_bytes) { // the entries and what they are of
            x = x * 1664525 + 1013904223;
            damaged[at + magic + (x >> 8) % 16] ^= static_cast<std::uint8_t>(x >> 30);
            damaged[at + packed_at + (x >> 8) % 100] ^= static_cast<std::uint8_t>(x >> 28 & 1);
        }
        x = x * 1664525 + 1013904223;
        if (round % 3 == 0) damaged.resize(magic + x % (damaged.size() - magic));
        file.write(damaged);
        CHECK(gzipped_with(file.path, plain) == expected);
        CHECK(gzipped_with(file.path, plain) == expected);
    }
}

TEST_CASE("chunks of the same CRC-32 are told apart") {
    const StoreFile file;
    const auto plain = sample(2 * chunk_bytes);
    auto same_sum = plain;
    constexpr std::array<std::uint8_t, 5> generator{0x41, 0x06, 0x71, 0xdb, 0x01}; // a multiple of it changes no CRC
    for (std::size_t i = 0; i < generator.size(); ++i) same_sum[100 + i] ^= generator[i];
    REQUIRE(libdeflate_crc32(0, plain.data(), chunk_bytes) == libdeflate_crc32(0, same_sum.data(), chunk_bytes));
    REQUIRE(plain != same_sum);
    gzipped_with(file.path, plain);
    CHECK(gzipped_with(file.path, same_sum) == gzipped(same_sum, 1, 1 << 20));
}

// Which of the three parts of a chunk have got to the disk?
TEST_CASE("a power cut in the middle of a chunk is seen") {
    const StoreFile file;
    auto before = sample(2 * chunk_bytes);
    std::ranges::copy(as_bytes("ipv4=10 ipv6=01"), before.begin() + 1000);
    auto after = before;
    std::ranges::copy(as_bytes("ipv4=01 ipv6=10"), after.begin() + 1000); // Adler-32 would take one for the other
    const auto expected_before = gzipped(before, 1, 1 << 20), expected_after = gzipped(after, 1, 1 << 20);
    gzipped_with(file.path, before);
    const auto old_file = file.read();
    gzipped_with(file.path, after);
    const auto new_file = file.read();
    const std::array<std::size_t, 4> parts{0, plain_at, packed_at, slot_bytes};
    for (unsigned arrived = 0; arrived < 8; ++arrived) {
        CAPTURE(arrived);
        auto mixed = old_file;
        mixed.resize(std::max(old_file.size(), new_file.size()));
        for (std::size_t i = 0; i < 3; ++i)
            if (arrived >> i & 1)
                std::copy_n(new_file.begin() + static_cast<std::ptrdiff_t>(parts[i]),
                            std::min(parts[i + 1], new_file.size()) - parts[i],
                            mixed.begin() + static_cast<std::ptrdiff_t>(parts[i]));
        file.write(mixed);
        CHECK(gzipped_with(file.path, before) == expected_before);
        file.write(mixed);
        CHECK(gzipped_with(file.path, after) == expected_after);
    }
}

TEST_CASE("a file that is no store of chunks is refused and stays") {
    const StoreFile file;
    const auto plain = sample(3 * chunk_bytes);
    gzipped_with(file.path, plain);
    const auto good = file.read();
    auto nearly = good;
    for (std::size_t at = 0; at < 12; ++at) {
        nearly[at] ^= 1;
        file.write(nearly);
        CHECK_THROWS_WITH(ChunkStore(file.path, 1, chunk_bytes), file.path + ": is no file that --reuse has written");
        CHECK(file.read() == nearly);
        nearly[at] ^= 1;
    }
    file.write(Bytes(nearly).first(11));
    CHECK_THROWS_WITH(ChunkStore(file.path, 1, chunk_bytes), file.path + ": is no file that --reuse has written");
    file.write({});
    CHECK_NOTHROW(ChunkStore(file.path, 1, chunk_bytes));

    // a crash may leave zeros, and nothing behind them
    std::ranges::fill(nearly, std::uint8_t{0});
    file.write(nearly);
    CHECK(gzipped_with(file.path, plain) == gzipped(plain, 1, 1 << 20));
    CHECK(file.read() == good);
    nearly.back() = 1;
    file.write(nearly);
    CHECK_THROWS_WITH(ChunkStore(file.path, 1, chunk_bytes), file.path + ": is no file that --reuse has written");
    CHECK(file.read() == nearly);
}

TEST_CASE("a store of chunks forgets what it no longer keeps") {
    const StoreFile file;
    std::vector<std::uint8_t> plain(2 * chunk_bytes);
    std::uint32_t x = 5;
    for (std::size_t i = 0; i < chunk_bytes; ++i) plain[i] = static_cast<std::uint8_t>((x = x * 1664525 + 1013904223) >> 24);
    constexpr std::string_view secret = "the key is under the mat";
    std::ranges::copy(as_bytes(secret), plain.begin() + chunk_bytes - 100); // noise is stored, so it is in both parts
    gzipped_with(file.path, plain);
    const auto times = [&] {
        const auto bytes = file.read();
        std::size_t found = 0;
        for (auto at = bytes.begin(); (at = std::search(at, bytes.end(), secret.begin(), secret.end())) != bytes.end(); ++at) ++found;
        return found;
    };
    REQUIRE(times() == 2);
    gzipped_with(file.path, std::vector<std::uint8_t>(2 * chunk_bytes));
    CHECK(times() == 0);
    // also where it is not known how much there was
    gzipped_with(file.path, plain);
    auto half_written = file.read();
    std::fill_n(half_written.begin() + 24, 4, std::uint8_t{0});
    file.write(half_written);
    gzipped_with(file.path, std::vector<std::uint8_t>(2 * chunk_bytes));
    CHECK(times() == 0);
}

TEST_CASE("a store of chunks keeps those of the last time, each in its place") {
    const StoreFile file;
    const auto plain = sample(6 * chunk_bytes + 1);
    gzipped_with(file.path, plain);
    const auto all = file.read();
    auto changed = plain;
    changed[2 * chunk_bytes + 5] ^= 1;
    CHECK(gzipped_with(file.path, changed) == gzipped(changed, 1, 1 << 20));
    auto with_change = file.read();
    CHECK(with_change != all);
    CHECK(std::equal(all.begin(), all.begin() + 2 * slot_bytes, with_change.begin()));
    CHECK(std::equal(all.begin() + 3 * slot_bytes, all.end(), with_change.begin() + 3 * slot_bytes, with_change.end()));
    CHECK(gzipped_with(file.path, plain) == gzipped(plain, 1, 1 << 20));
    std::vector<std::uint8_t> packed;
    CHECK(ChunkStore(file.path, 1, chunk_bytes).find(2, Bytes(plain).subspan(2 * chunk_bytes, chunk_bytes), packed));
    // of a shorter archive nothing longer stays: there may be secrets in it
    CHECK(gzipped_with(file.path, Bytes(plain).first(3 * chunk_bytes)) == gzipped(Bytes(plain).first(3 * chunk_bytes), 1, 1 << 20));
    CHECK(file.read().size() == 2 * slot_bytes);
    CHECK(gzipped_with(file.path, Bytes(plain).first(5)) == gzipped(Bytes(plain).first(5), 1, 1 << 20));
    CHECK(file.read().empty());
}

TEST_CASE("a store of chunks that another process is using is left alone") {
    const StoreFile file;
    const auto plain = sample(3 * chunk_bytes);
    auto other = plain;
    other[0] ^= 1;
    gzipped_with(file.path, plain);
    const auto good = file.read();
    {
        const LockedFile theirs(file.path);
        REQUIRE(theirs);
        CHECK(gzipped_with(file.path, other) == gzipped(other, 1, 1 << 20));
        CHECK(file.read() == good);
    }
    CHECK(gzipped_with(file.path, other) == gzipped(other, 1, 1 << 20));
    CHECK(file.read() != good);
}

TEST_CASE("a stream that is none has no last block") {
    const auto walk = [](std::vector<std::uint8_t> stream) { deflate_data::BlockWalk(stream).last_block(); };
    CHECK_THROWS_WITH(walk({}), "deflate: the compressor's output is none");
    CHECK_THROWS_WITH(walk({0x06, 0x00}), "deflate: the compressor's output is none");             // a block of type 3
    CHECK_THROWS_WITH(walk({0x01, 0x05, 0x00, 0xfa, 0xff}), "deflate: the compressor's output is none"); // cut
    CHECK_THROWS_WITH(walk({0x4b, 0x04}), "deflate: the compressor's output is none");             // no end of block
    const std::vector<std::uint8_t> fixed{0x4b, 0x04, 0x00};
    const auto last = deflate_data::BlockWalk(fixed).last_block();
    CHECK(last.begin == 0);
    CHECK(last.end == 18);
}

TEST_CASE("gzip by zlib comes out whole whatever the level, the header and the pieces") {
    const int level = GENERATE(0, 1, 6, 9);
    const int strategy = GENERATE(Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE);
    const bool fields = GENERATE(false, true);
    CAPTURE(level, strategy, fields);
    for (const std::size_t size : {0u, 1u, 5u, 100u, 1001u, 300'000u}) {
        const auto plain = sample(size);
        auto packed = zlib_member(plain, level, strategy, fields);
        const auto second = zlib_member(plain, level, strategy, !fields);
        packed.insert(packed.end(), second.begin(), second.end());
        auto twice = plain;
        twice.insert(twice.end(), plain.begin(), plain.end());
        for (const std::size_t most : {1u, 7u, 4096u, 1u << 20}) {
            Dribble in(packed, most);
            CHECK(gunzipped(in) == twice);
        }
    }
}

TEST_CASE("gzip with a byte changed or cut off is refused, or says what it said") {
    const auto plain = sample(3000);
    const auto packed = zlib_member(plain, GENERATE(1, 9), GENERATE(Z_DEFAULT_STRATEGY, Z_FIXED), true);
    const auto differs = [&](std::vector<std::uint8_t> changed) {
        try {
            MemoryInput in(changed, "in");
            return gunzipped(in) != plain;
        } catch (const Error& error) {
            return error.fault != Fault::input;
        }
    };
    for (std::size_t at = 0; at < packed.size(); ++at) {
        CAPTURE(at);
        for (const unsigned bit : {1u, 16u, 128u}) {
            auto changed = packed;
            changed[at] = static_cast<std::uint8_t>(changed[at] ^ bit);
            CHECK_FALSE(differs(changed));
        }
        if (at > 0) {
            Dribble cut(Bytes(packed).first(at), 1 << 20);
            CHECK_THROWS_WITH(gunzipped(cut), Catch::StartsWith("in: is cut inside a gzip member at compressed byte "));
        }
    }
}

TEST_CASE("what is wrong with gzip is said in the same words by any engine") {
    const auto good = zlib_member(sample(100), 6, Z_DEFAULT_STRATEGY, false);
    const auto message = [&](std::size_t at, unsigned change) {
        auto bad = good;
        bad[at] = static_cast<std::uint8_t>(bad[at] ^ change);
        try {
            MemoryInput in(bad, "in");
            gunzipped(in);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    const std::size_t size = good.size();
    CHECK(message(0, 1) == "in: has something that is not gzip at byte 0");
    CHECK(message(1, 1) == "in: is damaged gzip at byte 2: the second byte of its header is wrong");
    CHECK(message(2, 1) == "in: is damaged gzip at byte 3: compression method 9, known is only deflate");
    CHECK(message(3, 0x20) == "in: is damaged gzip at byte 4: reserved header flags are set");
    CHECK(message(10, 6) == "in: has damaged deflate data in the gzip member at byte 0");
    CHECK(message(size - 8, 1) == "in: is damaged gzip at byte " + std::to_string(size - 4) + ": incorrect data check");
    CHECK(message(size - 1, 1) == "in: is damaged gzip at byte " + std::to_string(size) + ": incorrect length check");
    auto checked = zlib_member(sample(100), 6, Z_DEFAULT_STRATEGY, true);
    checked[20] ^= 1; // inside the extra field
    MemoryInput in(checked, "in");
    CHECK_THROWS_WITH(gunzipped(in), "in: is damaged gzip at byte 331: incorrect header check");
}

TEST_CASE("results come out of a ring of jobs in order, and errors where they belong") {
    const std::size_t threads = GENERATE(0u, 1u, 4u);
    WorkRing<int> ring(threads, 3, [](int& job) {
        if (job == 70) throw Error("job", "is the seventieth");
        job *= 2;
    });
    int next = 0, taken = 0;
    const auto take = [&] {
        CHECK(ring.oldest() == 2 * taken++);
        ring.release();
    };
    while (next < 70) {
        if (ring.is_full()) take();
        ring.next() = next++;
        ring.submit();
    }
    while (!ring.is_empty()) take();
    CHECK(taken == 70);
    ring.next() = 70;
    ring.submit();
    CHECK_THROWS_WITH(ring.oldest(), "job: is the seventieth");
}

TEST_CASE("an input that is read ahead gives its bytes, then its error, then nothing") {
    struct Failing : MemoryInput {
        using MemoryInput::MemoryInput;
        std::size_t read_some(std::span<std::uint8_t> into) override {
            const std::size_t count = MemoryInput::read_some(into);
            if (count == 0) refuse(name(), "is at its end");
            return count;
        }
    };
    const auto plain = sample(block_size * 6);
    MemoryInput whole(plain, "in");
    MemorySink all;
    AheadInput(whole).copy_all(all);
    CHECK(all.bytes == plain);
    Failing failing(plain, "in");
    AheadInput ahead(failing);
    MemorySink some;
    CHECK_THROWS_WITH(ahead.copy_all(some), "in: is at its end");
    CHECK(some.bytes == plain);
}

TEST_CASE("a digest in the background is the digest") {
    for (const std::size_t size : {std::size_t{0}, std::size_t{3}, block_size, 9 * block_size + 1}) {
        const auto plain = sample(size);
        BackgroundDigest digest(DigestAlgorithm::sha256);
        digest.write(Bytes(plain).first(size / 3));
        digest.write(Bytes(plain).subspan(size / 3));
        CHECK(digest.digest() == digest_of(DigestAlgorithm::sha256, plain));
    }
}

TEST_CASE("what is copied through a digest's own memory is what is digested and what comes out") {
    const auto plain = sample(7 * block_size + 1234);
    for (const std::size_t most : {std::size_t{100'003}, block_size, plain.size()}) {
        Dribble in(plain, most);
        MemorySink out;
        BackgroundDigest digest(DigestAlgorithm::sha256, Placement::apart);
        TeeSink both(out, digest);
        in.copy_exactly(both, 3, "its head");
        both.write(Bytes(plain).subspan(3, 5));
        in.copy_exactly(both, block_size, "its contents");
        in.copy_all(both);
        CHECK(both.position() == plain.size() + 5);
        CHECK(digest.digest() == digest_of(DigestAlgorithm::sha256, out.bytes));
        CHECK(std::equal(out.bytes.begin() + 8, out.bytes.end(), plain.begin() + 3));
    }
}

TEST_CASE("files are digested in order by any number of threads, and the first that is missing is named") {
    using enum DigestAlgorithm;
    const std::vector<DigestRequest> requests{
        {"Makefile", sha256}, {"/dev/null", sha1}, {"README.md", sha512}, {"Makefile", sha1}};
    for (const std::size_t threads : {1u, 2u, 8u}) {
        const auto found = hash_files(requests, threads);
        REQUIRE(found.size() == requests.size());
        for (std::size_t i = 0; i < requests.size(); ++i) {
            const auto& [path, algorithm] = requests[i];
            const auto bytes = FdInput(open_read(path), path).read_all(1 << 20);
            CHECK(found[i].size == bytes.size());
            CHECK(found[i].digest == digest_of(algorithm, bytes));
        }
        CHECK_THROWS_WITH(hash_files({{"Makefile"}, {"/nowhere/a"}, {"/nowhere/b"}}, threads),
                          "/nowhere/a: open: No such file or directory");
    }
    CHECK(hash_files({}).empty());
}
