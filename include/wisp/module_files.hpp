// Where the files of a tree of kernel modules are: in a folder, or in a tar archive.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/input.hpp"
#include "wisp/magic.hpp"
#include "wisp/regular_files.hpp"
#include "wisp/seekable.hpp"
#include "wisp/seekable_input.hpp"
#include "wisp/selection.hpp"
#include "wisp/tar.hpp"
#include "wisp/text.hpp"
#include "wisp/unpack.hpp"

namespace wisp {

/// The regular files of a tree, by their paths in it. No symbolic link is followed.
class ModuleFiles {
public:
    ModuleFiles() = default;
    ModuleFiles(const ModuleFiles&) = delete;
    ModuleFiles& operator=(const ModuleFiles&) = delete;
    virtual ~ModuleFiles() = default;

    /// The subject of errors about the tree.
    virtual const std::string& name() const = 0;
    /// The paths of all files, in any order.
    virtual std::vector<std::string> list() const = 0;
    virtual bool has(const std::string& path) const = 0;
    /// The contents of a file that is there. They must not outlive this object.
    virtual std::unique_ptr<Input> open(const std::string& path) const = 0;
};

/// A folder such as lib/modules/<release>. What it cannot list or open is an Error (system).
class ModuleFolder : public ModuleFiles {
public:
    explicit ModuleFolder(std::string folder) : folder_(std::move(folder)) {}

    const std::string& name() const override { return folder_; }

    std::vector<std::string> list() const override {
        std::error_code error;
        std::vector<std::string> paths = regular_files_below(folder_, error);
        if (error) throw Error(folder_, "list: " + error.message(), Fault::system);
        return paths;
    }

    bool has(const std::string& path) const override {
        std::error_code ignored;
        return std::filesystem::exists(full(path), ignored);
    }

    std::unique_ptr<Input> open(const std::string& path) const override {
        return std::make_unique<FdInput>(open_read(full(path)), full(path));
    }

private:
    std::string full(const std::string& path) const { return folder_ + "/" + path; }

    std::string folder_;
};

/// The same folder in a plain tar archive. Its headers are read once, from end to end; contents are passed over, and
/// read when they are opened.
class ModuleTar : public ModuleFiles {
public:
    /// `folder` is a path inside the archive, "." for all of it. Throws Error (usage) where it cannot be one, and Error
    /// (input) where the archive has no such folder, is no plain tar or damaged, or holds in that folder what Selection
    /// refuses.
    ModuleTar(std::unique_ptr<const Seekable> tar, const std::string& folder) : tar_(std::move(tar)) {
        Selection wanted;
        const std::string spelt = folder + (folder.ends_with('/') ? "" : "/");
        if (!wanted.add(spelt))
            throw Error("'" + printable(folder) + "'", "is not a path inside an archive", Fault::usage);
        folder_ = entry_path(spelt, tar_->name());
        name_ = folder_.empty() ? tar_->name() : full(folder_);
        index(wanted);
    }

    const std::string& name() const override { return name_; }

    std::vector<std::string> list() const override {
        std::vector<std::string> paths;
        for (const auto& [path, place] : files_) paths.push_back(path);
        return paths;
    }

    bool has(const std::string& path) const override { return files_.contains(path); }

    std::unique_ptr<Input> open(const std::string& path) const override {
        const Place& place = files_.at(path);
        return std::make_unique<SeekableInput>(*tar_, place.offset, place.size,
                                               full(folder_.empty() ? path : folder_ + "/" + path));
    }

private:
    /// Where contents lie in the archive, in bytes.
    struct Place {
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
    };

    std::string full(const std::string& path) const { return tar_->name() + ": " + path; }

    void index(Selection& wanted) {
        SeekableInput whole(*tar_);
        PeekInput peeked(whole, tar_record_size);
        if (!may_be_tar(peeked.head()))
            refuse(tar_->name(), "is " + contents_name(peeked.head()) + ", not a plain tar");
        TarReader archive(peeked);
        const std::size_t prefix = folder_.empty() ? 0 : folder_.size() + 1;
        while (const TarEntry* entry = archive.next())
            if (std::string path; wanted.takes(*entry, archive.name(), path))
                files_[path.substr(prefix)] = {archive.contents_offset(), entry->size};
        if (!archive.has_end_mark()) refuse(tar_->name(), "is cut: it has no end mark");
        wanted.check_found(tar_->name());
    }

    std::unique_ptr<const Seekable> tar_;
    std::string folder_; // "" for the archive's root
    std::string name_;
    std::map<std::string, Place> files_;
};

} // namespace wisp
