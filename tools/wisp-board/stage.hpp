// What a build puts together, in one folder: the small files, links to the large ones, the manifests that
// wisp-cpio and wisp-fat32 read, and the record of where everything is from.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/hash_files.hpp"
#include "wisp/initrd_files.hpp"
#include "wisp/new_file.hpp"
#include "wisp/source.hpp"
#include "wisp/sums.hpp"
#include "wisp/tool.hpp"

namespace wisp {

/// The lines of a small text file, without their ends.
inline std::vector<std::string> read_lines(const std::string& path) {
    constexpr std::uint64_t limit = 16 * 1024 * 1024;
    FdInput in(open_read(path), path);
    const auto bytes = in.read_all(limit);
    std::string_view text = as_text(bytes);
    if (text.ends_with('\n')) text.remove_suffix(1);
    std::vector<std::string> lines;
    if (!text.empty())
        for (const std::string_view line : split(text, '\n')) lines.emplace_back(line);
    return lines;
}

/// What a cache entry tells of itself; the driver's fill_entry has its form.
struct KernelEntry {
    std::string folder{};
    std::vector<std::string> modules{}; ///< file names in load order
    std::vector<std::string> origins{}; ///< "ID<tab>FACT=TEXT..." each
    std::string kernel_origin{};
    std::string modules_origin{};
    std::map<std::string, std::string> card{}; ///< files for the card, and their origins

    explicit KernelEntry(const std::string& path) : folder(path) {
        modules = read_lines(path + "/modules.list");
        origins = read_lines(path + "/origins");
        kernel_origin = single(path + "/Image.origin");
        modules_origin = single(path + "/modules.origin");
        for (const std::string& line : read_lines(path + "/card.origins"))
            card.emplace(line.substr(0, line.find('\t')), line.substr(line.find('\t') + 1));
    }

    /// When the newest of its packages was made, in seconds since 1970; nothing where none tells.
    std::optional<std::uint64_t> newest_date() const {
        std::optional<std::uint64_t> newest;
        for (const std::string& origin : origins)
            for (const std::string_view fact : split(origin, '\t')) {
                constexpr std::string_view key = "built=";
                if (!fact.starts_with(key)) continue;
                const auto date = parse_unsigned(fact.substr(key.size()), 10, latest_clock);
                if (!date) refuse(folder + "/origins", "'" + printable(fact) + "' is no date");
                newest = std::max(newest.value_or(0), *date);
            }
        return newest;
    }

    static constexpr std::uint64_t latest_clock = 0xffffffff; // what /init and newc have room for

private:
    static std::string single(const std::string& path) {
        const auto lines = read_lines(path);
        return lines.empty() ? "" : lines[0];
    }
};

/// One build's folder.
class BuildFolder {
public:
    BuildFolder(const BuildConfig& config, const Board& board, const std::string& board_file,
                const KernelEntry& entry, std::string folder)
        : config_(config),
          board_(board),
          board_file_(board_file),
          entry_(entry),
          folder_(std::move(folder)) {}

    /// Writes everything, and returns the records of it. `init` is /init for the board.
    std::string fill(const std::string& init) {
        link(init, "init");
        link(config_.binary, "service");
        for (const char* const name : {"Image", "modules", "modules.list", "card"})
            link(entry_.folder + "/" + name, name);
        write_initrd_files();
        initrd_ = initrd_entries(config_.guest, entry_.modules);
        write("manifest", manifest_text(initrd_));
        if (board_.boots_from_card()) write_card_files();
        return records();
    }

private:
    void write(const std::string& name, std::string_view text) {
        const std::string path = folder_ + "/" + name;
        Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
        if (!fd) fail_errno(path, "create");
        FdSink out(fd.get(), path);
        out.write(text);
        out.finish();
        fd.close(path);
    }

    void link(const std::string& target, const std::string& name) {
        const std::string path = folder_ + "/" + name;
        if (::symlink(std::filesystem::absolute(target).c_str(), path.c_str()) != 0) fail_errno(path, "link");
    }

    void write_initrd_files() {
        const Guest& guest = config_.guest;
        write("wisp.conf", wisp_conf(config_, board_, clock()));
        write("resolv.conf", resolv_conf(config_.network, board_));
        write("hosts", hosts_text);
        write("passwd", passwd_text(guest.user));
        write("group", group_text(guest.user));
        if (!guest.arguments.empty())
            write("argv", std::string(service_path) + '\0' + nul_terminated(guest.arguments));
        if (!guest.environment.empty()) write("env", nul_terminated(guest.environment));
        for (std::size_t i = 0; i < guest.files.size(); ++i) {
            static_cast<void>(FileSource(guest.files[i].source)); // better missed here, by its name
            link(guest.files[i].source, guest_file_location(i));
        }
    }

    /// SOURCE_DATE_EPOCH, or the date of the newest package.
    std::optional<std::uint64_t> clock() const {
        const auto given = environment_variable("SOURCE_DATE_EPOCH");
        if (given && !given->empty()) return source_date_epoch(KernelEntry::latest_clock);
        return entry_.newest_date();
    }

