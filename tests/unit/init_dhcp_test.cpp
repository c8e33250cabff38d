// DHCP messages as PID 1 writes and reads them. What is read may come from anybody on the link: it is
// accepted as RFC 2131 and 2132 have it, or refused with a reason that is compared whole.
#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "init/dhcp_message.hpp"

using init::DhcpClient;
using init::DhcpMessage;
using init::DhcpType;
using init::Lease;

namespace {

using Bytes = std::vector<std::uint8_t>;

const DhcpClient client{{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}}, 0x12345678};

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

const Bytes type_offer = {53, 1, 2};
const Bytes server = {54, 4, 10, 7, 0, 1};
const Bytes time_3600 = {51, 4, 0, 0, 0x0e, 0x10};
const Bytes mask_24 = {1, 4, 255, 255, 255, 0};
const Bytes end = {255};
const Bytes least = type_offer + server + time_3600 + mask_24;

/// An answer to `client` about 10.7.0.50 with these options, zero everywhere else; in no more memory than it
/// needs, so that ASan sees a read behind its end.
struct Answer {
    explicit Answer(const Bytes& options) : bytes(DhcpMessage::head_size + options.size()) {
        const Bytes head = {2, 1, 6, 0, 0x12, 0x34, 0x56, 0x78};
        const Bytes mac(client.mac.bytes, client.mac.bytes + 6);
        const Bytes cookie = {0x63, 0x82, 0x53, 0x63};
        std::copy(head.begin(), head.end(), bytes.begin());
        put(16, {10, 7, 0, 50});
        put(28, mac);
        put(236, cookie);
        put(240, options);
    }

    void put(std::size_t at, const Bytes& value) {
        std::copy(value.begin(), value.end(), bytes.begin() + static_cast<long>(at));
    }

    const DhcpMessage& message() const { return *reinterpret_cast<const DhcpMessage*>(bytes.data()); }
    bool is_for_us() const { return init::is_for(client, message(), bytes.size()); }

    /// Why it is of no use; empty when it is.
    std::string problem() {
        const char* const refused = init::read_dhcp_answer(message(), bytes.size(), type, lease);
        return refused == nullptr ? "" : refused;
    }

    Bytes bytes;
    DhcpType type = DhcpType::none;
    Lease lease;
};

std::string problem_of(const Bytes& options) { return Answer(options).problem(); }

} // namespace

TEST_CASE("a DISCOVER is laid out as RFC 2131 figure 1 and table 5") {
    const DhcpMessage message = init::dhcp_request(DhcpType::discover, client, 7, {});
    Bytes expected(init::dhcp_request_size);
    const auto put = [&](std::size_t at, const Bytes& value) {
        std::copy(value.begin(), value.end(), expected.begin() + static_cast<long>(at));
    };
    put(0, {1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78, 0, 7, 0x80, 0});
    put(28, {0x02, 0x00, 0x5e, 0x10, 0x00, 0x01});
    put(236, {0x63, 0x82, 0x53, 0x63, 53,   1,  1, 61, 7, 1, 0x02,
              0x00, 0x5e, 0x10, 0x00, 0x01, 55, 3, 1,  3, 6, 255});
    CHECK(std::memcmp(&message, expected.data(), expected.size()) == 0);
}

TEST_CASE("a REQUEST and a DECLINE name the address and the server, and a DECLINE wants nothing") {
    Lease offer;
    offer.address = 0x0A070032;
    offer.server = 0x0A070001;
    const Bytes named = {61, 7, 1, 0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, 50, 4,
                         10, 7, 0, 50,   54,   4,    10,   7,    0,    1};
    const Bytes request = Bytes{53, 1, 3} + named + Bytes{55, 3, 1, 3, 6, 255, 0};
    const Bytes decline = Bytes{53, 1, 4} + named + Bytes{255, 0};
    const DhcpMessage requested = init::dhcp_request(DhcpType::request, client, 0, offer);
    const DhcpMessage declined = init::dhcp_request(DhcpType::decline, client, 0, offer);
    CHECK(Bytes(requested.options, requested.options + request.size()) == request);
    CHECK(Bytes(declined.options, declined.options + decline.size()) == decline);
}

