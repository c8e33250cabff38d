// /init: PID 1 of a wisp machine, from the kernel's hand-over to the one service, which replaces it whole.
// A step that fails says so in one line on the console and ends the boot. Begin reading at boot().
#include "conf.hpp"
#include "files.hpp"
#include "modules.hpp"
#include "network.hpp"
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
    configure_network(conf, "/etc/resolv.conf");
    allow_low_ports();

    // The point of no return: root ends here. What follows tidies the process and becomes the service.
    drop_privileges(service_user);
    tidy_process();
    say_starting();
    exec_service();
}

} // namespace init

extern "C" [[noreturn]] void wisp_init() { init::boot(); }
