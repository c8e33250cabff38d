# bats file_tags=slow
# A lease from real servers, from one that misbehaves and from none, in a network namespace; the packets are read by
# tcpdump, the outcome by iproute2.
load ../lib/lab

setup() {
    cd "$BATS_TEST_TMPDIR"
    open_lab
    mac=$(in_machine ip -j link show eth0 | jq -r '.[].address')
}
teardown() { close_lab; }

# serve_dnsmasq OPTION...: the real thing; it says on its standard error, in dnsmasq.log, what it does.
serve_dnsmasq() {
    background_in "$peer" dnsmasq --conf-file=/dev/null --port=0 --interface=peer0 --bind-interfaces --no-ping \
        --keep-in-foreground --log-facility=- --log-dhcp --leasefile-ro --pid-file= "$@" 2>dnsmasq.log
    eventually grep -q 'sockets bound' dnsmasq.log
}

serve_dhcpd() {
    printf '%s\n' 'authoritative;' 'default-lease-time 7200;' 'ping-check false;' \
        'subnet 10.7.0.0 netmask 255.255.255.0 {' "$@" '}' >dhcpd.conf
    : >leases
    background_in "$peer" dhcpd -4 -f -d -cf dhcpd.conf -lf leases -pf dhcpd.pid peer0 2>dhcpd.log
    eventually grep -q '^Server starting service' dhcpd.log
}

serve_rogue() { # MODE
    background_in "$peer" "$services/rogue-dhcpd" peer0 "$1" >rogue.log
    eventually grep -q ready rogue.log
}

# requests FILE: this machine's messages in FILE as tcpdump decodes them, without what differs from run to run: the line
# of IP, times, checksums, the machine's own address, and how often each had to be sent.
requests() {
    packets "$1" 'udp dst port 67' | grep -v '^[0-9]' |
        sed "s/\[[^]]*cksum[^]]*\] //; s/$mac/MAC/; s/xid 0x[0-9a-f]*/xid XID/; s/, secs [0-9]*//" |
        awk 'function out() { if (!seen[block]++) printf "%s", block; block = "" }
             /^    [0-9]/ { out() } { block = block $0 "\n" } END { out() }'
}

# types FILE: what kinds of messages are in FILE, in one line; what was sent again counts once.
types() { packets "$1" 'udp port 67' | sed -n 's/.*DHCP-Message (53), length 1: //p' | uniq | tr '\n' ' '; }

one_lease() { # OPTION...
    serve_dnsmasq --dhcp-range=10.7.0.50,10.7.0.50,255.255.255.0,1h --dhcp-option=3,10.7.0.1 \
        --dhcp-option=6,10.7.0.1,192.0.2.53,198.51.100.53,203.0.113.53 "$@"
}

@test "dnsmasq's lease: address, router and resolvers are the machine's" {
    one_lease
    echo 'nameserver 127.0.0.1' >resolv.conf
    netup IFACE=eth0 ADDR=dhcp
    printf '%s\n' 'wisp: dhcp: eth0: 10.7.0.50/24 from 10.7.0.1, router 10.7.0.1, resolvers 10.7.0.1 192.0.2.53 198.51.100.53, for 3600 s, not renewed' \
        'netup: done' | diff - console
    [ "$(addresses -4)" = '10.7.0.50/24' ]
    [ "$(in_machine ip -j -4 addr show dev eth0 | jq -r '.[].addr_info[].broadcast')" = '10.7.0.255' ]
    [ "$(default_route -4)" = '10.7.0.1 eth0 static' ]
    [ "$(addresses -6)" = '' ]
    printf 'nameserver %s\n' 10.7.0.1 192.0.2.53 198.51.100.53 | diff - resolv.conf
}

@test "ISC dhcpd's lease is as good, and one without router and resolvers has none" {
    serve_dhcpd 'range 10.7.0.50 10.7.0.50;' 'option subnet-mask 255.255.255.128;'
    netup IFACE=eth0 ADDR=dhcp
    printf '%s\n' 'wisp: dhcp: eth0: 10.7.0.50/25 from 10.7.0.1, for 7200 s, not renewed' 'netup: done' | diff - console
    [ "$(addresses -4)" = '10.7.0.50/25' ]
    [ "$(default_route -4)" = '' ]
    [ ! -s resolv.conf ]
}

@test "a lease for ever is called that, and DNS=explicit keeps the resolvers there are" {
    serve_dnsmasq --dhcp-range=10.7.0.50,10.7.0.50,255.255.255.0,infinite --dhcp-option=6,10.7.0.1 --dhcp-option=3
    echo 'nameserver 192.0.2.1' >resolv.conf
    netup IFACE=eth0 ADDR=dhcp DNS=explicit
    grep -qxF 'wisp: dhcp: eth0: 10.7.0.50/24 from 10.7.0.1, resolvers 10.7.0.1, for ever' console
    echo 'nameserver 192.0.2.1' | diff - resolv.conf
}

