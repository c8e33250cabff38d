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
#include "wisp/work_ring.hpp"

namespace wisp {

/// What a file holds, in short.
struct FileDigest {
    std::uint64_t size = 0;
    std::vector<std::uint8_t> sha256{};
};

/// Reads one file to its end. Throws Error (system) where it cannot be read.
inline FileDigest hash_file(const std::string& path) {
    NullSink nowhere;
    DigestSink digest(DigestAlgorithm::sha256, nowhere);
    FdInput(open_read(path), path).copy_all(digest);
    return {digest.position(), digest.digest()};
}

/// hash_file() of each path, in the order of the paths, by up to `threads` threads. Throws what the first path that
/// cannot be read throws.
inline std::vector<FileDigest> hash_files(const std::vector<std::string>& paths, std::size_t threads = 2) {
    struct Job {
        const std::string* path = nullptr;
        FileDigest found{};
    };
    const std::size_t workers = threads < 2 || paths.size() < 2 ? 0 : std::min(threads, paths.size());
    WorkRing<Job> jobs(workers, 2 * workers + 1, [](Job& job) { job.found = hash_file(*job.path); });
    std::vector<FileDigest> all;
    const auto take = [&] {
        all.push_back(std::move(jobs.oldest().found));
        jobs.release();
    };
    for (const std::string& path : paths) {
        if (jobs.is_full()) take();
        jobs.next().path = &path;
        jobs.submit();
    }
    while (!jobs.is_empty()) take();
    return all;
}

} // namespace wisp
