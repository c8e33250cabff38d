#include <catch2/catch.hpp>

#include "wisp/config.hpp"
#include "wisp/initrd_files.hpp"

using namespace wisp;

namespace {

/// What a build is told: one setting with its values, by flag.
BuildConfig config_of(const std::string& setting, const std::vector<std::string>& values) {
    GivenValues given;
    for (const std::string& value : values) given[setting].push_back({value, "--" + setting});
    return check_config(given);
}

Board small_board() {
    Board board;
    board.network_interface = "eth0";
    return board;
}

} // namespace

TEST_CASE("each setting of the service is refused in one line, or taken") {
    const auto [setting, value, refusal] = GENERATE(table<std::string, std::string, std::string>({
        {"arg", "", ""},
        {"arg", "a\nb\x01\xff", ""},
        {"arg", std::string("a\0b", 3), "a\\x00b: has a NUL byte, which ends a string"},
        {"arg", std::string(65522, 'a'), ""},
        {"arg", std::string(65523, 'a'), "arguments and environment have 65537 bytes, more than 65536"},
        {"env", "A=", ""},
        {"env", "A=b=c\n", ""},
        {"env", "A", "A: is not NAME=VALUE, like TZ=Europe/Paris"},
        {"env", "=b", "=b: is not NAME=VALUE, like TZ=Europe/Paris"},
        {"env", "", ": is not NAME=VALUE, like TZ=Europe/Paris"},
        {"env", "WISP_WATCHDOG_FD=3", "WISP_WATCHDOG_FD=3: is /init's to set"},
        {"user", "1", ""},
        {"user", "4294967294:1", ""},
        {"user", "0", "0: 0 is root's, and a service that is root has everything"},
        {"user", "1000:0", "1000:0: 0 is root's, and a service that is root has everything"},
        {"user", "4294967295", "4294967295: is not UID[:GID], numbers from 1 to 4294967294"},
        {"user", "nobody", "nobody: is not UID[:GID], numbers from 1 to 4294967294"},
        {"user", "1:2:3", "1:2:3: is not UID[:GID], numbers from 1 to 4294967294"},
        {"user", "1:", "1:: is not UID[:GID], numbers from 1 to 4294967294"},
        {"user", "01", "01: is not UID[:GID], numbers from 1 to 4294967294"},
        {"hostname", "a-1.example.ORG", ""},
        {"hostname", std::string(63, 'a'), ""},
        {"hostname", std::string(65, 'a'), std::string(65, 'a') + ": has 65 bytes, and the kernel keeps 64"},
        {"hostname", std::string(64, 'a'),
         std::string(64, 'a') +
             ": is not a host's name: labels of 1 to 63 letters, digits and inner hyphens"},
        {"hostname", "a_b", "a_b: is not a host's name: labels of 1 to 63 letters, digits and inner hyphens"},
        {"hostname", "-a", "-a: is not a host's name: labels of 1 to 63 letters, digits and inner hyphens"},
        {"hostname", "a-", "a-: is not a host's name: labels of 1 to 63 letters, digits and inner hyphens"},
        {"hostname", "a..b",
         "a..b: is not a host's name: labels of 1 to 63 letters, digits and inner hyphens"},
        {"hostname", "a.", "a.: is not a host's name: labels of 1 to 63 letters, digits and inner hyphens"},
        {"hostname", "", ": is not a host's name: labels of 1 to 63 letters, digits and inner hyphens"},
        {"wait-link", "0", ""},
        {"wait-link", "600", ""},
        {"wait-link", "601", "601: is not a number of seconds from 0 to 600"},
        {"wait-link", "1s", "1s: is not a number of seconds from 0 to 600"},
        {"watchdog", "15", ""},
        {"watchdog", "0", "0: is not a number of seconds from 1 to 65535"},
        {"watchdog", "65536", "65536: is not a number of seconds from 1 to 65535"},
        {"timeout", "0", "0: is not a number of seconds from 1 to 604800"},
        {"timeout", "604801", "604801: is not a number of seconds from 1 to 604800"},
        {"expect", "http://:8080/a?b=404", ""},
        {"expect", "http://localhost:1/", ""},
        {"expect", "", ": is no http:// URL"},
        {"expect", "https://:8080/", "https://:8080/: is no http:// URL"},
        {"expect", "http://:8080/a b", "http://:8080/a b: has a byte that must be written as %HH"},
        {"expect", "http://:8080/=700", "http://:8080/=700: a status must be a number from 200 to 599"},
        {"expect", "http://:81/", "http://:81/: no forward leads to the machine's port 81"},
        {"console", "a\nb", "a\\x0ab: has a control character"},
        {"accel", "frob", "frob is none of auto, kvm, hvf, tcg"},
        {"cap", "net_raw,sys_time", ""},
        {"cap", "CAP_NET_RAW", ""},
        {"cap", "net_raw,net_raw", "net_raw: is there twice"},
        {"relax", "hidepid,seccomp,io_uring", ""},
        {"relax", "all",
         "all: is none of hidepid, sysfs, rootfs, modules, kexec, dmesg, kptr, bpf, sysrq, userns, ptrace, "
         "perf, keyring, io_uring, seccomp"},
        {"relax", "",
         ": is none of hidepid, sysfs, rootfs, modules, kexec, dmesg, kptr, bpf, sysrq, userns, ptrace, "
         "perf, keyring, io_uring, seccomp"},
        {"sysctl", "net.core.somaxconn=4096", ""},
        {"sysctl", "net.ipv4.conf.eth0/1.rp_filter=1 2", ""},
        {"sysctl", "net.core.somaxconn",
         "net.core.somaxconn: is not KEY=VALUE with a dotted key, like net.core.somaxconn=4096"},
        {"sysctl", "somaxconn=1",
         "somaxconn=1: is not KEY=VALUE with a dotted key, like net.core.somaxconn=4096"},
        {"sysctl", "net..core=1",
         "net..core=1: is not KEY=VALUE with a dotted key, like net.core.somaxconn=4096"},
        {"sysctl", "net./../x=1",
         "net./../x=1: is not KEY=VALUE with a dotted key, like net.core.somaxconn=4096"},
        {"sysctl", "net.-x=1",
         "net.-x=1: is not KEY=VALUE with a dotted key, like net.core.somaxconn=4096"},
        {"sysctl", "net.:x=1",
         "net.:x=1: is not KEY=VALUE with a dotted key, like net.core.somaxconn=4096"},
        {"sysctl", "net._x=1", ""},
        {"sysctl", "net.core.x=", "net.core.x=: has no value"},
        {"sysctl", "net.core.x=1\n2", "net.core.x=1\\x0a2: has a control character"},
        {"tmpfs", "/tmp:16M", ""},
        {"tmpfs", "/var/lib/x:4096", ""},
        {"tmpfs", "/a:1024G", ""},
        {"tmpfs", "/a:1025G",
         "/a:1025G: the size must be a number from 4096 to 1T, K, M or G behind it allowed"},
        {"tmpfs", "/a:4095",
         "/a:4095: the size must be a number from 4096 to 1T, K, M or G behind it allowed"},
        {"tmpfs", "/a:", "/a:: the size must be a number from 4096 to 1T, K, M or G behind it allowed"},
        {"tmpfs", "/a:K", "/a:K: the size must be a number from 4096 to 1T, K, M or G behind it allowed"},
        {"tmpfs", "/tmp", "/tmp: is not /PATH:SIZE, like /tmp:16M"},
        {"tmpfs", "tmp:1M", "tmp:1M: 'tmp' does not begin with /"},
        {"tmpfs", "/a:b:1M", "/a:b:1M: the path has a ':', which is where /init reads a size"},
        {"tmpfs", "/a b:1M", "/a b:1M: '/a b' has a character beside letters, digits and /._+,@~:=-"},
        {"tmpfs", "/:1M", "path '/' names nothing"},
        {"tmpfs", "/a/../b:1M", "path '/a/../b' has a part '..'"},
        {"tmpfs", "/etc:1M", "/etc: belongs to wisp"},
        {"tmpfs", "/dev/shm:1M", ""},
        {"tmpfs", "/dev/shm/x:1M", "/dev/shm/x: belongs to wisp"},
        {"tmpfs", "/" + std::string(200, 'a') + ":1M",
         "/" + std::string(200, 'a') + ":1M: the path has 201 bytes, more than 200"},
        {"tmpfs", "/proc/x:1M", "/proc/x: belongs to wisp"},
        {"file", "a:/etc/b", ""},
        {"file", "a:b c:/srv/b:0600", ""},
        {"file", "/etc/b", "/etc/b: is not SOURCE:/PATH[:MODE], like ca.pem:/etc/ssl/ca.pem:0644"},
        {"file", ":/etc/b", ":/etc/b: is not SOURCE:/PATH[:MODE], like ca.pem:/etc/ssl/ca.pem:0644"},
        {"file", "a:b", "a:b: the mode must be an octal number from 0 to 777"},
        {"file", "a:/b:4755", "a:/b:4755: the mode must be an octal number from 0 to 777"},
        {"file", "a:/b:8", "a:/b:8: the mode must be an octal number from 0 to 777"},
        {"file", "a:/b c", "a:/b c: '/b c' has a character beside letters, digits and /._+,@~:=-"},
        {"file", "a:/b/", "path '/b/' has an empty part"},
        {"file", "a:/etc/wisp.conf", "/etc/wisp.conf: belongs to wisp"},
        {"file", "a:/init/x", "/init/x: belongs to wisp"},
        {"file", "a:/lib/modules/x.ko", "/lib/modules/x.ko: belongs to wisp"},
        {"file", "a:/dev/x", "/dev/x: belongs to wisp"},
        {"file", "a:/sys/x", "/sys/x: belongs to wisp"},
        {"file", "a:/etc", "/etc: is a folder of wisp's"},
        {"file", "a:/service/run", "/service/run: belongs to wisp"},
        {"dns", "ff02::1", "ff02::1: is a multicast address (ff00::/8)"},
        {"ip", "dhcp", ""},
        {"ip", "DHCP", "DHCP: has no prefix: write ADDRESS/PREFIX, like 192.168.1.100/24"},
        {"gateway", "fe80::1", "needs the machine's own IPv6 address: give ip too"},
    }));
    CAPTURE(setting, value);
    const bool bad_capability = value == "CAP_NET_RAW";
    if (bad_capability) {
        CHECK_THROWS_WITH(config_of(setting, {value}),
                          Catch::StartsWith("--cap: CAP_NET_RAW: is none of chown, dac_override, "));
    } else if (refusal.empty()) {
        CHECK_NOTHROW(config_of(setting, {value}));
    } else {
        CHECK_THROWS_WITH(config_of(setting, {value}), "--" + setting + ": " + refusal);
    }
}

