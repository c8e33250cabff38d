// The small files of an initrd, as text: what /init reads, what a C library reads, and the manifest of it
// all.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/board.hpp"
#include "wisp/config.hpp"
#include "wisp/path.hpp"

namespace wisp {

/// /etc/wisp.conf; its grammar is in init/conf.hpp. `clock` is the earliest time to wake up in, in seconds.
inline std::string wisp_conf(const BuildConfig& config, const Board& board,
                             std::optional<std::uint64_t> clock) {
    const NetworkConfig& network = config.network;
    const Guest& guest = config.guest;
    std::string text;
    const auto add = [&](std::string_view key, std::string_view value) {
        const std::string line = std::string(key) + "=" + std::string(value);
        if (line.size() > guest_limit::line)
            refuse("wisp.conf", "'" + line.substr(0, 32) + "...' has " + std::to_string(line.size()) +
                                    " bytes, and /init reads lines of " + std::to_string(guest_limit::line));
        text += line + "\n";
    };
    const auto add_list = [&](std::string_view key, const std::vector<std::string>& values) {
        std::string list;
        for (const std::string& value : values) list += (list.empty() ? "" : ",") + value;
        if (!list.empty()) add(key, list);
    };
    add("IFACE", board.network_interface);
    if (network.dhcp) add("ADDR", "dhcp");
    if (network.ip) add("ADDR", to_text(*network.ip));
    if (network.gateway) add("GW", to_text(*network.gateway));
    if (network.ip6) add("ADDR6", to_text(*network.ip6));
    if (network.gateway6) add("GW6", to_text(*network.gateway6));
    if (network.dhcp && network.dns_given) add("DNS", "explicit");
    if (guest.wait_link) add("WAIT_LINK", std::to_string(*guest.wait_link));
    if (guest.user.uid != User{}.uid || guest.user.gid != User{}.gid)
        add("USER", std::to_string(guest.user.uid) + ":" + std::to_string(guest.user.gid));
    add("HOSTNAME", guest.hostname);
    if (clock) add("CLOCK", std::to_string(*clock));
    add_list("CAPS", guest.capabilities);
    for (const Tmpfs& tmpfs : guest.tmpfs) add("TMPFS", tmpfs.path + ":" + std::to_string(tmpfs.size));
    for (const std::string& sysctl : guest.sysctls) add("SYSCTL", sysctl);
    if (guest.watchdog) add("WATCHDOG", std::to_string(*guest.watchdog));
    add_list("RELAX", guest.relaxed);
    return text;
}

/// /etc/resolv.conf. A link-local resolver is one of the board's interface [resolv.conf(5)].
inline std::string resolv_conf(const NetworkConfig& network, const Board& board) {
    std::string text;
    for (const std::string& dns : network.dns) {
        const bool needs_zone = looks_like_ipv6(dns) && parse_ipv6(dns, "dns").is_link_local();
        text += "nameserver " + dns + (needs_zone ? "%" + board.network_interface : "") + "\n";
    }
    return text;
}

inline constexpr std::string_view hosts_text = "127.0.0.1 localhost\n";

inline std::string passwd_text(const User& user) {
    return "root:x:0:0::/:\nservice:x:" + std::to_string(user.uid) + ":" + std::to_string(user.gid) +
           "::/:\n";
}

inline std::string group_text(const User& user) {
    return "root:x:0:\nservice:x:" + std::to_string(user.gid) + ":\n";
}

/// Strings one after the other, a NUL behind each.
inline std::string nul_terminated(const std::vector<std::string>& strings) {
    std::string bytes;
    for (const std::string& one : strings) bytes.append(one).push_back('\0');
    return bytes;
}

/// One entry of the initrd. Manifests cannot name local files with blanks, so `location` is a plain name in
/// the folder the manifest is read in.
struct InitrdEntry {
    std::string path{};
    std::string location{}; ///< of a file; "" for a folder
    std::string line{};     ///< of the manifest

