// DHCP messages [RFC 2131 2, RFC 2132], written and read. No system call, so that a test on the host can
// include this file: what arrives was written by anybody on the link.
#pragma once

#include "ipv4.hpp"

namespace init {

/// An integer as it travels, big-endian, of alignment 1.
template <class Integer>
class Big {
public:
    Big() = default;
    constexpr Big(Integer value) { // implicit: a field is assigned its value
        for (size_t i = sizeof bytes_; i-- > 0; value = static_cast<Integer>(value >> 8))
            bytes_[i] = static_cast<uint8_t>(value);
    }
    constexpr operator Integer() const {
        uint32_t value = 0;
        for (uint8_t byte : bytes_) value = value << 8 | byte;
        return static_cast<Integer>(value);
    }

private:
    uint8_t bytes_[sizeof(Integer)] = {};
};

enum class DhcpType : uint8_t {
    none = 0,
    discover = 1,
    offer = 2,
    request = 3,
    decline = 4,
    ack = 5,
    nak = 6
};

struct Mac {
    uint8_t bytes[6] = {};

    friend constexpr bool operator==(const Mac& a, const Mac& b) {
        for (size_t i = 0; i < sizeof a.bytes; ++i)
            if (a.bytes[i] != b.bytes[i]) return false;
        return true;
    }
};

/// The fields and their order are RFC 2131 figure 1; the names are its own.
struct DhcpMessage {
    static constexpr uint32_t magic_cookie = 0x63825363; // RFC 2131 3
    static constexpr size_t head_size = 240;
    static constexpr size_t frame_size =
        1500 - 20 - 8; ///< what Ethernet carries after IP's and UDP's headers

    uint8_t op = 0; ///< 1 request, 2 reply
    uint8_t htype = 0;
    uint8_t hlen = 0;
    uint8_t hops = 0;
    Big<uint32_t> xid;
    Big<uint16_t> secs;
    Big<uint16_t> flags;
    Big<uint32_t> ciaddr;
    Big<uint32_t> yiaddr;
    Big<uint32_t> siaddr;
    Big<uint32_t> giaddr;
    Mac chaddr;
    uint8_t chaddr_padding[10] = {};
    uint8_t sname[64] = {};
    uint8_t file[128] = {};
    Big<uint32_t> cookie;
    uint8_t options[frame_size - head_size] = {};
};
static_assert(sizeof(DhcpMessage) == DhcpMessage::frame_size && alignof(DhcpMessage) == 1);

/// What a server gives. Addresses are in host order.
struct Lease {
    static constexpr size_t most_resolvers = 3; ///< what C libraries use of resolv.conf: MAXNS
    static constexpr uint32_t forever = 0xffffffff;

    uint32_t address = 0;
    uint32_t prefix = 0;
    uint32_t router = 0; ///< 0: none
    uint32_t server = 0;
    uint32_t seconds = 0;
    uint32_t resolvers[most_resolvers] = {};
    size_t resolver_count = 0;
};

/// Who asks: what tells an answer to this machine from those to others.
struct DhcpClient {
    Mac mac;
    uint32_t xid = 0;
};

namespace dhcp_detail {

inline constexpr uint8_t bootrequest = 1;
inline constexpr uint8_t bootreply = 2;
inline constexpr uint8_t ethernet = 1;
inline constexpr uint16_t broadcast_flag = 0x8000;

// RFC 2132, by section
inline constexpr uint8_t option_pad = 0;         // 3.1
inline constexpr uint8_t option_end = 255;       // 3.2
inline constexpr uint8_t option_mask = 1;        // 3.3
inline constexpr uint8_t option_routers = 3;     // 3.5
inline constexpr uint8_t option_resolvers = 6;   // 3.8
inline constexpr uint8_t option_requested = 50;  // 9.1
inline constexpr uint8_t option_lease_time = 51; // 9.2
inline constexpr uint8_t option_overload = 52;   // 9.3
inline constexpr uint8_t option_type = 53;       // 9.6
inline constexpr uint8_t option_server = 54;     // 9.7
inline constexpr uint8_t option_wanted = 55;     // 9.8
inline constexpr uint8_t option_client = 61;     // 9.14

/// Appends options to a message. What this machine sends is far shorter than the room there is.
class OptionWriter {
public:
    explicit OptionWriter(DhcpMessage& message) : at_(message.options) {}

