// Small files: read whole, written in one go.
#pragma once

#include "console.hpp"

namespace init {

inline constexpr Hint file_hints[] = {{ENOENT, "not in the initrd"}};

/// Reads all of `path` into `buffer`; a file of `capacity` bytes or more is refused. The text lives as long
/// as the buffer.
inline Text read_file(const char* step, const char* path, char* buffer, size_t capacity) {
    const Result file = sys_open(path, O_RDONLY | O_CLOEXEC);
    must(file, step, path, file_hints);
    size_t size = 0;
    for (;;) {
        const Result got = sys_read(file.fd(), buffer + size, capacity - size);
        must(got, step, path);
        if (got.value() == 0) break;
        size += static_cast<size_t>(got.value());
        if (size == capacity) {
            Line line = about(step, path);
            stop(line << "larger than " << static_cast<uint32_t>(capacity - 1) << " bytes");
        }
    }
    must(sys_close(file.fd()), step, path);
    return {buffer, size};
}

/// Sets a kernel variable below /proc/sys.
inline void write_file(const char* step, const char* path, Text value) {
    const Result file = sys_open(path, O_WRONLY | O_CLOEXEC);
    must(file, step, path);
    must(sys_write(file.fd(), value.data(), value.size()), step, path);
    must(sys_close(file.fd()), step, path);
}

} // namespace init