TEST_CASE("what is right alone may be wrong together") {
    const auto [setting, values, refusal] =
        GENERATE(table<std::string, std::vector<std::string>, std::string>({
            {"env", {"A=1", "B=2"}, ""},
            {"env", {"A=1", "AB=2", "A=3"}, "A=3: the variable is set already"},
            {"file", {"a:/b", "c:/b"}, "/b: is there already"},
            {"file", {"a:/b", "c:/b/d"}, "/b/d: is in the way of /b"},
            {"file", {"a:/b/d", "c:/b"}, "/b: is in the way of /b/d"},
            {"file", {"a:/b", "c:/bd"}, ""},
            {"tmpfs", {"/a:1M", "/a:2M"}, "/a: is there already"},
            {"tmpfs", {"/a:1M", "/a/b:2M"}, "/a/b: and /a lie in each other"},
            {"tmpfs", {"/1:1M", "/2:1M", "/3:1M", "/4:1M", "/5:1M", "/6:1M", "/7:1M", "/8:1M"}, ""},
            {"tmpfs",
             {"/1:1M", "/2:1M", "/3:1M", "/4:1M", "/5:1M", "/6:1M", "/7:1M", "/8:1M", "/9:1M"},
             "/9: is one more than 8"},
            {"sysctl", {"a.b=1", "a.b=2"}, "a.b=2: the key is set already"},
            {"cap", {"net_raw", "net_raw"}, "net_raw: is there twice"},
            {"dns", {"9.9.9.9", "2620:fe::fe", "1.1.1.1"}, ""},
            {"dns",
             {"9.9.9.9", "2620:fe::fe", "1.1.1.1", "8.8.8.8"},
             "8.8.8.8: is one more than the 3 a resolver asks"},
            {"ip", {"10.0.0.2/24", "2001:db8::2/64"}, ""},
            {"ip", {"dhcp", "2001:db8::2/64"}, ""},
            {"ip", {"dhcp", "10.0.0.2/24"}, "10.0.0.2/24: is a second IPv4 address"},
            {"ip", {"10.0.0.2/24", "dhcp"}, "dhcp: is a second IPv4 address"},
            {"ip", {"dhcp", "dhcp"}, "dhcp: is a second IPv4 address"},
            {"ip", {"10.0.0.2/24", "10.0.0.3/24"}, "10.0.0.3/24: is a second IPv4 address"},
            {"ip", {"2001:db8::2/64", "2001:db8::3/64"}, "2001:db8::3/64: is a second IPv6 address"},
        }));
    CAPTURE(setting, values);
    if (refusal.empty()) {
        CHECK_NOTHROW(config_of(setting, values));
    } else {
        CHECK_THROWS_WITH(config_of(setting, values), "--" + setting + ": " + refusal);
    }
    CHECK_THROWS_WITH(config_of("sysctl",
                                [] {
                                    std::vector<std::string> many;
                                    for (int i = 0; i < 33; ++i)
                                        many.push_back("a.b" + std::to_string(i) + "=1");
                                    return many;
                                }()),
                      "--sysctl: a.b32=1: is one more than 32");
    CHECK_THROWS_WITH(config_of("arg", std::vector<std::string>(256, "a")),
                      "--arg: 257 strings are more than 256");
    CHECK_NOTHROW(config_of("arg", std::vector<std::string>(255, "a")));
}

