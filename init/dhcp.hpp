// A lease, once: DISCOVER, OFFER, REQUEST, ACK [RFC 2131 3.1].
//
// By plain UDP on a socket tied to the interface. AF_PACKET, which most clients use, is a module in Alpine's
// kernels. UDP can do it all here: without an address the kernel sends from 0.0.0.0, as RFC 2131 4.1 wants,
// and the broadcast flag brings the answers to 255.255.255.255, which arrives where there is no address yet.
// A server that ignores the flag is not heard.
//
// One lease is taken, before the service starts; then there is nobody left to renew it. The line on the
// console says how long it lasts. After that the machine keeps an address the server may give to another:
// reserve it at the server, or have leases outlive the time between two starts.
//
// Where the RFC leaves a choice, or wants patience that a boot cannot have:
// - the first answer is waited for 2 s, then 4, 8, 16, all at most 30 s (4.1 suggests 4 s doubled to 64, and
//   a random second more or less against machines in step; their own probing and links differ by more);
// - the first usable offer is taken (4.2 allows any);
// - the address is probed once, for half a second (RFC 5227 2.1.1: three times in up to 7 s), by the kernel's
//   own ARP: a datagram towards it makes the kernel ask for it from 0.0.0.0, which is what a probe is.
#pragma once

#include <linux/sockios.h>

#include "dhcp_message.hpp"
#include "netlink.hpp"

namespace init {

inline constexpr uint32_t lease_wait_seconds = 30;

namespace dhcp_detail {

inline constexpr uint32_t first_round_milliseconds = 2000;
inline constexpr uint32_t probe_milliseconds = 500;
inline constexpr uint32_t after_decline_milliseconds = 10000; // RFC 2131 3.1 5
inline constexpr int requests_per_offer = 2;

inline constexpr uint16_t server_port = 67;
inline constexpr uint16_t client_port = 68;
inline constexpr uint16_t discard_port = 9;
inline constexpr uint32_t everybody = 0xffffffff;

// These the kernel's headers offer only together with a C library's.
inline constexpr int sock_dgram = 2;
inline constexpr int sol_socket = 1;
inline constexpr int so_broadcast = 6;
inline constexpr int so_bindtodevice = 25;

struct SocketAddress {
    uint16_t family;
    Big<uint16_t> port;
    Big<uint32_t> address;
    uint8_t zero[8] = {};
};
static_assert(sizeof(SocketAddress) == 16);

struct Vector {
    const void* base;
    size_t size;
};

struct MessageHeader {
    const void* name;
    int name_size;
    const Vector* vectors;
    size_t vector_count;
    void* control;
    size_t control_size;
    unsigned flags;
};
static_assert(sizeof(MessageHeader) == 56);

/// struct ifreq, as SIOCGIFHWADDR fills it.
struct HardwareAddress {
    char interface[net_detail::ifnamsiz] = {};
    uint16_t type = 0; ///< ARPHRD_*: 1 is Ethernet
    Mac mac;
    uint8_t rest[16] = {};
};
static_assert(sizeof(HardwareAddress) == 40);

/// Port 68 of one interface.
class DhcpSocket {
public:
    explicit DhcpSocket(const char* interface) : interface_(interface) {
        const Result opened = sys_socket(net_detail::af_inet, sock_dgram | net_detail::sock_flags, 0);
        must(opened, "dhcp", interface);
        fd_ = opened.fd();
        const int on = 1;
        must(sys_setsockopt(fd_, sol_socket, so_broadcast, &on, sizeof on), "dhcp", interface);
        must(sys_setsockopt(fd_, sol_socket, so_bindtodevice, interface, Text(interface).size()), "dhcp",
             interface);
        const SocketAddress here{net_detail::af_inet, client_port, 0};
        must(sys_bind(fd_, &here, sizeof here), "dhcp", interface);
    }

    Mac mac() const {
        HardwareAddress address;
        const Text name = interface_;
        for (size_t i = 0; i < name.size(); ++i) address.interface[i] = name[i];
        must(sys_ioctl(fd_, SIOCGIFHWADDR, reinterpret_cast<long>(&address)), "dhcp", interface_);
        if (address.type != ethernet) fail("dhcp", interface_, "not an Ethernet interface");
        return address.mac;
    }

    void send(uint32_t to, uint16_t port, const void* bytes, size_t size) {
        const SocketAddress there{net_detail::af_inet, port, to};
        const Vector vector{bytes, size};
        const MessageHeader header{&there, sizeof there, &vector, 1, nullptr, 0, 0};
        must(sys_sendmsg(fd_, &header, 0), "dhcp", interface_);
    }

