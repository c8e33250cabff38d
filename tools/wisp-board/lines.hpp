// What wisp-board says of a configuration: lines `key=value`, assignments for a shell, a table for people.
#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/board.hpp"
#include "wisp/config.hpp"
#include "wisp/digest.hpp"
#include "wisp/hash_files.hpp"
#include "wisp/identity.hpp"
#include "wisp/profile.hpp"
#include "wisp/qemu.hpp"
#include "wisp/version.hpp"

namespace wisp {

/// Collects lines; a list repeats its key, what is not there has no line.
class Lines {
public:
    void add(std::string_view key, std::string_view value) {
        if (!value.empty()) lines_.push_back({std::string(key), std::string(value)});
    }
    void add(std::string_view key, const std::vector<std::string>& values) {
        for (const std::string& value : values) add(key, value);
    }
    void add(const Lines& other) { lines_.insert(lines_.end(), other.lines_.begin(), other.lines_.end()); }

    /// The lines whose keys begin with one of `prefixes`; all where there are none.
    std::string text(const std::vector<std::string_view>& prefixes = {}) const {
        std::string text;
        for (const Line& line : lines_)
            if (prefixes.empty() ||
                std::any_of(prefixes.begin(), prefixes.end(),
                            [&](std::string_view prefix) { return line.key.starts_with(prefix); }))
                text += line.key + "=" + line.value + "\n";
        return text;
    }

    /// The value of `key`, or "".
    std::string value(std::string_view key) const {
        const auto found =
            std::find_if(lines_.begin(), lines_.end(), [&](const Line& line) { return line.key == key; });
        return found == lines_.end() ? "" : found->value;
    }

    /// The values of `key`, each with a newline.
    std::string list(std::string_view key) const {
        std::string values;
        for (const Line& line : lines_)
            if (line.key == key) values += line.value + "\n";
        return values;
    }

private:
    struct Line {
        std::string key;
        std::string value;
    };
    std::vector<Line> lines_;
};

/// "-" stands for a field that is not there, where one line has several.
inline std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

/// Arguments and environment have no lines: any byte may be in them.
inline void add_config(Lines& lines, const BuildConfig& config) {
    const NetworkConfig& network = config.network;
    lines.add("target", config.target);
    lines.add("binary", config.binary);
    if (network.dhcp) lines.add("ip", "dhcp");
    if (network.ip) {
        lines.add("ip", to_text(*network.ip));
        lines.add("address", to_text(network.ip->address));
        lines.add("prefix", std::to_string(network.ip->prefix));
    }
    if (network.gateway) lines.add("gateway", to_text(*network.gateway));
    if (network.ip6) lines.add("ip6", to_text(*network.ip6));
    if (network.gateway6) lines.add("gateway6", to_text(*network.gateway6));
    lines.add("dns", network.dns);
    lines.add("hostname", config.guest.hostname);
    lines.add("output", (config.output.starts_with('-') ? "./" : "") + config.output);
    for (const Forward& port : config.run.ports) lines.add("port", to_text(port));
    for (const auto& [key, value] : {std::pair{"offline", config.offline},
                                     {"allow_unpinned", config.allow_unpinned},
                                     {"quiet", config.quiet},
                                     {"verbose", config.verbose}})
        if (value) lines.add(key, "1");
    lines.add("boards", config.boards);
}

/// Puts a release that is known into the paths of a board; one that the package holds stays "{release}".
class ReleaseInPaths {
public:
    explicit ReleaseInPaths(const BoardKernel& kernel)
        : release_(kernel.release.find('/') == std::string::npos ? kernel.release : "") {}

    std::string operator()(std::string path) const {
        if (release_.empty()) return path;
        for (auto at = path.find(release_mark); at != std::string::npos; at = path.find(release_mark))
            path.replace(at, release_mark.size(), release_);
        return path;
    }

private:
    std::string release_;
};

/// The folder of the keys that are trusted with an Alpine package, and what they are: where they change, what was
/// verified by them has to be verified again. It is beside the profile or beside those that ship.
inline void add_keys(Lines& lines, const BoardKernel& kernel, std::string_view file, const std::string& shipped) {
    std::error_code failure;
    std::string folder = beside(file, "keys");
    if (!std::filesystem::is_directory(folder, failure)) folder = shipped + "/keys";
    lines.add("keys", folder);
    if (kernel.source != "alpine") return;
    std::vector<std::string> paths;
    for (std::filesystem::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure))
        paths.push_back(at->path().string());
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths)
        if (identity_of(path))
            lines.add("trusted_key", sha256_of(path) + " " + std::string(base_name(path)));
}

/// `file` is the profile's path; the paths of local files in it are relative to its folder.
inline void add_kernel(Lines& lines, const BoardKernel& kernel, std::string_view file) {
    lines.add("kernel_source", kernel.source);
    lines.add("branch", kernel.branch);
    lines.add("suite", kernel.suite);
    for (const KernelPackage& package : kernel.packages)
        lines.add("package", package.name + " " + or_dash(package.version) + " " + or_dash(package.sha256));
    if (!kernel.path.empty()) lines.add("kernel_path", beside(file, kernel.path));
    lines.add("kernel_sha256", kernel.sha256);
    if (!kernel.modules.empty()) lines.add("kernel_modules", beside(file, kernel.modules));
    lines.add("image", ReleaseInPaths(kernel)(kernel.image));
    lines.add("release", kernel.release);
}

