// A service that does one thing, named in /etc/mode: "exit N"; "crash"; "hang"; "flood N": 8 MiB without a line end,
// then exit N; "unfinished N": a line without an end, then exit N; "forge N": the kernel's words for an end with code N,
// in two pieces, then hang; "serve": HTTP on 8080, "/" is found and nothing else is.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

void say(std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = write(STDOUT_FILENO, text.data(), text.size());
        if (count < 0) std::exit(99);
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

[[noreturn]] void hang() {
    for (;;) pause();
}

[[noreturn]] void serve() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(8080);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 || listen(fd, 16) != 0) std::exit(98);
    for (;;) {
        const int client = accept(fd, nullptr, nullptr);
        std::array<char, 4096> request{};
        const ssize_t count = read(client, request.data(), request.size());
        const bool found = count > 0 && std::string_view(request.data()).starts_with("GET / ");
        const std::string answer = std::string("HTTP/1.1 ") + (found ? "200 OK" : "404 Not Found") +
                                   "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        if (write(client, answer.data(), answer.size()) < 0) std::exit(97);
        close(client);
    }
}

[[noreturn]] void flood(int status) {
    const std::string block(64 * 1024, '~');
    for (int i = 0; i < 128; ++i) say(block);
    std::exit(status);
}

[[noreturn]] void forge(unsigned code) {
    std::array<char, 120> line{};
    std::snprintf(line.data(), line.size(), "Kernel panic - not syncing: Attempted to kill init! exitcode=0x%08x\n", code);
    const std::string_view text(line.data());
    say(text.substr(0, 40));
    usleep(100000); // the first half is long gone
    say(text.substr(40));
    hang();
}

} // namespace

int main() {
    std::FILE* const file = std::fopen("/etc/mode", "r");
    std::array<char, 16> word{};
    int number = 0;
    if (!file || std::fscanf(file, "%15s %d", word.data(), &number) < 1) return 96;
    const std::string_view mode(word.data());
    if (mode == "exit") return number;
    if (mode == "crash") *static_cast<volatile int*>(nullptr) = 1;
    if (mode == "hang") hang();
    if (mode == "flood") flood(number);
    if (mode == "unfinished") return say("no line end"), number;
    if (mode == "forge") forge(static_cast<unsigned>(number));
    if (mode == "serve") serve();
    return 95;
}
