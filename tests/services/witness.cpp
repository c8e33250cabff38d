// A service that tells all it was given and what it finds, one "witness: key: value" line each on standard
// output, and ends. What could not be told apart on a console is written \xHH.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

namespace {

std::string printable(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        if (c >= ' ' && c <= '~' && c != '\\') {
            out += c;
            continue;
        }
        std::array<char, 5> hex{};
        std::snprintf(hex.data(), hex.size(), "\\x%02x",
                      static_cast<unsigned>(static_cast<unsigned char>(c)));
        out += hex.data();
    }
    return out;
}

void tell(std::string_view key, std::string_view value) {
    std::printf("witness: %s: %s\n", printable(key).c_str(), printable(value).c_str());
}

/// What a file holds, or the name of the errno.
std::string contents(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return strerrorname_np(errno);
    std::string text(std::istreambuf_iterator<char>(in), {});
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

/// Runs of blanks become one.
std::string squeezed(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool blank = c == ' ' || c == '\t';
        if (blank && (out.empty() || out.back() == ' ')) continue;
        out += blank ? ' ' : c;
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

template <class Take>
void for_each_line(const std::string& path, Take take) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) take(line);
}

void tell_status() {
    static constexpr std::array<std::string_view, 18> wanted = {
        "Umask",  "Uid",    "Gid",    "Groups",     "Threads", "SigPnd",
        "ShdPnd", "SigBlk", "SigIgn", "SigCgt",     "CapInh",  "CapPrm",
        "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters"};
    for_each_line("/proc/1/status", [](const std::string& line) {
        const std::size_t colon = line.find(':');
        if (std::find(wanted.begin(), wanted.end(), std::string_view(line).substr(0, colon)) != wanted.end())
            tell(line.substr(0, colon), squeezed(line.substr(colon + 1)));
    });
    tell("securebits", std::to_string(prctl(PR_GET_SECUREBITS)));
}

void tell_descriptors() {
    for (int fd = 0; fd < 1024; ++fd) {
        const int flags = fcntl(fd, F_GETFL);
        if (flags < 0) continue;
        std::array<char, 256> target{};
        const std::string path = "/proc/self/fd/" + std::to_string(fd);
        if (readlink(path.c_str(), target.data(), target.size() - 1) < 0) continue;
        static constexpr std::array<const char*, 4> modes = {"read", "write", "read and write", "path"};
        tell("fd " + std::to_string(fd), std::string(target.data()) + ", " + modes[flags & O_ACCMODE]);
    }
}

/// Two of the kernel's defaults go by the machine's memory; they are told by the rule they follow.
void tell_limits() {
    const std::string by_memory =
        std::to_string(std::atol(contents("/proc/sys/kernel/threads-max").c_str()) / 2);
    for_each_line("/proc/1/limits", [&](const std::string& line) {
        if (line.rfind("Max", 0) != 0) return;
        std::string limits = squeezed(line.substr(26));
        for (std::size_t at = 0; (at = limits.find(by_memory, at)) != std::string::npos;)
            limits.replace(at, by_memory.size(), "threads-max/2");
        tell("limit " + squeezed(line.substr(4, 22)), limits);
    });
}

void tell_processes() {
    std::vector<long> seen;
    for (const auto& entry : std::filesystem::directory_iterator("/proc"))
        if (const long pid = std::atol(entry.path().filename().c_str()); pid > 0) seen.push_back(pid);
    std::sort(seen.begin(), seen.end());
    std::string list;
    for (const long pid : seen) list += (list.empty() ? "" : " ") + std::to_string(pid);
    tell("processes", list);
}

void tell_variables() {
    for (const char* key :
         {"kernel/modules_disabled", "kernel/kexec_load_disabled", "kernel/dmesg_restrict",
          "kernel/kptr_restrict", "kernel/unprivileged_bpf_disabled", "kernel/sysrq",
          "user/max_user_namespaces", "kernel/yama/ptrace_scope", "kernel/perf_event_paranoid",
          "kernel/io_uring_disabled", "net/ipv4/ip_unprivileged_port_start", "net/core/somaxconn"})
        tell(key, squeezed(contents(std::string("/proc/sys/") + key)));
}

/// Whether the time is that of an argument "until=SECONDS", give or take an hour: a slow boot is no failure.
void tell_time(std::string_view argument) {
    const long floor = std::atol(std::string(argument).c_str());
    const long now = time(nullptr);
    tell("clock", now < floor ? "before the floor" : now < floor + 3600 ? "at the floor" : "after the floor");
}

} // namespace

int main(int argc, char** argv, char** environment) {
    for (int i = 0; i < argc; ++i) tell("argv " + std::to_string(i), argv[i]);
    for (char** variable = environment; *variable != nullptr; ++variable) tell("env", *variable);
    tell("ids", std::to_string(getpid()) + " " + std::to_string(getppid()) + " " +
                    std::to_string(getpgid(0)) + " " + std::to_string(getsid(0)));
    tell_status();
    tell_descriptors();
    std::array<char, 4096> folder{};
    tell("cwd", getcwd(folder.data(), folder.size()) != nullptr ? folder.data() : "?");
    tell("nice", std::to_string(getpriority(PRIO_PROCESS, 0)));
    tell_limits();
    for_each_line("/proc/1/mounts", [](const std::string& line) { tell("mount", line); });
    tell_processes();
    tell_variables();
    utsname name{};
    uname(&name);
    tell("host", name.nodename);
    tell("domain", name.domainname);
    for (int i = 1; i < argc; ++i)
        if (std::string_view(argv[i]).substr(0, 6) == "floor=") tell_time(argv[i] + 6);
}
