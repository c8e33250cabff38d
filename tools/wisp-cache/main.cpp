// wisp-cache: are files still what they were? By checksums where they have to be read, by what the file
// system says of them where that is enough.
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "wisp/identity.hpp"
#include "wisp/replace_file.hpp"
#include "wisp/sealed.hpp"
#include "wisp/signal_delay.hpp"
#include "wisp/tool.hpp"

using namespace wisp;

namespace {

const Tool tool{
    .name = "wisp-cache",
    .help = R"(usage: wisp-cache seal FOLDER
       wisp-cache check [--index FILE] FOLDER
       wisp-cache put FOLDER NAME
       wisp-cache look [--record FILE] [--index FILE] PATH... > IDENTITIES
       wisp-cache publish --from FOLDER --into FOLDER --result NAME...
       wisp-cache publish ... [--record FILE] PATH... < IDENTITIES

seal     writes SHA1SUMS and SHA256SUMS of all files in FOLDER
check    refuses a FOLDER of which a file is not as SHA256SUMS lists it
put      gives a sealed FOLDER a NAME, unless a sealed folder that is whole has it: then FOLDER goes
look     prints nothing where no PATH has changed since RECORD was kept, otherwise what they are now;
         with --index it then checks a PATH that is a sealed folder
publish  gives results their names, over what had them, and removes the folder they were made in;
         refuses where a PATH is not as IDENTITIES has it; with --record keeps what they and the PATHs are

A PATH that is a sealed folder stands for its files.

      --index FILE    check, look: files this list knows are not read; it is kept up to date
      --record FILE   look, publish: what is known of all that went into results, and of the results
      --result NAME   publish: a result; repeatable
      --from FOLDER   publish: where the results are
      --into FOLDER   publish: where they are to be, in the same file system
      --help, --version
)",
    .options = {{"index", 0, Option::Value::required},
                {"record", 0, Option::Value::required},
                {"result", 0, Option::Value::required},
                {"from", 0, Option::Value::required},
                {"into", 0, Option::Value::required}},
};

/// The clock that file systems stamp files by, in nanoseconds: it stands still between ticks.
std::int64_t file_clock() {
#ifdef CLOCK_REALTIME_COARSE
    constexpr clockid_t clock = CLOCK_REALTIME_COARSE;
    constexpr std::int64_t slack = 0;
#else
    constexpr clockid_t clock = CLOCK_REALTIME;
    constexpr std::int64_t slack = 10'000'000; // the longest tick
#endif
    timespec now{};
    ::clock_gettime(clock, &now);
    return nanoseconds(now) - slack;
}

/// Lets the moments pass in which `files` could still change and their times stay. What lies further in the future than
/// those of a file changed just now is not waited for.
void wait_past(const std::vector<KnownFile>& files) {
    constexpr std::int64_t longest = 2'020'000'000; // the coarsest unit of a file system, and a tick
    const std::int64_t now = file_clock();
    std::int64_t last = 0;
    for (const KnownFile& file : files)
        for (const std::int64_t moment : file.identity.blind_until())
            if (moment - now < longest) last = std::max(last, moment);
    while (file_clock() <= last && file_clock() >= now) std::this_thread::sleep_for(std::chrono::microseconds(500));
}

bool is_folder(const std::string& path) {
    std::error_code unknown;
    return std::filesystem::is_directory(path, unknown);
}

/// Sealed folders become their files.
std::vector<std::string> expanded(const std::vector<std::string>& paths) {
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        if (!is_folder(path)) {
            files.push_back(path);
            continue;
        }
        for (std::string& file : SealedFolder(path).files()) files.push_back(std::move(file));
    }
    return files;
}

/// Lists only save time: where one cannot be written, nothing is lost.
void save_if_possible(const std::vector<KnownFile>& files, const std::string& path) {
    std::error_code failed;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
    try {
        save_identities(files, path);
    } catch (const Error&) {
    }
}

const std::string& single(const std::vector<std::string>& operands) {
    if (operands.size() != 1) misuse("FOLDER", operands.empty() ? "is missing" : "one is enough");
    return operands[0];
}

