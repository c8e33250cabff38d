# bats file_tags=slow
load ../lib/guest

# The driver would refuse most of these; so the initrd is put together by hand, with one thing wrong.
setup() {
    cd "$BATS_TEST_TMPDIR"
    guest qemu-debian hello
}

panics() { stops_with "$1"; }

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

@test "a capability that nobody knows is shown with its line" {
    echo CAPS=net_raw,net_cooked >>wisp.conf
    panics 'wisp: configuration: /etc/wisp.conf:4: net_cooked: not the name of a capability'
}

@test "a hardening item that nobody knows is shown with its line" {
    echo RELAX=everything >>wisp.conf
    panics 'wisp: configuration: /etc/wisp.conf:4: everything: not the name of a hardening item'
}

@test "a service that would be root is refused" {
    echo USER=0:0 >>wisp.conf
    panics 'wisp: configuration: /etc/wisp.conf:4: USER=0:0: a service is never root, nor in its group'
}

@test "arguments that were cut are named" {
    printf '/service/run\0--por' >argv
    echo 'file /etc/argv argv 0644 0 0' >>manifest
    panics 'wisp: arguments: /etc/argv:2: --por: the file is cut: no NUL at the end of its last string'
}

@test "arguments that are too many bytes are named" {
    { head -c 65536 /dev/zero | tr '\0' x && printf '\0'; } >argv
    echo 'file /etc/argv argv 0644 0 0' >>manifest
    panics 'wisp: arguments: /etc/argv: larger than 65536 bytes'
}

@test "an environment that with the arguments is too many bytes is named" {
    { head -c 65000 /dev/zero | tr '\0' x && printf '\0'; } >argv
    { printf X= && head -c 534 /dev/zero | tr '\0' x && printf '\0'; } >env
    printf 'file /etc/%s 0644 0 0\n' 'argv argv' 'env env' >>manifest
    panics 'wisp: environment: /etc/env: larger than 535 bytes'
}

@test "a variable without a value is named, and cannot reach into the terminal" {
    printf 'A=b\0\033[2JB\0' >env
    echo 'file /etc/env env 0644 0 0' >>manifest
    panics 'wisp: environment: /etc/env:2: ?[2JB: not NAME=value'
}

@test "a folder of memory whose place is not there is named" {
    echo TMPFS=/absent/folder:4096 >>wisp.conf
    panics 'wisp: tmpfs: /absent/folder: ENOENT, the initrd has no such folder'
}

@test "a folder of memory whose place is a file is named" {
    echo TMPFS=/etc/modules:4096 >>wisp.conf
    panics 'wisp: tmpfs: /etc/modules: ENOTDIR, not a folder'
}

@test "a kernel variable that this kernel does not have is named" {
    echo SYSCTL=net.ipv4.tcp_telepathy=1 >>wisp.conf
    panics 'wisp: sysctl: net.ipv4.tcp_telepathy: ENOENT, this kernel has no such variable'
}

@test "a value that a kernel variable does not take is named" {
    echo SYSCTL=kernel.randomize_va_space=lots >>wisp.conf
    panics 'wisp: sysctl: kernel.randomize_va_space: EINVAL, not a value it takes'
}

@test "a kernel variable that can only be read is named" {
    echo SYSCTL=kernel.version=7 >>wisp.conf
    panics 'wisp: sysctl: kernel.version: EACCES, this kernel does not let it be written'
}

@test "a watchdog that is not there is named" {
    echo WATCHDOG=30 >>wisp.conf
    panics 'wisp: watchdog: /dev/watchdog: ENOENT, this machine has none, or its module is not in the image'
}
