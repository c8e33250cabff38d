// The least an init can do, to measure wisp's against: it mounts, loads the modules /m/0, /m/1 ..., sets address and
// route, and becomes the service. It checks nothing, drops nothing and says nothing. For aarch64, without a C library.
#include <linux/if.h>
#include <linux/in.h>
#include <linux/route.h>
#include <linux/socket.h>
#include <linux/sockios.h>
#include <asm/unistd.h>

static long call(long number, const void* a, const void* b, const void* c, long d, const void* e) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = (long)a;
    register long x1 __asm__("x1") = (long)b;
    register long x2 __asm__("x2") = (long)c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = (long)e;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}

static void mount(const char* type, const char* path) { call(__NR_mount, type, path, type, 0, 0); }

static void load_modules(void) {
    char path[] = "/m/0";
    for (; path[3] <= '9'; ++path[3]) {
        const long file = call(__NR_openat, (void*)-100L, path, 0, 0, 0);
        if (file < 0) return;
        call(__NR_finit_module, (void*)file, "", 0, 0, 0);
        call(__NR_close, (void*)file, 0, 0, 0, 0);
    }
}

#define IPV4(a, b, c, d) \
    { .sa_family = 2 /* AF_INET */, .sa_data = { 0, 0, a, b, c, d } }
// Static, since a C library is what would set them to zero otherwise.
static struct ifreq address = {.ifr_name = "eth0", .ifr_addr = IPV4(10, 0, 2, 15)};
static struct ifreq netmask = {.ifr_name = "eth0", .ifr_netmask = IPV4((char)255, (char)255, (char)255, 0)};
static struct ifreq up = {.ifr_name = "eth0", .ifr_flags = IFF_UP};
static struct rtentry route = {.rt_dst = IPV4(0, 0, 0, 0),
                               .rt_gateway = IPV4(10, 0, 2, 2),
                               .rt_genmask = IPV4(0, 0, 0, 0),
                               .rt_flags = RTF_UP | RTF_GATEWAY};

static void bring_up_network(void) {
    const void* const fd = (void*)call(__NR_socket, (void*)2L /* AF_INET */, (void*)2L /* SOCK_DGRAM */, 0, 0, 0);
    call(__NR_ioctl, fd, (void*)SIOCSIFADDR, &address, 0, 0);
    call(__NR_ioctl, fd, (void*)SIOCSIFNETMASK, &netmask, 0, 0);
    call(__NR_ioctl, fd, (void*)SIOCSIFFLAGS, &up, 0, 0);
    call(__NR_ioctl, fd, (void*)SIOCADDRT, &route, 0, 0);
}

void _start(void) {
    mount("devtmpfs", "/dev");
    mount("proc", "/proc");
    mount("sysfs", "/sys");
    load_modules();
    bring_up_network();
    const char* const arguments[] = {"/service", 0};
    const char* const environment[] = {"PATH=/bin", 0};
    call(__NR_execve, "/service", arguments, environment, 0, 0);
    call(__NR_exit, (void*)1L, 0, 0, 0, 0);
}
