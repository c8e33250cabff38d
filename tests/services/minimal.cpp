// The least an init can do, to measure the real one against: file systems, an address for the loopback, a
// console, and the service, as root and with everything open.
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace {

sockaddr_in address(in_addr_t host_order) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(host_order);
    return out;
}

bool configure(int fd) {
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) return false;
    std::strcpy(request.ifr_name, "lo:1");
    sockaddr_in here = address(0x0A00020F);
    std::memcpy(&request.ifr_addr, &here, sizeof here);
    if (ioctl(fd, SIOCSIFADDR, &request) != 0) return false;
    here = address(0xFFFFFF00);
    std::memcpy(&request.ifr_netmask, &here, sizeof here);
    return ioctl(fd, SIOCSIFNETMASK, &request) == 0;
}

} // namespace

int main() {
    mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
    mount("proc", "/proc", "proc", 0, nullptr);
    mount("sysfs", "/sys", "sysfs", 0, nullptr);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !configure(fd)) return 2;
    static char service[] = "/service/run";
    char* const argv[] = {service, nullptr};
    char* const environment[] = {nullptr};
    execve(service, argv, environment);
    return 3;
}