TEST_CASE("an offer with everything is read") {
    Answer answer(least + Bytes{3, 8, 10, 7, 0, 1, 10, 7, 0, 9} + Bytes{6, 8, 1, 1, 1, 1, 9, 9, 9, 9} + end);
    REQUIRE(answer.is_for_us());
    REQUIRE(answer.problem() == "");
    CHECK(answer.type == DhcpType::offer);
    CHECK(answer.lease.address == 0x0A070032);
    CHECK(answer.lease.prefix == 24);
    CHECK(answer.lease.server == 0x0A070001);
    CHECK(answer.lease.seconds == 3600);
    CHECK(answer.lease.router == 0x0A070001);
    REQUIRE(answer.lease.resolver_count == 2);
    CHECK(answer.lease.resolvers[0] == 0x01010101);
    CHECK(answer.lease.resolvers[1] == 0x09090909);
}

TEST_CASE("router and resolvers may be missing, and padding may stand anywhere") {
    Answer answer(Bytes{0, 0} + type_offer + Bytes{0} + server + time_3600 + mask_24 + Bytes{0, 0} + end +
                  Bytes(60, 0xEE)); // what follows the END is nothing
    REQUIRE(answer.problem() == "");
    CHECK(answer.lease.router == 0);
    CHECK(answer.lease.resolver_count == 0);
}

TEST_CASE("of many resolvers three are taken, and those that no host can be are left out") {
    Answer many(least + Bytes{6, 20, 1, 0, 0, 1, 1, 0, 0, 2, 1, 0, 0, 3, 1, 0, 0, 4, 1, 0, 0, 5} + end);
    REQUIRE(many.problem() == "");
    CHECK(many.lease.resolver_count == 3);
    CHECK(many.lease.resolvers[2] == 0x01000003);
    Answer none(least + Bytes{6, 12, 0, 0, 0, 0, 127, 0, 0, 1, 1, 0, 0, 3} + end);
    REQUIRE(none.problem() == "");
    REQUIRE(none.lease.resolver_count == 1);
    CHECK(none.lease.resolvers[0] == 0x01000003);
}

TEST_CASE("an option in pieces is one value") { // RFC 3396
    Answer answer(type_offer + server + time_3600 +
                  Bytes{1, 2, 255, 255, 3, 1, 10, 1, 2, 255, 128, 3, 3, 7, 0, 9} + end);
    REQUIRE(answer.problem() == "");
    CHECK(answer.lease.prefix == 25);
    CHECK(answer.lease.router == 0x0A070009);
}

TEST_CASE("options go on in `file`, then in `sname`, where option 52 says so") {
    Answer answer(type_offer + server + Bytes{52, 1, 3} + end);
    answer.put(108, time_3600 + Bytes{3, 2, 10, 7} + end);
    answer.put(44, mask_24 + Bytes{3, 2, 0, 9} + end);
    REQUIRE(answer.problem() == "");
    CHECK(answer.lease.prefix == 24);
    CHECK(answer.lease.router == 0x0A070009);
    answer.put(240, type_offer + server + Bytes{52, 1, 1} + end);
    CHECK(answer.problem() == "the offer has no subnet mask");
    answer.put(240, type_offer + server + Bytes{52, 1, 2} + end);
    CHECK(answer.problem() == "the offer has no lease time");
    answer.put(240, type_offer + server + Bytes{52, 1, 0} + end);
    CHECK(answer.problem() == "the offer has no subnet mask");
}

