// Digests of many files at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "wisp/digest.hpp"
#include "wisp/fd.hpp"
#include "wisp/input.hpp"
#include "wisp/sink.hpp"
#include "wisp/text.hpp"
#include "wisp/work_ring.hpp"

namespace wisp {

/// What to find out about a file.
struct DigestRequest {
    std::string path{};
    DigestAlgorithm algorithm = DigestAlgorithm::sha256;
};

/// What a file holds, in short.
struct FileDigest {
    std::uint64_t size = 0; ///< in bytes
    std::vector<std::uint8_t> digest{};
};

/// Reads one file to its end. Throws Error (system) where it cannot be read.
inline FileDigest hash_file(const DigestRequest& request) {
    NullSink nowhere;
    DigestSink digest(request.algorithm, nowhere);
    FdInput(open_read(request.path), request.path).copy_all(digest);
    return {digest.position(), digest.digest()};
}

/// The SHA-256 of one file, in hexadecimal. Throws as hash_file() does.
inline std::string sha256_of(const std::string& path) { return hex(hash_file({path, DigestAlgorithm::sha256}).digest); }

/// hash_file() of each of some requests, by other threads while their owner does something else.
class FileHashes {
public:
    /// By up to `threads` threads; with none, or where none can be had, the files are read here and now.
    FileHashes(std::vector<DigestRequest> requests, std::size_t threads)
        : requests_(std::move(requests)),
          // There is room for all, so a large file does not keep the threads from the small ones behind it.
          jobs_(std::min(threads, requests_.size()), requests_.size(),
                [](Job& job) { job.found = hash_file(*job.request); }) {
        for (const DigestRequest& request : requests_) {
            jobs_.next().request = &request;
            jobs_.submit();
        }
    }

    const std::vector<DigestRequest>& requests() const { return requests_; }

    /// What was found, in the order of the requests, once. Throws what the first file that cannot be read throws.
    std::vector<FileDigest> wait() {
        std::vector<FileDigest> all;
        for (; !jobs_.is_empty(); jobs_.release()) all.push_back(std::move(jobs_.oldest().found));
        return all;
    }

private:
    struct Job {
        const DigestRequest* request = nullptr;
        FileDigest found{};
    };

    std::vector<DigestRequest> requests_;
    WorkRing<Job> jobs_;
};

/// hash_file() of each request, in their order, by up to `threads` threads. Throws as FileHashes::wait() does.
inline std::vector<FileDigest> hash_files(const std::vector<DigestRequest>& requests, std::size_t threads = 2) {
    return FileHashes(requests, threads < 2 || requests.size() < 2 ? 0 : threads).wait();
}

} // namespace wisp
