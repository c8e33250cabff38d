// The grammar of wisp.conf and /etc/modules, in the words of PID 1. The messages are compared whole.
#include <catch2/catch.hpp>
#include <string>

#include "init/conf.hpp"
#include "init/module_list.hpp"

using init::Conf;
using init::Lines;
using init::ModuleLine;
using init::Refusal;
using init::Text;

namespace {

Text text(const std::string& string) { return {string.data(), string.size()}; }
std::string string(Text text) { return {text.data(), text.size()}; }

std::string described(Text file, const Refusal& refusal) {
    init::Line line;
    return refusal ? init::describe(line, file, refusal).c_str() : "";
}

/// What init would say about this wisp.conf; empty when it is accepted.
std::string refusal_of(const std::string& file) {
    Conf conf;
    return described("wisp.conf", init::parse_conf(text(file), conf));
}

Conf accepted(const std::string& file) {
    Conf conf;
    REQUIRE(described("wisp.conf", init::parse_conf(text(file), conf)) == "");
    return conf;
}

std::string with_interface(const std::string& name) { return "IFACE=" + name + "\nADDR=10.0.2.15/24\n"; }
std::string with_address(const std::string& address) { return "IFACE=eth0\nADDR=" + address + "\n"; }
std::string with_gateway(const std::string& address, const std::string& gateway) {
    return "IFACE=eth0\nADDR=" + address + "\nGW=" + gateway + "\n";
}

std::string with(const std::string& line) { return "IFACE=eth0\nADDR=10.0.2.15/24\n" + line + "\n"; }

} // namespace

TEST_CASE("wisp.conf as wisp.sh writes it is read") {
    const Conf conf = accepted("IFACE=eth0\nADDR=192.168.1.100/24\nGW=192.168.1.1\n");
    CHECK(std::string(conf.interface) == "eth0");
    CHECK(conf.address == 0xC0A80164);
    CHECK(conf.prefix == 24);
    CHECK(conf.gateway == 0xC0A80101);
    CHECK(std::string(init::dotted(conf.address).c_str()) == "192.168.1.100");
}

TEST_CASE("keys stand in any order and the gateway may be absent") {
    const Conf conf = accepted("ADDR=10.0.2.15/8\nIFACE=enp0s1.100\n");
    CHECK(std::string(conf.interface) == "enp0s1.100");
    CHECK(conf.gateway == 0);
    CHECK(accepted("GW=10.0.2.2\nADDR=10.0.2.15/24\nIFACE=e\n").gateway == 0x0A000202);
}

TEST_CASE("a line of wisp.conf that is not exactly one known key and a value is refused by number") {
    const auto [file, message] = GENERATE(table<std::string, std::string>({
        {"", "wisp.conf: IFACE: missing"},
        {"IFACE=eth0\n", "wisp.conf: ADDR: neither it nor ADDR6 is there"},
        {"ADDR=10.0.2.15/24\nGW=10.0.2.2\n", "wisp.conf: IFACE: missing"},
        {"IFACE=eth0\nADDR=10.0.2.15/24\nCOLOUR=red\n", "wisp.conf:3: COLOUR=red: unknown key"},
        {"iface=eth0\n", "wisp.conf:1: iface=eth0: unknown key"},
        {"IFACE =eth0\n", "wisp.conf:1: IFACE =eth0: unknown key"},
        {"=eth0\n", "wisp.conf:1: =eth0: unknown key"},
        {"GWX=10.0.2.2\n", "wisp.conf:1: GWX=10.0.2.2: unknown key"},
        {"IFACE\n", "wisp.conf:1: IFACE: not KEY=value"},
        {"# a comment\n", "wisp.conf:1: # a comment: not KEY=value"},
        {"IFACE=eth0\nIFACE=eth0\n", "wisp.conf:2: IFACE=eth0: the key was given before"},
        {"IFACE=eth0\n\nADDR=10.0.2.15/24\n", "wisp.conf:2: an empty line"},
        {"\n", "wisp.conf:1: an empty line"},
        {"IFACE=eth0\nADDR=10.0.2.15/24",
         "wisp.conf:2: the file is cut: no newline at the end of its last line"},
        {"IFACE=eth0\n" + std::string(256, 'x') + "\n", "wisp.conf:2: longer than 255 bytes"},
        {"IFACE=eth0\n" + std::string(255, 'x') + "\n",
         "wisp.conf:2: " + std::string(255, 'x') + ": not KEY=value"},
    }));
    CAPTURE(file);
    CHECK(refusal_of(file) == message);
}

