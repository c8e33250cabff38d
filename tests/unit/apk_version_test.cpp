#include "wisp/apk_version.hpp"

#include <catch2/catch.hpp>
#include <string>

using wisp::apk::compare_versions;

namespace {

struct Pair {
    std::string older, newer;
};

} // namespace

TEST_CASE("the newer of two versions is the newer one, both ways round") {
    const Pair pair = GENERATE(
        Pair{"1", "2"}, Pair{"9", "10"}, Pair{"1.2", "1.10"}, Pair{"1.2", "1.2.0"}, Pair{"1.01", "1.1"},
        Pair{"1.001", "1.01"}, Pair{"1.09", "1.1"}, Pair{"1.2", "1.2a"}, Pair{"1.2a", "1.2b"},
        Pair{"1.2a", "1.2.1"}, Pair{"1.2-r0", "1.2-r1"}, Pair{"1.2-r9", "1.2-r10"}, Pair{"1.2", "1.2-r0"},
        Pair{"1.2-r5", "1.2.0-r0"}, Pair{"6.18.48-r0", "6.18.49-r0"}, Pair{"6.18.9-r0", "6.18.48-r0"},
        Pair{"6.6.31-r0", "6.18.48-r0"}, Pair{"1_alpha", "1_beta"}, Pair{"1_beta", "1_pre"},
        Pair{"1_pre", "1_rc"}, Pair{"1_rc", "1"}, Pair{"1_rc-r3", "1-r0"}, Pair{"1", "1_cvs"},
        Pair{"1_cvs", "1_svn"}, Pair{"1_svn", "1_git"}, Pair{"1_git", "1_hg"}, Pair{"1_hg", "1_p"},
        Pair{"1_p", "1_p1"}, Pair{"1_p2", "1_p10"}, Pair{"1_rc1", "1_rc2"},
        Pair{"1_git20220101", "1_git20230101"}, Pair{"1_p1_alpha", "1_p1"}, Pair{"1~00ff", "1~0100"},
        Pair{"18446744073709551616", "18446744073709551617"});
    CAPTURE(pair.older, pair.newer);
    CHECK(std::is_lt(compare_versions(pair.older, pair.newer)));
    CHECK(std::is_gt(compare_versions(pair.newer, pair.older)));
    CHECK(std::is_eq(compare_versions(pair.older, pair.older)));
}

TEST_CASE("what means the same is neither older nor newer") {
    CHECK(std::is_eq(compare_versions("007", "7")));
    CHECK(std::is_eq(compare_versions("1-r00", "1-r0")));
    CHECK(std::is_eq(compare_versions("", "")));
}

TEST_CASE("a version that is none is older than the one it starts like, and nothing goes wrong") {
    for (const std::string bad :
         {"1.", "1..2", "1_", "1_wrong", "1-", "1-r", "1-rx", "1~", "1~x", "1 ", "1.2A", "1-r1-r2"}) {
        CAPTURE(bad);
        CHECK(std::is_eq(compare_versions(bad, bad)));
        CHECK(std::is_lt(compare_versions(bad, "2")));
        CHECK(std::is_gt(compare_versions("2", bad)));
    }
    CHECK(std::is_lt(compare_versions("x", "1")));
}
