// Where bytes go. An output can only be appended to, zeros are a verb of their own, and ending is a call.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "wisp/checked.hpp"
#include "wisp/error.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// How much is moved at a time wherever contents are streamed: what fits into a core's own cache. Copying 64 KiB at a
/// time takes an eighth longer, 1 MiB is no faster.
inline constexpr std::size_t block_size = 256 * 1024;

/// Memory to stream contents through. It is not filled: what is not used costs nothing.
class Block {
public:
    explicit Block(std::size_t size = block_size)
        : bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(size)), size_(size) {}

    std::size_t size() const { return size_; }
    operator std::span<std::uint8_t>() const { return {bytes_.get(), size_}; }

    /// Its first `count` bytes.
    std::span<std::uint8_t> first(std::size_t count) const { return std::span<std::uint8_t>(*this).first(count); }

private:
    std::unique_ptr<std::uint8_t[]> bytes_;
    std::size_t size_;
};

/// A block that is filled from its beginning.
class Filled {
public:
    explicit Filled(std::size_t size = block_size) : block_(size) {}

    /// What is in it.
    Bytes bytes() const { return block_.first(size_); }
    /// Where more goes.
    std::span<std::uint8_t> room() const { return std::span<std::uint8_t>(block_).subspan(size_); }
    bool is_full() const { return size_ == block_.size(); }

    /// Takes as much of `bytes` as there is room for, and says how much: without copying it where it stands in its place.
    std::size_t take(Bytes bytes) {
        const auto space = room().first(std::min(bytes.size(), room().size()));
        if (bytes.data() != space.data()) std::copy_n(bytes.begin(), space.size(), space.begin());
        size_ += space.size();
        return space.size();
    }

    void clear() { size_ = 0; }

private:
    Block block_;
    std::size_t size_ = 0;
};

/// An append-only output. Implementations provide append(), may provide append_zeros() and end().
class Sink {
public:
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;

    void write(Bytes bytes) {
        append(bytes);
        position_ += bytes.size();
    }
    void write(std::string_view text) { write(as_bytes(text)); }

    /// Memory of this sink's own for what is written next: it spares write() a copy of bytes that stand at its beginning.
    /// Empty where there is none. Valid until something is written.
    virtual std::span<std::uint8_t> room() { return {}; }

    /// Writes a struct as it lies on disk.
    template <class T>
        requires(std::is_trivially_copyable_v<T> && alignof(T) == 1 && std::is_class_v<T> &&
                 !std::is_convertible_v<T, Bytes> && !std::is_convertible_v<T, std::string_view>)
    void write(const T& value) {
        write(Bytes{reinterpret_cast<const std::uint8_t*>(&value), sizeof(T)});
    }

    void zeros(std::uint64_t count) {
        append_zeros(count);
        position_ += count;
    }

    /// Zeros up to the next multiple of `alignment`, counted from this sink's first byte.
    void pad_to(std::uint64_t alignment) { zeros(padding(position_, alignment)); }

    /// Takes up to `count` bytes from where the descriptor `fd` stands, and moves it behind them, without their passing
    /// through this process. Returns how many, 0 where it cannot or would not: then they have to be read and written.
    [[nodiscard]] std::uint64_t take_from(int fd, std::uint64_t count) {
        const std::uint64_t taken = append_from(fd, count);
        position_ += taken;
        return taken;
    }

    /// Everything has been written: makes it last, or throws. A sink that is destroyed without it has written
    /// something incomplete, and must leave it looking so.
    void finish() { end(); }

    /// Bytes written so far.
    std::uint64_t position() const { return position_; }

protected:
    virtual void append(Bytes bytes) = 0;
    virtual void append_zeros(std::uint64_t count) {
        static constexpr std::array<std::uint8_t, 4096> block{};
        for (; count > 0; count -= std::min<std::uint64_t>(count, block.size()))
            append(Bytes(block).first(std::min<std::uint64_t>(count, block.size())));
    }
    virtual std::uint64_t append_from(int, std::uint64_t) { return 0; }
    virtual void end() {}

private:
    std::uint64_t position_ = 0;
};

