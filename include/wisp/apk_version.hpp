// Which of two builds of an Alpine package is the newer one [apk-tools src/version.c; the grammar is in
// doc/apk-package.5.scd]: digits, ".digits" any number of times, a letter, "_suffix" with a number,
// "~commit",
// "-rREVISION".
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <string_view>

namespace wisp::apk {

/// Takes a version apart. What is not of the grammar ends it as an invalid token.
class VersionReader {
public:
    /// In the order in which the end of one version meets what the other still has: the earlier kind is
    /// newer.
    enum class Kind { start, first, digits, letter, suffix, suffix_number, commit, revision, end, invalid };

    struct Token {
        Kind kind = Kind::start;
        std::string_view text{};
    };

    explicit VersionReader(std::string_view version) : rest_(version) {}

    Token next() {
        last_ = rest_.empty() ? Token{Kind::end} : read();
        if (last_.text.empty() && last_.kind != Kind::end) last_ = {Kind::invalid};
        return last_;
    }

private:
    static bool is_digit(char c) { return c >= '0' && c <= '9'; }
    static bool is_small(char c) { return c >= 'a' && c <= 'z'; }
    static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

    bool after(Kind kind) const { return last_.kind == kind; }

    Token read() {
        const char c = rest_[0];
        if (after(Kind::start)) return {Kind::first, take(is_digit)};
        const bool in_digits = after(Kind::first) || after(Kind::digits);
        if (in_digits && is_small(c)) return {Kind::letter, take(1)};
        if (after(Kind::suffix) && is_digit(c)) return {Kind::suffix_number, take(is_digit)};
        if (in_digits && c == '.') return {Kind::digits, take_after(1, is_digit)};
        if (last_.kind <= Kind::suffix_number && c == '_') return {Kind::suffix, take_after(1, is_small)};
        if (last_.kind < Kind::commit && c == '~') return {Kind::commit, take_after(1, is_hex)};
        if (last_.kind < Kind::revision && rest_.starts_with("-r"))
            return {Kind::revision, take_after(2, is_digit)};
        return {Kind::invalid};
    }

    std::string_view take(std::size_t count) {
        const auto taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }

    std::string_view take(bool (*is)(char)) {
        const auto end = std::find_if_not(rest_.begin(), rest_.end(), is);
        return take(static_cast<std::size_t>(end - rest_.begin()));
    }

    std::string_view take_after(std::size_t mark, bool (*is)(char)) {
        rest_.remove_prefix(mark);
        return take(is);
    }

    std::string_view rest_;
    Token last_{};
};

/// Place of a suffix among the others; a release without one is at 0, what comes before it is negative. An
/// unknown suffix counts as the release.
inline int suffix_rank(std::string_view suffix) {
    constexpr std::array<std::string_view, 10> order{"alpha", "beta", "pre", "rc", "",
                                                     "cvs",   "svn",  "git", "hg", "p"};
    const auto found = std::find(order.begin(), order.end(), suffix);
    return found == order.end() ? 0 : static_cast<int>(found - order.begin()) - 4;
}

/// Numbers of any length, by value.
inline std::weak_ordering compare_numbers(std::string_view a, std::string_view b) {
    for (std::string_view* const number : {&a, &b})
        number->remove_prefix(std::min(number->find_first_not_of('0'), number->size()));
    if (a.size() != b.size()) return a.size() <=> b.size();
    return a <=> b;
}

/// Two tokens of one kind. Digits after a point that start with 0 are compared as text: 1.01 comes
/// before 1.1.
inline std::weak_ordering compare_tokens(const VersionReader::Token& a, const VersionReader::Token& b) {
    using Kind = VersionReader::Kind;
    if (a.kind == Kind::suffix) return suffix_rank(a.text) <=> suffix_rank(b.text);
    if (a.kind == Kind::letter || a.kind == Kind::commit) return a.text <=> b.text;
    const bool as_text = a.kind == Kind::digits && (a.text.starts_with('0') || b.text.starts_with('0'));
    return as_text ? a.text <=> b.text : compare_numbers(a.text, b.text);
}

/// less: `a` is the older version, greater: the newer one.
inline std::weak_ordering compare_versions(std::string_view a, std::string_view b) {
    using Kind = VersionReader::Kind;
    VersionReader left(a), right(b);
    auto one = left.next(), other = right.next();
    while (one.kind == other.kind && one.kind < Kind::end) {
        if (const auto order = compare_tokens(one, other); order != 0) return order;
        one = left.next();
        other = right.next();
    }
    const auto is_early = [](const VersionReader::Token& token) {
        return token.kind == Kind::suffix && suffix_rank(token.text) < 0;
    };
    if (one.kind == other.kind) return std::weak_ordering::equivalent;
    if (is_early(one)) return std::weak_ordering::less;
    if (is_early(other)) return std::weak_ordering::greater;
    return other.kind <=> one.kind;
}

} // namespace wisp::apk
