// The network, by rtnetlink [rtnetlink(7)]: each request is one struct laid out below, and each is answered.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "deadline.hpp"
#include "ipv6.hpp"

namespace init {

namespace net_detail {

// These the kernel's headers either keep to themselves or offer only together with a C library's.
inline constexpr size_t ifnamsiz = 16;
inline constexpr unsigned iff_up = 1;
// The driver sees a carrier. IFF_RUNNING goes by the operational state, which follows up to a second later
// [Linux net/core/link_watch.c].
inline constexpr unsigned iff_lower_up = 0x10000;
inline constexpr uint8_t af_inet = 2;
inline constexpr uint8_t af_inet6 = 10;
inline constexpr int af_netlink = 16;
inline constexpr int sock_raw = 3;
inline constexpr int sock_flags = O_CLOEXEC | O_NONBLOCK; // SOCK_CLOEXEC | SOCK_NONBLOCK

template <class Value>
struct AttributeOf {
    rtattr header{sizeof(AttributeOf), 0};
    Value value{};

    AttributeOf() = default;
    AttributeOf(uint16_t type, const Value& contents) : header{sizeof(AttributeOf), type}, value(contents) {}
};
/// An IPv4 address in network order, or an interface index.
using Attribute = AttributeOf<uint32_t>;
using Attribute6 = AttributeOf<Ipv6>;
static_assert(sizeof(Attribute) == 4 + 4 && sizeof(Attribute6) == 4 + 16);

constexpr uint32_t network_order(uint32_t address) {
    return __builtin_bswap32(address); // both architectures are little-endian
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

/// To add one, and to ask about one.
struct Address6 {
    nlmsghdr header;
    ifaddrmsg address;
    Attribute6 local;
};
static_assert(sizeof(Address6) == 16 + 8 + 20);

template <class Address>
struct AddRoute {
    nlmsghdr header;
    rtmsg route;
    AttributeOf<Address> gateway;
    Attribute interface;
};
static_assert(sizeof(AddRoute<uint32_t>) == 16 + 12 + 8 + 8 && sizeof(AddRoute<Ipv6>) == 16 + 12 + 20 + 8);

struct FindNeighbour {
    nlmsghdr header;
    ndmsg neighbour;
    Attribute address;
};
static_assert(sizeof(FindNeighbour) == 16 + 12 + 8);

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

/// Any function of no arguments that looks at something; refers to it.
class Look {
public:
    template <class Function>
    Look(const Function& function) // implicit: a lambda is one
        : object_(&function),
          call_([](const void* object) { return (*static_cast<const Function*>(object))(); }) {}

    Result operator()() const { return call_(object_); }

private:
    const void* object_;
    Result (*call_)(const void*);
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

/// Configures links, addresses and routes. Every method that changes something returns the kernel's verdict
/// on its one request.
class Network {
public:
    Network() {
        using namespace net_detail;
        requests_ = open_socket(0);
        events_ = open_socket(RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV6_IFADDR);
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
        const Result result = ask(request.header, RTM_NEWLINK, answer);
        return result.ok() ? Result(answer.body<ifinfomsg>().ifi_index) : result;
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

    /// EAGAIN while nothing can be sent or received: no cable, or the far end is not ready.
    Result has_link(int index) {
        using namespace net_detail;
        SetLink request{};
        request.header = header<SetLink>(RTM_GETLINK, 0);
        request.link.ifi_index = index;
        Answer answer;
        const Result result = ask(request.header, RTM_NEWLINK, answer);
        if (!result.ok()) return result;
        return Result(answer.body<ifinfomsg>().ifi_flags & iff_lower_up ? 0 : -EAGAIN);
    }

    /// That the address is there already is what was asked for.
    Result add_address(int index, uint32_t address, uint32_t prefix) {
        using namespace net_detail;
        const bool has_broadcast = prefix <= 30;
        AddAddress request{};
        request.header = header<AddAddress>(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                                            has_broadcast ? 0 : sizeof(Attribute));
        request.address = address_of(af_inet, index, prefix);
        request.attributes[0] = {IFA_LOCAL, network_order(address)};
        request.attributes[1] = {IFA_ADDRESS, network_order(address)};
        request.attributes[2] = {IFA_BROADCAST, network_order(broadcast_of(address, prefix))};
        return change(request.header);
    }

    Result add_address(int index, const Ipv6& address, uint32_t prefix) {
        using namespace net_detail;
        Address6 request{};
        request.header = header<Address6>(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
        request.address = address_of(af_inet6, index, prefix);
        request.local = {IFA_LOCAL, address};
        return change(request.header);
    }

    /// What duplicate address detection [RFC 4862 5.4] says of an address that was added: EAGAIN while it is
    /// still asking around, EADDRINUSE when somebody else has it.
    Result is_unique(int index, const Ipv6& address) {
        using namespace net_detail;
        Address6 request{};
        request.header = header<Address6>(RTM_GETADDR, 0);
        request.address = address_of(af_inet6, index, 0);
        request.local = {IFA_LOCAL, address};
        Answer answer;
        const Result result = ask(request.header, RTM_NEWADDR, answer);
        if (!result.ok()) return result;
        const unsigned flags = answer.body<ifaddrmsg>().ifa_flags;
        if (flags & IFA_F_DADFAILED) return Result(-EADDRINUSE);
        return Result(flags & IFA_F_TENTATIVE ? -EAGAIN : 0);
    }

    /// Replaces a default route that is there already (the kernel's ip= makes one): wisp.conf is what counts.
    Result set_default_route(int index, uint32_t gateway) {
        using namespace net_detail;
        return set_default_route(index, af_inet, network_order(gateway));
    }
    Result set_default_route(int index, const Ipv6& gateway) {
        return set_default_route(index, net_detail::af_inet6, gateway);
    }

    /// Whether a machine with this address has answered; EAGAIN when none has. The kernel asks when something
    /// is sent there. (Before Linux 5.0 it cannot be asked this, and none ever has.)
    Result is_answering(int index, uint32_t address) {
        using namespace net_detail;
        FindNeighbour request{};
        request.header = header<FindNeighbour>(RTM_GETNEIGH, 0);
        request.neighbour.ndm_family = af_inet;
        request.neighbour.ndm_ifindex = index;
        request.address = {NDA_DST, network_order(address)};
        Answer answer;
        constexpr unsigned answered = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;
        const bool known = ask(request.header, RTM_NEWNEIGH, answer).ok() &&
                           (answer.body<ndmsg>().ndm_state & answered) != 0;
        return Result(known ? 0 : -EAGAIN);
    }

    /// Looks until there is another answer than EAGAIN, each time something changed; ETIMEDOUT when there is
    /// none in time. Subscribed before the first look, so no change falls between looking and waiting.
    Result wait_until(Deadline deadline, const net_detail::Look& look) {
        for (;;) {
            const bool last = deadline.passed();
            const Result seen = look();
            if (seen.error() != EAGAIN) return seen;
            if (last) return Result(-ETIMEDOUT);
            const Result waited = wait_for_event(deadline);
            if (!waited.ok()) return waited;
        }
    }

private:
    static ifaddrmsg address_of(uint8_t family, int index, uint32_t prefix) {
        ifaddrmsg address{};
        address.ifa_family = family;
        address.ifa_prefixlen = static_cast<uint8_t>(prefix);
        address.ifa_index = static_cast<uint32_t>(index);
        return address;
    }

    template <class Address>
    Result set_default_route(int index, uint8_t family, const Address& gateway) {
        using namespace net_detail;
        AddRoute<Address> request{};
        request.header = header<AddRoute<Address>>(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
        request.route.rtm_family = family;
        request.route.rtm_table = RT_TABLE_MAIN;
        request.route.rtm_protocol = RTPROT_STATIC;
        request.route.rtm_scope = RT_SCOPE_UNIVERSE;
        request.route.rtm_type = RTN_UNICAST;
        request.gateway = {RTA_GATEWAY, gateway};
        request.interface = {RTA_OIF, static_cast<uint32_t>(index)};
        return change(request.header);
    }

    /// Sends the request that begins with this header and reads its answer, which must be a `type`; an
    /// NLMSG_ERROR becomes the result.
    Result ask(const nlmsghdr& request, uint16_t type, net_detail::Answer& answer) {
        const Result sent = sys_write(requests_, &request, request.nlmsg_len);
        if (!sent.ok()) return sent;
        const Result got = sys_read(requests_, answer.bytes, sizeof answer.bytes);
        if (!got.ok()) return got;
        constexpr size_t least = sizeof(nlmsghdr) + sizeof(ifinfomsg); // the longest head that is read
        if (got.value() < static_cast<long>(least)) return Result(-EPROTO);
        const uint16_t given = answer.head().nlmsg_type;
        const int error = given == NLMSG_ERROR ? answer.body<nlmsgerr>().error : 0;
        if (error != 0) return Result(error);
        return given == type ? got : Result(-EPROTO);
    }

    /// ask(), for requests that are answered by an acknowledgement: an error of 0.
    Result change(const nlmsghdr& request) {
        net_detail::Answer answer;
        const Result result = ask(request, NLMSG_ERROR, answer);
        return result.error() == EEXIST ? Result(0) : result;
    }

    /// Sleeps until something changed or the time has come. What changed is for the next look to see: the
    /// event is taken off the queue unread, and losing some (ENOBUFS) does no harm.
    Result wait_for_event(Deadline deadline) {
        const Result waited = deadline.wait_for(events_);
        if (waited.value() <= 0) return waited;
        net_detail::Answer event;
        const Result got = sys_read(events_, event.bytes, sizeof event.bytes);
        return got.error() == ENOBUFS ? waited : got;
    }

    int requests_ = -1;
    int events_ = -1;
};

} // namespace init
