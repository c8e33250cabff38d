# bats file_tags=slow
# Static addresses, waiting for interface and link, and every way in which this can fail, judged by iproute2 and the
# kernel: the network part of /init in a network namespace.
load ../lib/lab

setup() {
    cd "$BATS_TEST_TMPDIR"
    open_lab
}
teardown() { close_lab; }

@test "an IPv4 address and its gateway, and nothing else: not even a link-local IPv6 address" {
    netup IFACE=eth0 ADDR=10.7.0.2/24 GW=10.7.0.1
    [ "$(cat console)" = 'netup: done' ]
    [ "$(addresses -4)" = '10.7.0.2/24' ]
    [ "$(in_machine ip -j -4 addr show dev eth0 | jq -r '.[].addr_info[].broadcast')" = '10.7.0.255' ]
    [ "$(default_route -4)" = '10.7.0.1 eth0 static' ]
    [ "$(addresses -6)" = '' ]
    [ "$(in_machine ip -j -4 addr show dev lo | jq -r '.[].addr_info[].local')" = '127.0.0.1' ]
}

@test "an IPv6 address alone is up and known to be unique when the service would start" {
    netup IFACE=eth0 ADDR6=fd00:7:0:0::2/64 GW6=fd00:7::1
    [ "$(cat console)" = 'netup: done' ]
    addresses -6 | grep -v ^fe80: | diff - <(echo fd00:7::2/64)
    [ "$(default_route -6)" = 'fd00:7::1 eth0 static' ]
    [ "$(addresses -4)" = '' ]
    in_machine socat -u OPEN:/dev/null UDP6-SENDTO:[fd00:7::1]:9,bind=[fd00:7::2]
}

@test "both families may be there, and the IPv6 gateway may be link-local" {
    netup IFACE=eth0 ADDR=10.7.0.2/24 GW=10.7.0.1 ADDR6=fd00:7::2/64 GW6=fe80::7
    [ "$(addresses -4)" = '10.7.0.2/24' ]
    addresses -6 | grep -v ^fe80: | diff - <(echo fd00:7::2/64)
    [ "$(default_route -4)" = '10.7.0.1 eth0 static' ]
    [ "$(default_route -6)" = 'fe80::7 eth0 static' ]
}

@test "a router's advertisements add neither addresses nor routes" {
    background_in "$peer" dnsmasq --conf-file=/dev/null --port=0 --interface=peer0 --bind-interfaces --enable-ra \
        --dhcp-range=fd00:7::,ra-only --ra-param=peer0,4,60 --keep-in-foreground --log-facility=- --pid-file= \
        --leasefile-ro >dnsmasq.log 2>&1
    netup IFACE=eth0 ADDR6=fd00:7::2/64
    capture advertisements.pcap 'icmp6 and ip6[40] == 134'
    advertised_twice() { [ "$(packets advertisements.pcap | grep -c 'prefix info.*fd00:7::/64.*auto')" -ge 2 ]; } # so the first has been handled
    eventually advertised_twice
    addresses -6 | grep -v ^fe80: | diff - <(echo fd00:7::2/64)
    [ "$(default_route -6)" = '' ]
}

@test "an IPv6 address that another machine has is one line, and the end" {
    in_peer ip addr add fd00:7::2/64 dev peer0 nodad
    stops 'wisp: address: fd00:7::2: EADDRINUSE, another machine on the link has it' IFACE=eth0 ADDR6=fd00:7::2/64
}

@test "an address whose uniqueness cannot be found out is not waited for longer than 10 s" {
    in_machine sysctl -qw net.ipv6.conf.eth0.dad_transmits=60 # one a second
    stops 'wisp: address: fd00:7::2: not found to be unique in 10 s' IFACE=eth0 ADDR6=fd00:7::2/64
    [ "$seconds" -ge 9 ] && [ "$seconds" -lt 30 ]
}

