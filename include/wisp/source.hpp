// Where an entry's contents come from: bytes whose number is known before the first is read.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/fd.hpp"
#include "wisp/input.hpp"
#include "wisp/sink.hpp"

namespace wisp {

/// Contents of known size.
class Source {
public:
    Source() = default;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    virtual ~Source() = default;

    /// In bytes; constant for the life of the object.
    virtual std::uint64_t size() const = 0;
    /// Writes exactly size() bytes, or throws: see write_announced(). May be called again.
    virtual void copy_to(Sink& out) const = 0;
};

/// A regular file, opened only while it is copied, so a manifest of any length needs one descriptor.
class FileSource : public Source {
public:
    /// Throws Error (system) when the file cannot be read, Error (input) when it is not a regular file. It is asked and not
    /// opened: opening a FIFO would wait for its writer, and a tree of files would be opened twice.
    explicit FileSource(std::string path) : path_(std::move(path)) {
        struct stat status {};
        if (::stat(path_.c_str(), &status) != 0) fail_errno(path_, "open");
        if (!S_ISREG(status.st_mode)) refuse(path_, "is not a regular file");
        if (::faccessat(AT_FDCWD, path_.c_str(), R_OK, AT_EACCESS) != 0) fail_errno(path_, "open");
        size_ = static_cast<std::uint64_t>(status.st_size);
    }

    std::uint64_t size() const override { return size_; }

    /// A file that is now shorter or longer than it was is refused: its size has already been written down.
    void copy_to(Sink& out) const override {
        Fd fd = open_read(path_);
        if (const std::uint64_t now = size_of(fd); now != size_) changed(now);
        FdInput in(std::move(fd), path_);
        in.copy_exactly(out, size_, "its contents");
        if (std::uint8_t more = 0; in.read_some({&more, 1}) != 0) changed(size_ + 1);
    }

private:
    std::uint64_t size_of(const Fd& fd) const {
        struct stat status {};
        if (::fstat(fd.get(), &status) != 0) fail_errno(path_, "stat");
        return static_cast<std::uint64_t>(status.st_size);
    }

    [[noreturn]] void changed(std::uint64_t now) const {
        throw Error(path_, "changed while it was read: was " + std::to_string(size_) + " bytes, is " +
                               std::to_string(now), Fault::system);
    }

    std::string path_;
    std::uint64_t size_ = 0;
};

/// Bytes of its own.
class MemorySource : public Source {
public:
    explicit MemorySource(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}
    explicit MemorySource(std::string_view text) : bytes_(text.begin(), text.end()) {}

    std::uint64_t size() const override { return bytes_.size(); }
    void copy_to(Sink& out) const override { out.write(Bytes(bytes_)); }

private:
    std::vector<std::uint8_t> bytes_;
};

} // namespace wisp
