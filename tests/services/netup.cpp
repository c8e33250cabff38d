// The network part of /init as a program of its own, for tests in a network namespace: does what the
// wisp.conf in the working directory says, there. The resolvers of a lease go to the file resolv.conf beside
// it.
#include "init/network.hpp"

extern "C" [[noreturn]] void wisp_init() {
    using namespace init;
    static char buffer[Conf::largest_file + 1];
    Conf conf;
    if (const Refusal refusal =
            parse_conf(read_file("configuration", "wisp.conf", buffer, sizeof buffer), conf))
        fail("configuration", "wisp.conf", refusal);
    configure_network(conf, "resolv.conf");
    Line line;
    say(line << "netup: done");
    sys_exit(0);
}
