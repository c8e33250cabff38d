bats_require_minimum_version 1.5.0
load ../lib/common

# Whole machines in a few aarch64 instructions, for the PL011 at 0x09000000 and the PSCI of QEMU's virt machine. So QEMU
# itself says whether it accepts a command line, in a twentieth of a second.
print_ok='\x01\x20\xa1\xd2\xe0\x0d\x80\x52\x20\x00\x00\xb9\x60\x0d\x80\x52\x20\x00\x00\xb9\x40\x01\x80\x52\x20\x00\x00\xb9'
switch_off='\x00\x80\xb0\x52\x00\x01\x80\x72\x02\x00\x00\xd4' # SYSTEM_OFF, 0x84000008
reset='\x00\x80\xb0\x52\x20\x01\x80\x72\x02\x00\x00\xd4'      # SYSTEM_RESET, 0x84000009
stay='\x00\x00\x00\x14'                                       # b .

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    printf %b "$print_ok$switch_off" >guest
    echo initrd >initrd
    machine=(--arch aarch64 --kernel guest --initrd initrd)
}

teardown() {
    [ ! -e pid ] || kill "$(cat pid)" 2>/dev/null || true
}

@test "QEMU boots the command, the console is standard output, and power off is the end" {
    run -0 --separate-stderr timeout 20 wisp-qemu "${machine[@]}"
    [ "$output" = ok ]
    [ -z "$stderr" ]
}

@test "a reboot ends it too, as a panic with panic=-1 is one" {
    printf %b "$print_ok$reset" >guest
    run -0 --separate-stderr timeout 20 wisp-qemu "${machine[@]}"
    [ "$output" = ok ]
}

@test "a script's standard input stays the script's" {
    { timeout 20 wisp-qemu "${machine[@]}" >console; read -r line; } <<<"for the script"
    [ "$line" = "for the script" ]
    [ "$(cat console)" = ok ]
}

@test "an interrupt ends the machine" {
    printf %b "$print_ok$stay" >guest
    wisp-qemu "${machine[@]}" >console 2>/dev/null 3>&- &
    echo $! >pid
    for _ in $(seq 100); do
        [ ! -s console ] || break
        sleep 0.1
    done
    kill -INT "$(cat pid)"
    wait "$(cat pid)"
    [ "$(cat console)" = ok ]
}

@test "file names with commas, quotes, spaces and newlines reach QEMU as they are" {
    mv guest $'a,b "c"\'d\' $e\n.img'
    run -0 --separate-stderr timeout 20 wisp-qemu --arch aarch64 --kernel $'a,b "c"\'d\' $e\n.img' --initrd initrd
    [ "$output" = ok ]
}

@test "a shell reads the printed command as the very words QEMU would get" {
    mkdir bin
    printf '#!/bin/sh\nprintf "%%s\\0" "$@"\n' >bin/qemu-system-aarch64
    chmod +x bin/qemu-system-aarch64
    PATH=$PWD/bin:$PATH
    name=$'it\'s "a", $b `c` \\ d\ne;f|g&h*i?~'
    cp guest "$name"
    set -- --arch aarch64 --kernel "$name" --initrd initrd --append "$name" --accel tcg -- -smp 2 '' "-$name"
    wisp-qemu "$@" >started
    wisp-qemu --print "$@" >line
    sh ./line >printed
    cmp started printed
    printf '%s\0' -smp 2 '' "-$name" >end
    tail -c "$(wc -c <end)" started | cmp - end
}

