// What an image is made of, as manifest.json tells it: every file with size, hash and origin. The records
// that go in are lines a shell can write; wisp-board(1) has their grammar.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/digest.hpp"
#include "wisp/json.hpp"
#include "wisp/path.hpp"
#include "wisp/source.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// What may be said of an origin. All but `kind` are left out where they are not known.
inline const std::set<std::string_view> origin_facts{
    "kind",    // alpine, debian, url, file (the user's or the profile's), wisp (made here)
    "package", // name in its distribution
    "version", "architecture", "licence", "sha256",
    "source", // where it was fetched: URL, branch, suite or path
    "key",    // whose signature was checked: the file name of Alpine's key
    "release" // or apt's signed Release: its codename or suite
};

/// Reads records and turns them into manifest.json. Refusals name the record's line. Local files are hashed
/// as their records arrive, in blocks.
class BuildRecord {
public:
    explicit BuildRecord(std::string_view input_name) : input_(input_name) {}

    /// All of `text`. It must end with the record "end": a list that was cut would look like a whole one.
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
        for (const auto& [path, file] : files_) {
            const auto& origin = file.at("origin").get_ref<const std::string&>();
            if (!origins_.contains(origin))
                refuse(input_, path + ": no record of its origin '" + origin + "'");
        }
    }

    /// The manifest: keys and paths sorted, indented by two, a newline at the end. Records in another order
    /// give the same bytes.
    std::string json() const {
        const Json root{{"format", 1},
                        {"target", target_},
                        {"origins", origins_},
                        {"outputs", values(outputs_)},
                        {"files", values(files_)}};
        return root.dump(2) + "\n";
    }

private:
    using Fields = std::vector<std::string_view>;
    using Files = std::map<std::string, Json>;

    [[noreturn]] void refuse_line(std::string_view problem) const {
        refuse(input_ + ":" + std::to_string(line_), problem);
    }

    void add(const Fields& fields) {
        for (const std::string_view field : fields) {
            if (field.empty()) refuse_line("has an empty field");
            if (printable(field) != field || !is_utf8(field))
                refuse_line("'" + printable(field) + "' is not a line of UTF-8 text");
        }
        if (fields[0] == "target")
            add_target(fields);
        else if (fields[0] == "origin")
            add_origin(fields);
        else if (fields[0] == "output")
            add_file(outputs_, fields, "output PATH LOCAL-FILE");
        else if (fields[0] == "file")
            add_file(files_, fields, "file PATH LOCAL-FILE ORIGIN");
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
        Json& origin = origins_[id] = Json::object();
        for (const std::string_view field : Fields(fields.begin() + 2, fields.end())) {
            const std::string fact(field.substr(0, field.find('=')));
            if (!origin_facts.contains(fact)) refuse_line("unknown fact '" + fact + "' of an origin");
            if (fact.size() + 1 >= field.size()) refuse_line("'" + fact + "' has no text");
            if (origin.contains(fact)) refuse_line("'" + fact + "' is there twice");
            origin[fact] = field.substr(fact.size() + 1);
        }
        if (!origin.contains("kind")) refuse_line("origin '" + id + "' has no kind");
    }

    void add_file(Files& files, const Fields& fields, std::string_view form) {
        const bool has_origin = &files == &files_;
        expect(fields.size() == (has_origin ? 4u : 3u), form);
        const std::string path = relative_path(fields[1], input_ + ":" + std::to_string(line_));
        const auto [place, is_new] = files.emplace(path, Json::object());
        if (!is_new) refuse_line("a second file '" + path + "'");
        const FileSource source{std::string(fields[2])};
        NullSink nowhere;
        DigestSink hashed(DigestAlgorithm::sha256, nowhere);
        source.copy_to(hashed);
        place->second = {{"path", path}, {"size", source.size()}, {"sha256", hex(hashed.digest())}};
        if (has_origin) place->second["origin"] = fields[3];
    }

    void expect(bool good, std::string_view form) const {
        if (!good) refuse_line("is not '" + std::string(form) + "', separated by tabs");
    }

    static Json values(const Files& files) {
        Json list = Json::array();
        for (const auto& [path, file] : files) list.push_back(file);
        return list;
    }

    std::string input_;
    std::uint64_t line_ = 0;
    std::string target_;
    Json origins_ = Json::object();
    Files outputs_;
    Files files_;
};

} // namespace wisp
