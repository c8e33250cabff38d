// Tar archives made record by record: what must be read, and what must not be believed.
#include "wisp/tar.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "wisp/seekable_input.hpp"
#include "wisp/tar_write.hpp"

using namespace wisp;

namespace {

/// Builds a tar field by field, honest or not.
class Tar {
public:
    Tar& header(std::string_view name, char type, std::string_view size, std::string_view link = "") {
        TarHeader record;
        put(record.name, name);
        put(record.mode, "0000644");
        put(record.size, size);
        put(record.linkname, link);
        record.typeflag = type;
        std::memcpy(record.magic.data(),
                    "ustar\0"
                    "00",
                    8);
        return add(record);
    }
    Tar& add(TarHeader record) {
        char sum[9];
        std::snprintf(sum, sizeof sum, "%06o", static_cast<unsigned>(tar_checksum(record)));
        put(record.chksum, std::string_view(sum, 7));
        bytes.append(reinterpret_cast<const char*>(&record), sizeof record);
        return *this;
    }
    Tar& data(std::string_view text) {
        bytes += text;
        bytes.append(padding(bytes.size(), tar_record_size), '\0');
        return *this;
    }
    Tar& pax(std::string_view records, char type = 'x') {
        char size[13];
        std::snprintf(size, sizeof size, "%011o", static_cast<unsigned>(records.size()));
        return header("pax", type, size).data(records);
    }
    Tar& end() {
        bytes.append(2 * tar_record_size, '\0');
        return *this;
    }

    std::string bytes{};

private:
    template <std::size_t Size>
    static void put(std::array<char, Size>& field, std::string_view text) {
        std::memcpy(field.data(), text.data(), std::min(Size, text.size()));
    }
};

/// One line an entry: path, type, size, target, contents.
std::string listing(std::string_view tar) {
    MemoryInput in(as_bytes(tar), "in");
    TarReader archive(in);
    std::string lines;
    while (const TarEntry* entry = archive.next()) {
        lines += entry->path + " " + static_cast<char>(entry->type) + " " + std::to_string(entry->size);
        if (!entry->target.empty()) lines += " -> " + entry->target;
        if (entry->size > 0) lines += ": " + std::string(as_text(archive.contents(1000)));
        lines += "\n";
    }
    return lines + (archive.has_end_mark() ? "end" : "cut");
}

} // namespace

TEST_CASE("tar numbers are octal, padded in any usual way, or base 256") {
    const auto number = [](std::string_view text) {
        std::array<char, 12> field{};
        std::memcpy(field.data(), text.data(), std::min(text.size(), field.size()));
        return tar_number(field, "in", "size");
    };
    CHECK(number("00000000017") == 15);
    CHECK(number("         17 ") == 15);
    CHECK(number("17") == 15);
    CHECK(number("") == 0);
    CHECK(number("000007220136") == 1908830); // GNU tar fills the field
    CHECK(number("777777777777") == 0777777777777);
    CHECK(number(std::string_view("\x80\0\0\0\0\0\0\2\0\0\0\1", 12)) == 0x200000001);
    CHECK_THROWS_WITH(number("0000000008"), "in: size '0000000008' is not an octal number");
    CHECK_THROWS_WITH(number("-0000000001"), "in: size '-0000000001' is not an octal number");
    CHECK_THROWS_WITH(number("0x10"), "in: size '0x10' is not an octal number");
    CHECK_THROWS_WITH(number("1 2"), "in: size '1 2' is not an octal number");
    CHECK_THROWS_WITH(number(std::string(12, '\xff')), "in: size is negative or needs more than 64 bits");
    CHECK_THROWS_WITH(number(std::string_view("\x80\0\0\1\0\0\0\0\0\0\0\0", 12)),
                      "in: size is negative or needs more than 64 bits");
}

