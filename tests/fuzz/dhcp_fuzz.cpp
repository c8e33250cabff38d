// Any bytes as a DHCP server's answer: read or refused, in bounds, and what is read can be configured. Build
// with clang++ -fsanitize=fuzzer -I. .
#include <cstring>

#include "init/dhcp_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const init::DhcpClient client{{{2, 0, 0, 0, 0, 1}}, 0x12345678};
    init::DhcpMessage message;
    size = size < sizeof message ? size : sizeof message;
    std::memcpy(static_cast<void*>(&message), data, size);
    init::is_for(client, message, size);
    if (size < init::DhcpMessage::head_size) return 0;
    init::DhcpType type = init::DhcpType::none;
    init::Lease lease;
    if (init::read_dhcp_answer(message, size, type, lease) != nullptr || type == init::DhcpType::nak)
        return 0;
    if (!init::is_unicast(lease.address) || !init::is_unicast(lease.server)) __builtin_trap();
    if (lease.prefix < 1 || lease.prefix > 32 || lease.seconds == 0) __builtin_trap();
    if (lease.router != 0 && !init::is_unicast(lease.router)) __builtin_trap();
    if (lease.resolver_count > init::Lease::most_resolvers) __builtin_trap();
    for (size_t i = 0; i < lease.resolver_count; ++i)
        if (!init::is_unicast(lease.resolvers[i])) __builtin_trap();
    return 0;
}
