// wisp-board: the driver's window on JSON. Profiles and configurations in, checked lines or a build's small
// files out; records in, manifest and bill of materials out; pins in, profile out.
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "lines.hpp"
#include "record_stream.hpp"
#include "stage.hpp"
#include "usage.hpp"
#include "wisp/audit_record.hpp"
#include "wisp/build_record.hpp"
#include "wisp/identity.hpp"
#include "wisp/new_file.hpp"
#include "wisp/pin.hpp"
#include "wisp/sbom.hpp"
#include "wisp/tool.hpp"

using namespace wisp;

namespace {

constexpr const char* own_name = "wisp-board";

constexpr std::string_view help = R"(usage: wisp-board check FILE...
       wisp-board targets [--boards FOLDER]... [--shipped FOLDER]
       wisp-board config [--shell] [-f FILE] [--NAME VALUE]... [--need NAME]...
       wisp-board stage --entry FOLDER --init FILE --work FOLDER [-f FILE] [--NAME VALUE]...
       wisp-board manifest < RECORDS > manifest.json
       wisp-board sbom < RECORDS > sbom.spdx.json
       wisp-board record --work FOLDER [--replaces FILE] [--ahead LOCAL-FILE=FILE]...
                         [--sha256 LOCAL-FILE=HEX]... < RECORDS
       wisp-board pin FILE < PINS > NEW

check     refuses a board profile that is not exactly one
targets   lists the boards
config    merges a wisp.json and flags of the same names, checks everything, prints key=value lines
stage     does the same, writes a build's small files and manifests into a folder, prints the records
manifest  writes what an image is made of
sbom      writes the same as an SPDX 2.3 document
record    writes both, manifest.json and sbom.spdx.json, into a folder
pin       prints a profile with other pins

  -f, --config FILE          config, stage: a wisp.json; flags win over it
      --NAME VALUE           an option of the driver, see wisp(1)
      --shell                config: print assignments for eval
      --need NAME            config: refuse to go on without this setting; repeatable
      --boards FOLDER        board profiles; repeatable, the first that has a name wins
      --shipped FOLDER       profiles to look at last
      --entry FOLDER         stage: the kernel and what belongs to it, as the cache has it
      --init FILE            stage: /init
      --identity TEXT        stage: refuse to go on where config --shell would now say another
      --work FOLDER          stage, record: where to write
      --replaces FILE        record: the manifest.json that will go; says for which outputs none is left
      --ahead LOCAL-FILE=FILE
                             record: hash FILE, which the records will call LOCAL-FILE, while they
                             are still to come; repeatable
      --sha256 LOCAL-FILE=HEX
                             record: what the SHA-256 of a local file is known to be; repeatable.
                             LOCAL-FILE=-: behind the records standard input has a line for it, once
                             the file is made: its SHA-256, or "-", which has record hash it; of
                             several in this order
      --as NAME              speak as the program NAME (wisp-board)
      --help, --version
)";

/// The profiles of some folders by name: FOLDER/NAME.json, of equal names the first.
std::map<std::string, std::string> find_boards(const std::vector<std::string>& folders) {
    std::map<std::string, std::string> found;
    for (const std::string& folder : folders) {
        std::error_code failure;
        for (std::filesystem::directory_iterator at(folder, failure), end; !failure && at != end;
             at.increment(failure))
            if (at->path().extension() == ".json")
                found.emplace(at->path().stem().string(), at->path().string());
        if (failure) throw Error(printable(folder), failure.message(), Fault::system);
    }
    return found;
}

void check(const Arguments&, const std::vector<std::string>& files) {
    if (files.empty()) misuse("FILE", "is missing: which profile?");
    for (const std::string& file : files) load_board(file);
}

void targets(const Arguments& arguments, const std::vector<std::string>&) {
    std::vector<std::string> folders = arguments.values("boards");
    for (const std::string& folder : arguments.values("shipped")) folders.push_back(folder);
    if (folders.empty()) misuse("--boards", "is missing: where are the profiles?");
    std::vector<std::vector<std::string>> rows{table_head};
    for (const auto& [name, file] : find_boards(folders)) rows.push_back(table_row(load_board(file)));
    print(table(rows));
}