TEST_CASE("gateways belong to an address of their family, and resolvers default to them") {
    const auto network = [](const std::vector<std::string>& ips, const std::vector<std::string>& gateways) {
        GivenValues given;
        for (const std::string& ip : ips) given["ip"].push_back({ip, "--ip"});
        for (const std::string& gateway : gateways) given["gateway"].push_back({gateway, "--gateway"});
        return read_network(given);
    };
    const auto both = network({"10.0.0.2/24", "2001:DB8::2/64"}, {"fe80::1", "10.0.0.1"});
    CHECK(both.dns == std::vector<std::string>{"10.0.0.1", "fe80::1"});
    CHECK(resolv_conf(both, small_board()) == "nameserver 10.0.0.1\nnameserver fe80::1%eth0\n");
    CHECK(network({"dhcp"}, {}).dns.empty());
    CHECK_THROWS_WITH(network({"dhcp"}, {"10.0.0.1"}),
                      "--gateway: 10.0.0.1: the IPv4 gateway comes with the lease");
    CHECK_THROWS_WITH(network({"2001:db8::2/64"}, {"10.0.0.1"}),
                      "--gateway: needs the machine's own address: give ip too");
    CHECK_THROWS_WITH(network({"10.0.0.2/24"}, {"10.0.0.1", "10.0.0.3"}),
                      "--gateway: 10.0.0.3: is a second IPv4 gateway");
    CHECK_THROWS_WITH(network({"2001:db8::2/64"}, {"fe80::1", "fe80::2"}),
                      "--gateway: fe80::2: is a second IPv6 gateway");
}

