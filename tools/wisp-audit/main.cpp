// wisp-audit: does every byte of an image stand where its record says?
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "wisp/audit.hpp"
#include "wisp/fat32_input.hpp"
#include "wisp/seekable_input.hpp"
#include "wisp/tool.hpp"

using namespace wisp;
using OrderedJson = nlohmann::ordered_json;

namespace {

const Tool tool{
    .name = "wisp-audit",
    .help = R"(usage: wisp-audit [--manifest FILE] [--name OUTPUT] [--json] FILE
       wisp-audit --manifest FILE --name OUTPUT [--json] < FILE
       wisp-audit --map [FILE]

Checks an output of a build, a card's image, vmlinuz or initrd.img, byte for byte against its
manifest.json: files and archive entries by their sha256, everything else by making it again. Names
the owner of what differs. FILE, or standard input, must be a file or a device, not a pipe. A card's
device works: what it has behind the image is not judged, and counted.

      --manifest FILE  the record (manifest.json beside FILE)
      --name OUTPUT    what the record calls FILE (its own name)
      --json           the verdict and who owns which byte, for programs
      --map            list who owns which byte by FILE's own account: first byte, byte behind the
                       last, owner; needs no record and checks none
      --help, --version
)",
    .options = {{"manifest", 0, Option::Value::required},
                {"name", 0, Option::Value::required},
                {"json", 0, Option::Value::none},
                {"map", 0, Option::Value::none}},
};

constexpr std::size_t head_size = 1024; // that an initrd is one shows in it

/// --map: a line of a map.
void print_range(const ByteRange& range, const std::string& prefix, Sink& out) {
    out.write(prefix + std::to_string(range.start) + " " + std::to_string(range.end) + " " + range.owner() +
              "\n");
}

/// --map of an initrd, each line with its path in front. Refused, before a line, where it cannot be read.
void print_archive(Input& in, std::string_view path, Sink& out) {
    InitramfsAudit audit({}, [](unsigned, const ByteRange&, const std::string&) {});
    audit.run(in);
    for (std::size_t member = 0; member < audit.maps().size(); ++member) {
        const std::string prefix = printable(path) + (member == 0 ? "" : "#" + std::to_string(member)) + ": ";
        for (const ByteRange& range : audit.maps()[member].ranges()) print_range(range, prefix, out);
    }
}

template <class MakeInput>
bool starts_as_initramfs(const MakeInput& make_input) {
    std::vector<std::uint8_t> head(head_size);
    auto in = make_input();
    head.resize(in->read_up_to(head));
    return looks_like_initramfs(head);
}

/// A file that begins as an initrd does need not be one: the disk's map is good without it.
void print_file_of(const fat32::Volume& volume, const fat32::Item& item, Sink& out) {
    const auto open = [&] { return std::make_unique<fat32::FileInput>(volume, item); };
    if (item.is_directory || !starts_as_initramfs(open)) return;
    const auto in = open();
    try {
        print_archive(*in, item.path, out);
    } catch (const Error& error) {
        if (error.fault != Fault::input) throw;
        warn(tool.name, in->name(), problem_with(in->name(), error));
    }
}

/// The disk's own map, then those of the initrds on it.
void print_disk(const Seekable& disk, Sink& out) {
    const fat32::Volume volume(disk);
    map_volume(volume, [&](const ByteRange& range) { print_range(range, "", out); });
    volume.walk([&](const fat32::Item& item) { print_file_of(volume, item, out); });
}

/// `name` stands before the lines of an initrd.
void print_file(const Seekable& file, std::string_view name, Sink& out) {
    const auto open = [&] { return std::make_unique<SeekableInput>(file); };
    if (starts_as_initramfs(open))
        print_archive(*open(), name, out);
    else
        print_disk(file, out);
}

/// Writes JSON of any length piece by piece, so memory stays bounded.
class JsonWriter {
public:
    JsonWriter(const OutputAudit& audit, const AuditRecord& record, const std::string& name, Sink& out)
        : audit_(audit), record_(record), files_(record.inside(name)), out_(out) {}

    void write(const std::string& file) {
        out_.write("{\n\"file\": " + text(file) + ",\n\"size\": " + std::to_string(audit_.map().end()) +
                   ",\n\"not_judged\": " + std::to_string(audit_.not_judged()) + ",\n\"sha256\": \"" +
                   audit_.sha256() + "\",\n\"clean\": " + (audit_.findings().empty() ? "true" : "false") +
                   ",\n\"findings\": ");
        list(audit_.findings(), [](const Finding& finding) { return of(finding); });
        out_.write(",\n\"ranges\": ");
        list(audit_.map().ranges(), [&](const ByteRange& range) { return of(range, files_); });
        out_.write(",\n\"archives\": ");
        list_archives();
        out_.write("\n}\n");
    }

private:
    /// A name may be no UTF-8; JSON must.
    static std::string dump(const OrderedJson& json) {
        return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    }
    static std::string text(const std::string& text) { return dump(OrderedJson(text)); }

    static OrderedJson of(const Finding& finding) {
        return {{"container", finding.container},
                {"member", finding.member},
                {"start", finding.start},
                {"end", finding.end},
                {"owner", finding.owner},
                {"problem", finding.problem},
                {"more", finding.more}};
    }