/// wisp.json first, flags over it.
GivenValues given_values(const Arguments& arguments) {
    GivenValues given;
    if (const auto file = arguments.value("config")) given = parse_settings(read_json_file(*file), *file);
    for (const Setting& setting : settings) {
        const std::string name(setting.name);
        if (!arguments.has(name)) continue;
        given[name].clear();
        for (const std::string& text : arguments.values(name)) given[name].push_back({text, "--" + name});
    }
    return given;
}

bool is_needed(const Arguments& arguments, std::string_view setting) {
    const auto needed = arguments.values("need");
    return std::find(needed.begin(), needed.end(), setting) != needed.end();
}

/// Refuses a setting that is needed and missing. An address may still come from the board.
void require(const Arguments& arguments, const GivenValues& given, const std::string& setting) {
    if (!is_needed(arguments, setting) || last_of(given, setting)) return;
    const auto file = arguments.value("config");
    std::error_code unknown;
    const bool overlooked = !file && std::filesystem::exists("wisp.json", unknown);
    misuse("--" + setting, "is missing" + (file         ? ", and " + *file + " has none"
                                           : overlooked ? "; the wisp.json that is here is read with -f wisp.json"
                                                        : ""));
}

/// The profile of the target, or a refusal that lists the boards there are.
std::string find_target(const GivenValue& target, const std::vector<std::string>& folders) {
    const auto boards = find_boards(folders);
    if (const auto found = boards.find(target.text); found != boards.end()) return found->second;
    std::string known;
    for (const auto& [name, file] : boards) known += (known.empty() ? "" : ", ") + name;
    refuse_value(target.subject, target.text, "no such board, known here: " + known);
}

/// What to build, with the board's word in it.
struct Checked {
    GivenValues given{};
    BuildConfig config{};
    std::string board_file{};
    std::optional<Board> board{};
};

Checked check_arguments(const Arguments& arguments) {
    Checked checked{.given = given_values(arguments)};
    for (const char* const setting : {"target", "binary"}) require(arguments, checked.given, setting);
    checked.config = check_config(checked.given);
    const GivenValue* const target = last_of(checked.given, "target");
    if (!target) return checked;
    std::vector<std::string> folders = checked.config.boards;
    for (const std::string& folder : arguments.values("shipped")) folders.push_back(folder);
    checked.board_file = find_target(*target, folders);
    checked.board = load_board(checked.board_file);
    fill_in_network(checked.config.network, *checked.board);
    if (!checked.config.network.has_address()) require(arguments, checked.given, "ip");
    return checked;
}

/// The lines of the board, if there is one, with the keys that its packages are to be verified by.
Lines board_lines(const Checked& checked, const Arguments& arguments) {
    Lines lines;
    if (!checked.board) return lines;
    add_board(lines, *checked.board, checked.board_file);
    const auto shipped = arguments.values("shipped");
    add_keys(lines, checked.board->kernel, checked.board_file, shipped.empty() ? "" : shipped.back());
    return lines;
}

/// A name for everything that decides what is built, beside the contents of files. `board` is what board_lines() says.
std::string identity(const Checked& checked, const Lines& board) {
    std::string text = std::string(version) + "\n" + std::filesystem::current_path().string() + "\n" +
                       environment_variable("SOURCE_DATE_EPOCH").value_or("") + "\n" + board.text();
    for (const Setting& setting : settings)
        for (const GivenValue& value : all_of(checked.given, setting.name))
            if (setting.shapes_image)
                text.append(setting.name).append("\0", 1).append(value.text).append("\0", 1);
    return name_of(text);
}

void config(const Arguments& arguments, const std::vector<std::string>&) {
    const Checked checked = check_arguments(arguments);
    Lines lines;
    add_config(lines, checked.config);
    if (arguments.has("shell")) {
        const Lines board = board_lines(checked, arguments);
        lines.add(board);
        print(shell_text(lines, checked.config, checked.board, identity(checked, board)));
    } else {
        if (checked.board) add_board(lines, *checked.board, checked.board_file);
        print(lines.text());
    }
}

