// /init: PID 1 of a wisp machine, from the kernel's hand-over to the one service, which replaces it whole.
// A step that fails says so in one line on the console and ends the boot. Begin reading at boot().
#include "conf.hpp"
#include "files.hpp"
#include "modules.hpp"
#include "net.hpp"
#include "privileges.hpp"
#include "service.hpp"
#include "stage.hpp"

namespace init {

constexpr unsigned service_user = 1000; // and group

static Conf read_conf(const char* path) {
    static char buffer[Conf::largest_file + 1];
    Conf conf;
    const Text text = read_file("configuration", path, buffer, sizeof buffer);
    if (const Refusal refusal = parse_conf(text, conf)) fail("configuration", path, refusal);
    return conf;
}

static void bring_up_loopback(Network& network) {
    const Result index = network.find("lo");
    must(index, "interface", "lo");
    must(network.set_up(static_cast<int>(index.value())), "interface", "lo"); // 127.0.0.1 comes with it
}

static int bring_up_interface(Network& network, const char* name) {
    const Result index = network.wait_for(name, interface_wait_seconds);
    if (index.error() == ENODEV) {
        Line line = about("interface", name);
        stop(line << "not there after " << interface_wait_seconds << " s");
    }
    must(index, "interface", name);
    must(network.set_up(static_cast<int>(index.value())), "interface", name);
    return static_cast<int>(index.value());
}

static void configure_network(const Conf& conf) {
    Network network;
    bring_up_loopback(network);
    const int index = bring_up_interface(network, conf.interface);
    must(network.add_address(index, conf.address, conf.prefix), "address", dotted(conf.address).c_str());
    if (conf.gateway == 0) return;
    static constexpr Hint hints[] = {{ENETUNREACH, "the gateway is outside the network of ADDR"}};
    must(network.set_default_route(index, conf.gateway), "route", dotted(conf.gateway).c_str(), hints);
}

/// The service may listen on any port: it has no capability that would let it have those below 1024.
static void allow_low_ports() { write_file("ports", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"); }

static void say_starting() {
    Line line;
    line << "wisp: starting " << service_path;
    say(line);
}

[[noreturn]] static void boot() {
    for (const Mount& what : mounts) mount(what);
    open_console(service_user);
    const Conf conf = read_conf("/etc/wisp.conf");
    load_modules("/etc/modules");
    configure_network(conf);
    allow_low_ports();

    // The point of no return: root ends here. What follows tidies the process and becomes the service.
    drop_privileges(service_user);
    tidy_process();
    say_starting();
    exec_service();
}

} // namespace init

extern "C" [[noreturn]] void wisp_init() { init::boot(); }