void seal(const Arguments&, const std::vector<std::string>& operands) {
    SealedFolder(single(operands)).seal();
}

void check_folder(const std::string& folder, const std::optional<std::string>& index) {
    const auto known = index ? KnownFiles::load(*index) : std::nullopt;
    const auto fresh = SealedFolder(folder).check(known.value_or(KnownFiles{}));
    if (index && !fresh.empty()) save_if_possible(fresh, *index);
}

void check(const Arguments& arguments, const std::vector<std::string>& operands) {
    check_folder(single(operands), arguments.value("index"));
}

bool is_whole(const std::string& folder) try {
    SealedFolder(folder).check({});
    return true;
} catch (const Error&) {
    return false;
}

/// Gives the sealed folder `from` the name `to`. Where a whole one has that name, it keeps it: whoever made it was faster,
/// and somebody may be reading it. One that is damaged is replaced in one step, where the system has one.
void put(const Arguments&, const std::vector<std::string>& operands) {
    if (operands.size() != 2) misuse("put", "needs two folders: which gets whose name?");
    const std::string &from = operands[0], &to = operands[1];
    if (::rename(from.c_str(), to.c_str()) == 0) return;
    if (errno != ENOTEMPTY && errno != EEXIST) fail_errno(to, "rename");
    std::error_code left_behind; // if that is in the way, the next rename says so
    if (!is_whole(to) && !swap_names(from, to)) {
        std::filesystem::remove_all(to, left_behind);
        if (::rename(from.c_str(), to.c_str()) != 0) fail_errno(to, "rename");
    }
    std::filesystem::remove_all(from, left_behind);
}

bool is_unchanged(const std::vector<std::string>& files, const std::string& record) {
    const auto known = KnownFiles::load(record);
    if (!known || !known->all_hold()) return false;
    std::set<std::string_view> paths;
    for (const KnownFile& file : known->files) paths.insert(file.path);
    return std::all_of(files.begin(), files.end(),
                       [&](const std::string& file) { return paths.contains(file); });
}

void look(const Arguments& arguments, const std::vector<std::string>& operands) {
    const std::vector<std::string> files = expanded(operands);
    const auto record = arguments.value("record");
    if (record && is_unchanged(files, *record)) return;
    std::vector<KnownFile> now;
    for (const std::string& file : files)
        if (const auto identity = identity_of(file)) now.push_back({file, *identity});
    wait_past(now);
    if (const auto index = arguments.value("index"))
        for (const std::string& path : operands)
            if (is_folder(path)) check_folder(path, index);
    print(identities_text(now));
}

/// The results as they will be under their names: another build that publishes its own there meanwhile has files of
/// other inodes.
std::vector<KnownFile> results_of(const std::string& from, const std::string& into,
                                  const std::vector<std::string>& names) {
    std::vector<KnownFile> results;
    for (const std::string& name : names)
        if (const auto identity = identity_of(from + "/" + name)) results.push_back({into + "/" + name, *identity});
    return results;
}

/// What look has noted of files, as standard input has it.
std::vector<KnownFile> noted_identities() {
    constexpr std::uint64_t limit = 64 * 1024 * 1024;
    FdInput in(STDIN_FILENO, "standard input");
    const auto bytes = in.read_all(limit);
    const auto noted = parse_identities(as_text(bytes));
    if (!noted) refuse(in.name(), "is no list of identities");
    return *noted;
}

/// What the inputs are. Refused where one that was noted by its own name has changed since: who knows which of its states
/// is in which result. Nothing where all that is known is that a sealed folder is another now, list and all: another build
/// makes one of the same contents.
std::optional<std::vector<KnownFile>> inputs_of(const std::vector<std::string>& paths,
                                                const std::vector<KnownFile>& noted) {
    std::map<std::string_view, Identity> before;
    for (const KnownFile& file : noted) before[file.path] = file.identity;
    for (const std::string& path : paths)
        if (const auto was = before.find(path); was != before.end() && identity_of(path) != was->second)
            throw Error(path, "has changed while it was used; build again", Fault::system);
    try {
        std::vector<KnownFile> inputs;
        for (const std::string& path : expanded(paths)) {
            const auto now = identity_of(path);
            const auto was = before.find(path);
            if (!now || (was != before.end() && was->second != *now)) return std::nullopt;
            inputs.push_back({path, *now});
        }
        return inputs;
    } catch (const Error&) {
        return std::nullopt;
    }
}

