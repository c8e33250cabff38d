#include <catch2/catch.hpp>
#include <string>

#include "wisp/expectation.hpp"

using namespace wisp;

namespace {

using State = HttpStatusReader::State;

/// The state after `text` came in pieces of `piece` bytes.
HttpStatusReader after(std::string_view text, std::size_t piece) {
    HttpStatusReader reader;
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        reader.feed(as_bytes(text.substr(0, piece)));
    return reader;
}

} // namespace

TEST_CASE("a status is read from any answer, however it is cut") {
    const auto [answer, status] = GENERATE(table<std::string, unsigned>({
        {"HTTP/1.1 200 OK\r\n", 200},
        {"HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nbody", 404},
        {"HTTP/1.1 503\r\n", 503},
        {"HTTP/1.1 204 \n", 204},
        {"HTTP/1.1 599\n", 599},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", 200},
        {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 x\n\nHTTP/1.1 301 x\r\n", 301},
    }));
    CAPTURE(answer);
    for (std::size_t piece = 1; piece <= answer.size(); ++piece) {
        const HttpStatusReader reader = after(answer, piece);
        CHECK(reader.state() == State::status);
        CHECK(reader.status() == status);
    }
}

TEST_CASE("no status is made up before the line is whole") {
    const std::string answer = "HTTP/1.1 200 OK\r\n";
    for (std::size_t size = 0; size < answer.size(); ++size)
        CHECK(after(answer.substr(0, size), 1).state() == State::more);
    CHECK(after("HTTP/1.1 100 Continue\r\n\r\n", 1).state() == State::more);
    CHECK(after("HTTP/1.1 100 Continue\r\nA: b\r\n", 1).state() == State::more);
}

TEST_CASE("what is not HTTP is known as such") {
    const auto [answer, beginning] = GENERATE(table<std::string, std::string>({
        {"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2"},
        {"\n", ""},
        {"HTTP/2.0 200 OK\r\n", "HTTP/2.0 200 OK"},
        {"HTTP/1.1 2x0 OK\r\n", "HTTP/1.1 2x0 OK"},
        {"HTTP/1.1 099 x\r\n", "HTTP/1.1 099 x"},
        {"HTTP/1.1 600 x\r\n", "HTTP/1.1 600 x"},
        {"HTTP/1.1 2000 x\r\n", "HTTP/1.1 2000 x"},
        {"HTTP/1.1 20\r\n", "HTTP/1.1 20"},
        {std::string("\x15\x03\x01\x00", 4) + std::string(100, 'x'),
         "\\x15\\x03\\x01\\x00" + std::string(36, 'x')},
    }));
    const HttpStatusReader reader = after(answer, answer.size());
    CHECK(reader.state() == State::not_http);
    CHECK(reader.beginning() == beginning);
    CHECK(after(answer, 1).state() == State::not_http);
}

TEST_CASE("a head without end is given up") {
    const std::string endless = "HTTP/1.1 200 " + std::string(20000, 'x');
    CHECK(after(endless, 1000).state() == State::not_http);
    CHECK(after(endless, endless.size()).state() == State::not_http);
    CHECK(after(endless.substr(0, HttpStatusReader::longest_head - 1), 1000).state() == State::more);
}

TEST_CASE("an expectation is a URL and a status") {
    const auto [text, url, address, port, target, status] =
        GENERATE(table<std::string, std::string, std::string, int, std::string, unsigned>({
            {"http://127.0.0.1:18080/", "http://127.0.0.1:18080/", "127.0.0.1", 18080, "/", 200},
            {"http://127.0.0.1", "http://127.0.0.1", "127.0.0.1", 80, "/", 200},
            {"http://localhost:1/a/b?c=d=404", "http://localhost:1/a/b?c=d", "127.0.0.1", 1, "/a/b?c=d", 404},
            {"http://10.0.0.1?x", "http://10.0.0.1?x", "10.0.0.1", 80, "/?x", 200},
            {"http://:8080/=204", "http://:8080/", "", 8080, "/", 204},
            {"http://:8080/?a=b", "http://:8080/?a=b", "", 8080, "/?a=b", 200},
            {"http://:8080/?a=300=200", "http://:8080/?a=300", "", 8080, "/?a=300", 200},
            {"http://:8080/?a=", "http://:8080/?a=", "", 8080, "/?a=", 200},
            {"http://:8080=599", "http://:8080", "", 8080, "/", 599},
        }));
    CAPTURE(text);
    const Expectation expectation = parse_expectation(text, "--expect");
    CHECK(expectation.url == url);
    CHECK((expectation.parsed.host ? to_text(*expectation.parsed.host) : "") == address);
    CHECK(expectation.parsed.port == port);
    CHECK(expectation.parsed.target == target);
    CHECK(expectation.status == status);
}

TEST_CASE("an expectation that cannot be asked is refused") {
    const auto [text, refusal] = GENERATE(table<std::string, std::string>({
        {"", ": is no http:// URL"},
        {"https://127.0.0.1/", ": is no http:// URL"},
        {"HTTP://127.0.0.1/", ": is no http:// URL"},
        {"http://", ": has neither host nor port"},
        {"http:///x", ": has neither host nor port"},
        {"http://:/", ": a port must be a number from 1 to 65535"},
        {"http://:0/", ": a port must be a number from 1 to 65535"},
        {"http://127.0.0.1:65536/", ": a port must be a number from 1 to 65535"},
        {"http://example.org/", ": 'example.org' is not an IPv4 address"},
        {"http://me@127.0.0.1/", ": 'me@127.0.0.1' is not an IPv4 address"},
        {"http://[::1]:80/", ": '[::1]' is not an IPv4 address"},
        {"http://0.0.0.0:80/", ": is no machine's address (0.0.0.0/8)"},
        {"http://:80/#x", ": has a fragment (#), which no server is told"},
        {"http://:80/ x", ": has a byte that must be written as %HH"},
        {"http://:80/\xc3\xa9", ": has a byte that must be written as %HH"},
        {"http://:80/=199", ": a status must be a number from 200 to 599"},
        {"http://:80/=600", ": a status must be a number from 200 to 599"},
        {"http://:80/=0200", ": a status must be a number from 200 to 599"},
        {"http://:80/=2000", ": a status must be a number from 200 to 599"},
    }));
    CAPTURE(text);
    CHECK_THROWS_WITH(parse_expectation(text, "--expect"), "--expect: " + text + refusal);
    CHECK_THROWS_WITH(parse_expectation("http://:80/\r\nX: y", "--expect"),
                      "--expect: http://:80/\\x0d\\x0aX: y: has a byte that must be written as %HH");
    CHECK_THROWS_WITH(parse_expectation("http://:80/" + std::string(2038, 'x'), "--expect"),
                      "--expect: a URL of 2049 bytes exceeds 2048");
    CHECK_NOTHROW(parse_expectation("http://:80/" + std::string(2037, 'x'), "--expect"));
}

TEST_CASE("the guest's own port is asked where its first forward begins") {
    const std::vector<Forward> forwards{{loopback_address, 18080, 8080}, {{}, 1234, 80}, {loopback_address, 5, 80}};
    const auto asked = [&](const char* text) {
        return to_text(endpoint_of(parse_expectation(text, "--expect"), forwards, "--expect"));
    };
    CHECK(asked("http://:8080/") == "127.0.0.1:18080");
    CHECK(asked("http://:80/") == "127.0.0.1:1234");
    CHECK(asked("http://10.0.0.9:8080/") == "10.0.0.9:8080");
    CHECK_THROWS_WITH(asked("http://:81/=200"), "--expect: http://:81/: no forward leads to the machine's port 81");
}

TEST_CASE("the request is what RFC 9112 wants, and asks for the connection's end") {
    CHECK(http_request(parse_http_url("http://:8080/a?b", "--expect", ""), "127.0.0.1:18080", "wisp-qemu/1") ==
          "GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:18080\r\nUser-Agent: wisp-qemu/1\r\nAccept: */*\r\n"
          "Connection: close\r\n\r\n");
}
