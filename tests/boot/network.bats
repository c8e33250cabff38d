# bats file_tags=slow
load ../lib/guest

# The network inside the machine: a lease from QEMU's own server, IPv6, and a cable that is out.
setup() { cd "$BATS_TEST_TMPDIR"; }

# boots [QEMU-OPTION]...: starts what guest() prepared; the console goes to the file "console", the machine's pid to
# $machine, its port 8080 is 127.0.0.1:$port.
boots() {
    wisp-cpio -z1 manifest >initrd.img
    port=$(free_port)
    wisp-qemu --board "$board" --kernel "$entry/Image" --initrd initrd.img --accel tcg --forward "$port:8080" -- "$@" \
        >console 2>&1 </dev/null 3>&- &
    machine=$!
}

# monitored_machine: the machine is there but does not run yet, and QEMU's monitor answers on the socket "monitor".
monitored_machine() {
    boots -S -monitor unix:monitor,server=on,wait=off
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        [ ! -S monitor ] || return 0
        sleep 0.1
    done
    cat console >&2 && return 1
}

# monitor COMMAND...: gives QEMU's monitor each of them.
monitor() { printf '%s\n' "$@" | socat -t 5 - UNIX-CONNECT:monitor >>monitor.log; }

leased='wisp: dhcp: eth0: 10.0.2.15/24 from 10.0.2.2, router 10.0.2.2, resolvers 10.0.2.3, for 86400 s, not renewed'

@test "ADDR=dhcp: a lease, its router, its resolver, and the service answers (aarch64)" {
    guest qemu-debian probe
    printf 'IFACE=eth0\nADDR=dhcp\n' >wisp.conf
    boots
    answer "$port" >report
    says "$leased"
    says 'wisp: starting /service/run'
    grep -qx 'resolv.conf: nameserver 10.0.2.3' report
    grep -qE '^route: eth0	00000000	0202000A	0003	' report # the default, by 10.0.2.2
    [ "$(grep '^address6: ' report | grep -v '  *lo$')" = '' ]
}

@test "ADDR=dhcp: a lease and an answer (x86_64)" {
    guest qemu-x86_64 probe
    printf 'IFACE=eth0\nADDR=dhcp\nDNS=explicit\n' >wisp.conf
    echo 'nameserver 192.0.2.53' >resolv.conf
    echo 'file /etc/resolv.conf resolv.conf 0644 0 0' >>manifest
    boots
    answer "$port" >report
    says "$leased"
    grep -qx 'resolv.conf: nameserver 192.0.2.53' report
}

@test "a static IPv6 address beside IPv4 is up, no longer tentative, and has its gateway" {
    guest qemu-debian probe
    printf 'IFACE=eth0\nADDR=10.0.2.15/24\nGW=10.0.2.2\nADDR6=fec0::15/64\nGW6=fec0::2\n' >wisp.conf
    boots
    answer "$port" >report
    # if_inet6: address, index, prefix length, scope (40: site), flags (80: permanent, and nothing else), name
    grep -qE '^address6: fec00000000000000000000000000015 [0-9a-f]+ 40 40 80 +eth0$' report
    [ "$(grep '^address6: ' report | grep -cE ' eth0$')" -eq 2 ] # this and the link-local one: QEMU's advertisements gave none
    # ipv6_route: destination, prefix, source, prefix, next hop
    grep -qE '^route6: 0{32} 00 0{32} 00 fec00000000000000000000000000002 .* eth0$' report
}

@test "an IPv6 address that is taken ends the boot" {
    guest qemu-debian hello
    printf 'IFACE=eth0\nADDR6=fec0::2/64\n' >wisp.conf # QEMU's own
    boots
    died 60
    says 'wisp: address: fec0::2: EADDRINUSE, another machine on the link has it'
}

@test "with the cable out the service starts after WAIT_LINK, and answers once it is in" {
    guest qemu-debian hello
    printf 'IFACE=eth0\nADDR=10.0.2.15/24\nGW=10.0.2.2\nWAIT_LINK=2\n' >wisp.conf
    monitored_machine
    monitor 'set_link net0 off' 'cont'
    local tries
    for ((tries = 0; tries < 1200; tries++)); do
        ! grep -q 'hello: listening' console || break
        sleep 0.1
    done
    says 'wisp: link: eth0: none after 2 s, is the cable plugged in? Starting without'
    says 'hello: listening on port 8080'
    monitor 'set_link net0 on'
    answer "$port" | grep -q '^hello from wisp'
}

@test "with the cable out there is no lease, and that ends the boot" {
    guest qemu-debian hello
    printf 'IFACE=eth0\nADDR=dhcp\nWAIT_LINK=2\n' >wisp.conf
    monitored_machine
    monitor 'set_link net0 off' 'cont'
    died 120
    says 'wisp: link: eth0: none after 2 s, is the cable plugged in? No lease without it'
}
