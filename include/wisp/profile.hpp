// Board profiles, boards/NAME.json, read strictly: what boards/README.md promises is enforced here.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/board.hpp"
#include "wisp/card_check.hpp"
#include "wisp/json.hpp"
#include "wisp/names.hpp"
#include "wisp/path.hpp"

namespace wisp {

/// Stands for the kernel's release in the paths of a profile.
inline constexpr std::string_view release_mark = "{release}";

/// Takes a profile apart and refuses whatever is not exactly one: parse_board() is the way in.
class BoardParser {
public:
    explicit BoardParser(JsonValue root) : root_(std::move(root)) {}

    Board parse() {
        root_.only({"name", "arch", "page_size", "network_interface", "kernel", "firmware", "dtb", "overlays",
                    "boot_config", "cmdline", "modules", "qemu"});
        Board board;
        board.name = named(root_.at("name"), is_target_name, "a board's name: a-z, 0-9, - and _");
        board.arch = root_.at("arch").choice({"aarch64", "x86_64", "riscv64"});
        board.page_size = page_size(root_.at("page_size"));
        board.network_interface = named(root_.at("network_interface"), is_interface,
                                        "an interface's name of at most 15 characters");
        board.kernel = kernel(root_.at("kernel"));
        for (const JsonValue& value : list(root_, "firmware")) board.firmware.push_back(firmware(value));
        for (const JsonValue& value : list(root_, "dtb")) board.dtb.push_back(inner_path(value));
        if (const auto value = root_.find("overlays")) board.overlays = inner_path(*value);
        for (const JsonValue& value : list(root_, "boot_config"))
            board.boot_config.push_back(config_line(value));
        board.cmdline = command_line(root_.at("cmdline"));
        for (const JsonValue& value : list(root_, "modules")) board.modules.push_back(module(value));
        if (const auto value = root_.find("qemu")) board.qemu = qemu(*value, board.arch);
        check_releases(board);
        check_card(board);
        return board;
    }

private:
    static std::string named(const JsonValue& value, bool (*is)(std::string_view), std::string_view what) {
        const std::string text = value.text();
        if (!is(text)) value.refuse("'" + text + "' is not " + std::string(what));
        return text;
    }

    static std::string optional(const JsonValue& object, const std::string& key, bool (*is)(std::string_view),
                                std::string_view what) {
        const auto value = object.find(key);
        return value ? named(*value, is, what) : "";
    }

    static std::vector<JsonValue> list(const JsonValue& object, const std::string& key) {
        const auto value = object.find(key);
        return value ? value->list() : std::vector<JsonValue>{};
    }

    static std::uint64_t page_size(const JsonValue& value) {
        const std::uint64_t size = value.number();
        if (size != 4096 && size != 16384 && size != 65536)
            value.refuse(std::to_string(size) + " is none of 4096, 16384, 65536");
        return size;
    }

    static std::string sha256(const JsonValue& object) {
        return optional(object, "sha256", is_sha256, "a SHA-256: 64 lower-case hexadecimal digits");
    }

    /// A path in a package or on the card; "{release}" is allowed in it.
    static std::string inner_path(const JsonValue& value) {
        const std::string path = relative_path(value.text(), value.subject());
        std::string plain = path;
        for (auto at = plain.find(release_mark); at != std::string::npos; at = plain.find(release_mark))
            plain.erase(at, release_mark.size());
        if (!is_plain_path(plain)) value.refuse("'" + path + "' has a character that no path here needs");
        return path;
    }

    static BoardKernel kernel(const JsonValue& value) {
        BoardKernel kernel;
        kernel.source = value.at("source").choice({"alpine", "debian", "file"});
        if (kernel.source == "file") return local_kernel(value);
        const bool alpine = kernel.source == "alpine";
        value.only({"source", alpine ? "branch" : "suite", "package", "version", "sha256", "packages",
                    "image", "release"});
        if (alpine) value.at("branch");
        kernel.branch = optional(value, "branch", is_suite, "a branch's name");
        kernel.suite = optional(value, "suite", is_suite, "a suite's name");
        kernel.packages = packages(value);
        kernel.image = inner_path(value.at("image"));
        kernel.release = release(value.at("release"));
        return kernel;
    }

    /// `path` is a package when `image` says where the kernel is in it, otherwise the kernel.
    static BoardKernel local_kernel(const JsonValue& value) {
        const bool package = value.has("image");
        value.only(package ? JsonValue::Words{"source", "path", "sha256", "image", "release"}
                           : JsonValue::Words{"source", "path", "sha256", "modules"});
        BoardKernel kernel{.source = "file", .path = value.at("path").text(), .sha256 = sha256(value)};
        if (const auto modules = value.find("modules")) kernel.modules = modules->text();
        if (package) kernel.image = inner_path(value.at("image"));
        if (package) kernel.release = release(value.at("release"));
        return kernel;
    }

    static std::vector<KernelPackage> packages(const JsonValue& kernel) {
        const auto several = kernel.find("packages");
        if (!several) return {package(kernel)};
        for (const char* const key : {"package", "version", "sha256"})
            if (const auto one = kernel.find(key))
                one->refuse("belongs to one package, and there is a list of packages");
        std::vector<KernelPackage> packages;
        for (const JsonValue& value : several->list()) {
            value.only({"package", "version", "sha256"});
            packages.push_back(package(value));
        }
        if (packages.empty()) several->refuse("is empty");
        return packages;
    }

    static KernelPackage package(const JsonValue& value) {
        return {named(value.at("package"), is_package_name, "a package's name"),
                optional(value, "version", is_version, "a version"), sha256(value)};
    }