    void add(uint8_t code, const void* value, uint8_t size) {
        *at_++ = code;
        *at_++ = size;
        for (uint8_t i = 0; i < size; ++i) *at_++ = static_cast<const uint8_t*>(value)[i];
    }
    void add(uint8_t code, uint32_t address) {
        const Big<uint32_t> value = address;
        add(code, &value, sizeof value);
    }
    void end() { *at_++ = option_end; }

private:
    uint8_t* at_;
};

/// Steps through the options of one field.
class OptionReader {
public:
    OptionReader(const uint8_t* field, size_t size) : rest_(reinterpret_cast<const char*>(field), size) {}

    /// False at the end: the END option, or the point from which nothing makes sense.
    bool next() {
        while (!rest_.empty() && byte(0) == option_pad) rest_ = rest_.from(1);
        ended_ = !rest_.empty() && byte(0) == option_end;
        if (ended_ || rest_.size() < 2 || rest_.size() - 2 < byte(1)) return false;
        code_ = byte(0);
        value_ = rest_.from(2).first(byte(1));
        rest_ = rest_.from(2 + value_.size());
        return true;
    }

    uint8_t code() const { return code_; }
    Text value() const { return value_; }
    bool ended() const { return ended_; } ///< after next() was false: by the END option

private:
    uint8_t byte(size_t i) const { return static_cast<uint8_t>(rest_[i]); }

    Text rest_;
    Text value_;
    uint8_t code_ = 0;
    bool ended_ = false;
};

/// The options of a message: those of its options field and, where option 52 says so, of `file` and `sname`,
/// in this order [RFC 2131 4.1].
class Options {
public:
    /// `size` is the message's, at least head_size.
    Options(const DhcpMessage& message, size_t size) {
        fields_[0] = {message.options, size - DhcpMessage::head_size};
        uint8_t overload = 0;
        if (gather(option_overload, &overload, 1) != 1) return;
        if (overload & 1) fields_[field_count_++] = {message.file, sizeof message.file};
        if (overload & 2) fields_[field_count_++] = {message.sname, sizeof message.sname};
    }

    /// Whether each field is options up to an END [RFC 2131 4.1].
    bool well_formed() const {
        for (size_t i = 0; i < field_count_; ++i) {
            OptionReader reader(fields_[i].start, fields_[i].size);
            while (reader.next()) {
            }
            if (!reader.ended()) return false;
        }
        return true;
    }

    /// Copies up to `capacity` bytes of the value of an option to `to`. One that is there several times is
    /// one value in pieces [RFC 3396]. Returns how long the value is: 0 when there is none.
    size_t gather(uint8_t code, void* to, size_t capacity) const {
        size_t size = 0;
        for (size_t i = 0; i < field_count_; ++i)
            for (OptionReader reader(fields_[i].start, fields_[i].size); reader.next();)
                if (reader.code() == code)
                    for (char c : reader.value()) {
                        if (size < capacity) static_cast<char*>(to)[size] = c;
                        ++size;
                    }
        return size;
    }

