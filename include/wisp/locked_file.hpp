// A file that one process at a time reads and writes in place, and that nothing depends on.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "wisp/fd.hpp"
#include "wisp/new_file.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// A regular file of the user's own, held to this process as long as this lives. What goes wrong is told by false and not
/// thrown: who works with it can do without.
class LockedFile {
public:
    /// Makes a file for its owner alone where there is none. What is no regular file is not opened (a FIFO would wait), what
    /// is another user's is left alone, and nobody is waited for: another process that holds it has it to itself.
    explicit LockedFile(const std::string& path) {
        struct stat status {};
        if (::stat(path.c_str(), &status) == 0 ? !S_ISREG(status.st_mode) : errno != ENOENT) return;
        Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, private_file));
        if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return;
        if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != ::geteuid()) return;
        size_ = static_cast<std::uint64_t>(status.st_size);
        mode_ = status.st_mode & 07777;
        fd_ = std::move(fd);
    }

    /// Whether it is there, and this process's.
    explicit operator bool() const { return static_cast<bool>(fd_); }

    /// In bytes, when it was opened or last resized.
    std::uint64_t size() const { return size_; }

    /// Fills `into` from `offset` on; false, too, where the file ends before.
    bool read(std::uint64_t offset, std::span<std::uint8_t> into) const {
        return transfer(::pread, offset, into);
    }

    /// Writes all of `bytes` from `offset` on, beyond the end as well.
    bool write(std::uint64_t offset, Bytes bytes) { return transfer(::pwrite, offset, bytes); }

    /// Takes the file away from all but its owner.
    bool make_private() { return fd_ && ((mode_ & ~private_file) == 0 || ::fchmod(fd_.get(), private_file) == 0); }

    /// What has been written gets to the disk before what will be.
    bool sync() {
#ifdef __linux__
        constexpr unsigned all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
        if (fd_ && ::sync_file_range(fd_.get(), 0, 0, all) == 0) return true; // waits for no journal
#endif
        return fd_ && ::fsync(fd_.get()) == 0;
    }

    bool resize(std::uint64_t size) {
        if (!fd_ || ::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return false;
        size_ = size;
        return true;
    }

private:
    /// Calls `move`, which is pread or pwrite, until it has moved all.
    template <class Move, class Span>
    bool transfer(Move move, std::uint64_t offset, Span bytes) const {
        while (fd_ && !bytes.empty()) {
            const ssize_t count = move(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return false;
            bytes = bytes.subspan(static_cast<std::size_t>(count));
            offset += static_cast<std::uint64_t>(count);
        }
        return static_cast<bool>(fd_);
    }

    Fd fd_;
    std::uint64_t size_ = 0;
    mode_t mode_ = 0;
};

} // namespace wisp
