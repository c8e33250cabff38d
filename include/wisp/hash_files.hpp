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

/// hash_file() of each request, in their order, by up to `threads` threads. Throws what the first file that cannot
/// be read throws.
inline std::vector<FileDigest> hash_files(const std::vector<DigestRequest>& requests, std::size_t threads = 2) {
    struct Job {
        const DigestRequest* request = nullptr;
        FileDigest found{};
    };
    const std::size_t workers = threads < 2 || requests.size() < 2 ? 0 : std::min(threads, requests.size());
    // There is room for all, so a large file does not keep the threads from the small ones behind it.
    WorkRing<Job> jobs(workers, requests.size(), [](Job& job) { job.found = hash_file(*job.request); });
    for (const DigestRequest& request : requests) {
        jobs.next().request = &request;
        jobs.submit();
    }
    std::vector<FileDigest> all;
    for (; !jobs.is_empty(); jobs.release()) all.push_back(std::move(jobs.oldest().found));
    return all;
}

} // namespace wisp
