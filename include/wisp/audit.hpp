// Is an output of a build what its record says, to the last byte? What is in the record is hashed, what is
// not is computed again, and what differs is put down to its owner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/audit_record.hpp"
#include "wisp/byte_map.hpp"
#include "wisp/cpio_audit.hpp"
#include "wisp/digest.hpp"
#include "wisp/digest_input.hpp"
#include "wisp/fat32_audit.hpp"
#include "wisp/seekable.hpp"

namespace wisp {

/// Bytes that are not what they should be.
struct Finding {
    std::string
        container{}; ///< the initrd inside an image that `start` and `end` count in; "" is the file itself
    unsigned member = 0;     ///< and its gzip member, counted from 1; 0: none, its bytes as they are
    std::uint64_t start = 0; ///< the first byte; for compared bytes, the first that differs
    std::uint64_t end = 0;   ///< behind the last; equal to `start` for what is missing
    std::string owner{};
    std::string problem{};
    std::uint64_t more = 0; ///< how many further bytes of this owner differ

    /// "byte 510: differs in boot sector: is 54, must be 55, and 3 more bytes".
    std::string text() const {
        std::string where = container.empty() ? "" : printable(container) + ": ";
        if (member != 0) where += "gzip member " + std::to_string(member) + ": ";
        if (end == start + 1) where += "byte " + std::to_string(start) + ": ";
        if (end > start + 1)
            where += "bytes " + std::to_string(start) + " to " + std::to_string(end - 1) + ": ";
        const std::string others = more == 0 ? "" : ", and " + std::to_string(more) + " more";
        return where + (end > start + 1 ? "differ" : "differs") + " in " + owner + ": " + problem + others;
    }
};

/// The map of an initrd: its own bytes, then what each gzip member holds.
struct ArchiveMap {
    std::string path{}; ///< in the image; "" where the initrd is the output
    std::vector<ByteMap> maps{};
};

/// Audits one output. What it is follows from its name, as BuildFolder::outputs() gives it, so that no wrong
/// byte can make it pass for something else: "initrd.img" is an archive, what has files recorded in it a
/// disk, else a file.
class OutputAudit {
public:
    /// Refuses a file of another size than recorded, and a record that no disk fits. Behind a disk's image
    /// there may be more, as on every card that is larger than its image: that is not judged.
    OutputAudit(const Seekable& file, const AuditRecord& record, const std::string& name)
        : record_(record),
          output_(record.output(name)),
          file_(file, output_.size),
          files_(record.inside(name)),
          name_(name),
          not_judged_(file.size() - file_.size()) {
        if (file_.size() < output_.size || (not_judged_ > 0 && !is_disk()))
            refuse(file.name(), "has " + std::to_string(file.size()) + " bytes, " + record.name() + " says " +
                                    std::to_string(output_.size));
    }

    /// Reads what is judged once, front to back.
    void run() {
        if (is_disk())
            audit_disk();
        else
            audit_file();
        sha256_ = hex(whole_.finish());
        if (sha256_ == output_.sha256 || !findings_.empty()) return;
        add({.end = file_.size(),
             .owner = is_disk() ? "label, number or times" : "file '" + printable(name_) + "'"},
            said(sha256_, output_));
    }

    /// Nothing is wrong where this is empty.
    const std::vector<Finding>& findings() const { return findings_; }
    /// Who should own which byte.
    const ByteMap& map() const { return map_; }
    const std::vector<ArchiveMap>& archives() const { return archives_; }
    /// Of all that is judged.
    const std::string& sha256() const { return sha256_; }
    /// How many bytes of the file are behind the disk's image.
    std::uint64_t not_judged() const { return not_judged_; }
    /// How many files, in the disk and in archives, were found to be as recorded.
    std::uint64_t good_files() const { return good_files_; }

private:
    static constexpr std::string_view archive_name = "initrd.img";

    bool is_disk() const { return name_ != archive_name && !files_.empty(); }

    static std::string said(const std::string& sha256, const VouchedFile& file) {
        return "sha256 is " + sha256 + ", the record says " + file.sha256;
    }

