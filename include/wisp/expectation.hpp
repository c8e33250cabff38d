// What somebody who starts a machine expects of it: the status with which a URL is answered.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wisp/address.hpp"
#include "wisp/http.hpp"

namespace wisp {

struct Expectation {
    std::string url{}; ///< as the user wrote it
    HttpUrl parsed{};
    unsigned status = 200;
};

/// "URL[=STATUS]": digits behind the last "=" are the status, a final one, 200 to 599. A URL that ends in "=" and
/// digits needs its status written.
inline Expectation parse_expectation(std::string_view text, std::string_view subject) {
    Expectation expectation;
    std::string_view url = text;
    const auto equals = text.rfind('=');
    const std::string_view digits = equals == text.npos ? "" : text.substr(equals + 1);
    if (!digits.empty() && digits.find_first_not_of("0123456789") == digits.npos) {
        const auto status = parse_plain(digits, 599);
        if (!status || *status < 200) refuse_value(subject, text, "a status must be a number from 200 to 599");
        expectation.status = *status;
        url = text.substr(0, equals);
    }
    expectation.url = url;
    expectation.parsed = parse_http_url(url, subject, text);
    return expectation;
}

/// Where a connection goes.
struct Endpoint {
    Ipv4 address{};
    std::uint16_t port = 0;

    bool operator==(const Endpoint&) const = default;
};

inline std::string to_text(const Endpoint& endpoint) {
    return to_text(endpoint.address) + ":" + std::to_string(endpoint.port);
}

/// Where `expectation` is asked on this host: at its own address, or where the first forward to the guest's port
/// begins. Refuses, as `subject`, a port of the guest that nothing leads to.
inline Endpoint endpoint_of(const Expectation& expectation, const std::vector<Forward>& forwards,
                            std::string_view subject) {
    const HttpUrl& url = expectation.parsed;
    if (url.host) return {*url.host, url.port};
    for (const Forward& forward : forwards)
        if (forward.guest_port == url.port)
            return {forward.address == Ipv4{} ? loopback_address : forward.address, forward.host_port};
    refuse_value(subject, expectation.url,
                 "no forward leads to the machine's port " + std::to_string(url.port));
}

} // namespace wisp
