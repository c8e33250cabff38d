// Files that appear whole or not at all.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/sink.hpp"

namespace wisp {

/// The mode of what is its owner's business alone.
inline constexpr mode_t private_file = 0600;

/// A file being written that has no name yet, or a temporary one beside its own where the system has no files without:
/// a signal that ends the program leaves nothing then. publish() gives it its name, replacing what had it; without
/// that nothing stays behind.
class NewFile {
public:
    /// The file will have the mode `mode` but for what the umask takes. Only a regular file, or a link to one, is ever
    /// replaced: for root the name of a device is as good as any.
    explicit NewFile(std::string path, mode_t mode = 0666)
        : path_(checked(std::move(path))), fd_(open(mode)), sink_(fd_.get(), path_) {}
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    ~NewFile() {
        if (!temporary_.empty()) ::unlink(temporary_.c_str());
    }

    Sink& sink() { return sink_; }

    /// All that publish() does but the renaming, which then has no reason to fail: for what is published with other
    /// files.
    void complete() {
        sink_.finish();
        if (temporary_.empty())
            take_name("link", [this](const std::string& name) {
                return ::linkat(AT_FDCWD, in_proc(fd_).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
            });
        fd_.close(path_);
        checked(path_);
    }

    void publish() {
        if (fd_) complete();
        if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_errno(path_, "rename");
        temporary_.clear();
    }

private:
    static std::string checked(std::string path) {
        struct stat status {};
        if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
            throw Error(path, S_ISDIR(status.st_mode) ? "is a folder" : "is no regular file", Fault::system);
        return path;
    }

    /// The folder of the file, as the beginning of a path.
    std::string beside() const { return path_.substr(0, path_.rfind('/') + 1); }

    /// The name of a file that has none; an empty name is for CAP_DAC_READ_SEARCH alone [open(2), O_TMPFILE].
    static std::string in_proc(const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

    /// Nothing where this system, its file system or a missing /proc does not allow for it.
    Fd nameless(mode_t mode) const {
#ifdef O_TMPFILE
        Fd fd(::open((beside() + ".").c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode));
        if (fd && ::access(in_proc(fd).c_str(), F_OK) == 0) return fd;
#endif
        static_cast<void>(mode);
        return {};
    }

    Fd open(mode_t mode) {
        Fd fd = nameless(mode);
        if (fd) return fd;
        return Fd(take_name("create", [mode](const std::string& name) {
            return ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        }));
    }

    /// Gives `take` one name after another until there is no file of it, and keeps the name. In the way are only other files
    /// of this process and what one of the same number left behind. Errors are of the name that the user knows.
    template <class Take>
    int take_name(std::string_view call, Take take) {
        constexpr int tries = 1000;
        for (int i = 0;; ++i) {
            const std::string name = beside() + ".wisp-" + std::to_string(::getpid()) + "-" + std::to_string(i);
            const int taken = take(name);
            if (taken < 0 && (errno != EEXIST || i == tries)) fail_errno(path_, call);
            if (taken < 0) continue;
            temporary_ = name;
            return taken;
        }
    }

    std::string path_;
    std::string temporary_{};
    Fd fd_;
    FdSink sink_;
};

/// A NewFile of `text` and nothing else.
inline void write_file(const std::string& path, std::string_view text, mode_t mode = 0666) {
    NewFile file(path, mode);
    file.sink().write(text);
    file.publish();
}

} // namespace wisp