TEST_CASE("a NUL byte is a byte like any other, and no line's end") {
    CHECK(refusal_of(std::string("IFACE=eth0\nADDR=10.0.2.15/24\0\n", 30)) != "");
    CHECK(refusal_of(std::string("IFACE=et\0h0\n", 12)) != "");
}

TEST_CASE("every prefix of a good wisp.conf is refused") {
    const std::string whole = with_gateway("10.0.2.15/24", "10.0.2.2");
    const std::string without_gateway = with_address("10.0.2.15/24"); // the one shorter text that is whole
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK(refusal_of(whole.substr(0, size)).empty() == (size == without_gateway.size()));
    }
}

TEST_CASE("an interface has a name the kernel would take") {
    for (const std::string name : {"e", "eth0", "wlan0.12", "a-b_c", "...", "123456789012345"}) {
        CAPTURE(name);
        CHECK(std::string(accepted(with_interface(name)).interface) == name);
    }
    const auto [name, problem] = GENERATE(table<std::string, std::string>({
        {"", "an interface name has 1 to 15 bytes"},
        {"1234567890123456", "an interface name has 1 to 15 bytes"},
        {".", "not the name of an interface"},
        {"..", "not the name of an interface"},
        {"eth0:1", "not the name of an interface"},
        {"a/b", "not the name of an interface"},
        {"eth 0", "not the name of an interface"},
        {"eth0\r", "not the name of an interface"},
        {"eth0\x7f", "not the name of an interface"},
        {"\xc3\xa9th0", "not the name of an interface"},
    }));
    CAPTURE(name);
    CHECK(refusal_of(with_interface(name)) == "wisp.conf:1: IFACE=" + name + ": " + problem);
}

TEST_CASE("an address that one host can have is taken") {
    const auto [written, address, prefix] = GENERATE(table<std::string, std::uint32_t, std::uint32_t>({
        {"1.0.0.1/8", 0x01000001, 8},
        {"10.0.2.15/24", 0x0A00020F, 24},
        {"10.255.255.255/1", 0x0AFFFFFF, 1},
        {"11.0.0.0/7", 0x0B000000, 7},
        {"172.16.0.1/30", 0xAC100001, 30},
        {"172.16.0.2/30", 0xAC100002, 30},
        {"192.0.2.0/31", 0xC0000200, 31},
        {"192.0.2.1/31", 0xC0000201, 31},
        {"192.0.2.0/32", 0xC0000200, 32},
        {"192.0.2.255/23", 0xC00002FF, 23},
        {"223.255.255.254/24", 0xDFFFFFFE, 24},
    }));
    CAPTURE(written);
    const Conf conf = accepted(with_address(written));
    CHECK(conf.address == address);
    CHECK(conf.prefix == prefix);
}

TEST_CASE("an address that no host can have is refused with the reason") {
    const auto [written, problem] = GENERATE(table<std::string, std::string>({
        {"", "no prefix length: a.b.c.d/prefix is wanted"},
        {"10.0.2.15", "no prefix length: a.b.c.d/prefix is wanted"},
        {"10.0.2.300/24", "not an IPv4 address"},
        {"256.0.2.15/24", "not an IPv4 address"},
        {"10.0.2/24", "not an IPv4 address"},
        {"10.0.2.15.1/24", "not an IPv4 address"},
        {"10.0..15/24", "not an IPv4 address"},
        {".0.2.15/24", "not an IPv4 address"},
        {"10.0.2./24", "not an IPv4 address"},
        {"10.0.2.015/24", "not an IPv4 address"},
        {"10.0.2.0x1/24", "not an IPv4 address"},
        {"+10.0.2.15/24", "not an IPv4 address"},
        {"10.0.2.-1/24", "not an IPv4 address"},
        {" 10.0.2.15/24", "not an IPv4 address"},
        {"10.0.2.4294967311/24", "not an IPv4 address"},
        {"fe80::1/64", "not an IPv4 address"},
        {"/24", "not an IPv4 address"},
        {"10.0.2.15/", "a prefix length is 1 to 32"},
        {"10.0.2.15/0", "a prefix length is 1 to 32"},
        {"10.0.2.15/33", "a prefix length is 1 to 32"},
        {"10.0.2.15/024", "a prefix length is 1 to 32"},
        {"10.0.2.15/24 ", "a prefix length is 1 to 32"},
        {"10.0.2.15/24/24", "a prefix length is 1 to 32"},
        {"10.0.2.15/4294967320", "a prefix length is 1 to 32"},
        {"10.0.2.15/255.255.255.0", "a prefix length is 1 to 32"},
        {"0.0.0.0/24", "not an address a host can have"},
        {"0.1.2.3/24", "not an address a host can have"},
        {"127.0.0.1/8", "not an address a host can have"},
        {"224.0.0.1/24", "not an address a host can have"},
        {"240.0.0.1/24", "not an address a host can have"},
        {"255.255.255.255/32", "not an address a host can have"},
        {"10.0.2.0/24", "names its network, not a host in it"},
        {"10.0.2.255/24", "names its network, not a host in it"},
        {"10.0.0.0/8", "names its network, not a host in it"},
        {"172.16.0.3/30", "names its network, not a host in it"},
    }));
    CAPTURE(written);
    CHECK(refusal_of(with_address(written)) == "wisp.conf:2: ADDR=" + written + ": " + problem);
}

