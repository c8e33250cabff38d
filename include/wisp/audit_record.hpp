// manifest.json as a list of claims about bytes: what wisp-board(1) manifest has written, read back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "wisp/json.hpp"
#include "wisp/names.hpp"
#include "wisp/path.hpp"

namespace wisp {

/// A record of some 25,000 files, several times as many as a kernel package has. An audit holds all of them,
/// which takes ten times as much memory.
inline constexpr std::uint64_t record_size_limit = 4 << 20;

/// What the record says of one file.
struct VouchedFile {
    std::uint64_t size = 0;
    std::string sha256;
    std::string origin{}; ///< the id of its origin; "" for an output, which is made of files
};

/// The outputs of a build and the files inside them. Paths of the latter begin with the output's or, for what
/// is in an initrd that is itself a file of an image, with the initrd's name.
class AuditRecord {
public:
    using Files = std::map<std::string, VouchedFile>;

    /// Reads the JSON `text` of the file `name`. Keys beyond those an audit needs are somebody else's.
    AuditRecord(std::string_view text, std::string_view name) : name_(name) {
        const Json json = parse_json(text, name);
        const JsonValue root(json, name);
        if (root.at("format").number() != 1) root.at("format").refuse("is not 1, the only one known");
        read(root.at("outputs"), outputs_, false);
        read(root.at("files"), files_, true);
    }

    const std::string& name() const { return name_; }

    /// By name.
    const Files& outputs() const { return outputs_; }

    /// What is recorded of the output called `name`; refused when there is none.
    const VouchedFile& output(const std::string& name) const {
        const auto found = outputs_.find(name);
        if (found == outputs_.end()) refuse(name_, "lists no output '" + printable(name) + "'");
        return found->second;
    }

    /// The files inside `container`, by their paths in it.
    Files inside(std::string_view container) const {
        const std::string prefix = std::string(container) + "/";
        Files files;
        for (auto i = files_.lower_bound(prefix); i != files_.end() && i->first.starts_with(prefix); ++i)
            files.emplace(i->first.substr(prefix.size()), i->second);
        return files;
    }

private:
    static void read(const JsonValue& list, Files& files, bool have_origins) {
        for (const JsonValue& value : list.list()) {
            const std::string path = relative_path(value.at("path").text(), value.at("path").subject());
            VouchedFile file{.size = value.at("size").number(), .sha256 = value.at("sha256").text()};
            if (!is_sha256(file.sha256))
                value.at("sha256").refuse("is not a SHA-256 in lower-case hexadecimal");
            if (have_origins) file.origin = value.at("origin").text();
            if (!files.emplace(path, file).second) value.at("path").refuse("'" + path + "' is there twice");
        }
    }

    std::string name_;
    Files outputs_;
    Files files_;
};

} // namespace wisp
