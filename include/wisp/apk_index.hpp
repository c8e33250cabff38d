// Repository indexes: APKINDEX.tar.gz, a signature member and a tar with one text [apk-tools
// doc/apk-package.5.scd].
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/apk.hpp"
#include "wisp/apk_members.hpp"
#include "wisp/apk_signature.hpp"
#include "wisp/apk_version.hpp"
#include "wisp/error.hpp"
#include "wisp/input.hpp"
#include "wisp/names.hpp"
#include "wisp/sink.hpp"
#include "wisp/tar.hpp"
#include "wisp/text.hpp"
#include "wisp/view.hpp"

namespace wisp::apk {

/// What an index says about one package.
struct IndexRecord {
    std::string name{};     ///< P
    std::string version{};  ///< V
    std::string arch{};     ///< A
    std::string checksum{}; ///< C, of the control member: "Q1" and base64
    std::uint64_t size = 0; ///< S, of the package file in bytes

    /// The name of the package file, in the folder that the index lies in.
    std::string file_name() const { return name + "-" + version + ".apk"; }
};

/// Takes the text of an index in pieces of any size and keeps the records of one package.
class IndexSink : public Sink {
public:
    /// `subject` is that of refusals.
    IndexSink(std::string_view package, std::string_view subject) : package_(package), subject_(subject) {}

    /// The records, after finish().
    std::vector<IndexRecord> records;

private:
    static constexpr std::size_t max_line = 1 << 20;

    void append(Bytes bytes) override {
        for (std::string_view text = as_text(bytes); !text.empty();) {
            const auto at = text.find('\n');
            line_ += text.substr(0, at);
            if (line_.size() > max_line)
                refuse(subject_, "index has a line of more than " + std::to_string(max_line) + " bytes");
            if (at == std::string_view::npos) return;
            text.remove_prefix(at + 1);
            take_line();
        }
    }

    void end() override {
        if (!line_.empty()) take_line();
        take_record();
    }

    /// A line is a letter, a colon and a value; an empty one ends a record.
    void take_line() {
        if (line_.empty()) return take_record();
        if (line_.size() < 2 || line_[1] != ':')
            refuse(subject_, "index has a line without a field: '" + printable(line_.substr(0, 40)) + "'");
        fields_.emplace_back(line_[0], line_.substr(2));
        if (fields_.size() > 64) refuse(subject_, "index has a record of more than 64 fields");
        line_.clear();
    }

    void take_record() {
        const auto fields = std::exchange(fields_, {});
        if (field(fields, 'P') != package_) return;
        IndexRecord record{.name = package_,
                           .version = field(fields, 'V'),
                           .arch = field(fields, 'A'),
                           .checksum = field(fields, 'C')};
        const auto size = parse_unsigned(field(fields, 'S'));
        record.size = size.value_or(0);
        if (!is_version(record.version) || !is_name(record.arch, "_-", true) || !size ||
            !is_checksum(record.checksum))
            refuse(subject_,
                   "index has a record of '" + printable(package_) + "' with a bad V, A, S or C field");
        for (const auto& [letter, value] : fields)
            if (letter >= 'A' && letter <= 'Z' &&
                std::string_view("CPVASITULD").find(letter) == std::string_view::npos)
                refuse(subject_, "index has '" + printable(package_) + "' with a field '" + letter +
                                     "', which only newer clients than this may install");
        records.push_back(std::move(record));
    }

    using Fields = std::vector<std::pair<char, std::string>>;

    static std::string field(const Fields& fields, char letter) {
        for (const auto& [name, value] : fields)
            if (name == letter) return value;
        return {};
    }

    /// "Q1" and 20 bytes in base64.
    static bool is_checksum(std::string_view text) {
        return text.size() == 30 && text.starts_with("Q1") && text.ends_with('=') &&
               is_spelt(text.substr(2, 27), "+/", true);
    }

    std::string package_;
    std::string subject_;
    std::string line_;
    Fields fields_;
};

/// The records of `package` in the index `in`, in the index's order, verified with `keys` before they are
/// read. A package that is not in it is refused, as is an index that is not signed by one of the keys.
inline std::vector<IndexRecord> look_up(Input& in, const Keyring& keys, std::string_view package) {
    constexpr std::uint64_t max_index = 16 << 20;
    PeekInput peeked(in, tar_record_size);
    const std::string& name = in.name();
    if (container_of(peeked) == Container::tar) refuse(name, "is a plain tar, not a repository index");
    MemberReader members(peeked);
    const auto signatures = members.hold(max_index, "is not a repository index: its first gzip member");
    if (!first_path(signatures.value()).starts_with(signature_prefix)) refuse(name, "is not signed");
    const auto index = members.hold(max_index, "index");
    if (!index) refuse(name, "is cut after its signatures");
    members.expect_end("index");
    verify_member(*signatures, index->bytes(), keys, name);

    IndexSink found(package, name);
    bool present = false;
    index->unpack([&](Input& tar) {
        visit_entries(tar, [&](TarReader& archive, const TarEntry& entry) {
            if (entry.path != "APKINDEX") return;
            if (std::exchange(present, true)) refuse(name, "has APKINDEX twice");
            archive.copy_contents(found);
        });
    });
    if (!present) refuse(name, "is not a repository index: it has no APKINDEX");
    found.finish();
    if (found.records.empty()) refuse(name, "has no package '" + printable(package) + "'");
    return std::move(found.records);
}

/// The newest of some builds of a package, of which there must be one.
inline const IndexRecord& newest(const std::vector<IndexRecord>& records) {
    return *std::max_element(records.begin(), records.end(), [](const IndexRecord& a, const IndexRecord& b) {
        return compare_versions(a.version, b.version) < 0;
    });
}

} // namespace wisp::apk