TEST_CASE("wisp.conf has a line for what was given, and no other") {
    GivenValues given{{"target", {{"my_board-", "--target"}}}, {"ip", {{"10.0.0.2/24", "--ip"}}}};
    CHECK(wisp_conf(check_config(given), small_board(), {}) ==
          "IFACE=eth0\nADDR=10.0.0.2/24\nHOSTNAME=my-board\n");
    given["ip"] = {{"dhcp", "--ip"}, {"2001:0db8::2/64", "--ip"}};
    given["gateway"] = {{"FE80::1", "--gateway"}};
    given["dns"] = {{"9.9.9.9", "--dns"}};
    for (const auto& [setting, value] : std::map<std::string, std::string>{{"wait-link", "3"},
                                                                           {"user", "7:8"},
                                                                           {"hostname", "h.example"},
                                                                           {"cap", "net_raw,bpf"},
                                                                           {"tmpfs", "/var/tmp:1M"},
                                                                           {"sysctl", "a.b=c d"},
                                                                           {"watchdog", "9"},
                                                                           {"relax", "bpf,dmesg"}})
        given[setting] = {{value, "--" + setting}};
    CHECK(wisp_conf(check_config(given), small_board(), 1700000000) ==
          "IFACE=eth0\nADDR=dhcp\nADDR6=2001:db8::2/64\nGW6=fe80::1\nDNS=explicit\nWAIT_LINK=3\nUSER=7:8\n"
          "HOSTNAME=h.example\nCLOCK=1700000000\nCAPS=net_raw,bpf\nTMPFS=/var/tmp:1048576\nSYSCTL=a.b=c d\n"
          "WATCHDOG=9\nRELAX=bpf,dmesg\n");
    given["sysctl"] = {{"a.b=" + std::string(245, 'x'), "--sysctl"}};
    CHECK_THROWS_WITH(wisp_conf(check_config(given), small_board(), {}),
                      "wisp.conf: 'SYSCTL=a.b=" + std::string(21, 'x') +
                          "...' has 256 bytes, and /init reads lines of 255");
}