/// Calls `write`, which is to write `size` bytes to `out`. Their number has been written down already, so another one is
/// an Error (system) under `subject`.
template <class Write>
void write_announced(Sink& out, std::uint64_t size, std::string_view subject, const Write& write) {
    const std::uint64_t start = out.position();
    write();
    if (const std::uint64_t written = out.position() - start; written != size)
        throw Error(subject, "has " + std::to_string(written) + " bytes, not the " + std::to_string(size) +
                                 " it announced", Fault::system);
}

/// Collects what is written.
class MemorySink : public Sink {
public:
    std::vector<std::uint8_t> bytes;

private:
    void append(Bytes more) override { bytes.insert(bytes.end(), more.begin(), more.end()); }
};

/// Forgets what is written; position() still counts it.
class NullSink : public Sink {
private:
    void append(Bytes) override {}
    void append_zeros(std::uint64_t) override {}
};

/// Writes everything to two sinks, in the room of the second. Nothing is left to the kernel to copy: only one of them would
/// have it.
class TeeSink : public Sink {
public:
    TeeSink(Sink& first, Sink& second) : first_(first), second_(second) {}

    std::span<std::uint8_t> room() override { return second_.room(); }

private:
    void append(Bytes bytes) override {
        first_.write(bytes);
        second_.write(bytes);
    }
    void append_zeros(std::uint64_t count) override {
        first_.zeros(count);
        second_.zeros(count);
    }
    void end() override {
        first_.finish();
        second_.finish();
    }

    Sink& first_;
    Sink& second_;
};

/// Writes to a descriptor that stays the caller's, block by block: each ends at a multiple of block_size, because what lies
/// in a page cache unaligned is in more and smaller pieces, a fifth slower to write and half as slow again to remove. At the
/// end of a regular file that is not opened for appending, long runs of zeros become holes, also blocks of zeros in what is
/// written, and the kernel copies what take_from() gets; on anything else nothing ever seeks.
class FdSink : public Sink {
public:
    /// `name` is the subject of every error, "standard output" for descriptor 1.
    FdSink(int fd, std::string_view name)
        : fd_(fd), name_(name), holes_(can_have_holes(fd)), kernel_copies_(holes_) {}

    std::span<std::uint8_t> room() override { return buffer_.room().first(left_in_block()); }

private:
    /// A shorter run of zeros is written: it costs less than the two calls around a hole.
    static constexpr std::uint64_t least_hole = 64 * 1024;

    /// Over what a file already holds zeros must be written: a hole there would show the old bytes.
    static bool can_have_holes(int fd) {
        struct stat status {};
        const int flags = ::fcntl(fd, F_GETFL);
        return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && flags >= 0 && (flags & O_APPEND) == 0 &&
               ::lseek(fd, 0, SEEK_CUR) >= status.st_size;
    }

    /// Up to where the next write has to end; never 0.
    std::size_t left_in_block() const { return block_size - end_ % block_size; }

    void append(Bytes bytes) override {
        while (!bytes.empty()) {
            const Bytes part = bytes.first(std::min(bytes.size(), left_in_block()));
            const bool ends_block = part.size() == left_in_block();
            if (ends_block && buffer_.bytes().empty()) {
                write_block(part);
            } else {
                buffer_.take(part);
                if (ends_block) flush();
            }
            end_ += part.size();
            bytes = bytes.subspan(part.size());
        }
    }

    void append_zeros(std::uint64_t count) override {
        if (!holes_ || count < least_hole) {
            Sink::append_zeros(count);
            return;
        }
        flush();
        leave_hole(count);
        end_ += count;
    }

    void leave_hole(std::uint64_t count) {
        if (::lseek(fd_, static_cast<off_t>(count), SEEK_CUR) < 0) fail_errno(name_, "seek");
        ends_in_hole_ = true;
    }