TEST_CASE("a refusal needs to say who refuses, and no more") {
    Answer answer(Bytes{53, 1, 6} + server + end);
    answer.put(16, {0, 0, 0, 0});
    REQUIRE(answer.problem() == "");
    CHECK(answer.type == DhcpType::nak);
    CHECK(answer.lease.server == 0x0A070001);
}

TEST_CASE("an answer to somebody else, or no answer at all, is not for this machine") {
    const auto [what, at, value] = GENERATE(table<std::string, std::size_t, std::uint8_t>({
        {"a request", 0, 1},
        {"another kind of hardware", 1, 6},
        {"another length of hardware addresses", 2, 16},
        {"another exchange", 7, 0x79},
        {"another machine", 33, 2},
        {"no magic cookie", 239, 0x62},
    }));
    CAPTURE(what);
    Answer answer(least + end);
    REQUIRE(answer.is_for_us());
    answer.bytes[at] = value;
    CHECK_FALSE(answer.is_for_us());
}

TEST_CASE("a datagram shorter than a head is not for this machine") {
    const Answer answer(least + end);
    for (std::size_t size = 0; size < DhcpMessage::head_size; ++size)
        CHECK_FALSE(init::is_for(client, answer.message(), size));
    CHECK(init::is_for(client, answer.message(), DhcpMessage::head_size));
    CHECK_FALSE(init::is_for(client, answer.message(), sizeof(DhcpMessage) + 1));
}

TEST_CASE("options that make no sense are refused with the reason") {
    const std::string malformed = "an answer's options are malformed";
    const auto [options, problem] = GENERATE_COPY(table<Bytes, std::string>({
        {Bytes{}, malformed},
        {least, malformed},
        {least + Bytes{12}, malformed},
        {least + Bytes{12, 1}, malformed},
        {least + Bytes{12, 255, 'x'}, malformed},
        {least + Bytes{12, 255} + Bytes(254, 'x'), malformed},
        {least + Bytes{52, 1, 1} + end, malformed}, // `file` has no END
        {least + Bytes{52, 1, 2} + end, malformed},
        {least + Bytes{52, 1, 255} + end, malformed},
        {Bytes(1000, 0), malformed},
        {end, "an answer is of no type that answers"},
        {server + time_3600 + mask_24 + end, "an answer is of no type that answers"},
        {Bytes{53, 0} + server + end, "an answer is of no type that answers"},
        {Bytes{53, 2, 2, 2} + server + end, "an answer is of no type that answers"},
        {Bytes{53, 1, 1} + server + end, "an answer is of no type that answers"},
        {Bytes{53, 1, 8} + server + end, "an answer is of no type that answers"},
        {type_offer + time_3600 + mask_24 + end, "an answer does not say which server it is from"},
        {type_offer + Bytes{54, 3, 10, 7, 0} + end, "an answer does not say which server it is from"},
        {type_offer + Bytes{54, 5, 10, 7, 0, 1, 0} + end, "an answer does not say which server it is from"},
        {type_offer + Bytes{54, 4, 0, 0, 0, 0} + end, "an answer does not say which server it is from"},
        {type_offer + Bytes{54, 4, 255, 255, 255, 255} + end,
         "an answer does not say which server it is from"},
        {least + server + end,
         "an answer does not say which server it is from"}, // two are one of eight bytes
        {Bytes{53, 1, 6} + end, "an answer does not say which server it is from"},
        {type_offer + server + time_3600 + end, "the offer has no subnet mask"},
        {type_offer + server + time_3600 + Bytes{1, 3, 255, 255, 255} + end, "the offer has no subnet mask"},
        {type_offer + server + time_3600 + Bytes{1, 4, 255, 0, 255, 0} + end,
         "the offered subnet mask is none"},
        {type_offer + server + time_3600 + Bytes{1, 4, 0, 0, 0, 0} + end, "the offered subnet mask is none"},
        {type_offer + server + mask_24 + end, "the offer has no lease time"},
        {type_offer + server + mask_24 + Bytes{51, 4, 0, 0, 0, 0} + end, "the offer has no lease time"},
        {type_offer + server + mask_24 + Bytes{51, 2, 1, 0} + end, "the offer has no lease time"},
        {least + Bytes{3, 3, 10, 7, 0} + end, "the offered list of routers is cut"},
        {least + Bytes{3, 5, 10, 7, 0, 1, 10} + end, "the offered list of routers is cut"},
        {least + Bytes{3, 4, 0, 0, 0, 0} + end, "the offered router is not an address another host can have"},
        {least + Bytes{3, 4, 10, 7, 0, 50} + end,
         "the offered router is not an address another host can have"},
        {least + Bytes{6, 1, 1} + end, "the offered list of resolvers is cut"},
        {least + Bytes{6, 255} + Bytes(255, 9) + end, "the offered list of resolvers is cut"},
    }));
    CAPTURE(options);
    CHECK(problem_of(options) == problem);
}