TEST_CASE("the initrd's entries come in order, each folder before what is in it") {
    Guest guest;
    guest.files = {{"x", "/srv/www/index.html", 0600}, {"y", "/etc/ssl/ca.pem", 0644}};
    guest.tmpfs = {{"/srv/data", 4096}, {"/dev/shm", 4096}};
    guest.arguments = {"a"};
    CHECK(manifest_text(initrd_entries(guest, {"z.ko", "a.ko"})) ==
          "dir /dev 0755 0 0\nnod /dev/console 0600 0 0 c 5 1\nnod /dev/null 0666 0 0 c 1 3\ndir /etc 0755 0 "
          "0\n"
          "file /etc/argv argv 0644 0 0\nfile /etc/group group 0644 0 0\nfile /etc/hosts hosts 0644 0 0\n"
          "file /etc/modules modules.list 0644 0 0\nfile /etc/passwd passwd 0644 0 0\n"
          "file /etc/resolv.conf resolv.conf 0644 0 0\ndir /etc/ssl 0755 0 0\nfile /etc/ssl/ca.pem file2 "
          "0644 0 0\n"
          "file /etc/wisp.conf wisp.conf 0644 0 0\nfile /init init 0755 0 0\ndir /lib 0755 0 0\n"
          "dir /lib/modules 0755 0 0\nfile /lib/modules/z.ko modules/z.ko 0644 0 0\n"
          "file /lib/modules/a.ko modules/a.ko 0644 0 0\ndir /proc 0555 0 0\ndir /service 0755 0 0\n"
          "file /service/run service 0755 0 0\ndir /srv 0755 0 0\ndir /srv/data 0755 0 0\ndir /srv/www 0755 "
          "0 0\n"
          "file /srv/www/index.html file1 0600 0 0\ndir /sys 0555 0 0\n");
}
