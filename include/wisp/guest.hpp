// What the service finds inside the machine beside the network: arguments, environment, user, files, places
// to write, kernel settings, capabilities. Each is read from the one text a user gives, and refused in one
// line.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/address.hpp"
#include "wisp/names.hpp"
#include "wisp/path.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// The capabilities of Linux by number, as capabilities(7) has them up to 5.9, less CAP_ and in lower case.
// clang-format off: a table
inline constexpr std::array<std::string_view, 41> capability_names{
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control",
    "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon",
    "bpf", "checkpoint_restore"};
// clang-format on

/// What /init does to harden the machine, by the names that turn each off; README has what they mean.
inline constexpr std::array<std::string_view, 15> hardening_names{
    "hidepid", "sysfs",  "rootfs", "modules", "kexec",   "dmesg",    "kptr",   "bpf",
    "sysrq",   "userns", "ptrace", "perf",    "keyring", "io_uring", "seccomp"};

/// A file of the user's for the initrd.
struct GuestFile {
    std::string source{};
    std::string path{}; ///< in the initrd, with its leading slash
    std::uint32_t mode = 0644;
};

/// Memory the service may write to.
struct Tmpfs {
    std::string path{};     ///< with its leading slash
    std::uint64_t size = 0; ///< in bytes
};

struct User {
    std::uint32_t uid = 1000;
    std::uint32_t gid = 1000;
};

/// How much /init has room for: it allocates nothing.
namespace guest_limit {
inline constexpr std::size_t strings = 256;        ///< arguments, the program's name included; or variables
inline constexpr std::size_t string_bytes = 65536; ///< of both lists, with the NUL behind each
inline constexpr std::size_t tmpfs = 8;
inline constexpr std::size_t tmpfs_path = 200; ///< bytes
inline constexpr std::size_t sysctls = 32;
inline constexpr std::size_t resolvers = 3; ///< MAXNS of glibc and musl [resolv.conf(5)]
inline constexpr std::size_t line = 255;    ///< bytes of a line of wisp.conf, less its LF
inline constexpr std::uint64_t wait_seconds = 600;
inline constexpr std::uint64_t watchdog_seconds = 65535;
} // namespace guest_limit

/// All the user sets for the service, except the network.
struct Guest {
    std::vector<std::string> arguments{};   ///< from argv[1] on
    std::vector<std::string> environment{}; ///< NAME=VALUE
    std::vector<GuestFile> files{};
    User user{};
    std::string hostname{};
    std::vector<Tmpfs> tmpfs{};
    std::vector<std::string> sysctls{}; ///< key=value
    std::vector<std::string> capabilities{};
    std::vector<std::string> relaxed{};
    std::optional<std::uint32_t> wait_link{}; ///< in seconds
    std::optional<std::uint32_t> watchdog{};  ///< in seconds
};

/// What /etc/argv has in front of the arguments.
inline constexpr std::string_view service_path = "/service/run";