    static OrderedJson of(const ByteRange& range, const AuditRecord::Files& files) {
        OrderedJson json{{"start", range.start}, {"end", range.end}, {"owner", range.owner()}};
        if (const auto file = files.find(range.subject); range.is_contents && file != files.end()) {
            json["sha256"] = file->second.sha256;
            json["origin"] = file->second.origin;
        }
        return json;
    }

    template <class List, class ToJson>
    void list(const List& values, const ToJson& to_json) {
        out_.write("[");
        const char* separator = "\n";
        for (const auto& value : values) {
            out_.write(separator + dump(to_json(value)));
            separator = ",\n";
        }
        out_.write("]");
    }

    void list_archives() {
        out_.write("[");
        const char* separator = "\n";
        for (const ArchiveMap& archive : audit_.archives()) {
            const auto files = record_.inside(archive.path.empty() ? "initrd.img" : base_name(archive.path));
            for (std::size_t member = 0; member < archive.maps.size(); ++member) {
                out_.write(separator + std::string("{\"path\": ") + text(archive.path) +
                           ", \"member\": " + std::to_string(member) + ", \"ranges\": ");
                list(archive.maps[member].ranges(), [&](const ByteRange& range) { return of(range, files); });
                out_.write("}");
                separator = ",\n";
            }
        }
        out_.write("]");
    }

    const OutputAudit& audit_;
    const AuditRecord& record_;
    const AuditRecord::Files files_;
    Sink& out_;
};

std::string summary(const OutputAudit& audit) {
    std::size_t ranges = audit.map().ranges().size();
    for (const ArchiveMap& archive : audit.archives())
        for (const ByteMap& map : archive.maps) ranges += map.ranges().size();
    const std::string behind = audit.not_judged() == 0 ? ""
                                                       : "; " + std::to_string(audit.not_judged()) +
                                                             " bytes behind them are not judged";
    return "clean, " + std::to_string(audit.map().end()) + " bytes in " + std::to_string(ranges) +
           " ranges, " + std::to_string(audit.good_files()) + " files as recorded" + behind;
}

/// All findings but the last are printed here; the last goes the way of every refusal.
void refuse_findings(const std::string& name, const std::vector<Finding>& findings) {
    if (findings.empty()) return;
    for (std::size_t i = 0; i + 1 < findings.size(); ++i)
        std::fprintf(stderr, "%s: %s: %s\n", tool.name.c_str(), name.c_str(), findings[i].text().c_str());
    refuse(name, findings.back().text());
}

/// What a check needs to know beside the file.
struct Claim {
    std::string manifest;
    std::string output;    ///< what the manifest calls the file
    bool is_given = false; ///< the manifest, by --manifest
};

/// By default the record lies beside the file and knows it by its name; standard input has neither.
Claim claim_of(const std::string& path, const Arguments& arguments) {
    if (path == "-")
        for (const char* const option : {"manifest", "name"})
            if (!arguments.has(option))
                misuse(std::string("--") + option, "is needed where standard input is read");
    const std::string folder(parent_path(path));
    const std::string beside =
        path.find('/') == std::string::npos ? "manifest.json" : folder + "/manifest.json";
    return {arguments.value("manifest").value_or(beside),
            arguments.value("name").value_or(std::string(base_name(path))), arguments.has("manifest")};
}

/// The record beside the file, unless another was given, is there only if the file is where its build left it.
AuditRecord record_of(const Claim& claim) {
    if (!claim.is_given && ::access(claim.manifest.c_str(), F_OK) != 0)
        throw Error(printable(claim.manifest),
                    std::string("open: ") + std::strerror(errno) + "; --manifest names the record", Fault::system);
    return {read_json_file(claim.manifest, record_size_limit), printable(claim.manifest)};
}

/// Refuses a name that the record does not have, where it has others.
void require_output(const AuditRecord& record, const std::string& name) {
    if (record.outputs().empty() || record.outputs().contains(name)) return;
    std::string known;
    for (const auto& [path, file] : record.outputs()) known += (known.empty() ? "'" : ", '") + printable(path) + "'";
    refuse(record.name(), "lists no output '" + printable(name) + "', but " + known + ": --name says which");
}

void check(const std::string& path, const Claim& claim, bool as_json, Sink& out) {
    const auto file = open_seekable_operand(path);
    const AuditRecord record = record_of(claim);
    require_output(record, claim.output);
    OutputAudit audit(*file, record, claim.output);
    audit.run();
    if (as_json)
        JsonWriter(audit, record, claim.output, out).write(path);
    else if (audit.findings().empty())
        out.write(file->name() + ": " + summary(audit) + "\n");
    out.finish();
    refuse_findings(file->name(), audit.findings());
}

void map(const std::string& path, const Arguments& arguments, Sink& out) {
    if (arguments.has("json") || arguments.has("manifest") || arguments.has("name"))
        misuse("--map", "goes with no other option");
    print_file(*open_seekable_operand(path), base_name(path), out);
    out.finish();
}

void run(const Arguments& arguments) {
    const std::string path = single_operand(arguments).value_or("-");
    FdSink out(STDOUT_FILENO, "standard output");
    if (arguments.has("map")) return map(path, arguments, out);
    check(path, claim_of(path, arguments), arguments.has("json"), out);
}

} // namespace

int main(int argc, char** argv) { return run_tool(tool, argc, argv, run); }
