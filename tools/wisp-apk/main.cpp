// wisp-apk: lists, verifies and extracts Alpine packages, and looks packages up in a repository index.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "interrupt.hpp"
#include "wisp/apk.hpp"
#include "wisp/apk_index.hpp"
#include "wisp/digest_input.hpp"
#include "wisp/new_file.hpp"
#include "wisp/selection.hpp"
#include "wisp/spool.hpp"
#include "wisp/stage.hpp"
#include "wisp/tar_write.hpp"
#include "wisp/tool.hpp"
#include "wisp/unpack.hpp"

using namespace wisp;

namespace {

const Tool tool{
    .name = "wisp-apk",
    .help = R"(usage: wisp-apk list [OPTION]...
       wisp-apk info [OPTION]...
       wisp-apk verify --keys DIR [OPTION]...
       wisp-apk extract [-C DIR] [OPTION]... PATH...
       wisp-apk cat [OPTION]... PATH
       wisp-apk lookup --keys DIR [-f FILE] PACKAGE

Reads an Alpine package (APK v2) from standard input; list, extract and cat also read any
tar or tar.gz.

  list      print the names of all entries
  info      print .PKGINFO
  verify    check signature, control and data; print key, digest, name-version, datahash
  extract   write the regular files PATH, or all those in the folder PATH/
  cat       print the regular file PATH
  lookup    find PACKAGE in an APKINDEX.tar.gz; print version, size in bytes, checksum,
            architecture, file name

  -f, --file FILE       read FILE instead of standard input
      --keys DIR        accept only what a key in DIR has signed, by the key's file name
      --sha256 HEX      accept only an input with this SHA-256
  -C, --directory DIR   extract into DIR instead of the working directory
      --tar FILE        put what is in folders PATH/ into the tar archive FILE instead
      --if-present      a PATH that is not there is no error
      --report          after verify or extract, print what was read as KEY=VALUE lines
      --newest          lookup: only the newest build
      --help, --version

Nothing is written or printed before the whole input has been read and found good. With --keys
and no folder among the PATHs, what follows the last of them is hashed and not unpacked.

Example: wisp-apk extract --keys boards/keys -C out boot/vmlinuz-virt < linux-virt.apk
)",
    .options = {{"file", 'f', Option::Value::required},
                {"keys", 0, Option::Value::required},
                {"sha256", 0, Option::Value::required},
                {"directory", 'C', Option::Value::required},
                {"tar", 0, Option::Value::required},
                {"if-present", 0, Option::Value::none},
                {"report", 0, Option::Value::none},
                {"newest", 0, Option::Value::none}},
};

/// The command line of one command.
struct Command {
    const Arguments& arguments;
    std::vector<std::string> operands; ///< without the command's name
};

/// What was read, after all of it has been found good.
struct Reading {
    std::optional<apk::Package> package{};
    std::string sha256{}; ///< of the whole input; only with --sha256 or --report
    std::uint64_t size = 0;
};

std::optional<apk::Keyring> keyring(const Arguments& arguments) {
    const auto folder = arguments.value("keys");
    if (!folder) return std::nullopt;
    return apk::Keyring(*folder);
}

/// The file named by -f, or nothing for standard input.
Fd open_file(const Arguments& arguments) {
    const auto file = arguments.value("file");
    return file && *file != "-" ? open_read(*file) : Fd();
}

std::string input_name(const Arguments& arguments) {
    const auto file = arguments.value("file").value_or("-");
    return file == "-" ? "standard input" : file;
}

std::optional<std::string> pinned_digest(const Arguments& arguments) {
    const auto pin = arguments.value("sha256");
    if (pin && !is_sha256(*pin))
        misuse("--sha256", "'" + printable(*pin) + "' is not 64 lower-case hexadecimal digits");
    return pin;
}

enum class Want { any_archive, package };

/// Where the input comes from. A packed regular file is read and inflated ahead of its use: it never stalls as a pipe
/// does. A plain one is not: what nobody wants of it is not read at all.
struct Origin {
    Input& input;
    int fd;

    apk::Pace pace() const {
        struct stat status {};
        const bool regular = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
        return regular && is_packed() ? apk::Pace::ahead : apk::Pace::step_by_step;
    }

private:
    bool is_packed() const {
        std::array<std::uint8_t, 6> head{};
        const off_t here = ::lseek(fd, 0, SEEK_CUR);
        return here >= 0 && ::pread(fd, head.data(), head.size(), here) > 0 && packing_of(head) != Packing::none;
    }
};