void stage(const Arguments& arguments, const std::vector<std::string>&) {
    for (const char* const option : {"entry", "init", "work"})
        if (!arguments.has(option)) misuse(std::string("--") + option, "is missing");
    Arguments with_needs = arguments;
    for (const char* const setting : {"target", "binary", "ip"}) with_needs.add("need", setting);
    const Checked checked = check_arguments(with_needs);
    if (const auto asked = arguments.value("identity"); asked && *asked != identity(checked, board_lines(checked, arguments))) {
        const auto file = arguments.value("config");
        throw Error(printable(checked.board_file) + (file ? " or " + printable(*file) : ""),
                    "has changed while it was used; build again", Fault::system);
    }
    const KernelEntry entry(*arguments.value("entry"));
    BuildFolder folder(checked.config, *checked.board, checked.board_file, entry, *arguments.value("work"));
    print(folder.fill(*arguments.value("init")));
}

/// LEFT=RIGHT without the equals sign at `equals`; where there is none RIGHT is empty.
std::pair<std::string, std::string> split_at(const std::string& text, std::size_t equals) {
    return {text.substr(0, equals), equals == std::string::npos ? "" : text.substr(equals + 1)};
}

/// Tells the record what --sha256 says, that a line of `stream` will say it, or with --ahead what to hash for it.
void tell(BuildRecord& record, const Arguments& arguments, RecordStream& stream) {
    std::set<std::string> named;
    const auto name = [&](const char* option, const std::string& file) {
        if (!named.insert(file).second) misuse(option, "'" + printable(file) + "' is named twice");
    };
    std::vector<std::pair<std::string, std::string>> ahead;
    for (const std::string& text : arguments.values("ahead")) {
        ahead.push_back(split_at(text, text.find('=')));
        const auto& [local_file, file] = ahead.back();
        if (local_file.empty() || file.empty()) misuse("--ahead", "'" + printable(text) + "' is not LOCAL-FILE=FILE");
        name("--ahead", local_file);
    }
    for (const std::string& text : arguments.values("sha256")) {
        const auto [file, value] = split_at(text, text.rfind('='));
        if (value != "-" && !is_sha256(value)) misuse("--sha256", "'" + printable(text) + "' is not LOCAL-FILE=HEX");
        name("--sha256", file);
        if (value == "-")
            record.await(file, [file = file, &stream] { return stream.next_sum(file); });
        else
            record.know(file, value);
    }
    for (const auto& [local_file, file] : ahead) record.hash_ahead(local_file, file);
}

BuildRecord read_record() {
    RecordStream stream;
    BuildRecord record(stream.name());
    record.read(stream.all());
    return record;
}

/// manifest.json, which is there to be audited: refused when it is larger than wisp-audit reads.
std::string audited_manifest(const BuildRecord& records) {
    const std::string text = manifest_json(records);
    if (text.size() > record_size_limit)
        refuse("manifest.json", "has " + std::to_string(text.size()) + " bytes, and wisp-audit reads " +
                                    std::to_string(record_size_limit));
    return text;
}

void manifest(const Arguments&, const std::vector<std::string>&) { print(audited_manifest(read_record())); }

/// Who makes the SPDX documents.
const std::string creator = std::string("wisp-") + version;

void sbom(const Arguments&, const std::vector<std::string>&) {
    const std::uint64_t created = source_date_epoch(max_spdx_time);
    print(spdx_json(read_record(), created, creator));
}

/// The outputs that lie beside the old manifest.json `file` and that `records` does not have: their record is about to go.
/// None where `file` is no record.
std::string left_without_record(const std::string& file, const BuildRecord& records) try {
    const AuditRecord old(as_text(FdInput(open_read(file), file).read_all(record_size_limit)), file);
    std::string names;
    for (const auto& [name, output] : old.outputs())
        if (!records.outputs().contains(name) && identity_of(beside(file, name)))
            names += (names.empty() ? "" : ", ") + name;
    return names;
} catch (const Error&) {
    return "";
}

