// wisp-board: the driver's window on JSON. Profiles and configurations in, checked lines out; records in,
// manifest or bill of materials out; pins in, profile out.
#include <filesystem>
#include <map>

#include "lines.hpp"
#include "wisp/build_record.hpp"
#include "wisp/pin.hpp"
#include "wisp/sbom.hpp"
#include "wisp/tool.hpp"

using namespace wisp;

namespace {

constexpr std::string_view help = R"(usage: wisp-board check FILE...
       wisp-board targets [--boards FOLDER]... [--shipped FOLDER]
       wisp-board config [-f FILE] [--NAME VALUE]... [--need NAME]...
       wisp-board manifest < RECORDS > manifest.json
       wisp-board sbom < RECORDS > sbom.spdx.json
       wisp-board pin FILE < PINS > NEW

check     refuses a board profile that is not exactly one
targets   lists the boards
config    merges a wisp.json and flags of the same names, checks everything, prints key=value lines
manifest  writes what an image is made of
sbom      writes the same as an SPDX 2.3 document
pin       prints a profile with other pins

  -f, --file FILE            config: a wisp.json; flags win over it
  -t, --target NAME          the board
  -b, --binary FILE          the service
      --ip ADDRESS/PREFIX    of the board
      --gateway ADDRESS
      --dns ADDRESS          repeatable (the gateway)
  -o, --output FOLDER        (wisp-output)
      --port [ADDRESS:]HOST:GUEST
                             repeatable (18080:8080)
      --offline
      --allow-unpinned
      --boards FOLDER        board profiles; repeatable, the first that has a name wins
      --shipped FOLDER       profiles to look at last
      --need NAME            config: refuse to go on without this setting; repeatable
      --as NAME              the name in front of messages (wisp-board)
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

void print(const std::string& text) {
    FdSink out(STDOUT_FILENO, "standard output");
    out.write(text);
    out.finish();
}

void check(const Arguments&, const std::vector<std::string>& files) {
    if (files.empty()) misuse("FILE", "is missing: which profile?");
    for (const std::string& file : files) load_board(file);
}

void targets(const Arguments& arguments, const std::vector<std::string>&) {
    std::vector<std::string> folders = arguments.values("boards");
    for (const std::string& folder : arguments.values("shipped")) folders.push_back(folder);
    if (folders.empty()) misuse("--boards", "is missing: where are the profiles?");
    std::vector<std::vector<std::string>> rows{{"TARGET", "ARCH", "KERNEL", "BOOTS"}};
    for (const auto& [name, file] : find_boards(folders)) rows.push_back(table_row(load_board(file)));
    print(table(rows));
}

/// wisp.json first, flags over it.
GivenValues given_values(const Arguments& arguments) {
    GivenValues given;
    if (const auto file = arguments.value("file")) given = parse_settings(read_json_file(*file), *file);
    for (const Setting& setting : settings) {
        const std::string name(setting.name);
        if (!arguments.has(name)) continue;
        given[name].clear();
        for (const std::string& text : arguments.values(name)) given[name].push_back({text, "--" + name});
    }
    return given;
}

void require(const Arguments& arguments, const GivenValues& given) {
    const auto file = arguments.value("file");
    for (const std::string& name : arguments.values("need"))
        if (!last_of(given, name))
            misuse("--" + name, "is missing" + (file ? ", and " + *file + " has none" : ""));
}

/// The profile of the target, or a refusal that lists the boards there are.
std::string find_target(const GivenValue& target, const std::vector<std::string>& folders) {
    const auto boards = find_boards(folders);
    if (const auto found = boards.find(target.text); found != boards.end()) return found->second;
    std::string known;
    for (const auto& [name, file] : boards) known += (known.empty() ? "" : ", ") + name;
    refuse_value(target.subject, target.text, "no such board, known here: " + known);
}

void config(const Arguments& arguments, const std::vector<std::string>&) {
    const GivenValues given = given_values(arguments);
    require(arguments, given);
    BuildConfig checked = check_config(given);
    Lines lines;
    add_config(lines, checked);
    if (const GivenValue* const target = last_of(given, "target")) {
        for (const std::string& folder : arguments.values("shipped")) checked.boards.push_back(folder);
        const std::string file = find_target(*target, checked.boards);
        add_board(lines, load_board(file), file);
    }
    print(lines.text());
}

std::string read_input(std::string& name) {
    constexpr std::uint64_t limit = 16 * 1024 * 1024; // a hundred thousand files' records
    FdInput in(STDIN_FILENO, "standard input");
    name = in.name();
    return std::string(as_text(in.read_all(limit)));
}

BuildRecord read_record() {
    std::string name;
    const std::string text = read_input(name);
    BuildRecord record(name);
    record.read(text);
    return record;
}

void manifest(const Arguments&, const std::vector<std::string>&) { print(manifest_json(read_record())); }

void sbom(const Arguments&, const std::vector<std::string>&) {
    const std::uint64_t created = source_date_epoch(max_spdx_time);
    print(spdx_json(read_record(), created, std::string("wisp-") + version));
}

void pin(const Arguments&, const std::vector<std::string>& files) {
    if (files.size() != 1) misuse("pin", "needs one FILE: which profile?");
    std::string name;
    const std::string pins = read_input(name);
    print(pin_profile(read_json_file(files[0]), files[0], parse_pins(pins, name)));
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
    Command configure{config, false, {shipped, {"file", 'f', Value::required}, {"need", 0, Value::required}}};
    for (const Setting& setting : settings)
        configure.options.push_back({std::string(setting.name), setting.letter,
                                     setting.kind == Setting::Kind::yes_no ? Value::none : Value::required});
    return {{"check", {check, true, {}}}, {"targets", {targets, false, {boards, shipped}}},
            {"config", configure},        {"manifest", {manifest, false, {}}},
            {"sbom", {sbom, false, {}}},  {"pin", {pin, true, {}}}};
}

/// The name in front of messages, which is needed before the command line is known to be right.
std::string spoken_name(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; ++i)
        if (std::string_view(argv[i]) == "--as") return argv[i + 1];
    return "wisp-board";
}

} // namespace

int main(int argc, char** argv) {
    const auto all = commands();
    const auto command = all.find(argc > 1 ? argv[1] : "");
    Tool tool{.name = spoken_name(argc, argv), .help = std::string(help), .options = {}};
    if (command != all.end()) tool.options = command->second.options;
    tool.options.push_back({"as", 0, Option::Value::required});
    return run_tool(tool, argc, argv, [&](const Arguments& arguments) {
        if (command == all.end())
            misuse(argc > 1 ? printable(argv[1]) : "command",
                   "is none of check, targets, config, manifest, sbom, pin");
        const std::vector<std::string> operands(arguments.operands.begin() + 1, arguments.operands.end());
        if (!operands.empty() && !command->second.takes_operands)
            misuse(printable(operands[0]), "wisp-board " + command->first + " takes no operand");
        command->second.run(arguments, operands);
    });
}