TEST_CASE("names come from the header, its prefix, GNU long names or pax, the last of these first") {
    TarHeader prefixed;
    std::memcpy(prefixed.name.data(), "name", 4);
    std::memcpy(prefixed.prefix.data(), "some/folder", 11);
    std::memcpy(prefixed.magic.data(),
                "ustar\0"
                "00",
                8);
    CHECK(listing(Tar().add(prefixed).end().bytes) == "some/folder/name 0 0\nend");
    std::memcpy(prefixed.magic.data(), "ustar  \0", 8); // GNU's old format has no prefix
    CHECK(listing(Tar().add(prefixed).end().bytes) == "name 0 0\nend");

    const std::string full(100, 'n');
    CHECK(listing(Tar().header(full, '0', "0").end().bytes) == full + " 0 0\nend");
    CHECK(listing(Tar()
                      .header("L", 'L', "5")
                      .data(std::string_view("long\0", 5))
                      .header("short", '0', "0")
                      .end()
                      .bytes) == "long 0 0\nend");
    CHECK(listing(Tar().header("K", 'K', "3").data("far").header("link", '2', "0", "near").end().bytes) ==
          "link 2 0 -> far\nend");
    CHECK(listing(Tar()
                      .pax("12 path=pax\n")
                      .header("L", 'L', "4")
                      .data("long")
                      .header("a", '0', "0")
                      .end()
                      .bytes) == "pax 0 0\nend");
    CHECK(listing(Tar().pax("16 linkpath=far\n").header("link", '2', "0", "near").end().bytes) ==
          "link 2 0 -> far\nend");
    CHECK(listing(Tar().pax("12 path=pax\n8 path=\n").header("a", '0', "0").end().bytes) == "a 0 0\nend");
}

TEST_CASE("old folders are recognised by their slash, contiguous files are files") {
    CHECK(listing(Tar().header("d/", '\0', "0").header("f", '7', "1").data("x").end().bytes) ==
          "d/ 5 0\nf 0 1: x\nend");
}

TEST_CASE("a tar may be cut between entries, which is not the same as ending") {
    CHECK(listing(Tar().header("a", '0', "1").data("x").bytes) == "a 0 1: x\ncut");
    CHECK(listing("") == "cut");
    CHECK(listing(Tar().end().bytes) == "end");
    CHECK(listing(Tar().header("a", '0', "1").data("x").end().end().bytes) == "a 0 1: x\nend");
}

TEST_CASE("a tar that is cut anywhere else is refused, whatever the byte") {
    const std::string whole =
        Tar().pax("12 path=pax\n").header("a", '0', "600").data(std::string(384, 'x')).end().bytes;
    REQUIRE_THAT(listing(whole), Catch::EndsWith("end"));
    for (std::size_t size = 1; size < whole.size(); ++size) {
        CAPTURE(size);
        if (size == 2048)
            CHECK(listing(std::string_view(whole).substr(0, size)).ends_with("cut"));
        else
            CHECK_THROWS_WITH(
                listing(std::string_view(whole).substr(0, size)),
                Catch::StartsWith("in: is cut in") || Catch::StartsWith("in: ends after an extended header"));
    }
}

TEST_CASE("a tar header with any byte changed is refused") {
    const std::string whole = Tar().header("name", '0', "0").end().bytes;
    for (std::size_t at = 0; at < tar_record_size; ++at) {
        if (at == 154 || at == 155) continue; // what ends the checksum, which is not in its own sum
        CAPTURE(at);
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        CHECK_THROWS_WITH(listing(changed), "in: the tar header at byte 0 is damaged: wrong checksum");
    }
}

TEST_CASE("extended headers that lie are refused") {
    const auto [records, problem] = GENERATE(table<std::string, std::string>({
        {"path=x\n", "extended header record 'path=x\\x0a' has no length"},
        {"99 path=x\n", "extended header record '99 path=x\\x0a' is longer than its header"},
        {"4 path=x\n", "extended header record '4 path=x\\x0a' is shorter than a key and a value"},
        {"8 path=x\n", "extended header record '8 path=x\\x0a' does not end its line"},
        {"99999999999999999999 a=b\n", "extended header record '99999999999999999999' has no length"},
        {"-1 path=x\n", "extended header record '-1 path=x\\x0a' has no length"},
        {"7 path\n", "extended header record 'path' has no key"},
        {"9 =value\n", "extended header record '=value' has no key"},
        {"9 size=x\n", "extended header size 'x' is not a number of 64 bits"},
        {"11 size=-1\n", "extended header size '-1' is not a number of 64 bits"},
        {"29 size=18446744073709551616\n",
         "extended header size '18446744073709551616' is not a number of 64 bits"},
        {"22 GNU.sparse.major=1\n", "has a sparse entry, which is not supported"},
        {std::string("12 path=a\0b\n", 12), "extended header path has a NUL byte"},
    }));
    CAPTURE(records);
    CHECK_THROWS_WITH(listing(Tar().pax(records).header("a", '0', "0").end().bytes), "in: " + problem);
}

