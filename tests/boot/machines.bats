# bats file_tags=slow
load ../lib/boot

# is_alone: what every service must find about itself [init/README.md].
is_alone() {
    grep -qx 'pid: 1' answer
    grep -qx 'uid: 1000' answer
    grep -qx 'gid: 1000' answer
    grep -qxE 'groups: *' answer
    grep -qx 'CapEff: 0000000000000000' answer
    grep -qx 'NoNewPrivs: 1' answer
}

boots() { # TARGET SERVICE
    boot "$1" "$2"
    answer "$port" >answer
    is_alone
    grep -qx 'port: 8080' answer
    answer "$low_port" >answer
    grep -qx 'port: 80' answer
}

@test "qemu-debian boots a static C++ service, which is alone and without privileges" {
    boots qemu-debian "$services/probe-aarch64"
    # nothing of the capabilities is left in any set, and nothing is open but the console
    for set in CapInh CapPrm CapBnd CapAmb; do grep -qx "$set: 0000000000000000" answer; done
}

@test "qemu-debian boots a static-pie service" {
    readelf -h "$services/probe-aarch64-pie" | grep -q 'Type: *DYN'
    boots qemu-debian "$services/probe-aarch64-pie"
}

@test "qemu-debian boots a Go service" {
    boots qemu-debian "$services/probe-go-aarch64"
}

@test "qemu-x86_64 boots the same service" {
    boots qemu-x86_64 "$services/probe-x86_64"
}

@test "the machine ends when it is told to, and run ends with it" {
    boot qemu-debian "$services/probe-aarch64"
    answer "$port" >answer
    kill "$machine"
    died 5
}

@test "run ends when the machine ends by itself" {
    printf 'int main(void) { return 3; }\n' >ends.c
    aarch64-linux-gnu-gcc -static -o ends ends.c
    boot qemu-debian ./ends
    died 60
    says 'wisp: starting /service/run'
    grep -q 'exitcode=0x00000300' console
}