inline void add_board(Lines& lines, const Board& board, std::string_view file) {
    const ReleaseInPaths with_release(board.kernel);
    lines.add("board_file", file);
    lines.add("arch", board.arch);
    lines.add("page_size", std::to_string(board.page_size));
    lines.add("interface", board.network_interface);
    add_kernel(lines, board.kernel, file);
    for (const WantedModule& module : board.modules)
        lines.add("module", module.name + (module.path.empty() ? "" : " " + with_release(module.path)));
    for (const std::string& path : board.dtb) lines.add("dtb", with_release(path));
    lines.add("overlays", with_release(board.overlays));
    for (const Firmware& one : board.firmware) {
        const bool local = one.from == "file";
        lines.add(local ? "local_firmware" : "firmware",
                  (local ? "" : one.from + " ") + one.dest + " " + or_dash(one.sha256) + " " +
                      (local ? beside(file, one.where) : with_release(one.where)));
    }
    lines.add("boot_config", board.boot_config);
    lines.add("cmdline", board.cmdline);
    if (board.qemu) lines.add("qemu", "1");
    if (board.boots_from_card()) lines.add("card", "1");
    lines.add("unpinned", unpinned_fields(board));
}

/// What `run` has wisp-qemu do, as words for a shell. QEMU's user network speaks of IPv4.
inline std::string qemu_options(const BuildConfig& config) {
    std::vector<std::string> words{"--accel", config.run.accel};
    const auto add = [&](const char* option, const std::string& value) {
        words.insert(words.end(), {option, value});
    };
    if (const NetworkConfig& network = config.network; network.ip) {
        add("--ip", to_text(*network.ip));
        if (network.gateway) add("--gateway", to_text(*network.gateway));
        for (const std::string& dns : network.dns)
            if (!looks_like_ipv6(dns)) add("--dns", dns);
    }
    for (const Forward& port : config.run.ports) add("--forward", to_text(port));
    for (const std::string& expect : config.run.expect) add("--expect", expect);
    if (config.run.timeout) add("--timeout", std::to_string(*config.run.timeout));
    if (!config.run.console.empty()) add("--console", config.run.console);
    if (config.run.json) words.push_back("--json");
    if (config.quiet) words.push_back("--quiet");
    return shell_command(words);
}

/// The form of a cache entry, as the driver makes it; another form is another entry.
inline constexpr int entry_form = 4;

/// All that a cache entry is made of. Files beside the profile are not: they may change.
inline std::string entry_inputs(const Lines& lines) {
    return lines.text({"arch", "kernel_", "branch", "suite", "package", "trusted_key", "image", "release", "module", "dtb",
                       "overlays", "firmware"}) +
           "wisp=" + version + " " + std::to_string(entry_form) + "\n";
}

/// A name for what has `text`: 128 bits of its SHA-256.
inline std::string name_of(std::string_view text) {
    return hex(digest_of(DigestAlgorithm::sha256, as_bytes(text))).substr(0, 32);
}

/// The first line of shell_text(), by which a reader tells it from help.
inline constexpr std::string_view shell_mark = "# settings\n";

/// The answer as assignments, for `eval`: every variable is there, also one without a value; the values of a
/// list have a newline each. `identity` tells configurations of which different images may come apart.
inline std::string shell_text(const Lines& lines, const BuildConfig& config, const std::optional<Board>& board,
                              std::string_view identity) {
    std::string text(shell_mark);
    const auto assign = [&](std::string_view name, const std::string& value) {
        text.append(name).append("=").append(shell_quote(value)).append("\n");
    };
    for (const std::string_view name :
         {"target",   "binary",      "output",        "offline",        "allow_unpinned", "quiet",
          "verbose",  "board_file",  "keys",          "arch",           "page_size",      "kernel_source",  "branch",
          "suite",    "kernel_path", "kernel_sha256", "kernel_modules", "image",          "release",
          "overlays", "qemu",        "card"})
        assign(name, lines.value(name));
    for (const auto& [name, key] : {std::pair{"packages", "package"},
                                    {"modules", "module"},
                                    {"dtbs", "dtb"},
                                    {"firmware", "firmware"},
                                    {"folders", "boards"},
                                    {"unpinned", "unpinned"}})
        assign(name, lines.list(key));
    std::string sources;
    for (const GuestFile& file : config.guest.files) sources += file.source + "\n";
    if (board)
        for (const Firmware& one : board->firmware)
            if (one.from == "file") sources += beside(lines.value("board_file"), one.where) + "\n";
    assign("files", sources);
    const std::string package = lines.value("package");
    assign("version", package.empty() ? "" : std::string(split(package, ' ').at(1)));
    assign("entry_inputs", entry_inputs(lines));
    assign("entry_name", name_of(entry_inputs(lines)));
    assign("identity", std::string(identity));
    assign("qemu_options", qemu_options(config));
    return text;
}

/// What the columns of boards are called.
inline const std::vector<std::string> table_head{"TARGET", "ARCH", "BOOTS", "PINNED", "KERNEL"};

/// The columns of one board for people.
inline std::vector<std::string> table_row(const Board& board) {
    std::string kernel = board.kernel.source +
                         (board.kernel.branch.empty() ? "" : " " + board.kernel.branch) +
                         (board.kernel.suite.empty() ? "" : " " + board.kernel.suite);
    for (const KernelPackage& package : board.kernel.packages)
        kernel += " " + package.name + (package.version.empty() ? "" : " " + package.version);
    if (!board.kernel.path.empty()) kernel += " " + board.kernel.path;
    const std::string card = board.boots_from_card() ? "SD card" : "";
    const std::string qemu = board.qemu ? "QEMU" : "";
    return {board.name, board.arch, card + (card.empty() || qemu.empty() ? "" : ", ") + qemu,
            unpinned_fields(board).empty() ? "yes" : "no", kernel};
}

/// Rows as text, columns aligned.
inline std::string table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i + 1 < row.size(); ++i)
            text += row[i] + std::string(widths[i] + 2 - row[i].size(), ' ');
        text += row.back() + "\n";
    }
    return text;
}

} // namespace wisp