TEST_CASE("an address that no host can have is not taken") {
    const auto [address, problem] = GENERATE(table<Bytes, std::string>({
        {Bytes{0, 0, 0, 0}, "the offered address is not one a host can have"},
        {{127, 0, 0, 1}, "the offered address is not one a host can have"},
        {{224, 0, 0, 1}, "the offered address is not one a host can have"},
        {{255, 255, 255, 255}, "the offered address is not one a host can have"},
        {{10, 7, 0, 0}, "the offered address names its network, not a host in it"},
        {{10, 7, 0, 255}, "the offered address names its network, not a host in it"},
    }));
    CAPTURE(address);
    Answer answer(least + end);
    answer.put(16, address);
    CHECK(answer.problem() == problem);
}

TEST_CASE("every mask of ones and then zeros is a prefix") {
    for (std::uint32_t prefix = 1; prefix <= 32; ++prefix)
        CHECK(init::dhcp_detail::prefix_of(init::network_mask(prefix)) == prefix);
    for (const std::uint32_t mask : {0u, 1u, 0xFFFFFF01u, 0x7FFFFFFFu, 0xFF00FF00u, 0xFFFFFFFDu})
        CHECK(init::dhcp_detail::prefix_of(mask) == 0);
}

TEST_CASE("a cut answer is refused, wherever it is cut") {
    const Bytes whole = least + Bytes{3, 4, 10, 7, 0, 1} + Bytes{6, 4, 10, 7, 0, 1};
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        CAPTURE(size);
        CHECK(problem_of(Bytes(whole.begin(), whole.begin() + static_cast<long>(size))) != "");
    }
    CHECK(problem_of(whole + end) == "");
}

TEST_CASE("whatever the options are, what is accepted can be configured") {
    const auto seed = GENERATE(1u, 2u, 3u, 4u);
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto upto = [&](std::uint32_t limit) { return static_cast<std::size_t>(random() % limit); };
    const Bytes whole = least + Bytes{3, 4, 10, 7, 0, 1, 6, 8, 1, 1, 1, 1, 9, 9, 9, 9, 52, 1, 3} + end;
    int accepted = 0;
    for (int round = 0; round < 20000; ++round) {
        Answer answer(whole);
        answer.put(108, end);
        answer.put(44, end);
        for (std::size_t change = upto(4) + 1; change-- > 0;)
            answer.bytes[240 + upto(static_cast<std::uint32_t>(whole.size()))] =
                static_cast<std::uint8_t>(random());
        if (answer.problem() != "" || answer.type == DhcpType::nak) continue;
        ++accepted;
        REQUIRE(init::is_unicast(answer.lease.address));
        REQUIRE((answer.lease.prefix >= 1 && answer.lease.prefix <= 32));
        REQUIRE((answer.lease.router == 0 || init::is_unicast(answer.lease.router)));
        REQUIRE(answer.lease.resolver_count <= Lease::most_resolvers);
        REQUIRE(answer.lease.seconds != 0);
    }
    CHECK(accepted > 0);
}