TEST_CASE("sizes that two readers would take in two ways are refused") {
    CHECK(listing(Tar().pax("9 size=3\n").header("a", '0', "0").data("abc").end().bytes) ==
          "a 0 3: abc\nend");
    CHECK(listing(Tar().pax("9 size=3\n").header("a", '0', "77777777777").data("abc").end().bytes) ==
          "a 0 3: abc\nend");
    CHECK_THROWS_WITH(listing(Tar().pax("12 size=512\n").header("a", '0', "3").data("abc").end().bytes),
                      "in: 'a' has two sizes, 3 and 512");
    CHECK_THROWS_WITH(listing(Tar().header("a", '5', "3").data("abc").end().bytes),
                      "in: 'a' is a folder with contents of 3 bytes");
    CHECK_THROWS_WITH(listing(Tar().header("a", '1', "3", "b").data("abc").end().bytes),
                      "in: 'a' is a hard link with contents of 3 bytes");
    CHECK_THROWS_WITH(listing(Tar().pax("29 size=18446744073709551615\n").header("a", '0', "0").end().bytes),
                      "in: 'a' has 18446744073709551615 bytes, more than 1000");
}

TEST_CASE("a size beyond the end is a cut, however large") {
    const std::string tar =
        Tar().pax("29 size=18446744073709551615\n").header("a", '0', "0").data("abc").bytes;
    MemoryInput lying(as_bytes(tar), "in");
    TarReader archive(lying);
    REQUIRE(archive.next());
    CHECK_THROWS_WITH(archive.next(), "in: is cut in the contents of 'a', 18446744073709551103 bytes early");
}

TEST_CASE("what a tar may not hold is refused") {
    CHECK_THROWS_WITH(listing(Tar().end().header("hidden", '0', "0").bytes),
                      "in: goes on after its end mark, at byte 1024 of the tar");
    CHECK_THROWS_WITH(listing(std::string(512, '\0') + Tar().header("hidden", '0', "0").bytes),
                      "in: goes on after its end mark, at byte 512 of the tar");
    CHECK_THROWS_WITH(listing(std::string(512, '\0')), "in: is cut inside its end mark");
    CHECK_THROWS_WITH(listing(Tar().header("a", 'S', "0").end().bytes),
                      "in: 'a' is of type 'S', which is not supported");
    CHECK_THROWS_WITH(listing(Tar().header("", '0', "0").end().bytes),
                      "in: has an entry with a name of 0 bytes, allowed are 1 to 4096");
    CHECK_THROWS_WITH(listing(Tar().pax("8 path=\n").pax("8 path=\n").end().bytes),
                      "in: has two extended headers of one kind for one entry");
    CHECK_THROWS_WITH(listing(Tar().header("L", 'L', "10002").end().bytes),
                      "in: has an extended header of 4098 bytes, more than 4097");
    CHECK_THROWS_WITH(listing(Tar().header("x", 'x', "4000001").end().bytes),
                      "in: has an extended header of 1048577 bytes, more than 1048576");
    CHECK_THROWS_WITH(listing(Tar().pax("10 path=x\n", 'g').header("a", '0', "0").end().bytes),
                      "in: has a global extended header that sets the path or size of every entry");
    CHECK(listing(Tar().pax("14 comment=x\n\n", 'g').header("a", '0', "0").end().bytes) == "a 0 0\nend");
}

