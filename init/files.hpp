// Small files: read whole, written in one go.
#pragma once

#include "console.hpp"

namespace init {

inline constexpr Hint file_hints[] = {{ENOENT, "not in the initrd"}};

namespace files_detail {

/// Reads all of what was opened at `path`, and closes it.
inline Text read_all(int fd, const char* step, const char* path, char* buffer, size_t capacity) {
    size_t size = 0;
    for (;;) {
        const Result got = sys_read(fd, buffer + size, capacity - size);
        must(got, step, path);
        if (got.value() == 0) break;
        size += static_cast<size_t>(got.value());
        if (size == capacity) {
            Line line = about(step, path);
            stop(line << "larger than " << static_cast<uint64_t>(capacity - 1) << " bytes");
        }
    }
    must(sys_close(fd), step, path);
    return {buffer, size};
}

} // namespace files_detail

/// Reads all of `path` into `buffer`; a file of `capacity` bytes or more is refused. The text lives as long
/// as the buffer.
inline Text read_file(const char* step, const char* path, char* buffer, size_t capacity) {
    const Result file = sys_open(path, O_RDONLY | O_CLOEXEC);
    must(file, step, path, file_hints);
    return files_detail::read_all(file.fd(), step, path, buffer, capacity);
}

/// read_file(), but a file that is not there is an empty one.
inline Text read_file_if_any(const char* step, const char* path, char* buffer, size_t capacity) {
    const Result file = sys_open(path, O_RDONLY | O_CLOEXEC);
    if (file.error() == ENOENT) return {};
    must(file, step, path);
    return files_detail::read_all(file.fd(), step, path, buffer, capacity);
}

/// Writes to a file that is there, in one go.
inline Result write_file(const char* path, Text value) {
    const Result file = sys_open(path, O_WRONLY | O_CLOEXEC);
    if (!file.ok()) return file;
    const Result written = sys_write(file.fd(), value.data(), value.size());
    const Result closed = sys_close(file.fd());
    return written.ok() ? closed : written;
}

} // namespace init
