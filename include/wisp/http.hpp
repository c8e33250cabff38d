// As much of HTTP/1.1 as it takes to ask a service for one page and hear its status [RFC 9110, RFC 9112].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wisp/address.hpp"
#include "wisp/error.hpp"
#include "wisp/text.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// An "http" URL of a machine on this host's networks, without names to resolve.
struct HttpUrl {
    std::optional<Ipv4> host{}; ///< none in "http://:8080/": a guest, at its own port 8080
    std::uint16_t port = 80;
    std::string target = "/"; ///< path and query, as they are sent
};

/// Refuses what is no URL, what is not asked over plain HTTP (https, names other than localhost) and bytes that
/// a request line cannot hold. `whole` is what the user wrote where that is more than `url`.
inline HttpUrl parse_http_url(std::string_view url, std::string_view subject, std::string_view whole) {
    constexpr std::size_t longest = 2048;
    constexpr std::string_view scheme = "http://";
    if (url.size() > longest)
        refuse(subject, "a URL of " + std::to_string(url.size()) + " bytes exceeds " + std::to_string(longest));
    for (const char c : url)
        if (c <= ' ' || c > '~') refuse_value(subject, whole, "has a byte that must be written as %HH");
    if (!url.starts_with(scheme)) refuse_value(subject, whole, "is no http:// URL");
    if (url.find('#') != url.npos) refuse_value(subject, whole, "has a fragment (#), which no server is told");
    url.remove_prefix(scheme.size());
    const auto path = std::min(url.find_first_of("/?"), url.size());
    const std::string_view authority = url.substr(0, path);
    HttpUrl parsed;
    if (path < url.size()) parsed.target = (url[path] == '/' ? "" : "/") + std::string(url.substr(path));
    const auto colon = authority.rfind(':');
    const std::string_view host = authority.substr(0, colon);
    if (colon != authority.npos) {
        const auto port = parse_plain(authority.substr(colon + 1), 65535);
        if (!port || *port == 0) refuse_value(subject, whole, "a port must be a number from 1 to 65535");
        parsed.port = static_cast<std::uint16_t>(*port);
    } else if (host.empty()) {
        refuse_value(subject, whole, "has neither host nor port");
    }
    if (host == "localhost") parsed.host = loopback_address;
    else if (!host.empty()) parsed.host = parse_unicast(host, subject, whole);
    return parsed;
}

/// The request for `url` at the server that is reached as `authority` ("ADDRESS:PORT").
inline std::string http_request(const HttpUrl& url, std::string_view authority, std::string_view agent) {
    return "GET " + url.target + " HTTP/1.1\r\nHost: " + std::string(authority) +
           "\r\nUser-Agent: " + std::string(agent) + "\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

/// Reads an answer up to its status. What comes before the final one (1xx) is skipped.
class HttpStatusReader {
public:
    enum class State {
        more,     ///< not all of the status line is there yet
        status,   ///< status() is the answer's
        not_http, ///< this is another protocol: beginning()
    };

    /// An interim answer is a few lines; what has no end after this many bytes is none.
    static constexpr std::size_t longest_head = 16 * 1024;

    /// Takes the next bytes. After `status` or `not_http` nothing is looked at any more.
    State feed(Bytes bytes) {
        if (state_ != State::more) return state_;
        head_.append(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), longest_head));
        state_ = judge();
        if (state_ == State::more && head_.size() >= longest_head) state_ = State::not_http;
        return state_;
    }

    State state() const { return state_; }
    unsigned status() const { return status_; }
    /// Whether anything has been said at all.
    bool silent() const { return head_.empty(); }
    /// The first bytes of what was said, fit for a message.
    std::string beginning() const {
        const std::string_view line = std::string_view(head_).substr(0, head_.find_first_of("\r\n"));
        return printable(line.substr(0, 40));
    }

private:
    State judge() {
        for (;;) {
            const auto end = head_.find('\n');
            const std::string_view line = std::string_view(head_).substr(0, end);
            if (!may_become_status_line(line)) return State::not_http;
            if (end == head_.npos) return State::more;
            const auto code = status_of(line);
            if (!code) return State::not_http;
            if (*code >= 200) {
                status_ = *code;
                return State::status;
            }
            const auto next = end_of_head();
            if (next == head_.npos) return State::more;
            head_.erase(0, next);
        }
    }

    /// Whether `line` is, so far, "HTTP/1.x DDD".
    static bool may_become_status_line(std::string_view line) {
        constexpr std::string_view pattern = "HTTP/1.d ddd";
        for (std::size_t i = 0; i < line.size() && i < pattern.size(); ++i)
            if (pattern[i] == 'd' ? line[i] < '0' || line[i] > '9' : line[i] != pattern[i]) return false;
        return true;
    }

    /// status-line = HTTP-version SP status-code SP [ reason-phrase ] [RFC 9112 4]; the last space is often left
    /// out with the reason.
    static std::optional<unsigned> status_of(std::string_view line) {
        constexpr std::size_t code_at = 9, code_end = 12;
        if (line.size() < code_end) return std::nullopt;
        if (line.size() > code_end && line[code_end] != ' ' && line[code_end] != '\r') return std::nullopt;
        const auto code = parse_unsigned(line.substr(code_at, code_end - code_at), 10, 599);
        if (!code || *code < 100) return std::nullopt;
        return static_cast<unsigned>(*code);
    }

    std::size_t end_of_head() const {
        const auto crlf = head_.find("\n\r\n"), lf = head_.find("\n\n");
        if (crlf == head_.npos && lf == head_.npos) return head_.npos;
        return crlf < lf ? crlf + 3 : lf + 2;
    }

    State state_ = State::more;
    std::string head_;
    unsigned status_ = 0;
};

} // namespace wisp
