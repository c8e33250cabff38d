// The QEMU command line that boots a kernel and an initrd. Composes words; runs nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/address.hpp"
#include "wisp/board.hpp"

namespace wisp {

/// The network card of the guest: what is expected of QEMU's user-mode network.
struct QemuNetwork {
    std::string device{};            ///< QEMU's device, with its properties
    std::optional<HostAddress> ip{}; ///< what the guest calls itself; QEMU's own 10.0.2.15/24 without one
    std::optional<Ipv4> gateway{};   ///< needs `ip`
    std::vector<Ipv4> dns{};         ///< the guest's resolvers
    std::vector<Forward> forwards{};
};

/// Everything a machine is started with.
struct QemuRun {
    QemuMachine machine{};
    std::string kernel{};
    std::string initrd{};
    std::string dtb{};    ///< for machines that do not describe themselves, or ""
    std::string append{}; ///< the kernel's command line
    QemuNetwork network{};
};

/// Where QEMU's user-mode network itself stands in the guest's network: `host` leads to this machine's
/// loopback and is where forwarded connections seem to come from, `dns` passes queries on to this machine's
/// resolver and answers nothing else. The two differ, and host lies in the network, or QEMU refuses to start
/// [QEMU 7.2 net/slirp.c].
struct SlirpPlaces {
    Ipv4 host;
    Ipv4 dns;
};

/// Chooses them so that the addresses the guest was given work: a resolver in its network answers, also when
/// it is the gateway (then host is any other free address, and the gateway answers nothing but DNS);
/// otherwise the gateway is host. Throws Error (input) for a network in which QEMU finds no place.
inline SlirpPlaces slirp_places(const QemuNetwork& network) {
    const HostAddress& ip = *network.ip;
    if (ip.prefix < 4 || ip.prefix > 31)
        refuse_value("QEMU's network", to_text(ip), "needs a prefix from 4 to 31");
    // A resolver nobody asks: 192.0.2.53, or 198.51.100.53 for a guest that lives there [RFC 5737].
    const Ipv4 nowhere{ip.reaches({0xc0000235}) ? 0xc6336435 : 0xc0000235};
    const auto local = std::find_if(network.dns.begin(), network.dns.end(),
                                    [&](Ipv4 dns) { return ip.has_host(dns) && dns != ip.address; });
    SlirpPlaces places{{}, local == network.dns.end() ? nowhere : *local};
    if (network.gateway && *network.gateway != places.dns) return {*network.gateway, places.dns};
    for (std::uint32_t value = ip.network().value; value <= ip.last().value && places.host == Ipv4{}; ++value)
        if (ip.has_host({value}) && Ipv4{value} != ip.address && Ipv4{value} != places.dns)
            places.host = {value};
    if (places.host != Ipv4{}) return places;
    return {places.dns, nowhere}; // no third machine fits in: better no resolver than no network
}

/// The value of -netdev.
inline std::string slirp_option(const QemuNetwork& network) {
    std::string text = "user,id=net0";
    const std::string guest = network.ip ? to_text(network.ip->address) : "";
    if (network.ip) {
        const SlirpPlaces places = slirp_places(network);
        // The lease is the guest's own address: whoever asks by DHCP gets what is configured.
        text += ",net=" + to_text(network.ip->network()) + "/" + std::to_string(network.ip->prefix) +
                ",host=" + to_text(places.host) + ",dns=" + to_text(places.dns) + ",dhcpstart=" + guest;
    }
    for (const Forward& forward : network.forwards)
        text += ",hostfwd=tcp:" + to_text(forward.address) + ":" + std::to_string(forward.host_port) + "-" +
                guest + ":" + std::to_string(forward.guest_port);
    return text;
}

/// The words of the command, program first. The console is the machine's first serial port on standard input
/// and output; there is no monitor and no other device. The machine's end is QEMU's (-no-reboot), and Ctrl-C
/// ends both. File names have words of their own, in which QEMU takes a comma for a comma.
inline std::vector<std::string> qemu_command(const QemuRun& run) {
    const QemuMachine& machine = run.machine;
    std::vector<std::string> words{machine.binary, "-nodefaults", "-no-user-config", "-no-reboot"};
    const auto option = [&](const char* name, const std::string& value) {
        if (!value.empty()) words.insert(words.end(), {name, value});
    };
    option("-display", "none");
    option("-machine", machine.machine);
    option("-accel", machine.accel);
    option("-cpu", machine.cpu);
    option("-m", machine.memory);
    option("-chardev", "stdio,id=console,signal=on");
    option("-serial", "chardev:console");
    option("-netdev", slirp_option(run.network));
    option("-device", run.network.device + ",netdev=net0");
    option("-kernel", run.kernel);
    option("-initrd", run.initrd);
    option("-dtb", run.dtb);
    option("-append", run.append);
    words.insert(words.end(), machine.extra.begin(), machine.extra.end());
    return words;
}

/// `word` so that a POSIX shell reads it as that one word.
inline std::string shell_quote(std::string_view word) {
    constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
    if (!word.empty() && word.find_first_not_of(plain) == std::string_view::npos) return std::string(word);
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
    return quoted + "'";
}

/// A command as one line of shell, less the newline (a word may bring its own).
inline std::string shell_command(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) line += (line.empty() ? "" : " ") + shell_quote(word);
    return line;
}

} // namespace wisp
