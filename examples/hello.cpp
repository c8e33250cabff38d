// The demo: an HTTP server that is a whole machine. Link it statically and hand it to wisp.sh.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr int port = 8080;

[[noreturn]] void die(const char* call) {
    std::perror(call);
    std::exit(1);
}

int listen_on(int number) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(static_cast<in_port_t>(number));
    if (bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) die("bind");
    if (listen(fd, 16) != 0) die("listen");
    return fd;
}

std::string uptime() {
    std::string seconds;
    std::ifstream("/proc/uptime") >> seconds;
    return seconds;
}

std::string greeting() {
    return "hello from wisp: pid " + std::to_string(getpid()) + ", uid " + std::to_string(getuid()) +
           ", up " + uptime() + " s\n";
}

/// Reads up to the empty line that ends a request's head; false when the client went away or talks nonsense.
bool read_request(int client) {
    std::string head;
    char block[1024];
    while (head.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = read(client, block, sizeof block);
        if (got <= 0 || head.size() > 16384) return false;
        head.append(block, static_cast<std::size_t>(got));
    }
    return head.compare(0, 4, "GET ") == 0;
}

void write_all(int client, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t put = write(client, text.data() + done, text.size() - done);
        if (put <= 0) return;
        done += static_cast<std::size_t>(put);
    }
}

void serve(int client) {
    const timeval patience{5, 0}; // one client at a time, so none may dawdle
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!read_request(client)) return;
    const std::string body = greeting();
    write_all(client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " +
                          std::to_string(body.size()) + "\r\n\r\n" + body);
}

} // namespace

int main() {
    std::signal(SIGPIPE, SIG_IGN);
    const int listener = listen_on(port);
    std::printf("hello: listening on port %d\n", port);
    std::fflush(stdout);
    for (;;) {
        const int client = accept(listener, nullptr, nullptr);
        if (client < 0) continue;
        serve(client);
        close(client);
    }
}