TEST_CASE("a gateway is a host, and not this one") {
    const auto [address, gateway, problem] = GENERATE(table<std::string, std::string, std::string>({
        {"10.0.2.15/24", "", "not an IPv4 address"},
        {"10.0.2.15/24", "10.0.2.2/24", "not an IPv4 address"},
        {"10.0.2.15/24", "gateway", "not an IPv4 address"},
        {"10.0.2.15/24", "0.0.0.0", "not an address a host can have"},
        {"10.0.2.15/24", "127.0.0.1", "not an address a host can have"},
        {"10.0.2.15/24", "239.1.1.1", "not an address a host can have"},
        {"10.0.2.15/24", "10.0.2.15", "is this machine's own address"},
        {"192.0.2.1/32", "192.0.2.1", "is this machine's own address"},
        {"10.0.2.15/24", "10.0.2.0", "names its network, not a host in it"},
        {"10.0.2.15/24", "10.0.2.255", "names its network, not a host in it"},
    }));
    CAPTURE(address, gateway);
    CHECK(refusal_of(with_gateway(address, gateway)) == "wisp.conf:3: GW=" + gateway + ": " + problem);
}

TEST_CASE("the gateway is checked against the address whichever comes first") {
    CHECK(refusal_of("GW=10.0.2.15\nIFACE=eth0\nADDR=10.0.2.15/24\n") ==
          "wisp.conf:1: GW=10.0.2.15: is this machine's own address");
}

TEST_CASE("a gateway outside the network is the kernel's to judge") {
    CHECK(accepted(with_gateway("10.0.2.15/24", "10.0.3.255")).gateway == 0x0A0003FF);
    CHECK(accepted(with_gateway("192.0.2.0/31", "192.0.2.1")).gateway == 0xC0000201);
}

TEST_CASE("IPv6 is there beside IPv4, or instead of it") {
    const std::string file = "IFACE=eth0\nADDR=10.0.2.15/24\nADDR6=2001:db8::2/64\nGW6=fe80::1\n";
    const Conf both = accepted(file); // which refers to it
    CHECK(both.address == 0x0A00020F);
    CHECK(both.prefix6 == 64);
    CHECK(both.address6.bytes[0] == 0x20);
    CHECK(both.address6.bytes[15] == 2);
    CHECK(string(both.address6_text) == "2001:db8::2");
    CHECK(both.gateway6.bytes[0] == 0xfe);
    CHECK(string(both.gateway6_text) == "fe80::1");
    const Conf alone = accepted("IFACE=eth0\nADDR6=::2/128\n");
    CHECK(alone.address == 0);
    CHECK(alone.prefix6 == 128);
    CHECK(alone.gateway6_text.empty());
    CHECK(accepted("IFACE=eth0\nADDR=10.0.2.15/24\n").prefix6 == 0);
}