    /// Holes stay holes, unread, and other blocks are the kernel's to copy (or to share) up to one that may be of zeros:
    /// that is the caller's to read, and append()'s to look at.
    std::uint64_t append_from(int fd, std::uint64_t count) override {
        if (!kernel_copies_ || count < block_size) return 0;
        const off_t start = ::lseek(fd, 0, SEEK_CUR);
        if (start < 0) return 0;
        std::uint64_t taken = 0;
        while (kernel_copies_ && count - taken >= block_size) {
            const off_t here = start + static_cast<off_t>(taken);
            if (const std::uint64_t hole = pass_hole(fd, here, count - taken); hole > 0) {
                append_zeros(hole);
                taken += hole;
                continue;
            }
            if (may_begin_with_zeros(fd, here)) break;
            flush();
            const std::uint64_t copied = copy_block(fd);
            if (copied == 0) break;
            end_ += copied;
            taken += copied;
        }
        return taken;
    }

    /// How many bytes of a hole, at most `most`, lie at `here`, where `fd` stands; it is moved behind them. 0 where there is
    /// no hole worth it, or the file system knows none.
    static std::uint64_t pass_hole(int fd, off_t here, std::uint64_t most) {
#ifdef SEEK_DATA
        const off_t data = ::lseek(fd, here, SEEK_DATA);
        if (data == here) return 0;
        // No data behind `here` is a hole up to the end of the file, which may be before `most`.
        const off_t end = data < 0 && errno == ENXIO ? ::lseek(fd, 0, SEEK_END) : data;
        const std::uint64_t length = end <= here ? 0 : std::min(static_cast<std::uint64_t>(end - here), most);
        const std::uint64_t hole = length < least_hole ? 0 : length;
        return ::lseek(fd, here + static_cast<off_t>(hole), SEEK_SET) < 0 ? 0 : hole;
#else
        static_cast<void>(fd), static_cast<void>(here), static_cast<void>(most);
        return 0;
#endif
    }

    /// Also where that cannot be known.
    static bool may_begin_with_zeros(int fd, off_t here) {
        std::array<std::uint8_t, 64> head{};
        return ::pread(fd, head.data(), head.size(), here) < 0 || are_zero(head);
    }

    /// Has the kernel copy a block, or what there is of it. 0 at the end of the file, and where the kernel will not, which
    /// is then so for good: files of two file systems, a file system or a kernel without the call. What is really wrong
    /// with either file the caller will meet again.
    std::uint64_t copy_block(int fd) {
#ifdef __linux__
        const ssize_t copied = ::copy_file_range(fd, nullptr, fd_, nullptr, left_in_block(), 0);
        if (copied > 0) ends_in_hole_ = false;
        if (copied >= 0) return static_cast<std::uint64_t>(copied);
#endif
        kernel_copies_ = false;
        static_cast<void>(fd);
        return 0;
    }

    void end() override {
        flush();
        if (!ends_in_hole_) return;
        const off_t size = ::lseek(fd_, 0, SEEK_CUR);
        if (size < 0 || ::ftruncate(fd_, size) != 0) fail_errno(name_, "truncate");
    }

    void flush() {
        write_block(buffer_.bytes());
        buffer_.clear();
    }

    /// A block, or a part of one.
    void write_block(Bytes bytes) {
        if (holes_ && bytes.size() == block_size && are_zero(bytes)) return leave_hole(bytes.size());
        if (!bytes.empty()) ends_in_hole_ = false;
        while (!bytes.empty()) {
            const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) fail_errno(name_, "write");
            bytes = bytes.subspan(static_cast<std::size_t>(count));
        }
    }

    int fd_;
    std::string name_;
    bool holes_;
    bool kernel_copies_; // as long as it has not declined
    bool ends_in_hole_ = false;
    Filled buffer_;
    std::uint64_t end_ = 0; // of all that was taken
};

} // namespace wisp