/// Reads the whole input and checks all the command line asks for.
Reading read_input(const Arguments& arguments, const Origin& origin, Want want, const apk::EntryVisitor& visit,
                   const apk::Enough& enough = {}) {
    const auto keys = keyring(arguments);
    const auto pin = pinned_digest(arguments);
    std::optional<DigestInput> digest;
    if (pin || arguments.has("report")) digest.emplace(DigestAlgorithm::sha256, origin.input);
    Input& raw = digest ? static_cast<Input&>(*digest) : origin.input;

    Reading reading;
    if (keys || want == Want::package)
        reading.package = apk::PackageReader(raw, keys ? &*keys : nullptr, origin.pace()).read(visit, enough);
    else
        apk::at_pace(origin.pace(), raw, [&](Input& in) { apk::read_archive(in, visit); });
    if (!digest) return reading;
    reading.size = digest->size();
    reading.sha256 = hex(digest->digest());
    if (pin && *pin != reading.sha256) refuse(raw.name(), "has SHA-256 " + reading.sha256 + ", not " + *pin);
    return reading;
}

Reading read_input(const Arguments& arguments, Want want, const apk::EntryVisitor& visit) {
    const Fd file = open_file(arguments);
    const int fd = file ? file.get() : STDIN_FILENO;
    FdInput in(fd, input_name(arguments));
    return read_input(arguments, {in, fd}, want, visit);
}

/// The record of --report. Values are a stranger's words made fit for one line each.
std::string report(const Reading& reading) {
    std::string text;
    const auto line = [&](std::string_view key, std::string_view value) {
        text += std::string(key) + "=" + printable(value) + "\n";
    };
    if (reading.package) {
        const apk::Package& package = *reading.package;
        line("name", package.name);
        line("version", package.version);
        for (const char* key : {"arch", "license", "builddate"})
            for (const std::string& value : package.info.values(key)) line(key, value);
        if (package.signer) {
            line("key", package.signer->key);
            line("digest", apk::name_of(package.signer->algorithm));
        }
        line("datahash", package.data_hash);
        line("checksum", package.checksum);
    }
    line("sha256", reading.sha256);
    line("size", std::to_string(reading.size));
    return text;
}

