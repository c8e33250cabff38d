// What an image is made of, as manifest.json tells it: every file with size, hash and origin. The records
// that go in are lines a shell can write; wisp-board(1) has their grammar.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/hash_files.hpp"
#include "wisp/json.hpp"
#include "wisp/names.hpp"
#include "wisp/path.hpp"
#include "wisp/source.hpp"
#include "wisp/sums.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// What may be said of an origin. All but `kind` are left out where they are not known.
inline const std::set<std::string_view> origin_facts{
    "kind",    // alpine, debian, url, file (the user's or the profile's), wisp (made here)
    "package", // name in its distribution
    "version", "architecture", "licence", "sha256",
    "source",  // where it was fetched: URL, branch, suite or path
    "key",     // whose signature was checked: the file name of Alpine's key
    "release", // or apt's signed Release: its codename or suite
    "built",   // when its distribution made it, in seconds since 1970
    "pinned"   // yes or no: whether the profile says which SHA-256 it must have
};

/// One file of a build.
struct RecordedFile {
    std::string local_file{}; ///< where its contents are
    std::string origin{};     ///< "" for an output that is put together from several
    Measure measure{};        ///< without SHA-1 for an output: SPDX wants that of files in a package alone
};

/// Reads records: what was built, of which files, and where they are from. Refusals name the record's line.
/// When all records are good, each local file is hashed once, in blocks, however often it is named, and not at
/// all where a record `known` says what it is; what is hashed ahead is so before there are records.
class BuildRecord {
public:
    using Facts = std::map<std::string, std::string>;
    using Files = std::map<std::string, RecordedFile>;

    explicit BuildRecord(std::string_view input_name) : input_(input_name) {}

    /// Spares read() making the SHA-256 of a local file, 64 lower-case hexadecimal digits; the file has to be there.
    void know(const std::string& local_file, std::string sha256) {
        measures_[local_file] = {FileSource(local_file).size(), "", std::move(sha256)};
    }

    /// Has read() leave alone a local file that is still being made: `sum` waits until it is, and returns its SHA-256, or
    /// nothing where that is to be found out. Files are waited for in the order they are given here: by complete(), and by
    /// read(), once all else is hashed, for what is a file inside an output, too.
    void await(const std::string& local_file, std::function<std::optional<std::string>()> sum) {
        awaited_.emplace_back(local_file, std::move(sum));
    }

    /// Begins to hash, on another thread, the regular file `path`, which is what the records will call `local_file`: nothing else
    /// is to say what that is. Throws as FileSource does.
    void hash_ahead(const std::string& local_file, const std::string& path) {
        static_cast<void>(FileSource(path)); // what would wait, or has no end, is not opened
        const std::vector<DigestRequest> both{{path, DigestAlgorithm::sha256}, {path, DigestAlgorithm::sha1}};
        ahead_.try_emplace(local_file, both, 1);
    }

    /// All of `text`. It must end with the record "end": a list that was cut would look like a whole one. What read() has not
    /// waited for is not known before complete().
    void read(std::string_view text) {
        constexpr std::string_view last = "end\n";
        if (text != last && !text.ends_with("\n" + std::string(last)))
            refuse(input_, "is cut: the last record must be 'end'");
        text.remove_suffix(last.size());
        while (!text.empty()) {
            ++line_;
            const auto end = text.find('\n');
            add(split(text.substr(0, end), '\t'));
            text.remove_prefix(end + 1);
        }
        if (target_.empty()) refuse(input_, "has no record 'target'");
        for (const Files* const files : {&outputs_, &files_})
            for (const auto& [path, file] : *files)
                if (!file.origin.empty() && !origins_.contains(file.origin))
                    refuse(input_, path + ": no record of its origin '" + file.origin + "'");
        collect_ahead();
        hash_missing();
        for (const auto& [path, file] : files_)
            while (is_awaited(file.local_file)) wait_for_next();
        hash_missing();
        tell_measures();
    }