@test "the packets are RFC 2131's: DISCOVER and REQUEST field by field, from 0.0.0.0, then an ARP probe" {
    capture all.pcap 'udp port 67 or arp'
    one_lease
    netup IFACE=eth0 ADDR=dhcp
    probed() { packets all.pcap arp | grep -q 'who-has 10.7.0.50 tell 0.0.0.0'; }
    eventually probed
    [ "$(types all.pcap)" = 'Discover Offer Request ACK ' ]
    [ "$(packets all.pcap 'udp port 67' | grep -o 'xid 0x[0-9a-f]*' | sort -u | wc -l)" -eq 1 ]
    [ "$(packets all.pcap 'src host 0.0.0.0 and src port 68 and dst host 255.255.255.255 and dst port 67 and ether broadcast' |
        grep -c 'DHCP-Message')" -eq 2 ]
    diff - <(requests all.pcap) <<'DECODED'
    0.0.0.0.68 > 255.255.255.255.67: BOOTP/DHCP, Request from MAC, length 300, xid XID, Flags [Broadcast] (0x8000)
	  Client-Ethernet-Address MAC
	  Vendor-rfc1048 Extensions
	    Magic Cookie 0x63825363
	    DHCP-Message (53), length 1: Discover
	    Client-ID (61), length 7: ether MAC
	    Parameter-Request (55), length 3: 
	      Subnet-Mask (1), Default-Gateway (3), Domain-Name-Server (6)
	    END (255), length 0
	    PAD (0), length 0, occurs 42
    0.0.0.0.68 > 255.255.255.255.67: BOOTP/DHCP, Request from MAC, length 300, xid XID, Flags [Broadcast] (0x8000)
	  Client-Ethernet-Address MAC
	  Vendor-rfc1048 Extensions
	    Magic Cookie 0x63825363
	    DHCP-Message (53), length 1: Request
	    Client-ID (61), length 7: ether MAC
	    Requested-IP (50), length 4: 10.7.0.50
	    Server-ID (54), length 4: 10.7.0.1
	    Parameter-Request (55), length 3: 
	      Subnet-Mask (1), Default-Gateway (3), Domain-Name-Server (6)
	    END (255), length 0
	    PAD (0), length 0, occurs 30
DECODED
}

@test "an IPv6 address beside the lease is checked while the lease is had" {
    one_lease
    netup IFACE=eth0 ADDR=dhcp ADDR6=fd00:7::2/64 GW6=fe80::7
    [ "$(addresses -4)" = '10.7.0.50/24' ]
    addresses -6 | grep -v ^fe80: | diff - <(echo fd00:7::2/64)
    [ "$(default_route -6)" = 'fe80::7 eth0 static' ]
}

@test "an address that another machine answers for is declined, and the server gives another" {
    # A third machine with the first address, on the same wire.
    new_namespace
    squatter=$started
    in_peer ip link add bridge type bridge
    in_peer ip link set peer0 master bridge
    in_peer ip link add port type veth peer name eth0 netns "$squatter"
    in_peer ip link set port master bridge up
    in_peer ip link set bridge up
    in_peer ip addr flush dev peer0
    in_peer ip addr add 10.7.0.1/24 dev bridge
    nsenter -t "$squatter" -n ip addr add 10.7.0.50/24 dev eth0
    nsenter -t "$squatter" -n ip link set eth0 up
    capture all.pcap 'udp port 67'
    background_in "$peer" dnsmasq --conf-file=/dev/null --port=0 --interface=bridge --bind-interfaces --no-ping \
        --keep-in-foreground --log-facility=- --leasefile-ro --pid-file= --dhcp-range=10.7.0.50,10.7.0.51,255.255.255.0,1h \
        --dhcp-host="$mac",10.7.0.50 2>dnsmasq.log
    eventually grep -q 'sockets bound' dnsmasq.log
    netup IFACE=eth0 ADDR=dhcp
    grep -q "DHCPDECLINE(bridge) 10.7.0.50 $mac" dnsmasq.log
    [ "$(addresses -4)" = '10.7.0.51/24' ]
    requests all.pcap | sed -n '/: Decline/,/END/p' | diff - <(printf '%s\n' \
        '	    DHCP-Message (53), length 1: Decline' \
        '	    Client-ID (61), length 7: ether MAC' \
        '	    Requested-IP (50), length 4: 10.7.0.50' \
        '	    Server-ID (54), length 4: 10.7.0.1' \
        '	    END (255), length 0')
    [ "$seconds" -ge 9 ] && [ "$seconds" -lt 40 ]
}