    static InitrdEntry folder(const std::string& path, std::string_view mode = "0755") {
        return {path, "", "dir " + path + " " + std::string(mode) + " 0 0"};
    }
    static InitrdEntry file(const std::string& path, const std::string& location, std::uint32_t mode) {
        const std::string digits{'0', static_cast<char>('0' + (mode >> 6)),
                                 static_cast<char>('0' + (mode >> 3 & 7)),
                                 static_cast<char>('0' + (mode & 7))};
        return {path, location, "file " + path + " " + location + " " + digits + " 0 0"};
    }
};

/// Where in the folder of the manifest the user's file number `i` lies.
inline std::string guest_file_location(std::size_t i) { return "file" + std::to_string(i + 1); }

/// All entries of the initrd in the order of its archive: by path, but modules as they are to be loaded.
inline std::vector<InitrdEntry> initrd_entries(const Guest& guest, const std::vector<std::string>& modules) {
    std::vector<InitrdEntry> entries{InitrdEntry::folder("/dev"),
                                     {"/dev/console", "", "nod /dev/console 0600 0 0 c 5 1"},
                                     {"/dev/null", "", "nod /dev/null 0666 0 0 c 1 3"},
                                     InitrdEntry::folder("/etc"),
                                     InitrdEntry::folder("/lib"),
                                     InitrdEntry::folder("/lib/modules"),
                                     InitrdEntry::folder("/proc", "0555"),
                                     InitrdEntry::folder("/service"),
                                     InitrdEntry::folder("/sys", "0555"),
                                     InitrdEntry::file("/init", "init", 0755),
                                     InitrdEntry::file(std::string(service_path), "service", 0755),
                                     InitrdEntry::file("/etc/modules", "modules.list", 0644)};
    for (const std::string name : {"group", "hosts", "passwd", "resolv.conf", "wisp.conf"})
        entries.push_back(InitrdEntry::file("/etc/" + name, name, 0644));
    if (!guest.arguments.empty()) entries.push_back(InitrdEntry::file("/etc/argv", "argv", 0644));
    if (!guest.environment.empty()) entries.push_back(InitrdEntry::file("/etc/env", "env", 0644));

    std::set<std::string> folders;
    for (const InitrdEntry& entry : entries) folders.insert(entry.path);
    const auto add_folders = [&](std::string_view path) {
        for (auto end = path.find('/', 1);; end = path.find('/', end + 1)) {
            if (const std::string folder(path.substr(0, end)); folders.insert(folder).second)
                entries.push_back(InitrdEntry::folder(folder));
            if (end == std::string_view::npos) return;
        }
    };
    for (const Tmpfs& tmpfs : guest.tmpfs)
        if (!is_within(tmpfs.path, "/dev")) add_folders(tmpfs.path); // what is mounted on /dev hides it
    for (std::size_t i = 0; i < guest.files.size(); ++i) {
        if (const auto parent = parent_path(guest.files[i].path); !parent.empty()) add_folders(parent);
        entries.push_back(
            InitrdEntry::file(guest.files[i].path, guest_file_location(i), guest.files[i].mode));
    }
    std::sort(entries.begin(), entries.end(),
              [](const InitrdEntry& a, const InitrdEntry& b) { return a.path < b.path; });
    const auto behind = std::find_if(entries.begin(), entries.end(),
                                     [](const InitrdEntry& entry) { return entry.path == "/lib/modules"; }) +
                        1;
    std::vector<InitrdEntry> loaded;
    for (const std::string& name : modules)
        loaded.push_back(InitrdEntry::file("/lib/modules/" + name, "modules/" + name, 0644));
    entries.insert(behind, loaded.begin(), loaded.end());
    return entries;
}

/// The manifest of `entries`, for wisp-cpio.
inline std::string manifest_text(const std::vector<InitrdEntry>& entries) {
    std::string text;
    for (const InitrdEntry& entry : entries) text += entry.line + "\n";
    return text;
}

} // namespace wisp