TEST_CASE("a lease, who writes the resolvers, and how long to wait for the link") {
    const Conf dhcp = accepted("IFACE=eth0\nADDR=dhcp\n");
    CHECK(dhcp.dhcp);
    CHECK(dhcp.address == 0);
    CHECK_FALSE(dhcp.explicit_resolvers);
    CHECK(dhcp.link_wait_seconds == 10);
    CHECK(accepted("DNS=explicit\nIFACE=eth0\nADDR=dhcp\n").explicit_resolvers);
    CHECK_FALSE(accepted(with_address("10.0.2.15/24")).dhcp);
    CHECK(accepted("IFACE=eth0\nADDR=dhcp\nWAIT_LINK=0\n").link_wait_seconds == 0);
    CHECK(accepted("IFACE=eth0\nADDR=dhcp\nWAIT_LINK=600\n").link_wait_seconds == 600);
}

TEST_CASE("a line about IPv6, leases or the link that is wrong is refused by number") {
    const auto [lines, message] = GENERATE(table<std::string, std::string>({
        {"ADDR6=2001:db8::2", "2: ADDR6=2001:db8::2: no prefix length: address/prefix is wanted"},
        {"ADDR6=", "2: ADDR6=: no prefix length: address/prefix is wanted"},
        {"ADDR6=/64", "2: ADDR6=/64: not an IPv6 address"},
        {"ADDR6=10.0.2.15/24", "2: ADDR6=10.0.2.15/24: not an IPv6 address"},
        {"ADDR6=2001:db8:::2/64", "2: ADDR6=2001:db8:::2/64: not an IPv6 address"},
        {"ADDR6=fe80::1%eth0/64", "2: ADDR6=fe80::1%eth0/64: not an IPv6 address"},
        {"ADDR6=2001:db8::2/0", "2: ADDR6=2001:db8::2/0: a prefix length is 1 to 128"},
        {"ADDR6=2001:db8::2/129", "2: ADDR6=2001:db8::2/129: a prefix length is 1 to 128"},
        {"ADDR6=2001:db8::2/064", "2: ADDR6=2001:db8::2/064: a prefix length is 1 to 128"},
        {"ADDR6=::/64", "2: ADDR6=::/64: not an address a host can have"},
        {"ADDR6=::1/128", "2: ADDR6=::1/128: not an address a host can have"},
        {"ADDR6=ff02::1/64", "2: ADDR6=ff02::1/64: not an address a host can have"},
        {"ADDR6=::ffff:10.0.2.15/128", "2: ADDR6=::ffff:10.0.2.15/128: not an address a host can have"},
        {"ADDR6=2001:db8::/64", "2: ADDR6=2001:db8::/64: names its network, not a host in it"},
        {"ADDR6=dhcp", "2: ADDR6=dhcp: no prefix length: address/prefix is wanted"},
        {"ADDR6=2001:db8::2/64\nGW6=10.0.2.2", "3: GW6=10.0.2.2: not an IPv6 address"},
        {"ADDR6=2001:db8::2/64\nGW6=", "3: GW6=: not an IPv6 address"},
        {"ADDR6=2001:db8::2/64\nGW6=ff02::2", "3: GW6=ff02::2: not an address a host can have"},
        {"ADDR6=2001:db8::2/64\nGW6=2001:db8:0::2", "3: GW6=2001:db8:0::2: is this machine's own address"},
        {"GW6=fe80::1\nADDR=10.0.2.15/24", "2: GW6=fe80::1: no use without ADDR6"},
        {"GW=10.0.2.2\nADDR6=2001:db8::2/64", "2: GW=10.0.2.2: no use without ADDR"},
        {"GW=10.0.2.2\nADDR=dhcp", "2: GW=10.0.2.2: ADDR=dhcp brings its own"},
        {"ADDR=DHCP", "2: ADDR=DHCP: no prefix length: a.b.c.d/prefix is wanted"},
        {"DNS=lease\nADDR=dhcp", "2: DNS=lease: only \"explicit\" can stand here"},
        {"DNS=explicit\nADDR=10.0.2.15/24", "2: DNS=explicit: no use without ADDR=dhcp"},
        {"WAIT_LINK=601", "2: WAIT_LINK=601: 0 to 600 seconds"},
        {"WAIT_LINK=", "2: WAIT_LINK=: 0 to 600 seconds"},
        {"WAIT_LINK=-1", "2: WAIT_LINK=-1: 0 to 600 seconds"},
        {"WAIT_LINK=1.5", "2: WAIT_LINK=1.5: 0 to 600 seconds"},
    }));
    CAPTURE(lines);
    CHECK(refusal_of("IFACE=eth0\n" + lines + "\n") == "wisp.conf:" + message);
}