    static std::string release(const JsonValue& value) {
        if (value.text().find('/') != std::string::npos) return inner_path(value);
        return named(value, is_version, "a kernel release or the path of a file that holds it");
    }

    /// A release that is in a package is not known before the package's files are asked for by their paths.
    void check_releases(const Board& board) const {
        if (board.kernel.release.find('/') == std::string::npos) return;
        std::vector<JsonValue> values = list(root_, "dtb");
        for (const JsonValue& value : list(root_, "firmware"))
            if (const auto path = value.find("path")) values.push_back(*path);
        for (const JsonValue& value : list(root_, "modules"))
            if (const auto path = value.is_text() ? std::nullopt : value.find("path")) values.push_back(*path);
        if (const auto value = root_.find("overlays")) values.push_back(*value);
        for (const char* const key : {"image", "release"}) values.push_back(root_.at("kernel").at(key));
        for (const JsonValue& value : values)
            if (value.text().find(release_mark) != std::string::npos)
                value.refuse("'" + value.text() + "' has {release}, and kernel.release does not say which that is");
    }

    static Firmware firmware(const JsonValue& value) {
        value.only({"url", "path", "file", "dest", "sha256"});
        Firmware firmware;
        firmware.dest = inner_path(value.at("dest"));
        firmware.sha256 = sha256(value);
        for (const char* const from : {"url", "path", "file"}) {
            const auto where = value.find(from);
            if (!where) continue;
            if (!firmware.from.empty()) where->refuse("one of url, path, file is enough");
            firmware.from = from;
            firmware.where = place(*where, firmware.from);
        }
        if (firmware.from.empty()) value.refuse("says nothing of where it comes from: url, path or file");
        return firmware;
    }

    static std::string place(const JsonValue& where, std::string_view kind) {
        if (kind == "url") return named(where, is_url, "an https://, http:// or file:// URL");
        return kind == "path" ? inner_path(where) : where.text();
    }

    static std::string config_line(const JsonValue& value) {
        const std::string line = value.text();
        if (line.size() >= 80)
            value.refuse("has " + std::to_string(line.size()) + " characters, and older firmware reads 79");
        return line;
    }

    /// 2048 with its NUL is arm64's and x86's COMMAND_LINE_SIZE.
    static std::string command_line(const JsonValue& value) {
        const std::string line = value.text();
        if (line.size() >= 2048)
            value.refuse("has " + std::to_string(line.size()) + " characters, and a kernel takes 2047");
        return line;
    }

    static WantedModule module(const JsonValue& value) {
        constexpr std::string_view what = "a module's name without path and suffix";
        if (value.is_text()) return {named(value, is_module_name, what), ""};
        value.only({"name", "path"});
        WantedModule module{named(value.at("name"), is_module_name, what), ""};
        if (const auto path = value.find("path")) module.path = inner_path(*path);
        if (!module.path.empty() && !module.path.ends_with(".ko"))
            value.at("path").refuse("'" + module.path +
                                    "' does not end in .ko: a compression suffix is left out");
        return module;
    }

    static QemuMachine qemu(const JsonValue& value, std::string_view arch) {
        value.only({"binary", "machine", "cpu", "memory", "accel", "net_dev", "cmdline", "extra"});
        QemuMachine machine = default_machine(arch);
        const auto take = [&](const char* key, std::string& into) {
            if (const auto given = value.find(key)) into = given->text();
        };
        take("binary", machine.binary);
        take("machine", machine.machine);
        take("cpu", machine.cpu);
        take("net_dev", machine.net_dev);
        if (const auto memory = value.find("memory"))
            machine.memory = named(*memory, is_memory_size, "a memory size like 512M or 1G");
        if (const auto accel = value.find("accel"))
            machine.accel = accel->choice({"auto", "kvm", "hvf", "tcg"});
        if (const auto line = value.find("cmdline")) machine.cmdline = command_line(*line);
        for (const JsonValue& word : list(value, "extra")) machine.extra.push_back(word.text());
        return machine;
    }

    void check_card(const Board& board) const {
        CardNames card;
        for (const char* const own : {"config.txt", "cmdline.txt", "Image", "initrd.img"})
            card.add_own(own, false);
        if (!board.overlays.empty()) card.add_own("overlays", true);
        for (std::size_t i = 0; i < board.dtb.size(); ++i)
            card.add_file(std::string(base_name(board.dtb[i])), root_.at("dtb").list()[i]);
        for (std::size_t i = 0; i < board.firmware.size(); ++i)
            card.add_file(board.firmware[i].dest, root_.at("firmware").list()[i].at("dest"));
        if (!board.boot_config.empty()) check_boot_config(board, card);
    }

    void check_boot_config(const Board& board, const CardNames& card) const {
        const JsonValue list = root_.at("boot_config");
        BootConfigCheck check(card);
        for (std::size_t i = 0; i < board.boot_config.size(); ++i)
            check.read(board.boot_config[i], list.list()[i]);
        check.finish(list);
    }

    JsonValue root_;
};

/// The profile `text`; `file` is the subject of refusals, which are one line with the path inside the file.
inline Board parse_board(std::string_view text, std::string_view file) {
    const Json json = parse_json(text, file);
    return BoardParser(JsonValue(json, file)).parse();
}

/// The profile in the file `path`. NAME.json must be NAME's, for that is how it is found.
inline Board load_board(const std::string& path) {
    Board board = parse_board(read_json_file(path), path);
    const std::string_view file = base_name(path);
    if (file.ends_with(".json") && file != board.name + ".json")
        refuse(path, "name: '" + board.name + "' does not fit the file's name");
    return board;
}

} // namespace wisp