void record(const Arguments& arguments, const std::vector<std::string>&) {
    const auto work = arguments.value("work");
    if (!work) misuse("--work", "is missing");
    const std::uint64_t created = source_date_epoch(max_spdx_time);
    RecordStream stream;
    BuildRecord records(stream.name());
    tell(records, arguments, stream);
    records.read(records.is_waiting() ? stream.records() : stream.all());
    SpdxDocument sbom(records);
    const auto old = arguments.value("replaces");
    const std::string left = old ? left_without_record(*old, records) : "";
    records.complete(); // nothing is left to do but what needs the awaited sums
    stream.expect_end();
    if (!left.empty())
        warn(arguments.value("as").value_or(own_name), printable(*old),
             "no longer vouches for " + printable(left) + ", still there: --output keeps targets apart");
    write_file(*work + "/manifest.json", audited_manifest(records));
    write_file(*work + "/sbom.spdx.json", sbom.json(created, creator));
}

void pin(const Arguments&, const std::vector<std::string>& files) {
    if (files.size() != 1) misuse("pin", "needs one FILE: which profile?");
    RecordStream stream;
    print(pin_profile(read_json_file(files[0]), files[0], parse_pins(stream.all(), stream.name())));
}

struct Command {
    void (*run)(const Arguments&, const std::vector<std::string>& operands);
    bool takes_operands;
    std::vector<Option> options;
};

std::map<std::string, Command> commands() {
    using Value = Option::Value;
    const Option boards{"boards", 0, Value::required};
    const Option shipped{"shipped", 0, Value::required};
    const Option work{"work", 0, Value::required};
    std::vector<Option> flags{shipped, {"config", 'f', Value::required}, {"need", 0, Value::required}};
    for (const Setting& setting : settings)
        flags.push_back({std::string(setting.name), setting.letter,
                         setting.kind == Setting::Kind::yes_no ? Value::none : Value::required});
    Command configure{config, false, flags}, staged{stage, false, flags};
    configure.options.push_back({"shell"});
    staged.options.insert(staged.options.end(),
                          {{"entry", 0, Value::required},
                           {"init", 0, Value::required},
                           {"identity", 0, Value::required},
                           work});
    return {{"check", {check, true, {}}},
            {"targets", {targets, false, {boards, shipped}}},
            {"config", configure},
            {"stage", staged},
            {"manifest", {manifest, false, {}}},
            {"sbom", {sbom, false, {}}},
            {"record",
             {record,
              false,
              {work,
               {"ahead", 0, Value::required},
               {"replaces", 0, Value::required},
               {"sha256", 0, Value::required}}}},
            {"pin", {pin, true, {}}}};
}

/// The name in front of messages, which is needed before the command line is known to be right.
std::string spoken_name(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; ++i)
        if (std::string_view(argv[i]) == "--as") return argv[i + 1];
    return own_name;
}

} // namespace

int main(int argc, char** argv) {
    const auto all = commands();
    const auto command = all.find(argc > 1 ? argv[1] : "");
    const std::string name = spoken_name(argc, argv);
    Tool tool{.name = name, .help = std::string(name == "wisp" ? driver_usage : help), .options = {}};
    if (command != all.end()) tool.options = command->second.options;
    tool.options.push_back({"as", 0, Option::Value::required});
    return run_tool(tool, argc, argv, [&](const Arguments& arguments) {
        if (command == all.end())
            misuse(argc > 1 ? printable(argv[1]) : "command",
                   "is none of check, targets, config, stage, manifest, sbom, record, pin");
        const std::vector<std::string> operands(arguments.operands.begin() + 1, arguments.operands.end());
        if (!operands.empty() && !command->second.takes_operands)
            misuse(printable(operands[0]),
                   name == "wisp" && command->first == "config"
                       ? "is no option: --binary names the service, --arg each of its arguments"
                       : command->first + " takes no operand");
        command->second.run(arguments, operands);
    });
}
