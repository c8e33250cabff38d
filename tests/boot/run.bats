# bats file_tags=slow
load ../lib/boot

# What run promises of real machines: tests/services/ends.cpp does what /etc/mode says.
# runs TARGET STATUS MODE [OPTION]...: ./console and ./messages; nothing of the machine is left.
runs() {
    local target=$1 arch=${targets[$1]} status=0
    local wanted=$2
    echo "$3" >mode
    shift 3
    make_initrd "$target" "$arch" "$services/ends-$arch" 'file /etc/mode mode 0644 0 0'
    timeout 100 wisp-qemu --board "$WISP_ROOT/boards/$target.json" --kernel "$entry/Image" --initrd initrd.img --accel tcg \
        --ip 10.0.2.15/24 --gateway 10.0.2.2 --supervise "$@" --console console -- -pidfile pid \
        >report 2>messages </dev/null 3>&- || status=$?
    cat messages
    echo "ended with $status, expected $wanted"
    [ "$status" -eq "$wanted" ]
    [ ! -e pid ] # QEMU removes it when it ends of its own
}

# ends TARGET STATUS MESSAGE MODE [OPTION]...
ends() {
    local message=$3
    runs "$1" "$2" "${@:4}"
    [ "$(grep -v ' forwarding ' messages)" = "wisp-qemu: $message" ]
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    declare -gA targets=([qemu-debian]=aarch64 [qemu-x86_64]=x86_64)
}

@test "the service's exit status is the run's" {
    ends qemu-debian 0 'service: exited with status 0' 'exit 0'
    ends qemu-debian 3 'service: exited with status 3' 'exit 3'
    ends qemu-x86_64 3 'service: exited with status 3' 'exit 3'
}

@test "a crash is 128 and the signal" {
    ends qemu-debian 139 'service: was killed by SIGSEGV' crash
    ends qemu-x86_64 139 'service: was killed by SIGSEGV' crash
}

@test "a panic that does not reboot is the end all the same" {
    ends qemu-debian 3 'service: exited with status 3' 'exit 3' --append 'loglevel=4 panic=0 console=ttyAMA0'
}

@test "an exit behind an unfinished line, and one behind a flood, is seen" {
    ends qemu-debian 4 'service: exited with status 4' 'unfinished 4'
    ends qemu-debian 5 'service: exited with status 5' 'flood 5' --timeout 90
    [ "$(tr -d '\r\n' <console | grep -o '~' | wc -l)" -gt 1000000 ]
}

@test "words like the kernel's from the service end it, and only it" {
    ends qemu-debian 42 'service: exited with status 42' 'forge 10752'
}

@test "init's failure is told in its own words" {
    printf 'IFACE=eth0\nADDR=10.0.2.315/24\n' >bad.conf
    make_initrd qemu-debian aarch64 "$services/ends-aarch64"
    sed -i 's,/etc/wisp.conf wisp.conf,/etc/wisp.conf bad.conf,' manifest
    wisp-cpio -z1 manifest >initrd.img
    run -1 --separate-stderr timeout 100 wisp-qemu --board "$WISP_ROOT/boards/qemu-debian.json" --kernel "$entry/Image" \
        --initrd initrd.img --accel tcg --supervise
    [[ $stderr == 'wisp-qemu: init: exited with status 1: wisp: configuration: /etc/wisp.conf:2: ADDR=10.0.2.315/24: '* ]]
}

@test "answers as expected are the end, with all phases in order" {
    for target in qemu-debian qemu-x86_64; do
        runs "$target" 0 serve --forward 0:8080 --expect http://:8080/ --expect http://:8080/none=404 --json --timeout 90
        jq -e '.outcome == "expected" and .exit_status == 0 and .signal == null and (.forwards | length == 1) and
            (.expectations | map(.status) == [200, 404]) and (.phases_ms |
            .firmware > 0 and .kernel >= .firmware and .init > .kernel and .service > .init and .answer > .service)' report
        # the guest's own clock is the judge of how long the kernel took
        clock=$(sed -n 's/^\[ *\([0-9]*\)\.\([0-9]\{3\}\).*\] Run \/init as init process.*/\1\2/p' console)
        jq -e --argjson clock "$((10#$clock))" '.phases_ms | (.init - .kernel) >= $clock - 1' report
    done
}

@test "another answer is the end too" {
    ends qemu-debian 1 'http://:8080/none: answered 404, expected 200' serve --forward 0:8080 --expect http://:8080/none
}

@test "a service that never listens is waited for as long as it was said" {
    ends qemu-debian 124 'http://:8080/: no answer within 15 s; the service had started' hang --forward 0:8080 \
        --expect http://:8080/ --timeout 15
}

@test "a machine that is ended in the middle of its boot leaves nothing, not even when wisp-qemu is killed" {
    make_initrd qemu-debian aarch64 "$services/ends-aarch64"
    for ending in INT:130 TERM:143 KILL:137; do
        rm -f pid console
        wisp-qemu --board "$WISP_ROOT/boards/qemu-debian.json" --kernel "$entry/Image" --initrd initrd.img --accel tcg --json \
            --console console -- -pidfile pid >report 2>messages </dev/null 3>&- &
        machine=$!
        until grep -q 'Linux version' console 2>/dev/null; do
            kill -0 "$machine"
            sleep 0.1
        done
        qemu=$(cat pid)
        kill "-${ending%:*}" "$machine"
        status=0
        wait "$machine" || status=$?
        [ "$status" -eq "${ending#*:}" ]
        [ "$status" -eq 137 ] || jq -e --argjson status "$status" '.outcome == "interrupted" and .exit_status == $status and
            .phases_ms.kernel > 0 and .phases_ms.service == null' report
        for _ in $(seq 100); do
            [ -e "/proc/$qemu" ] && ! grep -q '^State:.Z' "/proc/$qemu/status" || break
            sleep 0.1
        done
        [ ! -e "/proc/$qemu" ] || grep -q '^State:.Z' "/proc/$qemu/status"
    done
}
