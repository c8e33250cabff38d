// The network, as wisp.conf wants it and no more: no address that was not asked for, and every wait ends.
#pragma once

#include "conf.hpp"
#include "dhcp.hpp"
#include "files.hpp"

namespace init {

namespace network_detail {

inline constexpr uint32_t interface_wait_seconds = 10;
inline constexpr uint32_t uniqueness_wait_seconds = 10; // the kernel takes 1 to 2 s [RFC 4862 5.4.2]

inline void bring_up_loopback(Network& network) {
    const Result index = network.find("lo");
    must(index, "interface", "lo");
    must(network.set_up(static_cast<int>(index.value())), "interface", "lo"); // 127.0.0.1 comes with it
}

inline int wait_for_interface(Network& network, const char* name) {
    const Result index = network.wait_until(Deadline(interface_wait_seconds * 1000), [&] {
        const Result found = network.find(name);
        return found.error() == ENODEV ? Result(-EAGAIN) : found; // drivers probe in their own time
    });
    if (index.error() == ETIMEDOUT) {
        Line line = about("interface", name);
        stop(line << "not there after " << interface_wait_seconds << " s");
    }
    must(index, "interface", name);
    return static_cast<int>(index.value());
}

/// Sets one of the interface's IPv6 switches, all of which a kernel without IPv6 lacks.
inline Result set_ipv6(const char* interface, const char* name, Text value) {
    Line path;
    path << "/proc/sys/net/ipv6/conf/" << interface << "/" << name;
    return write_file(path.c_str(), value);
}

/// Before the interface is up. Addressing is static: a router's advertisements would add addresses and routes
/// that nobody configured, so they are not listened to (and not asked for). Without ADDR6 the interface has
/// no IPv6 at all, or the service could be reached by a link-local address that nobody configured.
inline void choose_ipv6(const char* interface, bool wanted) {
    static constexpr Hint hints[] = {{ENOENT,
                                      "this kernel has no IPv6: does the board's list of modules "
                                      "have ipv6?"}};
    const Result disabled = set_ipv6(interface, "disable_ipv6", wanted ? "0" : "1");
    if (disabled.error() == ENOENT && !wanted) return;
    must(disabled, "ipv6", interface, hints);
    must(set_ipv6(interface, "accept_ra", "0"), "ipv6", interface);
}

inline void add_ipv4(Network& network, int index, uint32_t address, uint32_t prefix, uint32_t gateway) {
    must(network.add_address(index, address, prefix), "address", dotted(address).c_str());
    if (gateway == 0) return;
    static constexpr Hint hints[] = {{ENETUNREACH, "the gateway is outside the network of ADDR"}};
    must(network.set_default_route(index, gateway), "route", dotted(gateway).c_str(), hints);
}

inline void add_ipv6(Network& network, int index, const Conf& conf) {
    Line address;
    address << conf.address6_text;
    must(network.add_address(index, conf.address6, conf.prefix6), "address", address.c_str());
    if (conf.gateway6_text.empty()) return;
    Line gateway;
    gateway << conf.gateway6_text;
    static constexpr Hint hints[] = {{EHOSTUNREACH, "the gateway is outside the network of ADDR6"}};
    must(network.set_default_route(index, conf.gateway6), "route", gateway.c_str(), hints);
}

/// A service with a static address may as well wait for the cable itself; a lease cannot be had without.
inline bool wait_for_link(Network& network, int index, const Conf& conf) {
    const Result link =
        network.wait_until(Deadline(conf.link_wait_seconds * 1000), [&] { return network.has_link(index); });
    if (link.error() != ETIMEDOUT) must(link, "link", conf.interface);
    if (link.ok()) return true;
    Line line = about("link", conf.interface);
    line << "none after " << conf.link_wait_seconds << " s, is the cable plugged in?";
    if (conf.dhcp) stop(line << " No lease without it");
    say(line << " Starting without");
    return false;
}

/// Until then nobody can bind to the address.
inline void wait_until_unique(Network& network, int index, const Conf& conf) {
    Line address;
    address << conf.address6_text;
    const Result unique = network.wait_until(Deadline(uniqueness_wait_seconds * 1000),
                                             [&] { return network.is_unique(index, conf.address6); });
    if (unique.error() == ETIMEDOUT) {
        Line line = about("address", address.c_str());
        stop(line << "not found to be unique in " << uniqueness_wait_seconds << " s");
    }
    static constexpr Hint hints[] = {{EADDRINUSE, "another machine on the link has it"}};
    must(unique, "address", address.c_str(), hints);
}

inline void write_resolvers(const char* path, const Lease& lease) {
    const Result file = sys_create(path);
    must(file, "resolvers", path);
    Line lines;
    for (size_t i = 0; i < lease.resolver_count; ++i)
        append_dotted(lines << "nameserver ", lease.resolvers[i]) << "\n";
    must(sys_write(file.fd(), lines.c_str(), lines.text().size()), "resolvers", path);
    must(sys_close(file.fd()), "resolvers", path);
}

inline void say_lease(const char* interface, const Lease& lease) {
    Line line = about("dhcp", interface);
    append_dotted(line, lease.address) << "/" << lease.prefix << " from ";
    append_dotted(line, lease.server);
    if (lease.router != 0) append_dotted(line << ", router ", lease.router);
    for (size_t i = 0; i < lease.resolver_count; ++i)
        append_dotted(line << (i == 0 ? ", resolvers " : " "), lease.resolvers[i]);
    if (lease.seconds == Lease::forever) return say(line << ", for ever");
    say(line << ", for " << lease.seconds << " s, not renewed");
}

inline void take_lease(Network& network, int index, const Conf& conf, const char* resolver_file) {
    const Lease lease = LeaseExchange(network, index, conf.interface).obtain();
    say_lease(conf.interface, lease);
    add_ipv4(network, index, lease.address, lease.prefix, lease.router);
    if (!conf.explicit_resolvers) write_resolvers(resolver_file, lease);
}

} // namespace network_detail

/// Gives lo and the interface what wisp.conf says, and the resolvers of a lease to `resolver_file`. While the
/// kernel asks whether somebody has the IPv6 address, the lease is negotiated.
inline void configure_network(const Conf& conf, const char* resolver_file) {
    using namespace network_detail;
    Network network;
    bring_up_loopback(network);
    const int index = wait_for_interface(network, conf.interface);
    const bool has_ipv6 = conf.prefix6 != 0;
    choose_ipv6(conf.interface, has_ipv6);
    must(network.set_up(index), "interface", conf.interface);
    if (conf.address != 0) add_ipv4(network, index, conf.address, conf.prefix, conf.gateway);
    if (has_ipv6) add_ipv6(network, index, conf);
    const bool has_link = wait_for_link(network, index, conf);
    if (conf.dhcp) take_lease(network, index, conf, resolver_file);
    if (has_ipv6 && has_link) wait_until_unique(network, index, conf);
}

} // namespace init