@test "a gateway outside the network is named, in both families" {
    stops 'wisp: route: 10.9.9.9: ENETUNREACH, the gateway is outside the network of ADDR' \
        IFACE=eth0 ADDR=10.7.0.2/24 GW=10.9.9.9
    stops 'wisp: route: fd00:9::1: EHOSTUNREACH, the gateway is outside the network of ADDR6' \
        IFACE=eth0 ADDR6=fd00:7::2/64 GW6=fd00:9::1
}

@test "a kernel without IPv6 is a reason to stop only when IPv6 is wanted" {
    in_private_proc() { nsenter -t "$machine" -n -- unshare -m sh -c 'mount -t tmpfs none /proc/sys/net/ipv6 && exec "$@"' - "$@"; }
    printf '%s\n' IFACE=eth0 ADDR6=fd00:7::2/64 >wisp.conf
    run -1 --separate-stderr in_private_proc "$services/netup"
    [ "$stderr" = 'wisp: ipv6: eth0: ENOENT, this kernel has no IPv6: does the board'\''s list of modules have ipv6?' ]
    printf '%s\n' IFACE=eth0 ADDR=10.7.0.2/24 >wisp.conf
    run -0 --separate-stderr in_private_proc "$services/netup"
    [ "$stderr" = 'netup: done' ]
}

@test "an interface that is not there is waited for, 10 s and no more" {
    stops 'wisp: interface: eth7: not there after 10 s' IFACE=eth7 ADDR=10.7.0.2/24
    [ "$seconds" -ge 9 ] && [ "$seconds" -lt 30 ]
}

@test "an interface that comes late is taken as soon as it is there" {
    printf '%s\n' IFACE=eth1 ADDR=10.8.0.2/24 >wisp.conf
    background_in "$machine" "$services/netup" 2>console
    configuring=$started
    lo_is_up() { in_machine ip -j link show lo | grep -q LOWER_UP; } # which is what comes first
    eventually lo_is_up
    in_machine ip link add eth1 type veth peer name far
    in_machine ip link set far up
    wait "$configuring"
    [ "$(cat console)" = 'netup: done' ]
    in_machine ip -br -4 addr show dev eth1 | grep -q '10.8.0.2/24'
}

@test "without a link the service starts after WAIT_LINK seconds, addresses and routes in place" {
    in_peer ip link set peer0 down
    netup IFACE=eth0 ADDR=10.7.0.2/24 GW=10.7.0.1 ADDR6=fd00:7::2/64 GW6=fd00:7::1 WAIT_LINK=2
    printf '%s\n' 'wisp: link: eth0: none after 2 s, is the cable plugged in? Starting without' 'netup: done' | diff - console
    [ "$seconds" -ge 1 ] && [ "$seconds" -lt 20 ]
    [ "$(addresses -4)" = '10.7.0.2/24' ]
    [ "$(addresses -6)" = 'fd00:7::2/64 tentative' ]
    [ "$(default_route -4)" = '10.7.0.1 eth0 static' ]
    # The kernel does the rest by itself once there is a link.
    in_peer ip link set peer0 up
    checked() { addresses -6 | grep -qx fd00:7::2/64; }
    eventually checked
}

@test "WAIT_LINK=0 waits for nothing, and says what is missing all the same" {
    in_peer ip link set peer0 down
    netup IFACE=eth0 ADDR=10.7.0.2/24 WAIT_LINK=0
    printf '%s\n' 'wisp: link: eth0: none after 0 s, is the cable plugged in? Starting without' 'netup: done' | diff - console
}

@test "a link that comes while it is waited for is nothing to speak of" {
    in_peer ip link set peer0 down
    printf '%s\n' IFACE=eth0 ADDR6=fd00:7::2/64 WAIT_LINK=600 >wisp.conf
    background_in "$machine" "$services/netup" 2>console
    configuring=$started
    has_address() { addresses -6 | grep -qx 'fd00:7::2/64 tentative'; } # what comes before the wait
    eventually has_address
    in_peer ip link set peer0 up
    wait "$configuring"
    [ "$(cat console)" = 'netup: done' ]
    addresses -6 | grep -qx fd00:7::2/64
}