TEST_CASE("the longest refusal fits a console line") {
    const std::string line(255, 'x');
    CHECK(refusal_of(line + "\n").size() + std::string("wisp: configuration: /etc/\n").size() < 511);
}

TEST_CASE("what a file holds cannot reach into the terminal") {
    init::Line line;
    line << "a\033[2Jb\n\xff";
    line.make_printable();
    CHECK(std::string(line.c_str()) == "a?[2Jb??");
}

TEST_CASE("a line that would outgrow its buffer is cut, not overrun") {
    init::Line line;
    const std::string long_text(2000, 'x');
    line << text(long_text) << 4294967295u;
    CHECK(std::string(line.c_str()) == std::string(511, 'x'));
}

TEST_CASE("network masks and broadcast addresses") {
    CHECK(init::network_mask(0) == 0);
    CHECK(init::network_mask(1) == 0x80000000);
    CHECK(init::network_mask(24) == 0xFFFFFF00);
    CHECK(init::network_mask(32) == 0xFFFFFFFF);
    CHECK(init::broadcast_of(0x0A00020F, 24) == 0x0A0002FF);
    CHECK(init::broadcast_of(0x0A00020F, 30) == 0x0A00020F);
    CHECK(init::broadcast_of(0xC0A80164, 20) == 0xC0A80FFF);
}

TEST_CASE("a line of /etc/modules is a file name and perhaps parameters") {
    const auto [line, file, parameters] = GENERATE(table<std::string, std::string, std::string>({
        {"virtio_net.ko", "virtio_net.ko", ""},
        {"virtio_net.ko ", "virtio_net.ko", ""},
        {"virtio_net.ko napi_tx=1 csum=0", "virtio_net.ko", "napi_tx=1 csum=0"},
        {"loop.ko \t max_loop=8", "loop.ko", "max_loop=8"},
        {"a b=\"c d\" ", "a", "b=\"c d\" "},
        {std::string(255, 'x'), std::string(255, 'x'), ""},
    }));
    CAPTURE(line);
    const std::string list = line + "\n";
    Lines lines(text(list));
    REQUIRE(lines.next());
    ModuleLine module;
    CHECK(described("modules", init::parse_module(lines, module)) == "");
    CHECK(string(module.file) == file);
    CHECK(string(module.parameters) == parameters);
    CHECK_FALSE(lines.next());
}

TEST_CASE("a line of /etc/modules that names no file in /lib/modules is refused by number") {
    const auto [line, message] = GENERATE(table<std::string, std::string>({
        {"\n", "modules:2: an empty line"},
        {" a.ko\n", "modules:2:  a.ko: not the name of a file in /lib/modules"},
        {"../a.ko\n", "modules:2: ../a.ko: not the name of a file in /lib/modules"},
        {"net/a.ko x=1\n", "modules:2: net/a.ko x=1: not the name of a file in /lib/modules"},
        {".\n", "modules:2: .: not the name of a file in /lib/modules"},
        {"a.ko", "modules:2: the file is cut: no newline at the end of its last line"},
        {std::string(256, 'x') + "\n", "modules:2: longer than 255 bytes"},
    }));
    CAPTURE(line);
    const std::string list = "first.ko\n" + line;
    Lines lines(text(list));
    REQUIRE(lines.next());
    REQUIRE(lines.next());
    ModuleLine module;
    CHECK(described("modules", init::parse_module(lines, module)) == message);
}

TEST_CASE("an empty list loads nothing") { CHECK_FALSE(Lines("").next()); }

TEST_CASE("what wisp.conf leaves out has a default") {
    const std::string file = with_interface("eth0");
    const Conf conf = accepted(file);
    CHECK(conf.uid == 1000);
    CHECK(conf.gid == 1000);
    CHECK(conf.host_name.empty());
    CHECK(conf.clock == 0);
    CHECK(conf.granted == 0);
    CHECK(conf.tmpfs.size() == 0);
    CHECK(conf.variables.size() == 0);
    CHECK(conf.watchdog == 0);
    for (std::uint32_t item = 0; item < init::item_count; ++item)
        CHECK_FALSE(conf.relaxed.has(static_cast<init::Item>(item)));
}

