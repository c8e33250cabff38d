// A DHCP server that misbehaves, for tests in a network namespace. It always means to give 10.7.0.50/24 and
// offers 10.7.0.66 in everything that no client should believe. What it receives it prints, a line each.
// usage: rogue-dhcpd INTERFACE MODE
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/dhcp_message.hpp"

namespace {

using init::DhcpMessage;
using init::DhcpType;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t good_address = 0x0A070032;  // 10.7.0.50
constexpr std::uint32_t wrong_address = 0x0A070042; // 10.7.0.66
constexpr std::uint32_t own_address = 0x0A070001;

[[noreturn]] void die(const char* call) {
    std::perror(call);
    std::exit(2);
}

int open_port(const char* interface) {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const int on = 1;
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(67);
    if (fd < 0) die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) != 0) die("SO_BROADCAST");
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, IFNAMSIZ - 1) != 0) die("SO_BINDTODEVICE");
    if (bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) die("bind");
    return fd;
}

/// An answer under construction: a head and options, each to be spoiled.
struct Reply {
    DhcpMessage message;
    Bytes options;
    std::size_t cut = sizeof(DhcpMessage); ///< send no more than this

    void add(std::uint8_t code, const Bytes& value) {
        options.push_back(code);
        options.push_back(static_cast<std::uint8_t>(value.size()));
        options.insert(options.end(), value.begin(), value.end());
    }

    Bytes bytes() const {
        const auto* const head = reinterpret_cast<const std::uint8_t*>(&message);
        Bytes out(head, head + DhcpMessage::head_size);
        out.insert(out.end(), options.begin(), options.end());
        out.resize(std::min(out.size(), cut));
        return out;
    }
};