    /// The value of an option that has exactly four bytes.
    bool read(uint8_t code, uint32_t& value) const {
        Big<uint32_t> wire;
        if (gather(code, &wire, sizeof wire) != sizeof wire) return false;
        value = wire;
        return true;
    }

private:
    struct Field {
        const uint8_t* start = nullptr;
        size_t size = 0;
    };
    Field fields_[3];
    size_t field_count_ = 1;
};

/// The length of the prefix that `mask` is; 0 when it is none.
constexpr uint32_t prefix_of(uint32_t mask) {
    for (uint32_t prefix = 1; prefix <= 32; ++prefix)
        if (mask == network_mask(prefix)) return prefix;
    return 0;
}

/// Where the machine will live. The messages end "no lease in 30 s: ...".
inline const char* read_address(const DhcpMessage& message, const Options& options, Lease& lease) {
    uint32_t mask = 0;
    lease.address = message.yiaddr;
    if (!is_unicast(lease.address)) return "the offered address is not one a host can have";
    if (!options.read(option_mask, mask)) return "the offer has no subnet mask";
    lease.prefix = prefix_of(mask);
    if (lease.prefix == 0) return "the offered subnet mask is none";
    if (is_first_or_last(lease.address, lease.prefix))
        return "the offered address names its network, not a host in it";
    if (!options.read(option_lease_time, lease.seconds) || lease.seconds == 0)
        return "the offer has no lease time";
    return nullptr;
}

/// Routers and resolvers, both optional. Of several routers the first is preferred [RFC 2132 3.5]. Resolvers
/// that cannot be one are left out: some servers send 0.0.0.0 for "none".
inline const char* read_places(const Options& options, Lease& lease) {
    Big<uint32_t> router;
    const size_t routers = options.gather(option_routers, &router, sizeof router);
    if (routers % 4 != 0) return "the offered list of routers is cut";
    if (routers != 0) {
        lease.router = router;
        if (!is_unicast(lease.router) || lease.router == lease.address)
            return "the offered router is not an address another host can have";
    }
    Big<uint32_t> resolvers[Lease::most_resolvers];
    const size_t size = options.gather(option_resolvers, resolvers, sizeof resolvers);
    if (size % 4 != 0) return "the offered list of resolvers is cut";
    for (size_t i = 0; i < size / 4 && i < Lease::most_resolvers; ++i)
        if (is_unicast(resolvers[i])) lease.resolvers[lease.resolver_count++] = resolvers[i];
    return nullptr;
}

} // namespace dhcp_detail

/// How much of a message is sent: what BOOTP relays take for a whole one [RFC 1542 2.1].
inline constexpr size_t dhcp_request_size = 300;

/// A message from this machine. `lease` is what was offered, for those that are about an offer. The flag asks
/// for an answer to everybody: one to an address that is not there yet would not arrive.
inline DhcpMessage dhcp_request(DhcpType type, const DhcpClient& client, uint16_t seconds,
                                const Lease& lease) {
    using namespace dhcp_detail;
    DhcpMessage message;
    message.op = bootrequest;
    message.htype = ethernet;
    message.hlen = sizeof client.mac;
    message.xid = client.xid;
    message.secs = seconds;
    message.flags = broadcast_flag;
    message.chaddr = client.mac;
    message.cookie = DhcpMessage::magic_cookie;
    OptionWriter options(message);
    options.add(option_type, &type, 1);
    struct {
        uint8_t type = ethernet;
        Mac mac;
    } const identifier{ethernet, client.mac};
    options.add(option_client, &identifier, sizeof identifier);
    if (type != DhcpType::discover) {
        options.add(option_requested, lease.address);
        options.add(option_server, lease.server);
    }
    static constexpr uint8_t wanted[] = {option_mask, option_routers, option_resolvers};
    if (type != DhcpType::decline) options.add(option_wanted, wanted, sizeof wanted);
    options.end();
    return message;
}

/// Whether the first `size` bytes of a datagram are an answer to this client at all.
inline bool is_for(const DhcpClient& client, const DhcpMessage& message, size_t size) {
    using namespace dhcp_detail;
    return size >= DhcpMessage::head_size && size <= sizeof message && message.op == bootreply &&
           message.htype == ethernet && message.hlen == sizeof(Mac) && message.xid == client.xid &&
           message.chaddr == client.mac && message.cookie == DhcpMessage::magic_cookie;
}

/// Reads such an answer: its type into `type`, and what an OFFER or ACK gives into `lease`. Returns why it is
/// no use, or nullptr.
inline const char* read_dhcp_answer(const DhcpMessage& message, size_t size, DhcpType& type, Lease& lease) {
    using namespace dhcp_detail;
    const Options options(message, size);
    lease = Lease{};
    type = DhcpType::none;
    if (!options.well_formed()) return "an answer's options are malformed";
    if (options.gather(option_type, &type, 1) != 1) type = DhcpType::none;
    if (type != DhcpType::offer && type != DhcpType::ack && type != DhcpType::nak)
        return "an answer is of no type that answers";
    if (!options.read(option_server, lease.server) || !is_unicast(lease.server))
        return "an answer does not say which server it is from";
    if (type == DhcpType::nak) return nullptr;
    if (const char* problem = read_address(message, options, lease)) return problem;
    return read_places(options, lease);
}

} // namespace init