/// Whether `path` is `folder` or inside it; both begin with a slash.
inline bool is_within(std::string_view path, std::string_view folder) {
    return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

/// An argument or a variable: any byte but the one that ends it.
inline const std::string& without_nul(const std::string& text, std::string_view subject) {
    if (text.find('\0') != std::string::npos)
        refuse_value(subject, text, "has a NUL byte, which ends a string");
    return text;
}

/// "NAME=VALUE" that no other in `all` sets.
inline void add_variable(std::vector<std::string>& all, const std::string& text, std::string_view subject) {
    without_nul(text, subject);
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
        refuse_value(subject, text, "is not NAME=VALUE, like TZ=Europe/Paris");
    const std::string name = text.substr(0, equals + 1);
    if (name == "WISP_WATCHDOG_FD=") refuse_value(subject, text, "is /init's to set");
    for (const std::string& other : all)
        if (other.starts_with(name)) refuse_value(subject, text, "the variable is set already");
    all.push_back(text);
}

/// Refuses lists that /init has no room for; their last elements are the subjects.
inline void check_strings(const Guest& guest, std::string_view arguments_subject,
                          std::string_view environment_subject) {
    const auto check = [](std::size_t count, std::string_view subject) {
        if (count > guest_limit::strings)
            refuse(subject,
                   std::to_string(count) + " strings are more than " + std::to_string(guest_limit::strings));
    };
    check(guest.arguments.empty() ? 0 : guest.arguments.size() + 1, arguments_subject);
    check(guest.environment.size(), environment_subject);
    std::size_t bytes = guest.arguments.empty() ? 0 : service_path.size() + 1;
    for (const auto* const list : {&guest.arguments, &guest.environment})
        for (const std::string& text : *list) bytes += text.size() + 1;
    if (bytes > guest_limit::string_bytes)
        refuse(guest.environment.empty() ? arguments_subject : environment_subject,
               "arguments and environment have " + std::to_string(bytes) + " bytes, more than " +
                   std::to_string(guest_limit::string_bytes));
}

/// "UID[:GID]"; without GID it is as UID. Neither may be root's, nor (uid_t)-1, which means "unchanged".
inline User parse_user(std::string_view text, std::string_view subject) {
    const auto parts = split(text, ':');
    const auto id = [&](std::string_view digits) {
        const auto number = parse_plain(digits, 4294967294);
        if (!number || parts.size() > 2)
            refuse_value(subject, text, "is not UID[:GID], numbers from 1 to 4294967294");
        if (*number == 0)
            refuse_value(subject, text, "0 is root's, and a service that is root has everything");
        return *number;
    };
    return {id(parts[0]), id(parts.back())};
}

/// A host's name [RFC 1123 2.1], no longer than the kernel keeps (__NEW_UTS_LEN).
inline std::string parse_hostname(std::string_view text, std::string_view subject) {
    if (text.size() > 64)
        refuse_value(subject, text, "has " + std::to_string(text.size()) + " bytes, and the kernel keeps 64");
    for (const std::string_view label : split(text, '.'))
        if (label.size() > 63 || !is_name(label, "-", true) || label.ends_with('-'))
            refuse_value(subject, text,
                         "is not a host's name: labels of 1 to 63 letters, digits and inner hyphens");
    return std::string(text);
}

/// The name of a machine that was given none: its board's, as far as a host can be called that.
inline std::string default_hostname(std::string_view target) {
    std::string name(target.substr(0, 63));
    std::replace(name.begin(), name.end(), '_', '-');
    name.erase(name.find_last_not_of('-') + 1);
    return name;
}

/// An absolute path in the machine. The alphabet is that of manifests, which have no blanks in names.
inline std::string parse_guest_path(std::string_view path, std::string_view subject, std::string_view whole) {
    if (!path.starts_with('/'))
        refuse_value(subject, whole, "'" + printable(path) + "' does not begin with /");
    const std::string inner = relative_path(path, subject);
    if (!is_plain_path(inner))
        refuse_value(subject, whole,
                     "'" + printable(path) + "' has a character beside letters, digits and /._+,@~:=-");
    return "/" + inner;
}

/// "SOURCE:PATH[:MODE]", MODE in octal. What stands behind the last colons counts, so SOURCE may have some.
inline GuestFile parse_guest_file(std::string_view text, std::string_view subject) {
    GuestFile file;
    auto rest = text;
    const auto last = rest.rfind(':');
    if (last != std::string_view::npos && rest.find('/', last) == std::string_view::npos) {
        const auto mode = parse_unsigned(rest.substr(last + 1), 8, 0777);
        if (!mode) refuse_value(subject, text, "the mode must be an octal number from 0 to 777");
        file.mode = static_cast<std::uint32_t>(*mode);
        rest = rest.substr(0, last);
    }
    const auto colon = rest.rfind(":/");
    if (colon == std::string_view::npos || colon == 0)
        refuse_value(subject, text, "is not SOURCE:/PATH[:MODE], like ca.pem:/etc/ssl/ca.pem:0644");
    file.source = rest.substr(0, colon);
    if (printable(file.source) != file.source) refuse_value(subject, text, "has a control character");
    file.path = parse_guest_path(rest.substr(colon + 1), subject, text);
    return file;
}

/// The places of the initrd where only wisp puts something, and the folders it shares.
inline constexpr std::array<std::string_view, 14> own_paths{
    "/init",       "/service/run", "/etc/wisp.conf", "/etc/resolv.conf", "/etc/modules", "/etc/hosts",
    "/etc/passwd", "/etc/group",   "/etc/argv",      "/etc/env",         "/lib/modules", "/dev",
    "/proc",       "/sys"};
inline constexpr std::array<std::string_view, 3> shared_folders{"/etc", "/lib", "/service"};

/// Adds a file that is in nobody's way.
inline void add_guest_file(std::vector<GuestFile>& all, GuestFile file, std::string_view subject) {
    for (const std::string_view own : own_paths)
        if (is_within(file.path, own)) refuse_value(subject, file.path, "belongs to wisp");
    for (const std::string_view folder : shared_folders)
        if (file.path == folder) refuse_value(subject, file.path, "is a folder of wisp's");
    for (const GuestFile& other : all)
        if (is_within(file.path, other.path) || is_within(other.path, file.path))
            refuse_value(subject, file.path,
                         file.path == other.path ? "is there already" : "is in the way of " + other.path);
    all.push_back(std::move(file));
}

/// Bytes, or with a K, M or G behind the number so many KiB, MiB or GiB; 4096 bytes to 1 TiB.
inline std::optional<std::uint64_t> parse_size(std::string_view text) {
    unsigned shift = 0;
    for (const auto& [letter, bits] : {std::pair{'K', 10u}, {'M', 20u}, {'G', 30u}})
        if (text.ends_with(letter)) shift = bits;
    if (shift != 0) text.remove_suffix(1);
    const auto number = parse_unsigned(text, 10, std::uint64_t{1} << (40 - shift));
    if (!number || *number << shift < 4096) return std::nullopt;
    return *number << shift;
}

/// "/PATH:SIZE".
inline Tmpfs parse_tmpfs(std::string_view text, std::string_view subject) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) refuse_value(subject, text, "is not /PATH:SIZE, like /tmp:16M");
    const auto size = parse_size(text.substr(colon + 1));
    if (!size)
        refuse_value(subject, text, "the size must be a number from 4096 to 1T, K, M or G behind it allowed");
    const std::string path = parse_guest_path(text.substr(0, colon), subject, text);
    if (path.find(':') != std::string::npos)
        refuse_value(subject, text, "the path has a ':', which is where /init reads a size");
    if (path.size() > guest_limit::tmpfs_path)
        refuse_value(subject, text,
                     "the path has " + std::to_string(path.size()) + " bytes, more than " +
                         std::to_string(guest_limit::tmpfs_path));
    return {path, *size};
}