namespace {

/// The names in a tar whose contents nobody wants, or why it is refused.
std::string names(Input& in) {
    std::string lines;
    try {
        TarReader archive(in);
        while (const TarEntry* entry = archive.next()) lines += entry->path + "\n";
        return lines + (archive.has_end_mark() ? "end" : "cut");
    } catch (const Error& error) {
        return lines + error.what();
    }
}

/// Counts what is read of a tar.
class Counting : public Seekable {
public:
    explicit Counting(Bytes bytes) : bytes_(bytes, "in") {}
    std::uint64_t size() const override { return bytes_.size(); }
    const std::string& name() const override { return bytes_.name(); }

    mutable std::size_t count = 0;

private:
    void fill(std::uint64_t offset, std::span<std::uint8_t> into) const override {
        count += into.size();
        bytes_.read(offset, into, "a part");
    }

    MemorySeekable bytes_;
};

/// Files of so many bytes, one after another.
std::string files_of(std::initializer_list<std::size_t> sizes) {
    Tar tar;
    for (const std::size_t size : sizes) {
        char field[13];
        std::snprintf(field, sizeof field, "%011o", static_cast<unsigned>(size));
        tar.header("f" + std::to_string(size), '0', field).data(std::string(size, 'x'));
    }
    return tar.end().bytes;
}

} // namespace

