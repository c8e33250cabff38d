// TCP on this machine: where a forward begins, and where an expectation is asked.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/expectation.hpp"
#include "wisp/fd.hpp"

/// A TCP socket that no program inherits.
inline wisp::Fd tcp_socket() {
    wisp::Fd made(::socket(AF_INET, SOCK_STREAM, 0));
    if (!made || ::fcntl(made.get(), F_SETFD, FD_CLOEXEC) != 0) wisp::fail_errno("socket", "open");
    return made;
}

inline sockaddr_in socket_address(const wisp::Endpoint& endpoint) {
    sockaddr_in there{};
    there.sin_family = AF_INET;
    there.sin_addr.s_addr = htonl(endpoint.address.value);
    there.sin_port = htons(endpoint.port);
    return there;
}

/// Takes a port as QEMU will, with SO_REUSEADDR [libslirp src/misc.c], and lets go of it. Returns 0, or the error for which
/// it is not to be had.
inline int try_port(const wisp::Endpoint& endpoint) {
    const wisp::Fd socket = tcp_socket();
    const int yes = 1;
    const sockaddr_in here = socket_address(endpoint);
    const bool taken = ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                       ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0;
    return taken ? 0 : errno;
}

/// Of a port that it cannot have, QEMU says that it cannot, and not why. Throws Error (system).
inline void require_ports(const std::vector<wisp::Forward>& forwards) {
    for (const wisp::Forward& forward : forwards) {
        const wisp::Endpoint begin{forward.address, forward.host_port};
        const int error = begin.port == 0 ? 0 : try_port(begin);
        if (error == 0) continue;
        throw wisp::Error("--forward",
                          wisp::to_text(begin) + ": " + std::strerror(error) +
                              (error == EADDRINUSE ? "; another port, or 0 for a free one" : ""),
                          wisp::Fault::system);
    }
}
