// Text without a library: a window on bytes, a line being written, the lines of a file. No system call.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace init {

/// A window on bytes that live elsewhere; not NUL-terminated. Every literal is one.
class Text {
public:
    constexpr Text() = default;
    constexpr Text(const char* data, size_t size) : data_(data), size_(size) {}
    /// Implicit, so that literals are texts.
    [[gnu::always_inline]] constexpr Text(const char* string)
        : data_(string), size_(__builtin_strlen(string)) {}

    constexpr const char* data() const { return data_; }
    constexpr size_t size() const { return size_; }
    constexpr bool empty() const { return size_ == 0; }
    constexpr const char* begin() const { return data_; }
    constexpr const char* end() const { return data_ + size_; }
    constexpr char operator[](size_t i) const { return data_[i]; }

    constexpr Text first(size_t n) const { return {data_, n < size_ ? n : size_}; }
    constexpr Text from(size_t n) const { return n < size_ ? Text(data_ + n, size_ - n) : Text(end(), 0); }

    /// Where `c` first stands, or size() when it does not.
    constexpr size_t find(char c) const {
        size_t i = 0;
        while (i < size_ && data_[i] != c) ++i;
        return i;
    }

    friend constexpr bool operator==(Text a, Text b) {
        if (a.size_ != b.size_) return false;
        for (size_t i = 0; i < a.size_; ++i)
            if (a.data_[i] != b.data_[i]) return false;
        return true;
    }

private:
    const char* data_ = "";
    size_t size_ = 0;
};

/// Cuts `text` at the first `separator`: returns what stands before it and leaves in `text` what follows.
constexpr Text cut_at(Text& text, char separator) {
    const Text head = text.first(text.find(separator));
    text = text.from(head.size() + 1);
    return head;
}

/// How many words `list` has; single blanks separate them.
constexpr uint32_t word_count(Text list) {
    uint32_t count = 0;
    for (; !list.empty(); ++count) cut_at(list, ' ');
    return count;
}

/// The word of that number, from 0; empty when there are fewer. Lists of words are kept so because a table of
/// pointers would be larger than all the words.
constexpr Text word_at(Text list, uint32_t number) {
    while (number-- > 0) cut_at(list, ' ');
    return cut_at(list, ' ');
}

/// The number of a word, or word_count() when it is none of them.
constexpr uint32_t word_number(Text list, Text word) {
    uint32_t number = 0;
    while (!list.empty() && !(cut_at(list, ' ') == word)) ++number;
    return number;
}

/// Reads 0..`max` in decimal: digits only, no sign, no leading zero (which other readers take for octal).
constexpr bool parse_number(Text digits, uint64_t max, uint64_t& value) {
    constexpr size_t surely_fits = 19; // 10^19 < 2^64
    if (digits.empty() || digits.size() > surely_fits || (digits.size() > 1 && digits[0] == '0'))
        return false;
    uint64_t sum = 0;
    for (char c : digits) {
        if (c < '0' || c > '9') return false;
        sum = sum * 10 + static_cast<uint64_t>(c - '0');
    }
    value = sum;
    return sum <= max;
}

constexpr bool parse_number(Text digits, uint32_t max, uint32_t& value) {
    uint64_t wide = 0;
    const bool read = parse_number(digits, uint64_t{max}, wide);
    value = static_cast<uint32_t>(wide);
    return read;
}

/// A short string under construction, always NUL-terminated. What does not fit is dropped: the longest line
/// of a configuration file (Lines::longest) and the words around it do fit.
class Line {
public:
    Line& operator<<(Text text) {
        for (char c : text) add(c);
        return *this;
    }

    /// As above; said by itself because most of what is written are literals, and this makes them small.
    Line& operator<<(const char* string) {
        while (*string != '\0') add(*string++);
        return *this;
    }

    Line& operator<<(uint64_t number) {
        char digits[20];
        size_t first = sizeof digits;
        do digits[--first] = static_cast<char>('0' + number % 10);
        while ((number /= 10) != 0);
        return *this << Text(digits + first, sizeof digits - first);
    }

    /// Makes what may have come from a file fit for a terminal: one line, no control sequences.
    void make_printable() {
        for (size_t i = 0; i < size_; ++i)
            if (bytes_[i] < ' ' || bytes_[i] > '~') bytes_[i] = '?';
    }

    const char* c_str() const { return bytes_; }
    Text text() const { return {bytes_, size_}; }

private:
    void add(char c) {
        if (size_ + 1 < sizeof bytes_) bytes_[size_++] = c;
    }

    char bytes_[512] = {};
    size_t size_ = 0;
};

/// Walks over the lines of a small text file. A line must not be empty, must not be longer than `longest`,
/// and must end in a newline: a file that lost its tail would otherwise lend "/24" the meaning of "/2".
class Lines {
public:
    static constexpr size_t longest = 255;

    explicit Lines(Text file) : rest_(file) {}

    /// Steps to the next line; false after the last one.
    bool next() {
        if (rest_.empty()) return false;
        ++number_;
        const size_t before = rest_.size();
        line_ = cut_at(rest_, '\n');
        problem_ = line_.size() == before   ? "the file is cut: no newline at the end of its last line"
                   : line_.empty()          ? "an empty line"
                   : line_.size() > longest ? "longer than 255 bytes"
                                            : nullptr;
        return true;
    }

    Text line() const { return line_; }
    uint32_t number() const { return number_; }      ///< of the current line, from 1
    const char* problem() const { return problem_; } ///< nullptr when the line is well formed

private:
    Text rest_;
    Text line_;
    uint32_t number_ = 0;
    const char* problem_ = nullptr;
};

/// Why a line of a file is refused. `problem` is nullptr when nothing is.
struct Refusal {
    uint32_t line = 0; ///< 0: the file as a whole
    Text what;         ///< the words objected to; empty when they would not help
    const char* problem = nullptr;

    explicit operator bool() const { return problem != nullptr; }
};

/// Appends "FILE:LINE: WHAT: PROBLEM", without the parts that are absent.
inline Line& describe(Line& out, Text file, const Refusal& refusal) {
    out << file;
    if (refusal.line != 0) out << ":" << refusal.line;
    if (!refusal.what.empty()) out << ": " << refusal.what;
    return out << ": " << refusal.problem;
}

} // namespace init
