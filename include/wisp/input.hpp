// Where bytes come from, in sequence.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/sink.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// Sequential bytes of unknown length: a pipe, a file, what a decompressor yields.
class Input {
public:
    Input() = default;
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;
    virtual ~Input() = default;

    /// Reads at least one byte into `into` (not empty) and says how many; 0 only at the end.
    [[nodiscard]] virtual std::size_t read_some(std::span<std::uint8_t> into) = 0;

    /// As read_some(), but the bytes stay where the input has them, or come into `block` (not empty). They are valid
    /// until the next call.
    virtual Bytes borrow_some(std::span<std::uint8_t> block) { return block.first(read_some(block)); }

    /// Goes past up to `count` bytes that nobody wants, without reading them, where it can. Says how many: 0 where it
    /// cannot, and at the end.
    virtual std::uint64_t skip(std::uint64_t) { return 0; }

    /// The subject of errors about these bytes.
    virtual const std::string& name() const = 0;

    /// Reads until `into` is full or the input ends; says how many bytes were read.
    [[nodiscard]] std::size_t read_up_to(std::span<std::uint8_t> into) {
        std::size_t have = 0;
        while (have < into.size()) {
            const std::size_t count = read_some(into.subspan(have));
            if (count == 0) break;
            have += count;
        }
        return have;
    }

    /// Fills `into` or throws Error (input) that says what was cut and where.
    void read_exactly(std::span<std::uint8_t> into, std::string_view what) {
        const std::size_t have = read_up_to(into);
        if (have < into.size()) cut(what, have, into.size());
    }

    /// Moves exactly `count` bytes to `out`, or throws as read_exactly() does.
    void copy_exactly(Sink& out, std::uint64_t count, std::string_view what) {
        std::optional<Block> block;
        for (std::uint64_t left = count - pass_on(out, count); left > 0; left -= pass_on(out, left)) {
            const std::size_t have = move_some(out, left, block);
            if (have == 0) cut(what, count - left, count);
            left -= have;
        }
    }

    /// Moves all that is left to `out`.
    void copy_all(Sink& out) {
        std::optional<Block> block;
        while (move_some(out, block_size, block) > 0) {
        }
    }

    /// All that is left, at most `limit` bytes; a longer input is refused.
    std::vector<std::uint8_t> read_all(std::uint64_t limit) {
        std::vector<std::uint8_t> all;
        const Block block;
        while (const std::size_t have = read_some(block)) {
            if (have > limit - all.size())
                refuse(name(), "is longer than " + std::to_string(limit) + " bytes");
            const auto part = block.first(have);
            all.insert(all.end(), part.begin(), part.end());
        }
        return all;
    }

protected:
    /// Moves up to `count` bytes to `out` without reading them, where both can; says how many.
    virtual std::uint64_t pass_on(Sink&, std::uint64_t) { return 0; }

private:
    /// Moves up to `most` bytes through the sink's own memory or, where it has none, through `block`; says how many.
    std::size_t move_some(Sink& out, std::uint64_t most, std::optional<Block>& block) {
        std::span<std::uint8_t> room = out.room();
        if (room.empty()) {
            if (!block) block.emplace(std::min<std::uint64_t>(most, block_size));
            room = *block;
        }
        const auto part = room.first(std::min({most, std::uint64_t{room.size()}, std::uint64_t{block_size}}));
        const std::size_t have = read_some(part);
        out.write(Bytes(part.first(have)));
        return have;
    }

    [[noreturn]] void cut(std::string_view what, std::uint64_t have, std::uint64_t wanted) const {
        refuse(name(), "is cut in " + std::string(what) + ": " + std::to_string(have) + " of " +
                           std::to_string(wanted) + " bytes");
    }
};

/// Reads a descriptor: its own, or one that stays the caller's.
class FdInput : public Input {
public:
    FdInput(int fd, std::string_view name) : fd_(fd), name_(name) {}
    FdInput(Fd fd, std::string_view name) : owned_(std::move(fd)), fd_(owned_.get()), name_(name) {}

    std::size_t read_some(std::span<std::uint8_t> into) override {
        for (;;) {
            const ssize_t count = ::read(fd_, into.data(), into.size());
            if (count >= 0) return static_cast<std::size_t>(count);
            if (errno != EINTR) fail_errno(name_, "read");
        }
    }
    std::uint64_t skip(std::uint64_t count) override {
        struct stat status {};
        const off_t here = ::lseek(fd_, 0, SEEK_CUR);
        if (here < 0 || ::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= here) return 0;
        const auto possible = std::min(count, static_cast<std::uint64_t>(status.st_size - here));
        return ::lseek(fd_, static_cast<off_t>(possible), SEEK_CUR) < 0 ? 0 : possible;
    }
    const std::string& name() const override { return name_; }

private:
    std::uint64_t pass_on(Sink& out, std::uint64_t count) override { return out.take_from(fd_, count); }

    Fd owned_;
    int fd_;
    std::string name_;
};

/// Reads bytes in memory, which belong to the caller and must outlive it.
class MemoryInput : public Input {
public:
    MemoryInput(Bytes bytes, std::string_view name) : bytes_(bytes), name_(name) {}

    std::size_t read_some(std::span<std::uint8_t> into) override {
        const std::size_t count = std::min(into.size(), bytes_.size());
        std::copy_n(bytes_.begin(), count, into.begin());
        bytes_ = bytes_.subspan(count);
        return count;
    }
    const std::string& name() const override { return name_; }

private:
    Bytes bytes_;
    std::string name_;
};

} // namespace wisp
