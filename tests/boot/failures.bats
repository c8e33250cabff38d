# bats file_tags=slow
load ../lib/boot

# The driver would refuse all of these; so the initrd is put together by hand, with one thing wrong.
setup() {
    cd "$BATS_TEST_TMPDIR"
    hand_made qemu-debian aarch64 "$services/hello-aarch64"
    printf 'IFACE=eth0\nADDR=10.0.2.15/24\nGW=10.0.2.2\n' >wisp.conf
}

# panics TEXT: the machine boots, shows TEXT as one line, and panics with init's exit status 1.
panics() {
    boot_hand_made qemu-debian
    died 60
    says "$1"
    grep -q 'Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100' console
}

@test "a module that comes before the one it needs is named" {
    { grep virtio_net modules && grep -v virtio_net modules; } >reversed
    mv reversed modules
    panics 'wisp: modules: virtio_net.ko: ENOENT, an unknown symbol: a module it depends on is missing or comes later'
}

@test "a module that is still compressed is named" {
    gzip -n <"$entry/modules/failover.ko" >packed
    sed -i "s,^file /lib/modules/failover.ko .*,file /lib/modules/failover.ko packed 0644 0 0," manifest
    panics 'wisp: modules: failover.ko: ENOEXEC, not a module for this kernel: still compressed, or of another version or architecture'
}

@test "a module that is not in the initrd is named" {
    echo absent.ko >>modules
    panics 'wisp: modules: /lib/modules/absent.ko: ENOENT, not in the initrd'
}

@test "an interface that never comes is waited for, and named" {
    sed -i 's/eth0/eth7/' wisp.conf
    panics 'wisp: interface: eth7: not there after 10 s'
}

@test "a bad address in the configuration is shown with its line" {
    sed -i 's/10.0.2.15/10.0.2.315/' wisp.conf
    panics 'wisp: configuration: /etc/wisp.conf:2: ADDR=10.0.2.315/24: not an IPv4 address'
}

@test "a gateway nobody can reach is named" {
    sed -i 's/10.0.2.2$/10.9.9.9/' wisp.conf
    panics 'wisp: route: 10.9.9.9: ENETUNREACH, the gateway is outside the network of ADDR'
}

@test "a service that is not executable is named" {
    sed -i 's,^file /service/run service 0755,file /service/run service 0644,' manifest
    panics 'wisp: exec: /service/run: EACCES, not executable'
}

@test "a service for another machine is named" {
    sed -i "s,^file /service/run service,file /service/run $services/hello-x86_64," manifest
    panics 'wisp: exec: /service/run: ENOEXEC, not a program for this machine'
}

@test "a configuration that is not there is named" {
    sed -i '/wisp.conf/d' manifest
    panics 'wisp: configuration: /etc/wisp.conf: ENOENT, not in the initrd'
}
