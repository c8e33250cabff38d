// A folder whose files are listed with their checksums, and whether it is still what it was then.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/hash_files.hpp"
#include "wisp/identity.hpp"
#include "wisp/new_file.hpp"
#include "wisp/path.hpp"
#include "wisp/sums.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// A folder with SHA1SUMS and SHA256SUMS in it; the latter lists the former, too.
class SealedFolder {
public:
    explicit SealedFolder(std::string path) : path_(std::move(path)) {}

    /// Hashes every file and writes the lists. Their lines end at a newline: a file with one in its name is refused.
    void seal() const {
        const std::vector<std::string> files = files_below(path_);
        for (const std::string& file : files)
            if (file.find('\n') != std::string::npos) refuse(printable(in_folder(file)), "has a newline in its name");
        std::vector<DigestRequest> requests;
        for (const std::string& file : files)
            for (const auto algorithm : {DigestAlgorithm::sha1, DigestAlgorithm::sha256})
                requests.push_back({in_folder(file), algorithm});
        const auto found = hash_files(requests);
        Sums sha1, sha256;
        for (std::size_t i = 0; i < files.size(); ++i) {
            sha1[files[i]] = hex(found[2 * i].digest);
            sha256[files[i]] = hex(found[2 * i + 1].digest);
        }
        write_file(in_folder(sha1_list), sums_text(sha1));
        sha256[std::string(sha1_list)] = sha256_of(in_folder(sha1_list));
        write_file(in_folder(sha256_list), sums_text(sha256));
    }

    /// The files that are listed, and the list; refused where there is none that can be read.
    std::vector<std::string> files() const {
        std::vector<std::string> paths{in_folder(sha256_list)};
        for (const auto& [file, sum] : sums()) paths.push_back(in_folder(file));
        return paths;
    }

    /// Refuses, by its name, the first file that is not as listed. Files that `index` holds are not read.
    /// Gives back an index of them all, or nothing where the one given is as good.
    std::vector<KnownFile> check(const KnownFiles& index) const {
        std::map<std::string_view, const KnownFile*> known;
        for (const KnownFile& file : index.files) known[file.path] = &file;
        const auto is_held = [&](const std::string& path) {
            const auto found = known.find(path);
            return found != known.end() && index.holds(*found->second);
        };
        std::vector<KnownFile> fresh;
        bool all_held = is_held(in_folder(sha256_list));
        fresh.push_back(listed(in_folder(sha256_list)));
        for (const auto& [file, sum] : sums()) {
            const std::string path = in_folder(file);
            fresh.push_back(listed(path)); // asked before it is read: a later change shows
            if (is_held(path)) continue;
            all_held = false;
            if (const std::string is = sha256_of(path); is != sum)
                refuse(path, "has SHA-256 " + is + ", the list says " + sum);
        }
        return all_held ? std::vector<KnownFile>{} : fresh;
    }

private:
    std::string in_folder(std::string_view file) const { return path_ + "/" + std::string(file); }

    /// The paths come from a file that may be damaged: none leads out of the folder.
    Sums sums() const {
        Sums sums = read_sums(in_folder(sha256_list), sha256_digits);
        for (const auto& [file, sum] : sums) static_cast<void>(relative_path(file, in_folder(sha256_list)));
        return sums;
    }

    static KnownFile listed(const std::string& path) {
        const auto identity = identity_of(path);
        if (!identity) refuse(path, "is no file that can be read");
        return {path, *identity};
    }

    std::string path_;
};

} // namespace wisp
