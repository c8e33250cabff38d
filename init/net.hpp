// The network, by rtnetlink [rtnetlink(7)]: each request is one struct laid out below, and each is answered.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "conf.hpp"
#include "console.hpp"

namespace init {

inline constexpr uint32_t interface_wait_seconds = 10;

namespace net_detail {

// These the kernel's headers either keep to themselves or offer only together with a C library's.
inline constexpr size_t ifnamsiz = 16;
inline constexpr unsigned iff_up = 1;
inline constexpr int af_inet = 2;
inline constexpr int af_netlink = 16;
inline constexpr int sock_raw = 3;
inline constexpr int sock_flags = O_CLOEXEC | O_NONBLOCK; // SOCK_CLOEXEC | SOCK_NONBLOCK

/// An attribute of four bytes: here always an IPv4 address in network order, or an interface index.
struct Attribute {
    rtattr header;
    uint32_t value;
};
static_assert(sizeof(Attribute) == 8);

constexpr Attribute attribute(uint16_t type, uint32_t value) { return {{sizeof(Attribute), type}, value}; }
constexpr Attribute address_attribute(uint16_t type, uint32_t host_order) {
    return attribute(type, __builtin_bswap32(host_order)); // both architectures are little-endian
}

struct FindLink {
    nlmsghdr header;
    ifinfomsg link;
    rtattr name_header;
    char name[ifnamsiz];
};
static_assert(sizeof(FindLink) == 16 + 16 + 4 + 16);

struct SetLink {
    nlmsghdr header;
    ifinfomsg link;
};
static_assert(sizeof(SetLink) == 16 + 16);

struct AddAddress {
    nlmsghdr header;
    ifaddrmsg address;
    Attribute attributes[3];
};
static_assert(sizeof(AddAddress) == 16 + 8 + 3 * 8);

struct AddRoute {
    nlmsghdr header;
    rtmsg route;
    Attribute attributes[2];
};
static_assert(sizeof(AddRoute) == 16 + 12 + 2 * 8);

/// A header for a request of which `unused` bytes at the end are not sent.
template <class Request>
constexpr nlmsghdr header(uint16_t type, uint16_t flags, size_t unused = 0) {
    return {.nlmsg_len = static_cast<uint32_t>(sizeof(Request) - unused),
            .nlmsg_type = type,
            .nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags),
            .nlmsg_seq = 0,
            .nlmsg_pid = 0};
}

/// The kernel answers before the sending call returns, so nothing here ever waits for an answer.
struct Answer {
    char bytes[4096]; // a link is described at length; only the head of it matters

    nlmsghdr head() const { return at<nlmsghdr>(0); }
    template <class Body>
    Body body() const {
        return at<Body>(sizeof(nlmsghdr));
    }

private:
    template <class T>
    T at(size_t offset) const {
        T value;
        memcpy(&value, bytes + offset, sizeof value);
        return value;
    }
};

/// Closed by exec.
inline int open_socket(uint32_t groups) {
    const Result opened = sys_socket(af_netlink, sock_raw | sock_flags, NETLINK_ROUTE);
    must(opened, "network", "netlink");
    const sockaddr_nl here{.nl_family = af_netlink, .nl_pad = 0, .nl_pid = 0, .nl_groups = groups};
    must(sys_bind(opened.fd(), &here, sizeof here), "network", "netlink");
    return opened.fd();
}

} // namespace net_detail

/// Configures links, addresses and routes. Every method returns the kernel's verdict on its one request.
class Network {
public:
    Network() {
        using namespace net_detail;
        requests_ = open_socket(0);
        events_ = open_socket(RTMGRP_LINK);
    }

    /// The index of the interface called `name` (at most 15 bytes); ENODEV when there is none.
    Result find(Text name) {
        using namespace net_detail;
        FindLink request{};
        const size_t size = name.first(ifnamsiz - 1).size();
        for (size_t i = 0; i < size; ++i) request.name[i] = name[i];
        request.header = header<FindLink>(RTM_GETLINK, 0, ifnamsiz - (size + 1));
        request.name_header = {static_cast<uint16_t>(sizeof(rtattr) + size + 1), IFLA_IFNAME};
        Answer answer;
        const Result result = ask(request.header, answer);
        if (!result.ok()) return result;
        if (answer.head().nlmsg_type != RTM_NEWLINK) return Result(-EPROTO);
        return Result(answer.body<ifinfomsg>().ifi_index);
    }

