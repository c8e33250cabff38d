#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "wisp/identity.hpp"
#include "wisp/sealed.hpp"

using namespace wisp;

namespace {

/// A folder that goes when the test ends.
struct Folder {
    std::string path = (std::filesystem::temp_directory_path() / "wisp-test-XXXXXX").string();
    Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~Folder() { std::filesystem::remove_all(path); }

    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path + "/" + name) << text;
        return path + "/" + name;
    }
};

/// Gives a file other times; the ctime becomes now.
void set_times(const std::string& path, std::int64_t seconds) {
    const timespec times[2] = {{static_cast<time_t>(seconds), 7}, {static_cast<time_t>(seconds), 7}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

constexpr std::int64_t far_future = std::int64_t{1} << 62;

} // namespace

TEST_CASE("an identity is what stat says, and only regular files have one") {
    const Folder folder;
    const std::string file = folder.write("a", "hello");
    set_times(file, 1700000000);
    struct stat status {};
    REQUIRE(::stat(file.c_str(), &status) == 0);
    const auto identity = identity_of(file);
    REQUIRE(identity);
    CHECK(identity->size == 5);
    CHECK(identity->modified == 1700000000'000000007);
    CHECK(identity->inode == status.st_ino);
    CHECK_FALSE(identity_of(folder.path));
    CHECK_FALSE(identity_of(file + ".none"));
}

TEST_CASE("identities are read as they were written, and nothing else is read") {
    const std::vector<KnownFile> files{{"/a b/c", {5, 1700000000'000000007, 3, 4, 5}}, {"-x", {}}};
    CHECK(identities_text(files) == "5 1700000000000000007 3 4 5 /a b/c\n0 0 0 0 0 -x\n");
    CHECK(parse_identities(identities_text(files)) == files);
    CHECK(parse_identities("") == std::vector<KnownFile>{});
    for (const char* const bad : {"5 1 2 3 4 a", "5 1 2 3 x a\n", "5 1 2 3\n", "\n", "-5 1 2 3 4 a\n"})
        CHECK_FALSE(parse_identities(bad));
    CHECK_THROWS_WITH(identities_text({{"a\nb", {}}}), "a\\x0ab: has a newline in its name");
}

TEST_CASE("a file holds as long as nothing of it changed, and a change would have shown") {
    const Folder folder;
    const std::string file = folder.write("a", "hello");
    set_times(file, 1700000000);
    const KnownFile known{file, *identity_of(file)};
    const KnownFiles settled{{known}, far_future};
    CHECK(settled.all_hold());
    // written in the tick of the change, or before: another change may have followed in the same tick
    CHECK_FALSE(KnownFiles{{known}, known.identity.changed}.all_hold());
    CHECK_FALSE(KnownFiles{{known}, known.identity.changed - 1}.all_hold());
    CHECK(KnownFiles{{known}, known.identity.changed + 1}.all_hold());

    SECTION("other contents") { folder.write("a", "jello!"); }
    SECTION("another time") { set_times(file, 1600000000); }
    SECTION("another file under its name") {
        folder.write("b", "hello");
        set_times(folder.path + "/b", 1700000000);
        REQUIRE(::rename((folder.path + "/b").c_str(), file.c_str()) == 0);
    }
    SECTION("no file") { REQUIRE(::unlink(file.c_str()) == 0); }
    CHECK_FALSE(settled.all_hold());
}

TEST_CASE("where a file system counts in seconds, a change within two of them counts as unseen") {
    constexpr std::int64_t second = 1'000'000'000, now = 1700000000 * second;
    const Identity fine{.size = 5, .modified = now - 7, .changed = now};
    CHECK(fine.is_settled(now + 1));
    CHECK_FALSE(fine.is_settled(now));
    const Identity coarse{.size = 5, .modified = now - second, .changed = now};
    CHECK_FALSE(coarse.is_settled(now + 1));
    CHECK_FALSE(coarse.is_settled(now + 2 * second));
    CHECK(coarse.is_settled(now + 2 * second + 1));
    // a result in a list, whose ctime is left out
    const Identity listed{.size = 5, .modified = now};
    CHECK_FALSE(listed.is_settled(now + 2 * second));
    CHECK(listed.is_settled(now + 2 * second + 1));
}

TEST_CASE("a sealed folder is held to its list, and the index spares what it knows") {
    const Folder folder;
    const std::string file = folder.write("a", "hello");
    std::filesystem::create_directory(folder.path + "/sub");
    folder.write("sub/b", "");
    const SealedFolder sealed(folder.path);
    sealed.seal();
    const auto sha256 = read_sums(folder.path + "/SHA256SUMS", sha256_digits);
    CHECK(sha256.size() == 3);
    // from sha256sum and sha1sum
    CHECK(sha256.at("a") == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    CHECK(read_sums(folder.path + "/SHA1SUMS", sha1_digits).at("sub/b") ==
          "da39a3ee5e6b4b0d3255bfef95601890afd80709");

    const auto index = sealed.check({});
    CHECK(index.size() == 4);
    CHECK(sealed.check({index, far_future}).empty());

    SECTION("a file that changed is read, and refused") {
        folder.write("a", "jello!");
        CHECK_THROWS_WITH(sealed.check({index, far_future}),
                          file + ": has SHA-256 " + // as sha256sum says
                              "019ff26f5d53801ceb675b683eaa1898f86fa6df007b817d7ce7c0bffd98d41a, the list says " +
                              sha256.at("a"));
    }
    SECTION("a file that was only touched is read, and the index is made anew") {
        set_times(file, 1600000000);
        CHECK(sealed.check({index, far_future}).size() == 4);
    }
    SECTION("a file that is gone is refused, known or not") {
        REQUIRE(::unlink(file.c_str()) == 0);
        CHECK_THROWS_WITH(sealed.check({index, far_future}), file + ": is no file that can be read");
    }
    SECTION("a list that leads elsewhere is refused") {
        folder.write("SHA256SUMS", sums_text({{"../a", std::string(64, '0')}}));
        CHECK_THROWS_WITH(sealed.check({}), folder.path + "/SHA256SUMS: path '../a' has a part '..'");
    }
    SECTION("a list that is cut is refused") {
        folder.write("SHA256SUMS", "2cf24dba");
        CHECK_THROWS_WITH(sealed.check({}), folder.path + "/SHA256SUMS:1: is no line of a list of checksums");
    }
}
