// Files that appear whole or not at all.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/sink.hpp"

namespace wisp {

/// A file being written under a temporary name beside its own. publish() gives it its name, replacing what
/// had it; without that nothing stays behind.
class NewFile {
public:
    /// The file will have mode 0644, whatever the umask. Only a regular file, or a link to one, is ever replaced: for root
    /// the name of a device is as good as any.
    explicit NewFile(std::string path)
        : path_(checked(std::move(path))),
          temporary_(beside(path_)),
          fd_(create(temporary_)),
          sink_(fd_.get(), path_) {}
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
        if (::fchmod(fd_.get(), 0644) != 0) fail_errno(path_, "chmod");
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

    static std::string beside(const std::string& path) {
        const std::size_t name = path.rfind('/') + 1; // 0 without a slash
        return path.substr(0, name) + "." + path.substr(name) + ".XXXXXX";
    }

    static Fd create(std::string& path) {
        Fd fd(::mkstemp(path.data()));
        if (!fd || ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) fail_errno(path, "create");
        return fd;
    }

    std::string path_;
    std::string temporary_;
    Fd fd_;
    FdSink sink_;
};

} // namespace wisp