    Result set_up(int index) {
        using namespace net_detail;
        SetLink request{};
        request.header = header<SetLink>(RTM_NEWLINK, NLM_F_ACK);
        request.link.ifi_index = index;
        request.link.ifi_flags = iff_up;
        request.link.ifi_change = iff_up;
        return change(request.header);
    }

    /// That the address is there already is what was asked for.
    Result add_address(int index, uint32_t address, uint32_t prefix) {
        using namespace net_detail;
        const bool has_broadcast = prefix <= 30;
        AddAddress request{};
        request.header = header<AddAddress>(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                                            has_broadcast ? 0 : sizeof(Attribute));
        request.address.ifa_family = af_inet;
        request.address.ifa_prefixlen = static_cast<uint8_t>(prefix);
        request.address.ifa_index = static_cast<uint32_t>(index);
        request.attributes[0] = address_attribute(IFA_LOCAL, address);
        request.attributes[1] = address_attribute(IFA_ADDRESS, address);
        request.attributes[2] = address_attribute(IFA_BROADCAST, broadcast_of(address, prefix));
        return change(request.header);
    }

    /// Replaces a default route that is there already (the kernel's ip= makes one): wisp.conf is what counts.
    Result set_default_route(int index, uint32_t gateway) {
        using namespace net_detail;
        AddRoute request{};
        request.header = header<AddRoute>(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
        request.route.rtm_family = af_inet;
        request.route.rtm_table = RT_TABLE_MAIN;
        request.route.rtm_protocol = RTPROT_STATIC;
        request.route.rtm_scope = RT_SCOPE_UNIVERSE;
        request.route.rtm_type = RTN_UNICAST;
        request.attributes[0] = address_attribute(RTA_GATEWAY, gateway);
        request.attributes[1] = attribute(RTA_OIF, static_cast<uint32_t>(index));
        return change(request.header);
    }

    /// find(), but a missing interface may still appear: drivers probe in their own time. ENODEV after
    /// `seconds`. Subscribed before the first look, so no arrival falls between looking and waiting.
    Result wait_for(Text name, uint32_t seconds) {
        const int64_t deadline = now() + int64_t{seconds} * 1'000'000'000;
        for (;;) {
            const Result index = find(name);
            if (index.error() != ENODEV) return index;
            const int64_t left = deadline - now();
            if (left <= 0) return index;
            const Result waited = wait_for_event(left);
            if (!waited.ok()) return waited;
        }
    }

private:
    /// Nanoseconds of a clock that never jumps.
    static int64_t now() {
        __kernel_timespec time{};
        must(sys_clock_gettime(CLOCK_MONOTONIC, &time), "network", "clock");
        return time.tv_sec * 1'000'000'000 + time.tv_nsec;
    }

    /// Sends the request that begins with this header and reads its answer; an NLMSG_ERROR becomes the
    /// result.
    Result ask(const nlmsghdr& request, net_detail::Answer& answer) {
        const Result sent = sys_write(requests_, &request, request.nlmsg_len);
        if (!sent.ok()) return sent;
        const Result got = sys_read(requests_, answer.bytes, sizeof answer.bytes);
        if (!got.ok()) return got;
        if (got.value() < static_cast<long>(sizeof(nlmsghdr) + sizeof(ifinfomsg))) return Result(-EPROTO);
        if (answer.head().nlmsg_type != NLMSG_ERROR) return got;
        return Result(answer.body<nlmsgerr>().error);
    }

    /// ask(), for requests that are answered by an acknowledgement alone.
    Result change(const nlmsghdr& request) {
        net_detail::Answer answer;
        const Result result = ask(request, answer);
        if (result.error() == EEXIST) return Result(0);
        if (result.ok() && answer.head().nlmsg_type != NLMSG_ERROR) return Result(-EPROTO);
        return result;
    }

    /// Sleeps until some link changed, or `nanoseconds` passed. What changed is for find() to see: the event
    /// is taken off the queue unread, and losing some (ENOBUFS) does no harm.
    Result wait_for_event(int64_t nanoseconds) {
        pollfd ready{.fd = events_, .events = POLLIN, .revents = 0};
        const __kernel_timespec timeout{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
        const Result polled = sys_ppoll(&ready, 1, &timeout);
        if (polled.value() <= 0) return polled;
        net_detail::Answer event;
        const Result got = sys_read(events_, event.bytes, sizeof event.bytes);
        return got.error() == ENOBUFS ? polled : got;
    }

    int requests_ = -1;
    int events_ = -1;
};

} // namespace init