    /// Waits for what is still being made. To be called once, behind read().
    void complete() {
        while (!awaited_.empty()) wait_for_next();
        hash_missing();
        tell_measures();
    }

    /// Whether there are files that are still being made.
    bool is_waiting() const { return !awaited_.empty(); }

    const std::string& target() const { return target_; }
    /// By their names in the record.
    const std::map<std::string, Facts>& origins() const { return origins_; }
    /// What was built, by path.
    const Files& outputs() const { return outputs_; }
    /// What is in it, by the output's path and the path inside.
    const Files& files() const { return files_; }

private:
    using Fields = std::vector<std::string_view>;

    [[noreturn]] void refuse_line(std::string_view problem) const {
        refuse(input_ + ":" + std::to_string(line_), problem);
    }

    void add(const Fields& fields) {
        for (const std::string_view field : fields) {
            if (field.empty()) refuse_line("has an empty field");
            if (printable(field) != field)
                refuse_line("'" + printable(field) + "' is not a line of UTF-8 text");
        }
        if (fields[0] == "target")
            add_target(fields);
        else if (fields[0] == "origin")
            add_origin(fields);
        else if (fields[0] == "output")
            add_file(outputs_, fields, "output PATH LOCAL-FILE [ORIGIN]");
        else if (fields[0] == "file")
            add_file(files_, fields, "file PATH LOCAL-FILE ORIGIN");
        else if (fields[0] == "known")
            add_known(fields);
        else
            refuse_line("unknown record '" + std::string(fields[0]) + "'");
    }

    void add_target(const Fields& fields) {
        expect(fields.size() == 2, "target NAME");
        if (!target_.empty()) refuse_line("a second record 'target'");
        target_ = fields[1];
    }

    void add_origin(const Fields& fields) {
        expect(fields.size() >= 3, "origin ID FACT=TEXT...");
        const std::string id(fields[1]);
        if (origins_.contains(id)) refuse_line("a second origin '" + id + "'");
        Facts& origin = origins_[id];
        for (const std::string_view field : Fields(fields.begin() + 2, fields.end())) {
            const std::string fact(field.substr(0, field.find('=')));
            if (!origin_facts.contains(fact)) refuse_line("unknown fact '" + fact + "' of an origin");
            if (fact.size() + 1 >= field.size()) refuse_line("'" + fact + "' has no text");
            if (origin.contains(fact)) refuse_line("'" + fact + "' is there twice");
            origin[fact] = field.substr(fact.size() + 1);
            if (fact == "pinned" && origin[fact] != "yes" && origin[fact] != "no")
                refuse_line("'pinned' is yes or no, not '" + origin[fact] + "'");
        }
        if (!origin.contains("kind")) refuse_line("origin '" + id + "' has no kind");
    }

    void add_file(Files& files, const Fields& fields, std::string_view form) {
        const bool needs_origin = &files == &files_;
        expect(fields.size() == 4 || (fields.size() == 3 && !needs_origin), form);
        const std::string path = relative_path(fields[1], input_ + ":" + std::to_string(line_));
        const auto [place, is_new] = files.emplace(path, RecordedFile{});
        if (!is_new) refuse_line("a second file '" + path + "'");
        place->second.local_file = fields[2];
        if (fields.size() == 4) place->second.origin = fields[3];
    }

    void add_known(const Fields& fields) {
        const auto size = fields.size() == 5 ? parse_unsigned(fields[2]) : std::nullopt;
        const auto is_sum = [](std::string_view text, std::size_t digits) {
            return text.size() == digits &&
                   text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
        };
        expect(size && is_sum(fields[3], sha1_digits) && is_sum(fields[4], sha256_digits),
               "known LOCAL-FILE SIZE SHA1 SHA256");
        const Measure known{*size, std::string(fields[3]), std::string(fields[4])};
        if (ahead_.contains(fields[1]) || !measures_.emplace(fields[1], known).second)
            refuse_line("'" + std::string(fields[1]) + "' is known already");
    }

