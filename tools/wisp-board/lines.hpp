// The lines `key=value` that wisp-board gives to a shell, and the table it gives to people.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/board.hpp"
#include "wisp/config.hpp"
#include "wisp/profile.hpp"

namespace wisp {

/// Collects lines; a list repeats its key, what is not there has no line.
class Lines {
public:
    void add(std::string_view key, std::string_view value) {
        if (!value.empty()) text_.append(key).append("=").append(value).append("\n");
    }
    void add(std::string_view key, const std::vector<std::string>& values) {
        for (const std::string& value : values) add(key, value);
    }
    const std::string& text() const { return text_; }

private:
    std::string text_;
};

/// "-" stands for a field that is not there, where one line has several.
inline std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

inline void add_config(Lines& lines, const BuildConfig& config) {
    lines.add("target", config.target);
    lines.add("binary", config.binary);
    if (config.ip) {
        lines.add("ip", to_text(*config.ip));
        lines.add("address", to_text(config.ip->address));
        lines.add("prefix", std::to_string(config.ip->prefix));
    }
    if (config.gateway) lines.add("gateway", to_text(*config.gateway));
    for (const Ipv4 dns : config.dns) lines.add("dns", to_text(dns));
    lines.add("output", config.output);
    for (const Forward& port : config.ports) lines.add("port", to_text(port));
    if (config.offline) lines.add("offline", "1");
    if (config.allow_unpinned) lines.add("allow_unpinned", "1");
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
        const std::string where = one.from == "file" ? beside(file, one.where) : with_release(one.where);
        lines.add("firmware", one.from + " " + one.dest + " " + or_dash(one.sha256) + " " + where);
    }
    lines.add("boot_config", board.boot_config);
    lines.add("cmdline", board.cmdline);
    if (board.qemu) lines.add("qemu", "1");
    if (board.boots_from_card()) lines.add("card", "1");
    lines.add("unpinned", unpinned_fields(board));
}

/// The columns of one board for people.
inline std::vector<std::string> table_row(const Board& board) {
    std::string kernel = board.kernel.source +
                         (board.kernel.branch.empty() ? "" : " " + board.kernel.branch) +
                         (board.kernel.suite.empty() ? "" : " " + board.kernel.suite);
    for (const KernelPackage& package : board.kernel.packages)
        kernel += " " + package.name + " " + (package.version.empty() ? "(not pinned)" : package.version);
    if (!board.kernel.path.empty()) kernel += " " + board.kernel.path;
    const std::string card = board.boots_from_card() ? "SD card" : "";
    const std::string qemu = board.qemu ? "QEMU" : "";
    return {board.name, board.arch, kernel, card + (card.empty() || qemu.empty() ? "" : ", ") + qemu};
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