    void write_card_files() {
        std::string lines;
        for (const std::string& line : board_.boot_config) lines += line + "\n";
        write("config.txt", lines);
        write("cmdline.txt", board_.cmdline + "\n");
        const auto files = link_card_files();
        std::set<std::string> folders;
        for (const auto& [path, file] : files)
            for (auto end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1))
                folders.insert(path.substr(0, end));
        std::string manifest;
        for (const std::string& path : folders) manifest += "dir /" + path + " 0755 0 0\n";
        for (const auto& [path, file] : files) add_card_file(manifest, path, file.location, file.origin);
        add_card_file(manifest, "Image", "Image", entry_.kernel_origin);
        add_card_file(manifest, "cmdline.txt", "cmdline.txt", "profile");
        add_card_file(manifest, "config.txt", "config.txt", "profile");
        add_card_file(manifest, "initrd.img", "initrd.img", "wisp");
        write("card.manifest", manifest);
    }

    struct CardFile {
        std::string location{}; ///< in the folder
        std::string origin{};
    };

    /// Those of the entry, and those that are beside the profile.
    std::map<std::string, CardFile> link_card_files() {
        std::map<std::string, CardFile> files;
        for (const auto& [path, origin] : entry_.card) files[path] = {"card/" + path, origin};
        for (std::size_t i = 0; i < board_.firmware.size(); ++i) {
            const Firmware& one = board_.firmware[i];
            if (one.from != "file") continue;
            const std::string source = beside(board_file_, one.where);
            check_pin(source, one.sha256);
            files[one.dest] = {"firmware" + std::to_string(i), "profile"};
            link(source, files[one.dest].location);
        }
        return files;
    }

    static void check_pin(const std::string& file, const std::string& sha256) {
        static_cast<void>(FileSource(file)); // better missed here, by its name
        if (sha256.empty()) return;
        const std::string is = sha256_of(file);
        if (is != sha256) refuse(printable(file), "sha256 is " + is + ", the profile pins " + sha256);
    }

    void add_card_file(std::string& manifest, const std::string& path, const std::string& location,
                       const std::string& origin) {
        manifest += "file /" + path + " " + location + " 0644 0 0\n";
        card_record_ += file_record(config_.target + ".img/" + path, location, origin);
    }

    static std::string file_record(const std::string& path, const std::string& location,
                                   const std::string& origin) {
        return "file\t" + path + "\t" + location + "\t" + origin + "\n";
    }

    std::string records() const {
        std::string text = "target\t" + config_.target + "\n";
        text += "origin\twisp\tkind=wisp\tversion=" + std::string(version) + "\tlicence=Unlicense\n";
        text += "origin\tservice\tkind=file\tsource=" + std::string(base_name(config_.binary)) + "\n";
        text += "origin\tprofile\tkind=file\tsource=" + std::string(base_name(board_file_)) + "\n";
        for (const GuestFile& file : config_.guest.files)
            text += "origin\tfile:" + file.path +
                    "\tkind=file\tsource=" + std::string(base_name(file.source)) + "\n";
        for (const std::string& origin : entry_.origins) text += "origin\t" + origin + "\n";
        text += known_files();
        for (const InitrdEntry& entry : initrd_)
            if (!entry.location.empty())
                text += file_record("initrd.img" + entry.path, entry.location, origin_of(entry));
        return text + card_record_ + outputs() + "end\n";
    }

    std::string origin_of(const InitrdEntry& entry) const {
        if (entry.path == service_path) return "service";
        if (entry.path.starts_with("/lib/modules/")) return entry_.modules_origin;
        for (const GuestFile& file : config_.guest.files)
            if (entry.path == file.path) return "file:" + file.path;
        return "wisp";
    }

    /// The kernel among the outputs is the entry's, so what was known of that vouches for the copy.
    std::string outputs() const {
        std::string text;
        if (board_.qemu) {
            text += "output\tvmlinuz\tImage\t" + entry_.kernel_origin + "\n";
            text += "output\tinitrd.img\tinitrd.img\n";
            for (const std::string& dtb : board_.dtb) {
                const std::string name(base_name(dtb));
                text += "output\t" + name + "\tcard/" + name + "\n";
            }
        }
        if (board_.boots_from_card())
            text += "output\t" + config_.target + ".img\t" + config_.target + ".img\n";
        return text;
    }

    /// What was known of the entry's files when it was made; the record trusts that and not a later reading,
    /// so that an audit finds what has been damaged since.
    std::string known_files() const {
        const Sums sha1 = read_sums(entry_.folder + "/" + std::string(sha1_list), sha1_digits);
        const Sums sha256 = read_sums(entry_.folder + "/" + std::string(sha256_list), sha256_digits);
        std::string text;
        for (const auto& [path, sum] : sha256) {
            const auto other = sha1.find(path);
            if (other == sha1.end()) continue;
            text += "known\t" + path + "\t" + std::to_string(FileSource(entry_.folder + "/" + path).size()) +
                    "\t" + other->second + "\t" + sum + "\n";
        }
        return text;
    }

    const BuildConfig& config_;
    const Board& board_;
    const std::string& board_file_;
    const KernelEntry& entry_;
    std::string folder_;
    std::vector<InitrdEntry> initrd_;
    std::string card_record_;
};

} // namespace wisp