    void add(Finding finding, std::string problem) {
        finding.problem = std::move(problem);
        findings_.push_back(std::move(finding));
    }

    void audit_disk() {
        std::vector<fat32::ExpectedFile> expected;
        for (const auto& [path, file] : files_) expected.push_back({path, file.size});
        fat32::ImageAudit audit(file_, expected, record_.name());
        map_ = audit.map();
        audit.run([this](const std::string& path, Input& in) { contents(path, in); },
                  [this](std::uint64_t at, std::uint8_t is, std::uint8_t must) { difference(at, is, must); },
                  [this](Bytes bytes) { pass(bytes); });
    }

    /// The whole is an archive, or nothing that is looked into.
    void audit_file() {
        class Whole : public Input {
        public:
            explicit Whole(OutputAudit& audit) : audit_(audit) {}
            std::size_t read_some(std::span<std::uint8_t> into) override {
                const auto part =
                    into.first(std::min<std::uint64_t>(into.size(), audit_.file_.size() - audit_.passed_));
                audit_.file_.read(audit_.passed_, part, "contents");
                audit_.pass(part);
                return part.size();
            }
            const std::string& name() const override { return audit_.file_.name(); }

        private:
            OutputAudit& audit_;
        } in(*this);
        if (name_ == archive_name) audit_archive("", in, files_);
        NullSink nowhere;
        in.copy_all(nowhere);
        map_.add_up_to(file_.size(), "file", name_, true);
    }

    void pass(Bytes bytes) {
        whole_.update(bytes);
        passed_ += bytes.size();
    }

    void contents(const std::string& path, Input& in) {
        const std::uint64_t start = passed_;
        DigestInput hashed(DigestAlgorithm::sha256, in);
        if (const auto inside = record_.inside(base_name(path)); !inside.empty())
            audit_archive(path, hashed, inside);
        NullSink nowhere;
        hashed.copy_all(nowhere);
        const VouchedFile& file = files_.at(path);
        if (const std::string sha256 = hex(hashed.digest()); sha256 != file.sha256)
            add({.start = start, .end = start + file.size, .owner = "file '" + printable(path) + "'"},
                said(sha256, file));
        else
            ++good_files_;
    }

    void audit_archive(const std::string& path, Input& in, const AuditRecord::Files& inside) {
        InitramfsAudit audit(inside,
                             [&](unsigned member, const ByteRange& where, const std::string& problem) {
                                 add({path, member, where.start, where.end, where.owner()}, problem);
                             });
        try {
            audit.run(in);
        } catch (const Error& error) {
            if (error.fault != Fault::input) throw;
            add({.container = path, .owner = "archive"}, problem_with(in.name(), error));
        }
        good_files_ += audit.good_files();
        archives_.push_back({path, audit.maps()});
    }

    /// Differences come in order, so those of one range come together.
    void difference(std::uint64_t offset, std::uint8_t is, std::uint8_t must) {
        const ByteRange& range = map_.at(offset);
        if (offset < reported_up_to_) {
            ++findings_[reported_].more;
            return;
        }
        reported_up_to_ = range.end;
        reported_ = findings_.size();
        add({.start = offset, .end = offset + 1, .owner = range.owner()},
            "is " + hex(std::array{is}) + ", must be " + hex(std::array{must}));
    }

    const AuditRecord& record_;
    const VouchedFile& output_;
    LeadingBytes file_;
    AuditRecord::Files files_;
    std::string name_;
    std::uint64_t not_judged_;
    ByteMap map_;
    std::vector<ArchiveMap> archives_;
    std::vector<Finding> findings_;
    Digest whole_{DigestAlgorithm::sha256};
    std::string sha256_;
    std::uint64_t passed_ = 0; // bytes of the file so far
    std::uint64_t good_files_ = 0;
    std::uint64_t reported_up_to_ = 0; // the end of the range with the latest difference
    std::size_t reported_ = 0;         // its finding
};

} // namespace wisp