TEST_CASE("the service's own keys are read") {
    const std::string file = with(
        "USER=4294967294:1\nHOSTNAME=qemu-x86_64.example\nCLOCK=4294967295\nCAPS=chown,checkpoint_restore\n"
        "TMPFS=/a:1\nSYSCTL=net.core.somaxconn=77\nWATCHDOG=65535\nTMPFS=/dev/shm:1099511627776\n"
        "SYSCTL=net.ipv4.conf.eth0/100.rp_filter=1 2 = 3\nRELAX=hidepid,seccomp");
    const Conf conf = accepted(file);
    CHECK(conf.uid == 4294967294);
    CHECK(conf.gid == 1);
    CHECK(string(conf.host_name) == "qemu-x86_64.example");
    CHECK(conf.clock == 4294967295);
    CHECK(conf.granted == ((1ull << 40) | 1));
    REQUIRE(conf.tmpfs.size() == 2);
    CHECK(string(conf.tmpfs[0].path) == "/a");
    CHECK(conf.tmpfs[0].size == 1);
    CHECK(string(conf.tmpfs[1].path) == "/dev/shm");
    CHECK(conf.tmpfs[1].size == 1099511627776);
    REQUIRE(conf.variables.size() == 2);
    CHECK(string(conf.variables[0].key) == "net.core.somaxconn");
    CHECK(string(conf.variables[0].value) == "77");
    CHECK(string(conf.variables[1].key) == "net.ipv4.conf.eth0/100.rp_filter");
    CHECK(string(conf.variables[1].value) == "1 2 = 3");
    CHECK(conf.watchdog == 65535);
    CHECK(conf.relaxed.has(init::Item::hidepid));
    CHECK(conf.relaxed.has(init::Item::seccomp));
    CHECK_FALSE(conf.relaxed.has(init::Item::rootfs));
}

TEST_CASE("a value that the service's own keys cannot have is refused with the reason") {
    const auto [line, what, problem] = GENERATE(table<std::string, std::string, std::string>({
        {"USER=1000", "", "not uid:gid, each 1 to 4294967294"},
        {"USER=:", "", "not uid:gid, each 1 to 4294967294"},
        {"USER=1000:1000:1000", "", "not uid:gid, each 1 to 4294967294"},
        {"USER=4294967295:1", "", "not uid:gid, each 1 to 4294967294"},
        {"USER=1:4294967296", "", "not uid:gid, each 1 to 4294967294"},
        {"USER=nobody:nogroup", "", "not uid:gid, each 1 to 4294967294"},
        {"USER=0:1000", "", "a service is never root, nor in its group"},
        {"USER=1000:0", "", "a service is never root, nor in its group"},
        {"HOSTNAME=", "", "a host name has 1 to 64 bytes"},
        {"HOSTNAME=" + std::string(65, 'x'), "", "a host name has 1 to 64 bytes"},
        {"HOSTNAME=-web", "", "not the name of a host"},
        {"HOSTNAME=.web", "", "not the name of a host"},
        {"HOSTNAME=web one", "", "not the name of a host"},
        {"HOSTNAME=w\xc3\xa9-b", "", "not the name of a host"},
        {"CLOCK=-1", "", "not seconds since 1970, 0 to 4294967295"},
        {"CLOCK=4294967296", "", "not seconds since 1970, 0 to 4294967295"},
        {"CLOCK=18446744073709551617", "", "not seconds since 1970, 0 to 4294967295"},
        {"CAPS=", "", "not the name of a capability"},
        {"CAPS=net_raw,", "", "not the name of a capability"},
        {"CAPS=net_raw,cap_chown", "cap_chown", "not the name of a capability"},
        {"CAPS=NET_RAW", "NET_RAW", "not the name of a capability"},
        {"CAPS=chown,net_raw,chown", "chown", "the capability was named before"},
        {"TMPFS=/tmp", "", "no size: /path:bytes is wanted"},
        {"TMPFS=tmp:1", "", "not the whole path of a folder"},
        {"TMPFS=:1", "", "not the whole path of a folder"},
        {"TMPFS=/:1", "", "not the whole path of a folder"},
        {"TMPFS=//tmp:1", "", "not the whole path of a folder"},
        {"TMPFS=/tmp/:1", "", "not the whole path of a folder"},
        {"TMPFS=/a/../b:1", "", "not the whole path of a folder"},
        {"TMPFS=/a/.:1", "", "not the whole path of a folder"},
        {"TMPFS=/a b:1", "", "not the whole path of a folder"},
        {"TMPFS=/" + std::string(200, 'x') + ":1", "", "not the whole path of a folder"},
        {"TMPFS=/proc:1", "", "the folder is the kernel's"},
        {"TMPFS=/sys/kernel:1", "", "the folder is the kernel's"},
        {"TMPFS=/dev:1", "", "the folder is the kernel's"},
        {"TMPFS=/dev/shm/x:1", "", "the folder is the kernel's"},
        {"TMPFS=/tmp:0", "", "a size is 1 to 1099511627776 bytes"},
        {"TMPFS=/tmp:1099511627777", "", "a size is 1 to 1099511627776 bytes"},
        {"TMPFS=/tmp:64M", "", "a size is 1 to 1099511627776 bytes"},
        {"TMPFS=/tmp:1:2", "", "a size is 1 to 1099511627776 bytes"},
        {"SYSCTL=net.core.somaxconn", "", "no value: key=value is wanted"},
        {"SYSCTL=net.core.somaxconn=", "", "no value: key=value is wanted"},
        {"SYSCTL==1", "", "not the name of a kernel variable"},
        {"SYSCTL=.net=1", "", "not the name of a kernel variable"},
        {"SYSCTL=net.=1", "", "not the name of a kernel variable"},
        {"SYSCTL=net..core=1", "", "not the name of a kernel variable"},
        {"SYSCTL=net.//.core=1", "", "not the name of a kernel variable"},
        {"SYSCTL=/etc/passwd=1", "", "not the name of a kernel variable"},
        {"SYSCTL=net core=1", "", "not the name of a kernel variable"},
        {"WATCHDOG=0", "", "not seconds, 1 to 65535"},
        {"WATCHDOG=65536", "", "not seconds, 1 to 65535"},
        {"WATCHDOG=1s", "", "not seconds, 1 to 65535"},
        {"RELAX=", "", "not the name of a hardening item"},
        {"RELAX=all", "all", "not the name of a hardening item"},
        {"RELAX=bpf,kptr,bpf", "bpf", "the item was named before"},
    }));
    CAPTURE(line);
    const bool list = line.rfind("CAPS", 0) == 0 || line.rfind("RELAX", 0) == 0;
    const std::string named = list ? what : line;
    CHECK(refusal_of(with(line)) == "wisp.conf:3: " + (named.empty() ? "" : named + ": ") + problem);
}

