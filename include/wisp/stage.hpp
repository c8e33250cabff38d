// Files that appear under their names all at once, when everything about them is known to be good.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/path.hpp"
#include "wisp/sink.hpp"

namespace wisp {

/// A temporary folder inside a target folder. Files are written into it, under numbers; publish() gives them
/// their names. Whatever happens before leaves nothing behind: the destructor clears up.
///
/// No step follows a symbolic link below the target folder, neither one that was there nor one that appears
/// meanwhile.
class Stage {
public:
    /// Throws Error (system) when `target` is no folder or cannot be written to.
    explicit Stage(std::string target)
        : target_(std::move(target)),
          target_fd_(::open(target_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        if (!target_fd_) fail_errno(target_, "open");
        folder_ = target_ + "/.wisp-XXXXXX";
        if (::mkdtemp(folder_.data()) == nullptr) {
            folder_.clear();
            fail_errno(target_, "create a temporary folder");
        }
        folder_fd_ = Fd(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!folder_fd_) {
            ::rmdir(folder_.c_str()); // no destructor runs
            throw Error(folder_, "cannot be opened after it was made", Fault::system);
        }
    }
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;
    ~Stage() {
        for (std::size_t i = 0; i < files_.size(); ++i)
            ::unlinkat(folder_fd_.get(), std::to_string(i).c_str(), 0);
        if (!folder_.empty())
            ::unlinkat(target_fd_.get(), std::string(base_name(folder_)).c_str(), AT_REMOVEDIR);
        if (!published_) remove_new_folders();
    }

    /// Takes a file that is to be called `path`, relative and without "..", and to have mode 0755 or 0644.
    /// `write` gets the Sink for its contents.
    template <class Write>
    void add(const std::string& path, bool executable, Write write) {
        const std::string number = std::to_string(files_.size()), name = full(path);
        files_.push_back(path);
        Fd fd(::openat(folder_fd_.get(), number.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       0600));
        if (!fd) fail_errno(name, "create");
        FdSink out(fd.get(), name);
        write(static_cast<Sink&>(out));
        out.finish();
        if (::fchmod(fd.get(), executable ? 0755 : 0644) != 0) fail_errno(name, "set mode");
        fd.close(name);
    }

    /// Gives all files their names, replacing what had them and making folders as needed. All that can be
    /// found out beforehand is, so that the renaming that follows has no reason to stop half way.
    void publish() {
        for (const std::string& path : files_) check_place(path);
        for (std::size_t i = 0; i < files_.size(); ++i)
            if (::renameat(folder_fd_.get(), std::to_string(i).c_str(), parent_of(files_[i]),
                           std::string(base_name(files_[i])).c_str()) != 0)
                fail_errno(full(files_[i]), "rename");
        published_ = true;
    }

private:
    std::string full(std::string_view path) const { return target_ + "/" + std::string(path); }

    void check_place(const std::string& path) {
        struct stat status {};
        const std::string name(base_name(path));
        if (::fstatat(parent_of(path), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno != ENOENT) fail_errno(full(path), "stat");
        } else if (S_ISDIR(status.st_mode)) {
            throw Error(full(path), "is a folder", Fault::system);
        }
    }

    /// The folder that `path` is to lie in. Files come by folders, so the last one is kept open.
    int parent_of(std::string_view path) {
        const std::string_view parent = parent_path(path);
        if (parent.empty()) return target_fd_.get();
        if (!parent_fd_ || parent_ != parent) {
            parent_fd_ = make_folder(parent);
            parent_ = parent;
        }
        return parent_fd_.get();
    }

    Fd make_folder(std::string_view path) {
        Fd folder;
        for (std::size_t end = 0; end != std::string_view::npos;) {
            const std::size_t start = end == 0 ? 0 : end + 1;
            end = path.find('/', start);
            const std::string part(path.substr(start, end == std::string_view::npos ? end : end - start));
            folder = enter(folder ? folder.get() : target_fd_.get(), part, path.substr(0, end));
        }
        return folder;
    }

    /// Opens the folder `part` of the folder `parent`, making it if there is none; `path` is its path from
    /// the target.
    Fd enter(int parent, const std::string& part, std::string_view path) {
        constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        Fd folder(::openat(parent, part.c_str(), flags));
        if (!folder && errno == ENOENT) {
            const bool made = ::mkdirat(parent, part.c_str(), 0755) == 0;
            if (!made && errno != EEXIST) fail_errno(full(path), "make folder");
            if (made) new_folders_.emplace_back(path);
            folder = Fd(::openat(parent, part.c_str(), flags));
            if (made && folder && ::fchmod(folder.get(), 0755) != 0) fail_errno(full(path), "set mode");
        }
        if (!folder && (errno == ELOOP || errno == ENOTDIR))
            throw Error(full(path), "is no folder, and symbolic links are not followed", Fault::system);
        if (!folder) fail_errno(full(path), "open");
        return folder;
    }

    void remove_new_folders() noexcept {
        for (; !new_folders_.empty(); new_folders_.pop_back())
            ::unlinkat(target_fd_.get(), new_folders_.back().c_str(), AT_REMOVEDIR);
    }

    std::string target_;
    Fd target_fd_;
    std::string folder_;
    Fd folder_fd_;
    std::vector<std::string> files_; // where each will lie; its number is its name meanwhile
    std::vector<std::string> new_folders_;
    std::string parent_;
    Fd parent_fd_;
    bool published_ = false;
};

} // namespace wisp
