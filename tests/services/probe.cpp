// A service that tells what it was given: any GET is answered with "key: value" lines about the process
// itself. Listens on 8080 and, to show that low ports work without a privilege, on 80.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

constexpr std::array<int, 2> ports = {8080, 80};

[[noreturn]] void die(const char* call, int port) {
    std::fprintf(stderr, "probe: %s %d: ", call, port);
    std::perror(nullptr);
    std::exit(1);
}

int listen_on(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket", port);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(static_cast<in_port_t>(port));
    if (bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) die("bind", port);
    if (listen(fd, 16) != 0) die("listen", port);
    return fd;
}

std::string contents(const char* path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// One "name: part" line for each part of `text`.
std::string lines(std::string_view name, const std::string& text, char separator) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(separator, at), text.size());
        out.append(name).append(": ").append(text, at, end - at).append("\n");
        at = end + 1;
    }
    return out;
}

/// The lines of /proc/self/status that say what the process may do.
std::string status() {
    static constexpr std::array<std::string_view, 14> wanted = {
        "Uid",    "Gid",    "Groups", "CapInh",     "CapPrm",  "CapEff", "CapBnd",
        "CapAmb", "SigBlk", "SigIgn", "NoNewPrivs", "Seccomp", "SigCgt", "Threads"};
    std::ifstream in("/proc/self/status");
    std::string out;
    for (std::string line; std::getline(in, line);) {
        const std::size_t colon = line.find(':');
        if (std::find(wanted.begin(), wanted.end(), std::string_view(line).substr(0, colon)) == wanted.end())
            continue;
        const std::size_t value = std::min(line.find_first_not_of("\t ", colon + 1), line.size());
        out.append(line, 0, colon).append(": ").append(line, value).append("\n");
    }
    return out;
}

std::string groups() {
    std::array<gid_t, 64> ids{};
    const int count = getgroups(static_cast<int>(ids.size()), ids.data());
    std::string out = "groups:";
    for (int i = 0; i < count; ++i) out += " " + std::to_string(ids[static_cast<std::size_t>(i)]);
    return out + "\n";
}

/// Open descriptors when main began, "number target".
std::vector<std::string> descriptors() {
    std::vector<std::string> out;
    DIR* folder = opendir("/proc/self/fd");
    if (folder == nullptr) return out;
    const std::string own = std::to_string(dirfd(folder));
    while (const dirent* entry = readdir(folder)) {
        const std::string name = entry->d_name;
        if (name[0] == '.' || name == own) continue;
        std::array<char, 256> target{};
        const ssize_t size = readlink(("/proc/self/fd/" + name).c_str(), target.data(), target.size());
        out.push_back(name + " " + std::string(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0));
    }
    closedir(folder);
    return out;
}

const char* verdict(const char* path) {
    std::FILE* file = std::fopen(path, "w");
    if (file == nullptr) return "refused";
    std::fclose(file);
    return "opened";
}

std::string report(const std::vector<std::string>& inherited, int port) {
    const mode_t mask = umask(0);
    umask(mask);
    std::array<char, 4096> cwd{};
    std::array<char, 16> octal{};
    std::snprintf(octal.data(), octal.size(), "%04o", static_cast<unsigned>(mask));
    std::string out = "pid: " + std::to_string(getpid()) + "\nppid: " + std::to_string(getppid()) +
                      "\nuid: " + std::to_string(getuid()) + "\ngid: " + std::to_string(getgid()) + "\n" +
                      groups() + "port: " + std::to_string(port) +
                      "\npage size: " + std::to_string(sysconf(_SC_PAGESIZE)) +
                      "\ncwd: " + (getcwd(cwd.data(), cwd.size()) ? cwd.data() : "?") +
                      "\numask: " + octal.data() + "\nuptime: " + contents("/proc/uptime");
    out += status() + "securebits: " + std::to_string(prctl(PR_GET_SECUREBITS)) + "\n";
    out += lines("argv", contents("/proc/self/cmdline"), '\0');
    out += lines("environ", contents("/proc/self/environ"), '\0');
    for (const std::string& line : inherited) out += "fd: " + line + "\n";
    out += lines("mount", contents("/proc/self/mounts"), '\n');
    out += lines("route", contents("/proc/net/route"), '\n');
    out += lines("address6", contents("/proc/net/if_inet6"), '\n');
    out += lines("route6", contents("/proc/net/ipv6_route"), '\n');
    out += lines("resolv.conf", contents("/etc/resolv.conf"), '\n');
    out += lines("module", contents("/proc/modules"), '\n');
    out += std::string("reopen /proc/self/fd/1: ") + verdict("/proc/self/fd/1") + "\n";
    out += std::string("reopen /dev/console: ") + verdict("/dev/console") + "\n";
    return out + "setuid 0: " + (setuid(0) == 0 ? "allowed" : "refused") + "\n";
}

void serve(int client, const std::string& body) {
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string request;
    std::array<char, 1024> block{};
    while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = read(client, block.data(), block.size());
        if (got <= 0) return;
        request.append(block.data(), static_cast<std::size_t>(got));
    }
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    for (std::size_t done = 0; done < answer.size();) {
        const ssize_t put = send(client, answer.data() + done, answer.size() - done, MSG_NOSIGNAL);
        if (put <= 0) return;
        done += static_cast<std::size_t>(put);
    }
}

} // namespace

int main() {
    const std::vector<std::string> inherited = descriptors();
    std::array<pollfd, ports.size()> listeners{};
    for (std::size_t i = 0; i < ports.size(); ++i)
        listeners[i] = {.fd = listen_on(ports[i]), .events = POLLIN, .revents = 0};
    std::puts("probe: listening on 8080 and 80");
    std::fflush(stdout);
    for (;;) {
        if (poll(listeners.data(), listeners.size(), -1) < 0) continue;
        for (std::size_t i = 0; i < ports.size(); ++i) {
            if (listeners[i].revents == 0) continue;
            const int client = accept(listeners[i].fd, nullptr, nullptr);
            if (client < 0) continue;
            serve(client, report(inherited, ports[i]));
            close(client);
        }
    }
}