TEST_CASE("keys that repeat have room for so many, and the others for one") {
    const auto [line, room, message] = GENERATE(table<std::string, int, std::string>({
        {"TMPFS=/tmp:1\n", 8, "wisp.conf:11: TMPFS=/tmp:1: more than 8"},
        {"SYSCTL=vm.x=1\n", 32, "wisp.conf:35: SYSCTL=vm.x=1: more than 32"},
        {"WATCHDOG=1\n", 1, "wisp.conf:4: WATCHDOG=1: the key was given before"},
        {"CAPS=chown\n", 1, "wisp.conf:4: CAPS=chown: the key was given before"},
        {"USER=1:1\n", 1, "wisp.conf:4: USER=1:1: the key was given before"},
    }));
    CAPTURE(line);
    std::string file = with_interface("eth0");
    for (int i = 0; i < room; ++i) file += line;
    CHECK(refusal_of(file) == "");
    CHECK(refusal_of(file + line) == message);
}

TEST_CASE("every capability and every item has the name people know") {
    // capabilities(7): the first, the last, and where the numbers of neighbours are easily confused
    const auto [name, number] = GENERATE(table<std::string, unsigned>({
        {"chown", CAP_CHOWN},
        {"net_bind_service", CAP_NET_BIND_SERVICE},
        {"net_admin", CAP_NET_ADMIN},
        {"net_raw", CAP_NET_RAW},
        {"sys_module", CAP_SYS_MODULE},
        {"sys_chroot", CAP_SYS_CHROOT},
        {"sys_admin", CAP_SYS_ADMIN},
        {"sys_boot", CAP_SYS_BOOT},
        {"sys_time", CAP_SYS_TIME},
        {"mknod", CAP_MKNOD},
        {"setfcap", CAP_SETFCAP},
        {"syslog", CAP_SYSLOG},
        {"perfmon", CAP_PERFMON},
        {"checkpoint_restore", CAP_CHECKPOINT_RESTORE},
    }));
    CHECK(string(init::word_at(init::capability_names, number)) == name);
}