Bytes wire(std::uint32_t value) {
    return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
            static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

Reply head(const DhcpMessage& request, std::uint32_t address) {
    Reply reply;
    reply.message = request;
    reply.message.op = 2;
    reply.message.yiaddr = address;
    return reply;
}

Reply good(const DhcpMessage& request, DhcpType type, std::uint32_t address) {
    Reply reply = head(request, address);
    reply.add(53, {static_cast<std::uint8_t>(type)});
    reply.add(54, wire(own_address));
    reply.add(51, wire(3600));
    reply.add(1, wire(0xFFFFFF00));
    reply.add(3, wire(own_address));
    reply.add(6, wire(own_address));
    reply.options.push_back(255);
    return reply;
}

/// As `good`, without the END, so that more can follow.
Reply unended(const DhcpMessage& request, DhcpType type) {
    Reply reply = good(request, type, wrong_address);
    reply.options.pop_back();
    return reply;
}

Reply refusal(const DhcpMessage& request, std::uint32_t server) {
    Reply reply = head(request, 0);
    reply.add(53, {static_cast<std::uint8_t>(DhcpType::nak)});
    reply.add(54, wire(server));
    reply.options.push_back(255);
    return reply;
}

/// Everything that must not be believed: each a spoiled copy of an answer that would be fine.
std::vector<Reply> hostile(const DhcpMessage& request, DhcpType type) {
    std::vector<Reply> all;
    const auto head_spoiled = [&](const std::function<void(Reply&)>& spoil) {
        spoil(all.emplace_back(good(request, type, wrong_address)));
    };
    const auto with = [&](const Bytes& more) {
        Reply& reply = all.emplace_back(unended(request, type));
        reply.options.insert(reply.options.end(), more.begin(), more.end());
    };
    head_spoiled([](Reply& reply) { reply.message.xid = reply.message.xid + 1; });
    head_spoiled([](Reply& reply) { reply.message.op = 1; });
    head_spoiled([](Reply& reply) { reply.message.cookie = 0x63825362; });
    head_spoiled([](Reply& reply) { reply.message.chaddr.bytes[5] ^= 1; });
    head_spoiled([](Reply& reply) { reply.message.hlen = 255; });
    head_spoiled([](Reply& reply) { reply.message.htype = 6; });
    for (const std::uint32_t address : {0u, 0x7F000001u, 0xE0000001u, 0xFFFFFFFFu, 0x0A070000u, 0x0A0700FFu})
        head_spoiled([&](Reply& reply) { reply.message.yiaddr = address; });
    const std::size_t whole = good(request, type, wrong_address).bytes().size();
    for (std::size_t cut = 0; cut < whole; cut += 7) // all of them at once would overrun the client's queue
        head_spoiled([&](Reply& reply) { reply.cut = cut; });
    with({});                            // no END
    with({12});                          // a code without a length
    with({12, 255});                     // longer than what is left
    with({12, 10, 'l', 'o', 'n', 'g'});  // the same, with a part of the value
    with({52, 1, 1, 255});               // options go on in `file`, where there are none
    with({52, 1, 2, 255});               // and in `sname`
    with({52, 1, 3, 255});               // and in both
    with({1, 1, 0, 255});                // a mask of five bytes [RFC 3396]
    with({54, 4, 10, 7, 0, 1, 255});     // two servers
    with({3, 2, 10, 7, 255});            // one and a half routers
    with({6, 3, 10, 7, 0, 255});         // one and three quarters of a resolver
    with({53, 1, 2, 255});               // two types
    with({51, 0, 54, 0, 51, 1, 1, 255}); // a lease time of five bytes
    with(Bytes(1200, 0));                // padding, and no END
    return all;
}

class Server {
public:
    Server(int fd, std::string mode) : fd_(fd), mode_(std::move(mode)) {}

    void answer(const DhcpMessage& request, std::size_t size) {
        const init::dhcp_detail::Options options(request, size);
        DhcpType type = DhcpType::none;
        if (options.gather(53, &type, 1) != 1) return;
        std::printf("%d\n", static_cast<int>(type));
        const int nth = ++seen_[type];
        if (mode_ == "forgetful" && nth == 1) return; // the first of each kind is lost
        if (type == DhcpType::discover) return offer(request);
        if (type == DhcpType::request) confirm(request, nth);
    }

private:
    void offer(const DhcpMessage& request) {
        if (mode_ == "hostile") send_all(hostile(request, DhcpType::offer));
        Reply reply = good(request, DhcpType::offer, good_address);
        if (mode_ == "maskless") reply.options[15] = 224; // a site's own option takes the mask's place
        send(reply);
    }

    void confirm(const DhcpMessage& request, int nth) {
        if (mode_ == "unconfirming") return;
        if (mode_ == "refusing" || (mode_ == "refusing-once" && nth == 1))
            return send(refusal(request, own_address));
        if (mode_ == "hostile") {
            send(refusal(request, wrong_address)); // from a server that was not asked
            send(good(request, DhcpType::ack, wrong_address));
            send_all(hostile(request, DhcpType::ack));
        }
        send(good(request, DhcpType::ack, good_address));
    }

    void send_all(const std::vector<Reply>& replies) {
        for (const Reply& reply : replies) send(reply);
    }

    void send(const Reply& reply) {
        sockaddr_in there{};
        there.sin_family = AF_INET;
        there.sin_port = htons(68);
        there.sin_addr.s_addr = INADDR_BROADCAST;
        const Bytes bytes = reply.bytes();
        if (sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&there),
                   sizeof there) < 0)
            die("sendto");
    }

    int fd_;
    std::string mode_;
    std::map<DhcpType, int> seen_;
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const int fd = open_port(argv[1]);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    std::puts("ready");
    Server server(fd, argv[2]);
    for (;;) {
        DhcpMessage request;
        const ssize_t got = recv(fd, &request, sizeof request, 0);
        if (got < static_cast<ssize_t>(DhcpMessage::head_size)) continue;
        server.answer(request, static_cast<std::size_t>(got));
    }
}
