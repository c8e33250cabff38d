// /init: PID 1 of a wisp machine, from the kernel's hand-over to the one service, which replaces it whole.
// A step that fails says so in one line on the console and ends the boot. Begin reading at boot().
#include "clock.hpp"
#include "conf.hpp"
#include "files.hpp"
#include "hardening.hpp"
#include "modules.hpp"
#include "network.hpp"
#include "privileges.hpp"
#include "service.hpp"
#include "stage.hpp"
#include "watchdog.hpp"

namespace init {

static Conf read_conf(const char* path) {
    static char buffer[Conf::largest_file + 1];
    Conf conf;
    const Text text = read_file("configuration", path, buffer, sizeof buffer);
    if (const Refusal refusal = parse_conf(text, conf)) fail("configuration", path, refusal);
    return conf;
}

static void set_host_name(Text name) {
    if (!name.empty()) must(sys_sethostname(name.data(), name.size()), "host name", "sethostname");
}

/// The service may listen on any port: it has no capability that would let it have those below 1024. The
/// configuration has the last word.
static void set_variables(const Conf& conf) {
    static constexpr char low_ports[] = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    must(write_file(low_ports, "0"), "ports", low_ports);
    for (const Variable& variable : conf.variables) set_variable(variable);
}

static void say_starting() {
    Line line;
    line << "wisp: starting " << service_path;
    say(line);
}

[[noreturn]] static void boot() {
    for (const Mount& what : mounts) mount(what);
    open_console();
    const Conf conf = read_conf("/etc/wisp.conf");
    Service service = read_service("/etc/argv", "/etc/env");
    load_modules("/etc/modules");
    raise_clock(conf.clock);
    set_host_name(conf.host_name);
    configure_network(conf, "/etc/resolv.conf");
    set_variables(conf);
    for (const Tmpfs& tmpfs : conf.tmpfs) mount_tmpfs(tmpfs, conf);
    give_console(conf.uid, conf.gid);
    harden(conf.relaxed);
    if (conf.watchdog != 0) give_watchdog(service, start_watchdog(conf.watchdog));

    // The point of no return: root ends here. What follows tidies the process and becomes the service.
    drop_privileges(conf);
    tidy_process(service);
    say_starting();
    exec_service(service);
}

} // namespace init

extern "C" [[noreturn]] void wisp_init() { init::boot(); }