/// Whether the folder `inner` is the folder `outer` or lies in it, under whatever name.
bool lies_in(const std::string& inner, const std::string& outer) {
    std::error_code none;
    for (auto at = std::filesystem::canonical(inner, none); !at.empty(); at = at.parent_path()) {
        if (std::filesystem::equivalent(at, outer, none)) return true;
        if (at == at.root_path()) break;
    }
    return false;
}

/// Holds a folder to itself as long as it lives, once whoever else does so has gone. Where locks are not to be had (NFS
/// has none for what is not open for writing, and a folder never is) it does nothing [flock(2), Notes].
class FolderLock {
public:
    explicit FolderLock(const std::string& folder) : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        while (fd_ && ::flock(fd_.get(), LOCK_EX) != 0 && errno == EINTR) {}
    }

private:
    Fd fd_;
};

/// The end of a folder, at the same time as what else is to do: an image takes milliseconds to go.
class Removal {
public:
    explicit Removal(const std::string& folder)
        : done_(std::async(std::launch::async | std::launch::deferred, [folder] {
              std::error_code left_behind;
              std::filesystem::remove_all(folder, left_behind);
          })) {}
    Removal(const Removal&) = delete;
    Removal& operator=(const Removal&) = delete;
    ~Removal() { done_.wait(); }

private:
    std::future<void> done_;
};

/// What look will hold the next build to.
void keep(const std::vector<KnownFile>& results, const std::vector<KnownFile>& inputs, const std::string& record) {
    std::vector<KnownFile> files = results;
    files.insert(files.end(), inputs.begin(), inputs.end());
    wait_past(files);
    for (std::size_t i = 0; i < results.size(); ++i) files[i].identity.changed = 0; // renaming has changed it
    save_if_possible(files, record);
}

void publish(const Arguments& arguments, const std::vector<std::string>& paths) {
    const auto from = arguments.value("from"), into = arguments.value("into"), record = arguments.value("record");
    const std::vector<std::string> names = arguments.values("result");
    if (!from || !into || names.empty()) misuse("publish", "needs --from, --into and --result");
    if (lies_in(*into, *from)) misuse("--into", "lies in --from, which is removed");
    const auto noted = record || !paths.empty() ? noted_identities() : std::vector<KnownFile>{};
    const FolderLock lock(*into);
    const auto inputs = inputs_of(paths, noted);
    const std::vector<KnownFile> results = results_of(*from, *into, names);
    // As one: no other build's results come between, of which some would be left and some replaced, and no signal.
    const SignalDelay signals;
    for (const std::string& name : names) replace_file(*from + "/" + name, *into + "/" + name);
    const Removal removal(*from);
    if (record && inputs) keep(results, *inputs, *record);
}

struct Command {
    void (*run)(const Arguments&, const std::vector<std::string>&);
    std::set<std::string> options; ///< that it takes
};

const std::map<std::string_view, Command> commands{
    {"seal", {seal, {}}},
    {"check", {check, {"index"}}},
    {"put", {put, {}}},
    {"look", {look, {"record", "index"}}},
    {"publish", {publish, {"record", "result", "from", "into"}}}};

} // namespace

int main(int argc, char** argv) {
    return run_tool(tool, argc, argv, [](const Arguments& arguments) {
        const std::string name = arguments.operands.empty() ? "" : arguments.operands[0];
        const auto command = commands.find(name);
        if (command == commands.end())
            misuse(name.empty() ? "command" : printable(name), "is none of seal, check, put, look, publish");
        check_options(tool, arguments, command->second.options);
        command->second.run(arguments, {arguments.operands.begin() + 1, arguments.operands.end()});
    });
}
