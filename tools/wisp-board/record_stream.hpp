// Standard input, which has lines that a shell has written: records or pins, and news of files in the making.
#pragma once

#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>

#include "wisp/error.hpp"
#include "wisp/input.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// Hands out standard input piece by piece, and never waits for more than what was asked for.
class RecordStream {
public:
    static constexpr std::size_t limit = 16 * 1024 * 1024; // a hundred thousand files' records

    const std::string& name() const { return in_.name(); }

    /// All that is left. More than `limit` bytes are refused, here and below.
    std::string all() { return take(read_.size()) + std::string(as_text(in_.read_all(limit))); }

    /// Up to the line "end", or all that is left where there is none.
    std::string records() {
        std::size_t line = 0;
        for (;;) {
            const auto newline = read_.find('\n', line);
            if (newline == std::string::npos) {
                if (!read_more()) return take(read_.size());
                continue;
            }
            const bool is_last = std::string_view(read_).substr(line, newline - line) == "end";
            line = newline + 1;
            if (is_last) return take(line);
        }
    }

    /// The next line, which says that `local_file` is made: its SHA-256 at the beginning, as sha256sum(1) writes it, or nothing
    /// for "-", which leaves that to be found out. Refused where there is neither.
    std::optional<std::string> next_sum(const std::string& local_file) {
        while (read_.find('\n') == std::string::npos && read_more()) {
        }
        const auto end = read_.find('\n');
        const std::string line = end == std::string::npos ? "" : take(end + 1);
        const std::string sum = line.substr(0, line.find_first_of(" \n"));
        if (sum == "-") return std::nullopt;
        if (!is_sha256(sum)) refuse(name(), "has no SHA-256 of " + printable(local_file));
        return sum;
    }

    /// Refuses anything that is left.
    void expect_end() {
        if (!read_.empty() || read_more()) refuse(name(), "goes on behind the last line that was waited for");
    }

private:
    /// False at the end.
    bool read_more() {
        const Bytes more = in_.borrow_some(block_);
        if (more.size() > limit - read_.size()) refuse(name(), "is longer than " + std::to_string(limit) + " bytes");
        read_ += as_text(more);
        return !more.empty();
    }

    std::string take(std::size_t count) {
        std::string taken = read_.substr(0, count);
        read_.erase(0, count);
        return taken;
    }

    FdInput in_{STDIN_FILENO, "standard input"};
    Block block_;
    std::string read_; // and not yet taken
};

} // namespace wisp