TEST_CASE("contents that nobody wants are passed over where the input can do that, and cuts are found all the same") {
    const std::string whole = files_of({0, 1, 511, 512, 513, 300'000, 4096, 4095, 1'000'001, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5000, 20'000, 3});
    for (std::size_t size = whole.size(); size > 0; size -= std::min<std::size_t>(size, 997)) {
        CAPTURE(size);
        const Bytes bytes = as_bytes(std::string_view(whole).substr(0, size));
        MemoryInput read(bytes, "in");
        const MemorySeekable file(bytes, "in");
        SeekableInput skipped(file);
        CHECK(names(skipped) == names(read));
    }
    const std::string large = files_of({300'000, 1'000'000, 2'000'000, 3'000'000});
    const Counting counting(as_bytes(large));
    SeekableInput in(counting);
    CHECK(names(in) == "f300000\nf1000000\nf2000000\nf3000000\nend");
    CHECK(counting.count < 1'000'000);
}

TEST_CASE("a tar comes in pieces of any size, lent or copied") {
    class Pieces : public MemoryInput {
    public:
        Pieces(Bytes bytes, std::size_t most, bool lends) : MemoryInput(bytes, "in"), most_(most), lends_(lends) {}
        std::size_t read_some(std::span<std::uint8_t> into) override {
            return MemoryInput::read_some(into.first(std::min(into.size(), most_)));
        }
        Bytes borrow_some(std::span<std::uint8_t> block) override {
            if (!lends_) return MemoryInput::borrow_some(block);
            lent_.assign(most_, 0xff);
            return Bytes(lent_).first(MemoryInput::read_some(lent_));
        }

    private:
        std::size_t most_;
        bool lends_;
        std::vector<std::uint8_t> lent_{};
    };
    const std::string whole = files_of({0, 1, 511, 512, 513, 0, 3000, 0});
    MemoryInput in(as_bytes(whole), "in");
    const std::string expected = names(in);
    CHECK_THAT(expected, Catch::EndsWith("end"));
    for (const bool lends : {false, true})
        for (const std::size_t most : {1u, 7u, 511u, 512u, 513u, 1000u, 300'000u}) {
            CAPTURE(lends, most);
            Pieces pieces(as_bytes(whole), most, lends);
            CHECK(names(pieces) == expected);
            Pieces cut(as_bytes(whole).first(whole.size() - 1300), most, lends);
            CHECK_THAT(names(cut), Catch::Contains("in: is cut in the tar record at byte "));
        }
}

TEST_CASE("the entries of a tar are limited, and counting them takes no memory") {
    struct Endless : Input {
        std::string record = Tar().header("a", '0', "0").bytes;
        std::string label = "in";
        std::size_t read_some(std::span<std::uint8_t> into) override {
            for (std::size_t at = 0; at + record.size() <= into.size(); at += record.size())
                std::memcpy(&into[at], record.data(), record.size());
            return into.size() / record.size() * record.size();
        }
        const std::string& name() const override { return label; }
    } endless;
    TarReader archive(endless);
    const auto read = [&] {
        while (archive.next()) {
        }
    };
    CHECK_THROWS_WITH(read(), "in: has more than 1000000 entries");
}

namespace {

/// Keeps the first bytes of what is written.
class Head : public Sink {
public:
    std::vector<std::uint8_t> bytes{};

private:
    void append(Bytes more) override {
        const auto part = more.first(std::min<std::size_t>(more.size(), 4096 - bytes.size()));
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    void append_zeros(std::uint64_t count) override {
        bytes.resize(std::min<std::uint64_t>(4096, bytes.size() + count));
    }
};

} // namespace

TEST_CASE("what is written into a tar is read back, names of any length and all") {
    std::vector<std::string> paths = {"a"};
    for (std::size_t length = 90; length < 110; ++length) paths.push_back(std::string(length, 'n'));
    for (std::size_t prefix = 145; prefix < 165; ++prefix)
        for (const std::size_t length : {1u, 50u, 99u, 100u, 101u}) // what fits into a prefix and a name, and what does not
            paths.push_back(std::string(prefix, 'p') + "/" + std::string(length, 'n'));
    paths.push_back(std::string(60, 'a') + "/" + std::string(60, 'b') + "/" + std::string(60, 'c'));
    paths.push_back(std::string(4096, 'x'));
    MemorySink out;
    TarWriter writer(out);
    for (const std::string& path : paths)
        writer.add(path, 0106755, path.size(), [&](Sink& contents) { contents.write(path); });
    writer.finish();
    CHECK(writer.count() == paths.size());
    CHECK(out.bytes.size() % tar_record_size == 0);
    MemoryInput in(out.bytes, "in");
    TarReader archive(in);
    for (const std::string& path : paths) {
        const TarEntry* entry = archive.next();
        REQUIRE(entry);
        CHECK(entry->path == path);
        CHECK(entry->type == TarType::file);
        CHECK(entry->mode == 0755); // setuid, setgid and the kind are left out
        const auto contents = archive.contents(5000);
        CHECK(as_text(contents) == path);
    }
    CHECK_FALSE(archive.next());
    CHECK(archive.has_end_mark());
}

TEST_CASE("only a name or a size that has no room in a tar header gets an extended one") {
    const auto size_of = [](const std::string& path) {
        MemorySink out;
        TarWriter(out).add(path, 0644, 0, [](Sink&) {});
        return out.bytes.size();
    };
    CHECK(size_of(std::string(100, 'n')) == 512);
    CHECK(size_of(std::string(101, 'n')) == 512 * 3);
    CHECK(size_of(std::string(155, 'p') + "/" + std::string(100, 'n')) == 512);
    CHECK(size_of(std::string(156, 'p') + "/" + std::string(100, 'n')) == 512 * 3);
    CHECK(size_of(std::string(155, 'p') + "/" + std::string(101, 'n')) == 512 * 3);
    for (const std::uint64_t size : {077777777777ull, 0100000000000ull, 0x123456789abcull}) {
        Head out;
        TarWriter(out).add("big", 0644, size, [&](Sink& contents) { contents.zeros(size); });
        CHECK(out.position() == (size > 077777777777 ? 3 : 1) * 512 + size + padding(size, 512));
        MemoryInput in(out.bytes, "in");
        TarReader archive(in);
        const TarEntry* entry = archive.next();
        REQUIRE(entry);
        CHECK(entry->path == "big");
        CHECK(entry->size == size);
    }
}

TEST_CASE("contents of another size than the tar header says are an error") {
    MemorySink out;
    TarWriter writer(out);
    for (const std::string_view text : {"", "ab", "abcd"})
        CHECK_THROWS_WITH(writer.add("a", 0644, 3, [&](Sink& contents) { contents.write(text); }),
                          "a: has " + std::to_string(text.size()) + " bytes, not the 3 it announced");
}