    /// The next datagram that arrives before `until`: its size, or 0 when there is none.
    size_t receive(Deadline until, DhcpMessage& message) {
        const Result ready = until.wait_for(fd_);
        must(ready, "dhcp", interface_);
        if (ready.value() == 0) return 0;
        const Result got = sys_read(fd_, &message, sizeof message);
        // A datagram with a bad checksum is found out, and gone, only when it is read.
        if (got.error() != EAGAIN) must(got, "dhcp", interface_);
        return got.ok() ? static_cast<size_t>(got.value()) : 0;
    }

    void close() { must(sys_close(fd_), "dhcp", interface_); }

private:
    const char* interface_;
    int fd_ = -1;
};

} // namespace dhcp_detail

/// The exchange on one interface, which is up and has a link.
class LeaseExchange {
public:
    LeaseExchange(Network& network, int index, const char* interface)
        : network_(network), index_(index), interface_(interface), socket_(interface) {
        client_.mac = socket_.mac();
        client_.xid = static_cast<uint32_t>(begun_); // no secret: everybody on the link sees it
        for (uint8_t byte : client_.mac.bytes) client_.xid = client_.xid * 31 + byte;
    }

    /// Ends the boot when there is no lease in lease_wait_seconds.
    Lease obtain() {
        for (uint32_t round = dhcp_detail::first_round_milliseconds; !end_.passed(); round *= 2) {
            Lease lease;
            if (!discover(round, lease) || !confirm(round, lease)) continue;
            if (!is_taken(lease.address)) {
                socket_.close();
                return lease;
            }
            decline(lease);
        }
        Line line = about("dhcp", interface_);
        stop(line << "no lease in " << lease_wait_seconds << " s: " << trouble_);
    }

private:
    void send(DhcpType type, const Lease& lease) {
        const DhcpMessage message = dhcp_request(type, client_, seconds_, lease);
        socket_.send(dhcp_detail::everybody, dhcp_detail::server_port, &message, dhcp_request_size);
    }

    /// The next usable answer that arrives before `until`; DhcpType::none when there is none.
    DhcpType receive(Deadline until, Lease& lease) {
        DhcpMessage message;
        while (!until.passed()) {
            const size_t size = socket_.receive(until, message);
            if (!is_for(client_, message, size)) continue;
            DhcpType type = DhcpType::none;
            const char* problem = read_dhcp_answer(message, size, type, lease);
            if (problem == nullptr) return type;
            trouble_ = problem;
        }
        return DhcpType::none;
    }

    /// Asks who has an address to offer, and takes the first that is usable.
    bool discover(uint32_t round, Lease& offer) {
        const Deadline round_end = end_.or_sooner(Deadline(round));
        seconds_ = static_cast<uint16_t>((monotonic_nanoseconds() - begun_) / 1'000'000'000);
        send(DhcpType::discover, {});
        while (!round_end.passed())
            if (receive(round_end, offer) == DhcpType::offer) return true;
        return false;
    }

    /// Asks for what was offered. On success `lease` is what the server confirmed, which is what counts.
    bool confirm(uint32_t round, Lease& lease) {
        const Lease offer = lease;
        for (int request = 0; request < dhcp_detail::requests_per_offer; ++request) {
            const Deadline round_end = end_.or_sooner(Deadline(round));
            send(DhcpType::request, offer);
            while (!round_end.passed()) {
                const DhcpType type = receive(round_end, lease);
                if (lease.server != offer.server) continue;
                if (type == DhcpType::ack && lease.address == offer.address) return true;
                if (type == DhcpType::nak) return refused(round_end);
            }
            trouble_ = "the server did not confirm what it offered";
        }
        return false;
    }

    /// Waits, so that a server that says no each time is asked five times and not five thousand.
    bool refused(Deadline round_end) {
        trouble_ = "the server refused what it offered";
        round_end.sleep();
        ++client_.xid;
        return false;
    }

    bool is_taken(uint32_t address) {
        socket_.send(address, dhcp_detail::discard_port, nullptr, 0);
        const Result answered = network_.wait_until(Deadline(dhcp_detail::probe_milliseconds),
                                                    [&] { return network_.is_answering(index_, address); });
        if (answered.error() != ETIMEDOUT) must(answered, "dhcp", interface_);
        return answered.ok();
    }

    void decline(const Lease& lease) {
        trouble_ = "another machine has the address that the server offers";
        send(DhcpType::decline, lease);
        end_.or_sooner(Deadline(dhcp_detail::after_decline_milliseconds)).sleep();
        ++client_.xid;
    }

    Network& network_;
    int index_;
    const char* interface_;
    dhcp_detail::DhcpSocket socket_;
    DhcpClient client_;
    int64_t begun_ = monotonic_nanoseconds();
    Deadline end_{lease_wait_seconds * 1000};
    uint16_t seconds_ = 0;
    const char* trouble_ = "nobody answered";
};

} // namespace init