bool is_text(Input& in) {
    const Block block;
    while (const std::size_t count = in.read_some(block))
        for (const std::uint8_t byte : block.first(count))
            if ((byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r') || byte == 0x7f) return false;
    return true;
}

/// Output that is kept back until the input has been found good.
class Withheld : public Spool {
public:
    Withheld() : Spool(temporary_folder()) {}

    /// Copies all of it to standard output. A terminal gets text only.
    void print() {
        const Fd file = finish();
        FdInput in(file.get(), "temporary file");
        if (::isatty(STDOUT_FILENO) != 0) {
            if (!is_text(in)) refuse_terminal();
            if (::lseek(file.get(), 0, SEEK_SET) != 0) fail_errno(in.name(), "seek");
        }
        FdSink out(STDOUT_FILENO, "standard output");
        in.copy_all(out);
        out.finish();
    }
};

void list(const Command& command) {
    Withheld names;
    read_input(command.arguments, Want::any_archive,
               [&](TarReader&, const TarEntry& entry) { names.sink().write(printable(entry.path) + "\n"); });
    names.print();
}

void info(const Command& command) {
    const Reading reading = read_input(command.arguments, Want::package, [](TarReader&, const TarEntry&) {});
    std::string text;
    for (const std::string_view line : split(reading.package->info.text(), '\n'))
        text += printable(line) + "\n";
    text.pop_back(); // what follows the last newline is no line
    print(text);
}

void verify(const Command& command) {
    const Reading reading =
        read_input(command.arguments, Want::package,
                   [](TarReader& archive, const TarEntry& entry) { check_names(entry, archive.name()); });
    if (command.arguments.has("report")) return print(report(reading));
    const apk::Package& package = *reading.package;
    print(printable(package.signer->key) + " " + std::string(apk::name_of(package.signer->algorithm)) + " " +
          printable(package.name + "-" + package.version) + " " + package.data_hash + "\n");
}

/// The archive that --tar asks for. Without publish() nothing of it stays behind.
class NewTar {
public:
    explicit NewTar(const std::string& path) : file_(path), writer_(file_.sink()) {}

    TarWriter& writer() { return writer_; }

    /// Everything is in it: nothing but publish() is left to do.
    void complete() {
        writer_.finish();
        file_.complete();
    }

    void publish() { file_.publish(); }

private:
    NewFile file_;
    TarWriter writer_;
};

Selection selection(const Command& command) {
    if (command.operands.empty()) misuse("extract", "which PATH?");
    Selection wanted;
    for (const std::string& path : command.operands)
        if (!wanted.add(path)) misuse("'" + printable(path) + "'", "is not a path inside an archive");
    if (command.arguments.has("tar") && !wanted.has_folders())
        misuse("--tar", "is for what is in folders: no PATH ends in '/'");
    return wanted;
}

void extract(const Command& command) {
    Selection wanted = selection(command);
    const bool if_present = command.arguments.has("if-present");
    const SignalDelay signals;
    const Fd file = open_file(command.arguments);
    const int fd = file ? file.get() : STDIN_FILENO;
    InterruptibleInput in(signals, fd, input_name(command.arguments));
    Stage stage(command.arguments.value("directory").value_or("."));
    std::optional<NewTar> tar;
    if (const auto path = command.arguments.value("tar")) tar.emplace(*path);
    const auto take = [&](TarReader& archive, const TarEntry& entry) {
        std::string path;
        if (!wanted.takes(entry, archive.name(), path)) return;
        const auto copy = [&](Sink& out) { apk::copy_checked(archive, entry, out); };
        if (tar && !wanted.names(path))
            tar->writer().add(path, entry.mode, entry.size, copy);
        else
            stage.add(path, (entry.mode & 0111) != 0, copy);
    };
    const Reading reading = read_input(command.arguments, {in, fd}, Want::any_archive, take,
                                       [&] { return wanted.is_complete(); });
    if (!if_present) wanted.check_found(in.name());
    if (tar && if_present && tar->writer().count() == 0) tar.reset();
    if (tar) tar->complete();
    stage.publish();
    if (tar) tar->publish();
    if (command.arguments.has("report")) print(report(reading));
}

void cat(const Command& command) {
    Selection wanted;
    if (command.operands.size() != 1) misuse("cat", "needs one PATH");
    if (command.operands[0].ends_with('/') || !wanted.add(command.operands[0]))
        misuse("'" + printable(command.operands[0]) + "'", "is not the path of a file inside an archive");
    Withheld contents;
    read_input(command.arguments, Want::any_archive, [&](TarReader& archive, const TarEntry& entry) {
        std::string path = check_names(entry, archive.name());
        if (entry.type == TarType::folder && wanted.names(path))
            refuse(archive.name(), "'" + printable(path) + "' is a folder");
        if (wanted.takes(entry, archive.name(), path)) apk::copy_checked(archive, entry, contents.sink());
    });
    wanted.check_found(input_name(command.arguments));
    contents.print();
}

void lookup(const Command& command) {
    if (command.operands.size() != 1) misuse("lookup", "needs one PACKAGE");
    if (!is_package_name(command.operands[0]))
        misuse("'" + printable(command.operands[0]) + "'", "is not the name of a package");
    const auto keys = keyring(command.arguments);
    const Fd file = open_file(command.arguments);
    FdInput in(file ? file.get() : STDIN_FILENO, input_name(command.arguments));
    std::string text;
    auto records = apk::look_up(in, *keys, command.operands[0]);
    if (command.arguments.has("newest")) records = {apk::newest(records)};
    for (const apk::IndexRecord& record : records)
        text += record.version + " " + std::to_string(record.size) + " " + record.checksum + " " +
                record.arch + " " + record.file_name() + "\n";
    print(text);
}

struct Handler {
    void (*run)(const Command&);
    std::set<std::string> options; ///< that it takes
    bool needs_keys;
    bool takes_operands;
};

const std::map<std::string, Handler> handlers{
    {"list", {list, {"file", "keys", "sha256"}, false, false}},
    {"info", {info, {"file", "keys", "sha256"}, false, false}},
    {"verify", {verify, {"file", "keys", "sha256", "report"}, true, false}},
    {"extract", {extract, {"file", "keys", "sha256", "report", "directory", "tar", "if-present"}, false, true}},
    {"cat", {cat, {"file", "keys", "sha256"}, false, true}},
    {"lookup", {lookup, {"file", "keys", "newest"}, true, true}},
};

void run(const Arguments& arguments) {
    if (arguments.operands.empty()) misuse("command", "is missing, see wisp-apk --help");
    const std::string& name = arguments.operands[0];
    const auto found = handlers.find(name);
    if (found == handlers.end()) misuse(printable(name), "unknown command, see wisp-apk --help");
    const Handler& handler = found->second;
    check_options(tool, arguments, handler.options);
    if (handler.needs_keys && !arguments.has("keys")) misuse(name, "needs --keys DIR");
    if (!handler.takes_operands && arguments.operands.size() > 1)
        misuse(printable(arguments.operands[1]), name + " takes no operand; a file is named by -f");
    handler.run({arguments, {arguments.operands.begin() + 1, arguments.operands.end()}});
}

} // namespace

int main(int argc, char** argv) { return run_tool(tool, argc, argv, run); }
