// Does an initrd hold what its record says, and who owns which of its bytes?
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/audit_record.hpp"
#include "wisp/byte_map.hpp"
#include "wisp/cpio_read.hpp"
#include "wisp/digest.hpp"

namespace wisp {

/// Maps an initrd and checks its entries while it is read, each once.
class InitramfsAudit : public InitramfsObserver {
public:
    /// Is told what is wrong: the gzip member and the bytes in it, whose they are, and the problem.
    using Problem = std::function<void(unsigned, const ByteRange&, const std::string&)>;

    /// What bounds a hostile archive's cost in memory and time; the second counts gzip members too.
    static constexpr std::uint64_t max_name_bytes = 1 << 20;
    static constexpr std::uint64_t max_entries = 16384;
    static constexpr std::uint64_t max_unpacked = 4ull << 30;

    InitramfsAudit(AuditRecord::Files expected, Problem problem)
        : missing_(std::move(expected)), problem_(std::move(problem)) {}

    /// Reads all of `in`; reports what differs from the record. Throws what observe_initramfs() throws, and
    /// Error (input) beyond the limits.
    void run(Input& in) {
        name_ = in.name();
        observe_initramfs(in, *this);
        for (const auto& [path, file] : missing_)
            problem_(0, {.what = "entry", .subject = path}, "is missing");
    }

    /// The file itself, then what each of its gzip members holds.
    const std::vector<ByteMap>& maps() const { return maps_; }
    /// How many files were in the record and as it says.
    std::uint64_t good_files() const { return good_files_; }

private:
    Sink& contents(const NewcEntry&) override { return contents_.emplace(DigestAlgorithm::sha256, nowhere_); }

    void entry(const NewcEntry& entry) override {
        if ((entry.mode & mode::type_mask) == mode::file) check(entry);
        contents_.reset();
    }

    void check(const NewcEntry& entry) {
        const ByteRange where{contents_start_, contents_start_ + entry.size, "entry", entry.name};
        const auto found = missing_.find(entry.name);
        if (found == missing_.end())
            return problem_(member_, where, "is not in the record, or twice in the archive");
        const VouchedFile file = found->second;
        missing_.erase(found);
        if (entry.size != file.size)
            return problem_(
                member_, where,
                "size is " + std::to_string(entry.size) + ", the record says " + std::to_string(file.size));
        if (const std::string sha256 = hex(contents_->digest()); sha256 != file.sha256)
            return problem_(member_, where, "sha256 is " + sha256 + ", the record says " + file.sha256);
        ++good_files_;
    }

    void check_limits(std::uint64_t end, InitramfsPart part, const std::string& name) {
        const auto limit = [&](std::uint64_t value, std::uint64_t most, const std::string& of) {
            if (value > most) refuse(name_, "has more than " + std::to_string(most) + " " + of);
        };
        limit(end, max_unpacked, "bytes");
        if (part != InitramfsPart::header && part != InitramfsPart::member) return;
        limit(++entries_, max_entries, "entries and gzip members");
        limit(name_bytes_ += name.size(), max_name_bytes, "bytes of names");
    }

    void part(unsigned member, std::uint64_t end, InitramfsPart part, const std::string& name) override {
        check_limits(end, part, name);
        if (maps_.size() <= member) maps_.resize(member + 1);
        const bool is_contents = part == InitramfsPart::contents;
        if (is_contents) contents_start_ = maps_[member].end();
        member_ = member;
        maps_[member].add_up_to(end, to_text(part), name, is_contents);
    }

    AuditRecord::Files missing_; // not yet seen
    Problem problem_;
    std::vector<ByteMap> maps_{1};
    NullSink nowhere_;
    std::optional<DigestSink> contents_;
    std::string name_;
    std::uint64_t good_files_ = 0;
    std::uint64_t entries_ = 0;
    std::uint64_t name_bytes_ = 0;
    std::uint64_t contents_start_ = 0;
    unsigned member_ = 0;
};

} // namespace wisp
