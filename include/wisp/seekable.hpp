// Bytes that can be read at any place, in any order.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/sink.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// A file, a disk, memory: bytes of known number.
class Seekable {
public:
    Seekable() = default;
    Seekable(const Seekable&) = delete;
    Seekable& operator=(const Seekable&) = delete;
    virtual ~Seekable() = default;

    virtual std::uint64_t size() const = 0;
    /// The subject of errors about these bytes.
    virtual const std::string& name() const = 0;

    /// Fills `into` from `offset` on; refuses, naming `what`, where that is not all inside.
    void read(std::uint64_t offset, std::span<std::uint8_t> into, std::string_view what) const {
        if (offset > size() || into.size() > size() - offset)
            refuse(name(), std::string(what) + " at offset " + std::to_string(offset) + " needs " +
                               std::to_string(into.size()) + " bytes, the file ends at " +
                               std::to_string(size()));
        fill(offset, into);
    }

    /// The struct at `offset`.
    template <class T>
    T read(std::uint64_t offset, std::string_view what) const {
        static_assert(std::is_trivially_copyable_v<T> && alignof(T) == 1,
                      "T must be a struct as it lies on disk");
        T value;
        read(offset, {reinterpret_cast<std::uint8_t*>(&value), sizeof(T)}, what);
        return value;
    }

    /// Moves `count` bytes from `offset` on to `out`.
    void copy(std::uint64_t offset, std::uint64_t count, Sink& out, std::string_view what) const {
        const Block block(std::min<std::uint64_t>(count, block_size));
        for (std::uint64_t done = 0; done < count;) {
            const auto part = block.first(std::min<std::uint64_t>(count - done, block.size()));
            read(offset + done, part, what);
            out.write(Bytes(part));
            done += part.size();
        }
    }

protected:
    /// Fills `into`; all of it is inside.
    virtual void fill(std::uint64_t offset, std::span<std::uint8_t> into) const = 0;
};

/// A regular file or a block device, through a descriptor: its own, or one that stays the caller's.
class FdSeekable : public Seekable {
public:
    /// Throws Error (system) for what cannot seek: a pipe, a terminal.
    FdSeekable(int fd, std::string_view name) : fd_(fd), name_(name), size_(measure()) {}
    FdSeekable(Fd fd, std::string_view name)
        : owned_(std::move(fd)), fd_(owned_.get()), name_(name), size_(measure()) {}

    std::uint64_t size() const override { return size_; }
    const std::string& name() const override { return name_; }

private:
    std::uint64_t measure() const {
        const off_t end = ::lseek(fd_, 0, SEEK_END);
        if (end < 0 && errno == ESPIPE)
            throw Error(name_, "is a pipe or a terminal, and must be a file", Fault::system);
        if (end < 0) fail_errno(name_, "seek");
        return static_cast<std::uint64_t>(end);
    }

    void fill(std::uint64_t offset, std::span<std::uint8_t> into) const override {
        while (!into.empty()) {
            const ssize_t count = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) fail_errno(name_, "read");
            if (count == 0) throw Error(name_, "became shorter while it was read", Fault::system);
            into = into.subspan(static_cast<std::size_t>(count));
            offset += static_cast<std::uint64_t>(count);
        }
    }

    Fd owned_;
    int fd_;
    std::string name_;
    std::uint64_t size_;
};

/// The first bytes of a longer whole, which must outlive it.
class LeadingBytes : public Seekable {
public:
    /// `size` bytes, or all where there are no more.
    LeadingBytes(const Seekable& whole, std::uint64_t size)
        : whole_(whole), size_(std::min(size, whole.size())) {}

    std::uint64_t size() const override { return size_; }
    const std::string& name() const override { return whole_.name(); }

private:
    void fill(std::uint64_t offset, std::span<std::uint8_t> into) const override {
        whole_.read(offset, into, "a block");
    }

    const Seekable& whole_;
    std::uint64_t size_;
};

/// Bytes in memory, which belong to the caller and must outlive it.
class MemorySeekable : public Seekable {
public:
    MemorySeekable(Bytes bytes, std::string_view name) : bytes_(bytes), name_(name) {}

    std::uint64_t size() const override { return bytes_.size(); }
    const std::string& name() const override { return name_; }

private:
    void fill(std::uint64_t offset, std::span<std::uint8_t> into) const override {
        std::copy_n(bytes_.subspan(offset).begin(), into.size(), into.begin());
    }

    Bytes bytes_;
    std::string name_;
};

} // namespace wisp