/// Adds a place to write that hides nothing. /dev/shm is where C libraries look for one [shm_open(3)].
inline void add_tmpfs(Guest& guest, Tmpfs tmpfs, std::string_view subject) {
    for (const std::string_view own : {"/dev", "/etc", "/init", "/lib", "/proc", "/service", "/sys"})
        if (is_within(tmpfs.path, own) && tmpfs.path != "/dev/shm")
            refuse_value(subject, tmpfs.path, "belongs to wisp");
    for (const Tmpfs& other : guest.tmpfs)
        if (is_within(tmpfs.path, other.path) || is_within(other.path, tmpfs.path))
            refuse_value(
                subject, tmpfs.path,
                tmpfs.path == other.path ? "is there already" : "and " + other.path + " lie in each other");
    for (const GuestFile& file : guest.files)
        if (is_within(file.path, tmpfs.path) || is_within(tmpfs.path, file.path))
            refuse_value(subject, tmpfs.path, "hides the file " + file.path);
    guest.tmpfs.push_back(std::move(tmpfs));
    if (guest.tmpfs.size() > guest_limit::tmpfs)
        refuse_value(subject, guest.tmpfs.back().path,
                     "is one more than " + std::to_string(guest_limit::tmpfs));
}

/// "KEY=VALUE", the key dotted as sysctl(8) writes it ("/" for a dot inside a part), the value what goes into
/// the file under /proc/sys.
inline void add_sysctl(std::vector<std::string>& all, const std::string& text, std::string_view subject) {
    const auto equals = text.find('=');
    const std::string_view key = std::string_view(text).substr(0, equals);
    const auto parts = split(key, '.');
    bool good = equals != std::string::npos && parts.size() > 1;
    for (const std::string_view part : parts)
        good = good && is_spelt(part, "_-:/", true) && is_spelt(part.substr(0, 1), "_", true);
    if (!good)
        refuse_value(subject, text, "is not KEY=VALUE with a dotted key, like net.core.somaxconn=4096");
    if (equals + 1 == text.size()) refuse_value(subject, text, "has no value");
    if (printable(text) != text) refuse_value(subject, text, "has a control character");
    for (const std::string& other : all)
        if (other.starts_with(std::string(key) + "=")) refuse_value(subject, text, "the key is set already");
    all.push_back(text);
    if (all.size() > guest_limit::sysctls)
        refuse_value(subject, text, "is one more than " + std::to_string(guest_limit::sysctls));
}

/// Adds the names in `text`, which commas separate; each is one of `known`, and none is there twice.
template <std::size_t N>
void add_names(std::vector<std::string>& all, const std::string& text,
               const std::array<std::string_view, N>& known, std::string_view subject) {
    for (const std::string_view name : split(text, ',')) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            std::string list;
            for (const std::string_view one : known) list.append(list.empty() ? "" : ", ").append(one);
            refuse_value(subject, name, "is none of " + list);
        }
        if (std::find(all.begin(), all.end(), name) != all.end())
            refuse_value(subject, name, "is there twice");
        all.emplace_back(name);
    }
}

/// A number of seconds from `min` to `max`.
inline std::uint32_t parse_seconds(std::string_view text, std::uint64_t min, std::uint64_t max,
                                   std::string_view subject) {
    const auto number = parse_plain(text, static_cast<std::uint32_t>(max));
    if (!number || *number < min)
        refuse_value(subject, text,
                     "is not a number of seconds from " + std::to_string(min) + " to " + std::to_string(max));
    return *number;
}

} // namespace wisp