    static std::string& digest_in(Measure& measure, DigestAlgorithm algorithm) {
        return algorithm == DigestAlgorithm::sha1 ? measure.sha1 : measure.sha256;
    }

    /// The outputs, which are the largest, come first: the small files find their place beside them.
    std::vector<DigestRequest> missing_digests() {
        std::vector<DigestRequest> requests;
        std::set<std::pair<std::string_view, DigestAlgorithm>> requested;
        const auto request = [&](const Files& files, DigestAlgorithm algorithm) {
            for (const auto& [path, file] : files) {
                if (is_awaited(file.local_file)) continue;
                const auto known = measures_.find(file.local_file);
                if (known != measures_.end() && !digest_in(known->second, algorithm).empty()) continue;
                if (requested.emplace(file.local_file, algorithm).second) requests.push_back({file.local_file, algorithm});
            }
        };
        request(outputs_, DigestAlgorithm::sha256);
        request(files_, DigestAlgorithm::sha256);
        request(files_, DigestAlgorithm::sha1);
        return requests;
    }

    bool is_awaited(std::string_view local_file) const {
        return std::ranges::any_of(awaited_, [&](const auto& awaited) { return awaited.first == local_file; });
    }

    void wait_for_next() {
        const auto [local_file, sum] = std::move(awaited_.front());
        awaited_.pop_front();
        if (auto known = sum()) know(local_file, std::move(*known));
    }

    void tell_measures() {
        for (Files* const files : {&outputs_, &files_})
            for (auto& [path, file] : *files)
                if (const auto found = measures_.find(file.local_file); found != measures_.end()) file.measure = found->second;
    }

    void hash_missing() {
        const auto requests = missing_digests();
        const auto found = hash_files(requests);
        for (std::size_t i = 0; i < found.size(); ++i) note(requests[i].path, requests[i].algorithm, found[i]);
    }

    void collect_ahead() {
        for (auto& [local_file, hashes] : ahead_) {
            const auto found = hashes.wait();
            for (std::size_t i = 0; i < found.size(); ++i) note(local_file, hashes.requests()[i].algorithm, found[i]);
        }
        ahead_.clear();
    }

    void note(const std::string& local_file, DigestAlgorithm algorithm, const FileDigest& found) {
        Measure& measure = measures_[local_file];
        measure.size = found.size;
        digest_in(measure, algorithm) = hex(found.digest);
    }

    void expect(bool good, std::string_view form) const {
        if (!good) refuse_line("is not '" + std::string(form) + "', separated by tabs");
    }

    std::string input_;
    std::uint64_t line_ = 0;
    std::string target_;
    std::map<std::string, Facts> origins_;
    Files outputs_;
    Files files_;
    std::map<std::string, Measure, std::less<>> measures_; // by local file
    std::deque<std::pair<std::string, std::function<std::optional<std::string>()>>> awaited_;
    std::map<std::string, FileHashes, std::less<>> ahead_; // by local file
};

/// manifest.json: keys and paths sorted, indented by two, a newline at the end. Records in another order give
/// the same bytes.
inline std::string manifest_json(const BuildRecord& record) {
    const auto list = [](const BuildRecord::Files& files) {
        Json values = Json::array();
        for (const auto& [path, file] : files) {
            values.push_back({{"path", path}, {"size", file.measure.size}, {"sha256", file.measure.sha256}});
            if (!file.origin.empty()) values.back()["origin"] = file.origin;
        }
        return values;
    };
    Json origins = Json::object();
    for (const auto& [id, facts] : record.origins())
        for (const auto& [fact, text] : facts)
            origins[id][fact] = fact == "pinned" ? Json(text == "yes") : Json(text);
    const Json root{{"format", 1},
                    {"target", record.target()},
                    {"origins", origins},
                    {"outputs", list(record.outputs())},
                    {"files", list(record.files())}};
    return root.dump(2) + "\n";
}

} // namespace wisp