@test "QEMU ignores no signal that wisp-qemu ignores" {
    # 32 and 33 are glibc's own: env leaves them as they are
    nothing_ignored() { [ $((16#$(sed -n 's/^SigIgn:\t//p' ignored) & 0x7fffffff)) -eq 0 ]; }
    printf '#!/bin/sh\ngrep SigIgn: /proc/self/status >ignored\n' >status && chmod +x status
    env --default-signal wisp-qemu "${machine[@]}" --accel tcg --binary "$PWD/status"
    nothing_ignored
    rm ignored
    run env --default-signal wisp-qemu --supervise "${machine[@]}" --accel tcg --binary "$PWD/status"
    nothing_ignored
}

@test "the command of a profile, whole" {
    run -0 --separate-stderr wisp-qemu --board "$WISP_ROOT/boards/qemu.json" --kernel guest --initrd initrd --accel tcg \
        --forward 18080:8080 --print
    [ "$output" = "qemu-system-aarch64 -nodefaults -no-user-config -no-reboot -display none\
 -machine virt,gic-version=max -accel tcg -cpu cortex-a76 -m 512M\
 -chardev stdio,id=console,signal=on -serial chardev:console\
 -netdev user,id=net0,hostfwd=tcp:127.0.0.1:18080-:8080 -device virtio-net-pci,romfile=,netdev=net0\
 -kernel guest -initrd initrd -append 'loglevel=4 panic=-1 console=ttyAMA0'" ]
}

@test "options win over the profile" {
    run -0 --separate-stderr wisp-qemu --board "$WISP_ROOT/boards/qemu.json" --kernel guest --initrd initrd --dtb guest \
        --binary other --machine sbsa-ref --cpu max --memory 1G --accel kvm --net-device e1000 --append x --print
    [ "$output" = "other -nodefaults -no-user-config -no-reboot -display none -machine sbsa-ref -accel kvm -cpu max -m 1G\
 -chardev stdio,id=console,signal=on -serial chardev:console -netdev user,id=net0 -device e1000,netdev=net0\
 -kernel guest -initrd initrd -dtb guest -append x" ]
}

@test "QEMU's cmdline of a profile replaces the board's, and hardware comes with its own processor" {
    wisp-qemu --board "$WISP_ROOT/boards/raspi3b.json" --kernel guest --initrd initrd --accel kvm --print >line
    grep -q -e " -append 'loglevel=4 panic=-1 console=ttyAMA0'" line
    grep -q -e ' -cpu host ' line
}

@test "every shipped board that QEMU plays has a machine QEMU knows" {
    for board in "$WISP_ROOT"/boards/*.json; do
        grep -q '"qemu": {' "$board" || continue
        wisp-qemu --board "$board" --accel tcg --kernel guest --initrd initrd --print >line
        read -r binary _ <line
        name=$(sed 's/.*-machine \([^, ]*\).*/\1/' line)
        cpu=$(sed 's/.*-cpu \([^ ]*\).*/\1/' line)
        device=$(sed 's/.*-device \([^, ]*\).*/\1/' line)
        "$binary" -machine help | grep -q "^$name "
        "$binary" -cpu help | grep -q -w "$cpu"
        "$binary" -device help | grep -q "^name \"$device\""
    done
}

@test "QEMU's network is laid out around the guest's address" {
    while read -r ip gateway dns places; do
        set -- --ip "$ip"
        [ "$gateway" = - ] || set -- "$@" --gateway "$gateway"
        [ "$dns" = - ] || set -- "$@" --dns "$dns"
        wisp-qemu "${machine[@]}" "$@" --print >line
        printf '%s\n' "$*: $(sed 's/.*user,id=net0,\([^ ]*\) .*/\1/' line)"
        grep -q -F -e " user,id=net0,$places " line
        # And QEMU is content with it.
        [ "$(timeout 20 wisp-qemu "${machine[@]}" "$@" 2>&1)" = ok ]
    done <<'TABLE'
192.168.1.100/24 192.168.1.1 - net=192.168.1.0/24,host=192.168.1.1,dns=192.0.2.53,dhcpstart=192.168.1.100
192.168.1.100/24 192.168.1.1 192.168.1.1 net=192.168.1.0/24,host=192.168.1.2,dns=192.168.1.1,dhcpstart=192.168.1.100
192.168.1.2/24 192.168.1.1 192.168.1.1 net=192.168.1.0/24,host=192.168.1.3,dns=192.168.1.1,dhcpstart=192.168.1.2
192.168.1.100/24 192.168.1.1 192.168.1.53 net=192.168.1.0/24,host=192.168.1.1,dns=192.168.1.53,dhcpstart=192.168.1.100
192.168.1.100/24 192.168.1.1 9.9.9.9 net=192.168.1.0/24,host=192.168.1.1,dns=192.0.2.53,dhcpstart=192.168.1.100
192.168.1.100/24 - - net=192.168.1.0/24,host=192.168.1.1,dns=192.0.2.53,dhcpstart=192.168.1.100
10.0.2.15/24 10.0.2.2 10.0.2.3 net=10.0.2.0/24,host=10.0.2.2,dns=10.0.2.3,dhcpstart=10.0.2.15
172.16.0.9/4 172.16.0.1 172.16.0.1 net=160.0.0.0/4,host=160.0.0.1,dns=172.16.0.1,dhcpstart=172.16.0.9
10.0.0.1/30 10.0.0.2 10.0.0.2 net=10.0.0.0/30,host=10.0.0.2,dns=192.0.2.53,dhcpstart=10.0.0.1
10.0.0.1/31 10.0.0.0 - net=10.0.0.0/31,host=10.0.0.0,dns=192.0.2.53,dhcpstart=10.0.0.1
10.0.0.1/31 - 10.0.0.0 net=10.0.0.0/31,host=10.0.0.0,dns=192.0.2.53,dhcpstart=10.0.0.1
192.0.2.53/24 192.0.2.1 - net=192.0.2.0/24,host=192.0.2.1,dns=198.51.100.53,dhcpstart=192.0.2.53
223.255.255.254/4 223.255.255.253 - net=208.0.0.0/4,host=223.255.255.253,dns=192.0.2.53,dhcpstart=223.255.255.254
TABLE
}

@test "a forward listens on 127.0.0.1 and nowhere else" {
    printf %b "$stay" >guest
    for port in 28431 28432 28433; do # whichever is free
        wisp-qemu "${machine[@]}" --forward "$port:80" >/dev/null 2>&1 3>&- &
        echo $! >pid
        for _ in $(seq 50); do
            listening=$(awk -v port=":$(printf %04X "$port")" '$4 == "0A" && $2 ~ port { print $2 }' /proc/net/tcp)
            [ -z "$listening" ] && kill -0 "$(cat pid)" 2>/dev/null || break
            sleep 0.1
        done
        kill -0 "$(cat pid)" 2>/dev/null && break
    done
    [ "$listening" = "0100007F:$(printf %04X "$port")" ]
}

@test "the forwards of several options and addresses" {
    wisp-qemu "${machine[@]}" --forward 80:8080 --forward 0.0.0.0:81:81 --ip 10.0.0.2/24 --print >line
    grep -q -F -e ',hostfwd=tcp:127.0.0.1:80-10.0.0.2:8080,hostfwd=tcp:0.0.0.0:81-10.0.0.2:81 ' line
}

refused() {
    local status=$1 message=$2
    shift 2
    run "-$status" --separate-stderr wisp-qemu "$@"
    printf 'got:      %s\nexpected: %s\n' "$stderr" "wisp-qemu: $message"
    [ "$stderr" = "wisp-qemu: $message" ]
    [ -z "$output" ]
}

@test "what is missing or wrong is named" {
    refused 2 '--kernel: is missing' --initrd initrd
    refused 2 '--initrd: is missing' --kernel guest
    refused 2 'none: open: No such file or directory' --kernel none --initrd initrd
    refused 2 'none: open: No such file or directory' --kernel guest --initrd none
    refused 2 '.: open: Is a directory' --kernel . --initrd initrd
    refused 2 "--arch: 'arm' is none of aarch64, x86_64, riscv64" --arch arm --kernel guest --initrd initrd
    refused 2 "--accel: 'xen' is none of auto, kvm, hvf, tcg" "${machine[@]}" --accel xen
    refused 2 '--arch: is the board'"'"'s to say' "${machine[@]}" --board "$WISP_ROOT/boards/qemu.json"
    refused 2 '--gateway: needs --ip' "${machine[@]}" --gateway 10.0.0.1
    refused 2 '--dns: needs --ip' "${machine[@]}" --dns 10.0.0.1
    refused 2 'nowhere: is no option; QEMU'"'"'s own options come after --' "${machine[@]}" nowhere
    refused 2 'nowhere: is no option; QEMU'"'"'s own options come after --' "${machine[@]}" nowhere -- -S
    refused 2 '--frobnicate: unknown option, see wisp-qemu --help' --frobnicate
    refused 2 '--kernel: needs a value' --kernel
    refused 2 'no-such-qemu: is not in PATH: install QEMU'"'"'s system emulator' "${machine[@]}" --binary no-such-qemu
    refused 2 './initrd: exec: Permission denied' "${machine[@]}" --binary ./initrd
}

@test "addresses and forwards that cannot be are refused" {
    refused 1 '--ip: 10.0.0.1: has no prefix: write ADDRESS/PREFIX, like 192.168.1.100/24' "${machine[@]}" --ip 10.0.0.1
    refused 1 'QEMU'"'"'s network: 10.0.0.1/32: needs a prefix from 4 to 31' "${machine[@]}" --ip 10.0.0.1/32
    refused 1 'QEMU'"'"'s network: 10.0.0.1/3: needs a prefix from 4 to 31' "${machine[@]}" --ip 10.0.0.1/3
    refused 1 '--gateway: 10.0.1.1: is outside the network of 10.0.0.2/24' "${machine[@]}" --ip 10.0.0.2/24 --gateway 10.0.1.1
    refused 1 '--dns: x: '"'x'"' is not an IPv4 address' "${machine[@]}" --ip 10.0.0.2/24 --dns x
    refused 1 '--forward: 80: is not [ADDRESS:]HOST:GUEST, like 18080:8080' "${machine[@]}" --forward 80
    refused 1 '--forward: 0.0.0.0:80:81: host port is taken by 80:80' "${machine[@]}" --forward 80:80 --forward 0.0.0.0:80:81
}

@test "a board that QEMU does not play is refused" {
    pi5=$WISP_ROOT/boards/pi5.json
    refused 1 "$pi5: qemu: is missing: QEMU has no machine for this board" --board "$pi5" --kernel guest --initrd initrd
}

@test "a full disk or a closed output is not a success" {
    run -2 --separate-stderr sh -c "wisp-qemu ${machine[*]} --print >/dev/full"
    [ "$stderr" = "wisp-qemu: standard output: write: No space left on device" ]
    run -2 --separate-stderr sh -c "wisp-qemu ${machine[*]} --print >&-"
    [ "$stderr" = "wisp-qemu: standard output: write: Bad file descriptor" ]
}

@test "help and version" {
    run -0 --separate-stderr wisp-qemu --help
    [ "${lines[0]}" = "usage: wisp-qemu --kernel FILE --initrd FILE [OPTION]... [-- QEMU-OPTION...]" ]
    run -0 --separate-stderr wisp-qemu --version
    [ "${output% *}" = wisp-qemu ]
}