@test "hostile answers before the good ones are not believed" {
    serve_rogue hostile
    netup IFACE=eth0 ADDR=dhcp
    printf '%s\n' 'wisp: dhcp: eth0: 10.7.0.50/24 from 10.7.0.1, router 10.7.0.1, resolvers 10.7.0.1, for 3600 s, not renewed' \
        'netup: done' | diff - console
    [ "$(addresses -4)" = '10.7.0.50/24' ]
}

@test "what is lost is sent again" {
    serve_rogue forgetful
    netup IFACE=eth0 ADDR=dhcp
    uniq -c rogue.log | grep -qE '^ +[2-9] 1$' # a DISCOVER right after a DISCOVER
    uniq -c rogue.log | grep -qE '^ +[2-9] 3$'
    [ "$(addresses -4)" = '10.7.0.50/24' ]
}

@test "after a refusal the exchange begins anew" {
    capture all.pcap 'udp port 67'
    serve_rogue refusing-once
    netup IFACE=eth0 ADDR=dhcp
    printf '%s\n' ready 1 3 1 3 | diff - <(uniq rogue.log)
    [ "$(types all.pcap)" = 'Discover Offer Request NACK Discover Offer Request ACK ' ]
    [ "$(packets all.pcap | grep -o 'xid 0x[0-9a-f]*' | sort -u | wc -l)" -eq 2 ]
}

# gives_up REASON: no lease is had, for this reason, after 30 s and not much more.
gives_up() {
    stops "wisp: dhcp: eth0: no lease in 30 s: $1" IFACE=eth0 ADDR=dhcp
    [ "$seconds" -ge 29 ] && [ "$seconds" -lt 60 ]
    [ "$(addresses -4)" = '' ]
}

@test "where nobody answers, that is said after 30 s and four questions" {
    capture all.pcap 'udp port 67'
    gives_up 'nobody answered'
    [ "$(packets all.pcap | grep -c ': Discover')" -eq 4 ]
}

@test "a server that refuses every time is named as the reason, and asked a few times only" {
    serve_rogue refusing
    gives_up 'the server refused what it offered'
    [ "$(grep -c 3 rogue.log)" -le 5 ]
}

@test "a server that never confirms is named as the reason" {
    serve_rogue unconfirming
    gives_up 'the server did not confirm what it offered'
}

@test "a server that offers nothing but an address that is taken is named as the reason, and told a few times only" {
    in_peer ip addr add 10.7.0.50/24 dev peer0
    serve_rogue stubborn
    gives_up 'another machine has the address that the server offers'
    told=$(grep -c 4 rogue.log)
    [ "$told" -ge 1 ] && [ "$told" -le 3 ]
}

@test "a wait between two exchanges that fails is one line" {
    serve_rogue refusing
    printf '%s\n' IFACE=eth0 ADDR=dhcp >wisp.conf
    for number in 1 2 3 4 5 6 7 8; do # which one it is goes by what else is waited for
        run -1 --separate-stderr in_machine strace -qq -o calls -e inject=ppoll:error=EIO:when=$number "$services/netup"
        [ "$stderr" != 'wisp: clock: sleep: EIO' ] || return 0
        [ "$stderr" = 'wisp: dhcp: eth0: EIO' ] || [ "$stderr" = 'wisp: link: eth0: EIO' ]
    done
    false
}

@test "an offer that cannot be used is named as the reason" {
    serve_rogue maskless
    gives_up 'the offer has no subnet mask'
}

@test "without a link there is no lease, and that is said after WAIT_LINK seconds" {
    in_peer ip link set peer0 down
    stops 'wisp: link: eth0: none after 2 s, is the cable plugged in? No lease without it' IFACE=eth0 ADDR=dhcp WAIT_LINK=2
    [ "$seconds" -ge 1 ] && [ "$seconds" -lt 20 ]
}

@test "an interface that is no Ethernet, a port in use, resolvers that cannot be written: each is one line" {
    stops 'wisp: dhcp: lo: not an Ethernet interface' IFACE=lo ADDR=dhcp
    background_in "$machine" socat -u UDP4-RECV:68 -
    in_use() { in_machine grep -q ':0044 ' /proc/net/udp; }
    eventually in_use
    stops 'wisp: dhcp: eth0: EADDRINUSE' IFACE=eth0 ADDR=dhcp
    kill "$started"
    wait "$started" || :
    one_lease
    mkdir resolv.conf
    stops 'wisp: resolvers: resolv.conf: EISDIR' IFACE=eth0 ADDR=dhcp
}
