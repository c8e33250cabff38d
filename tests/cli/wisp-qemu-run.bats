load ../lib/common

# wisp-qemu as the one who stands over QEMU. Most machines here are a play that tests/lib/fake-qemu performs, so every
# end comes when it should; the last tests have QEMU itself.
setup() {
    cd "$BATS_TEST_TMPDIR" || return
    echo kernel >kernel
    echo initrd >initrd
    machine=(--arch aarch64 --kernel kernel --initrd initrd --accel tcg --binary "$WISP_ROOT/tests/lib/fake-qemu")
    export FAKE_QEMU=$PWD/play
    forwarding='wisp-qemu: forwarding 127\.0\.0\.1:[0-9]* to the machine'"'"'s port 8080'
}

teardown() {
    [ ! -e pid ] || is_gone "$(cat pid)" || kill -9 "$(cat pid)"
    [ -z "${supervisor-}" ] || kill -9 "$supervisor" 2>/dev/null || :
}

# is_gone PID: there is no such process, or nothing of it but its status.
is_gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }

# perform STATUS PLAY [OPTION]...: the run ends so, and QEMU is gone. $output, and $stderr less the ports chosen.
perform() {
    local status_wanted=$1
    { echo 'open("pid", "w").write(str(os.getpid()))' && printf '%s\n' "$2"; } >play
    shift 2
    run "-$status_wanted" --separate-stderr timeout 60 wisp-qemu "${machine[@]}" --supervise "$@"
    stderr=$(sed "/^$forwarding\$/d" <<<"$stderr")
    is_gone "$(cat pid)"
}

# performed STATUS MESSAGE PLAY [OPTION]...: and says so.
performed() {
    local message=$2
    perform "$1" "${@:3}"
    printf 'got:      %s\nexpected: %s\n' "$stderr" "wisp-qemu: $message"
    [ "$stderr" = "wisp-qemu: $message" ]
}

# until_true COMMAND...: waits until COMMAND succeeds.
until_true() {
    for _ in $(seq 300); do
        ! "$@" || return 0
        sleep 0.1
    done
    return 1
}

# starts PLAY [OPTION]...: the machine in the background as $supervisor, once QEMU has written its pid to the file "pid".
starts() {
    { printf '%s\n' "$1" && echo 'open("pid.new", "w").write(str(os.getpid())); os.rename("pid.new", "pid"); hang()'; } >play
    shift
    wisp-qemu "${machine[@]}" --supervise "$@" >console 2>messages </dev/null 3>&- &
    supervisor=$!
    until_true [ -e pid ]
}

# stopped STATUS: waits for the machine of starts, which ends so and leaves nothing.
stopped() {
    local status=0
    wait "$supervisor" || status=$?
    supervisor=''
    echo "ended with $status, expected $1"
    [ "$status" -eq "$1" ]
    is_gone "$(cat pid)"
}

@test "the exit status is the service's own" {
    performed 0 'service: exited with status 0' 'boot(); panic(0); sys.exit(0)'
    performed 3 'service: exited with status 3' 'boot(); panic(0x300); sys.exit(0)'
    performed 255 'service: exited with status 255' 'boot(); panic(0xff00); sys.exit(0)'
    performed 139 'service: was killed by SIGSEGV' 'boot(); panic(0xb); sys.exit(0)'
    performed 134 'service: was killed by SIGABRT' 'boot(); panic(0x86); sys.exit(0)'
}

@test "a panic that hangs is the end all the same" {
    performed 3 'service: exited with status 3' 'boot(); panic(0x300); hang()'
    performed 1 'kernel: panicked: VFS: Unable to mount root fs on unknown-block(0,0)' \
        'say(b"[    0.5] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n"); hang()'
}

@test "a panic is found in pieces, behind an unfinished line and behind binary garbage" {
    performed 4 'service: exited with status 4' '
boot()
for byte in b"\x00\xff\r\r\n\x1b[31m 50 %[    1.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000400\n":
    say(bytes([byte]))
    time.sleep(0.001)
hang()'
}

@test "init's failure is told in its own words" {
    performed 1 'init: exited with status 1: wisp: route: 10.9.9.9: ENETUNREACH' \
        'say(b"wisp: route: 10.9.9.9: ENETUNREACH\r\n"); panic(0x100); hang()'
    performed 7 'init: exited with status 7 before the service started' 'panic(0x700); hang()'
}

@test "an initrd that the machine has no room for is told, and not what init misses then" {
    cut='say(b"[    1.151072] Initramfs unpacking failed: write error\r\nwisp: mount: /sys: ENOENT\r\n"); panic(0x100); hang()'
    message="machine: the kernel could not unpack the initrd (write error): it does not fit into the machine's memory,"
    performed 1 "$message 512M" "$cut"
    performed 1 "$message 96M" "$cut" --memory 96M
    performed 1 "$message 1G" "$cut" -- -m 1G
}

@test "a machine that ends in silence is a failure" {
    performed 1 'machine: was switched off, and how the service ended was not seen' 'boot(); off()'
    performed 1 'machine: was reset, and how init ended was not seen' 'reset()'
    performed 1 'machine: ended, and how init ended was not seen' 'sys.exit(0)'
    performed 2 'QEMU: exited with status 5' 'sys.exit(5)'
    performed 2 'QEMU: was ended by signal 9' 'os.kill(os.getpid(), 9)'
}

@test "answers as expected end the machine with 0" {
    perform 0 'boot(); http(200); http(404, 1); hang()' --forward 0:80 --forward 0:8080 --expect http://:8080/a?b=404 \
        --expect http://:80/
    [[ $stderr =~ ^'wisp-qemu: forwarding 127.0.0.1:'[0-9]+' to the machine'"'"'s port 80'$'\nwisp-qemu: machine: answered as expected after '[0-9]+' ms'$ ]]
    grep -q '^GET /a?b HTTP/1.1' requests
}

@test "quiet says nothing of a good end, and all of another" {
    perform 0 'boot(); http(204); hang()' --quiet --forward 0:8080 --expect http://:8080/=204
    [ -z "$stderr" ]
    performed 3 'service: exited with status 3' 'boot(); panic(0x300)' --quiet
}

@test "the first answer counts" {
    performed 1 'http://:8080/: answered 503, expected 200' 'boot(); http(503); hang()' --forward 0:8080 --expect http://:8080/
    performed 1 'http://:8080/: answered 200, expected 404' 'boot(); http(200); hang()' --forward 0:8080 \
        --expect http://:8080/=404
    performed 1 "http://:8080/: answered 'SSH-2.0-x', which is not HTTP" 'boot(); http(b"SSH-2.0-x\r\n"); hang()' \
        --forward 0:8080 --expect http://:8080/
}

@test "a URL is asked until it is answered" {
    # closed at once, reset, closed within the status line: what QEMU shows of a guest that does not listen yet
    performed 1 'http://:8080/: answered 418, expected 200' '
boot()
for word in (b"", None, b"HTTP/1.1 2"):
    client = listeners[0].accept()[0]
    if word is None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    else:
        client.sendall(word)
    client.close()
http(b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.0 418\n")
hang()' --forward 0:8080 --expect http://:8080/
}

@test "a service that ends before it answers has failed" {
    performed 1 'service: exited with status 0 before it answered http://:8080/' 'boot(); panic(0)' --forward 0:8080 \
        --expect http://:8080/
    performed 5 'service: exited with status 5 before it answered http://:8080/' 'boot(); panic(0x500)' --forward 0:8080 \
        --expect http://:8080/
}

@test "a time-out is 124 and names what was awaited" {
    # five seconds, for a busy machine must have got that far by then
    performed 124 'service: has not ended within 5 s' 'boot(); hang()' --timeout 5
    performed 124 'http://:8080/: no answer within 5 s; the service had started' 'boot(); hang()' --timeout 5 \
        --forward 0:8080 --expect http://:8080/
    # a QEMU that says nothing at all
    printf '#!/bin/sh\nexec sleep 1000\n' >mute && chmod +x mute
    run -124 --separate-stderr wisp-qemu "${machine[@]}" --binary ./mute --timeout 1
    [ "$stderr" = 'wisp-qemu: QEMU: has not started the machine within 1 s' ]
}

@test "a QEMU that does not start the machine gives its reason" {
    printf '#!/bin/sh\nprintf "mute: warning: no\\nmute: -cpu x: unknown\\n" >&2; exit 1\n' >mute && chmod +x mute
    run -2 --separate-stderr wisp-qemu "${machine[@]}" --binary ./mute --supervise
    [ "$stderr" = 'wisp-qemu: ./mute: warning: no; -cpu x: unknown' ]
    printf '#!/bin/sh\nexit 3\n' >mute
    run -2 --separate-stderr wisp-qemu "${machine[@]}" --binary ./mute --supervise
    [ "$stderr" = 'wisp-qemu: ./mute: exited with status 3 before it started the machine' ]
    run -2 --separate-stderr wisp-qemu "${machine[@]}" --binary ./none --supervise
    [ "$stderr" = "wisp-qemu: ./none: is not in PATH: install QEMU's system emulator" ]
    run -2 --separate-stderr wisp-qemu "${machine[@]}" --binary ./initrd --supervise
    [ "$stderr" = 'wisp-qemu: ./initrd: exec: Permission denied' ]
}

@test "what QEMU says while the machine runs is passed on" {
    starts 'os.write(2, b"qemu: warning: hot\n")'
    until_true grep -qx 'qemu: warning: hot' messages
    kill "$supervisor"
    stopped 143
}

@test "the report is one JSON object, and the console goes to standard error" {
    perform 139 'boot(); panic(11); hang()' --json --forward 0:8080 --expect http://:8080/ --timeout 50
    grep -q '^wisp: starting /service/run' <<<"$stderr"
    jq -se 'length == 1 and (.[0] | keys_unsorted == ["outcome", "exit_status", "signal", "message", "forwards", "phases_ms",
            "expectations"] and
        .outcome == "killed" and .exit_status == 139 and .signal == 11 and
        .message == "service: was killed by SIGSEGV before it answered http://:8080/" and
        (.forwards | length == 1 and (.[0] | keys_unsorted == ["address", "host_port", "guest_port"] and
            .address == "127.0.0.1" and .host_port > 0 and .guest_port == 8080)) and
        (.phases_ms | keys_unsorted == ["firmware", "kernel", "init", "service", "answer"] and .answer == null and
            .firmware >= 0 and .kernel >= .firmware and .init >= .kernel and .service >= .init) and
        .expectations == [{url: "http://:8080/", expected: 200, status: null, ms: null}])' <<<"$output"
}

@test "the report of answers has their statuses and times" {
    perform 1 'boot(); http(200); http(404, 1); hang()' --json --forward 0:80 --forward 0:8080 --expect http://:80/ \
        --expect http://:8080/=500 --console console
    jq -e '.outcome == "unexpected" and .exit_status == 1 and .signal == null and
        .message == "http://:8080/: answered 404, expected 500" and (.forwards | map(.guest_port) == [80, 8080]) and
        (.expectations[1] | .expected == 500 and .status == 404 and .ms >= 0) and
        .phases_ms.answer >= .phases_ms.service' <<<"$output"
    grep -q '^wisp: starting /service/run' console
}

@test "the report needs the kernel's lines, and asks for them" {
    FAKE_QEMU_ARGS=$PWD/args perform 0 'boot(); panic(0)' --json --append 'console=x loglevel=4'
    grep -qx 'console=x loglevel=4 loglevel=7' args
    FAKE_QEMU_ARGS=$PWD/args perform 0 'boot(); panic(0)' --append 'console=x loglevel=4'
    grep -qx 'console=x loglevel=4' args
}

@test "the console is passed on byte for byte" {
    head -c 3000000 /dev/urandom >bytes
    perform 3 'say(open("bytes", "rb").read()); panic(0x300, b""); hang()' --console file
    [ -z "$output" ]
    printf 'Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300\r\n' | cat bytes - | cmp - file
    timeout 60 wisp-qemu "${machine[@]}" --console - >file2 2>/dev/null || [ $? -eq 3 ]
    cmp file file2
    timeout 60 wisp-qemu "${machine[@]}" --supervise 2>/dev/null | { sleep 0.3 && cat >file3; } || [ $? -eq 3 ]
    cmp file file3
}

@test "the console is in the file before the machine ends" {
    starts 'say(b"no line end")' --console file
    until_true grep -qx 'no line end' file
    kill "$supervisor"
    stopped 143
}

@test "a flood without line ends takes no memory, and the end is found behind it" {
    unsanitized "the sanitizers' own memory is counted"
    printf '#!/bin/sh\nulimit -v unlimited\nexec %q "$@"\n' "$WISP_ROOT/tests/lib/fake-qemu" >unlimited && chmod +x unlimited
    printf '%s\n' 'boot(); block = b"~" * 65536' 'for _ in range(4096): say(block)' 'panic(0x300, b"")' >play
    run -3 --separate-stderr timeout 60 sh -c 'ulimit -Sv 40000; exec "$@"' - wisp-qemu "${machine[@]}" --supervise \
        --binary ./unlimited --console /dev/null
    [ "$stderr" = 'wisp-qemu: service: exited with status 3' ]
}

@test "a reader of the console that reads nothing stops the guest, but not the clock" {
    mkfifo reader
    exec 7<>reader
    echo 'while True: say(b"~" * 65536)' >play
    run -124 --separate-stderr timeout 60 sh -c 'exec "$@" >reader' - wisp-qemu "${machine[@]}" --timeout 5
    exec 7>&-
    [ "$stderr" = 'wisp-qemu: standard output: warning: the end of the console found no reader
wisp-qemu: service: has not started within 5 s' ]
}

@test "a console that cannot be written ends the machine" {
    printf '%s\n' 'open("pid", "w").write(str(os.getpid()))' 'while True: say(b"~" * 65536)' >play
    run -2 --separate-stderr timeout 60 sh -c 'exec "$@" >/dev/full' - wisp-qemu "${machine[@]}" --supervise
    [ "$stderr" = 'wisp-qemu: standard output: write: No space left on device' ]
    is_gone "$(cat pid)"
    run -2 --separate-stderr timeout 60 bash -c '{ "$@"; echo $? >status; } | true; exit "$(cat status)"' - wisp-qemu \
        "${machine[@]}" --supervise
    [ "$stderr" = 'wisp-qemu: standard output: write: Broken pipe' ]
    is_gone "$(cat pid)"
    run -2 --separate-stderr wisp-qemu "${machine[@]}" --console none/console
    [ "$stderr" = 'wisp-qemu: none/console: open: No such file or directory' ]
}

@test "a console that is whole only once it is closed is no success before" {
    unsanitized "strace and the sanitizers' own tracing exclude each other"
    echo 'boot(); panic(0)' >play
    run -2 --separate-stderr strace -o calls -P "$PWD/console" -e trace=close -e inject=close:error=EDQUOT \
        wisp-qemu "${machine[@]}" --console console
    [ "$stderr" = 'wisp-qemu: console: close: Disk quota exceeded' ]
}

@test "a report that cannot be written is no success" {
    echo 'boot(); panic(0)' >play
    run -2 --separate-stderr sh -c 'exec "$@" >/dev/full' - wisp-qemu "${machine[@]}" --json --console console --quiet
    [ "$stderr" = 'wisp-qemu: standard output: write: No space left on device' ]
}

@test "signals end the machine, early and late, and a script's ignoring them changes nothing" {
    for ending in INT:130 TERM:143 HUP:129; do
        for play in 'pass' 'boot()' 'signal.signal(15, signal.SIG_IGN)'; do
            rm -f pid
            starts "$play"
            kill "-${ending%:*}" "$supervisor"
            stopped "${ending#*:}"
            [ "$(cat messages)" = "wisp-qemu: machine: ended by SIG${ending%:*}" ]
        done
    done
    # before QEMU has even answered
    printf '#!/bin/sh\necho $$ >pid.new; mv pid.new pid; exec sleep 1000\n' >mute && chmod +x mute
    rm pid
    starts pass --binary ./mute
    kill "$supervisor"
    stopped 143
}

@test "an interrupt that takes the console's reader too is an interrupt" {
    printf '%s\n' 'open("pid", "w").write(str(os.getpid()))' 'while True: say(b"~" * 65536)' >play
    mkfifo reader
    exec 7<>reader
    wisp-qemu "${machine[@]}" --supervise >reader 2>messages </dev/null 3>&- 7>&- &
    supervisor=$!
    until_true [ -s pid ]
    kill -INT "$supervisor"
    exec 7>&-
    stopped 130
    [ "$(grep -v warning messages)" = 'wisp-qemu: machine: ended by SIGINT' ]
}

@test "a killed wisp-qemu leaves no QEMU behind" {
    starts 'signal.signal(15, signal.SIG_IGN); boot()'
    kill -KILL "$supervisor"
    wait "$supervisor" || [ $? -eq 137 ]
    supervisor=''
    until_true is_gone "$(cat pid)"
}

@test "a script's standard input stays the script's, and a terminal's goes to the guest until Ctrl-C" {
    echo 'say(sys.stdin.buffer.readline()); boot(); panic(0)' >play
    { timeout 60 wisp-qemu "${machine[@]}" --supervise >console 2>/dev/null; read -r line; } <<<"for the script"
    [ "$line" = "for the script" ]
    run -1 grep -q script console
    cat >terminal.py <<'PY'
import os, pty, sys, termios
open("play", "w").write("""
import termios
modes = termios.tcgetattr(0); modes[3] &= ~termios.ECHO; termios.tcsetattr(0, termios.TCSANOW, modes)
os.set_blocking(0, False)
signal.signal(2, signal.SIG_IGN); signal.signal(15, signal.SIG_IGN)
say(b"ready\\n"); select.select([0], [], []); say(b"<" + os.read(0, 9).strip() + b">"); hang()
""".replace("import termios", "import select, termios"))
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
before = termios.tcgetattr(terminal)
def await_(text):
    seen = b""
    while text not in seen:
        seen += os.read(terminal, 1000)
await_(b"ready")
os.write(terminal, b"typed\n")
await_(b"<typed>")
os.write(terminal, b"\x03")
await_(b"ended by SIGINT")
status = os.waitpid(pid, 0)[1]
assert os.waitstatus_to_exitcode(status) == 130, status
PY
    timeout 60 python3 terminal.py wisp-qemu "${machine[@]}" --supervise
}

@test "a free port is QEMU's to choose, and is told before the machine runs" {
    printf %b '\x00\x00\x00\x14' >kernel # aarch64: b .
    wisp-qemu --arch aarch64 --kernel kernel --initrd initrd --accel tcg --forward 0:80 --forward 0.0.0.0:0:81 >console 2>messages \
        </dev/null 3>&- &
    supervisor=$!
    until_true grep -q 'port 81$' messages
    port=$(sed -n "s/^wisp-qemu: forwarding 127\.0\.0\.1:\([0-9]*\) to the machine's port 80\$/\1/p" messages)
    other=$(sed -n "s/^wisp-qemu: forwarding 0\.0\.0\.0:\([0-9]*\) to the machine's port 81\$/\1/p" messages)
    awk '$4 == "0A" { print $2 }' /proc/net/tcp >listening
    grep -qx "0100007F:$(printf %04X "$port")" listening
    grep -qx "00000000:$(printf %04X "$other")" listening
    # and who wants the same one is told
    run -2 --separate-stderr timeout 20 wisp-qemu --arch aarch64 --kernel kernel --initrd initrd --accel tcg --supervise \
        --forward "$port:80"
    [ "$stderr" = "wisp-qemu: --forward: 127.0.0.1:$port: Address already in use; another port, or 0 for a free one" ]
    kill "$supervisor"
    wait "$supervisor" || [ $? -eq 143 ]
    supervisor=''
}

@test "QEMU itself: what it does not start for is told in its words" {
    run -2 --separate-stderr timeout 20 wisp-qemu --arch aarch64 --kernel kernel --initrd initrd --accel tcg --supervise -- \
        -device nonsense
    [ "$stderr" = "wisp-qemu: qemu-system-aarch64: -device nonsense: 'nonsense' is not a valid device model name" ]
}

@test "QEMU itself: a machine that is switched off, and a time-out" {
    printf %b '\x00\x80\xb0\x52\x00\x01\x80\x72\x02\x00\x00\xd4' >kernel # PSCI SYSTEM_OFF
    run -1 --separate-stderr timeout 20 wisp-qemu --arch aarch64 --kernel kernel --initrd initrd --accel tcg --supervise
    [ "$stderr" = 'wisp-qemu: machine: was switched off, and how init ended was not seen' ]
    printf %b '\x00\x00\x00\x14' >kernel
    run -124 --separate-stderr timeout 20 wisp-qemu --arch aarch64 --kernel kernel --initrd initrd --accel tcg --timeout 5
    [ "$stderr" = 'wisp-qemu: service: has not started within 5 s' ]
}

@test "the printed command is QEMU's alone" {
    wisp-qemu "${machine[@]}" --print >plain
    wisp-qemu "${machine[@]}" --print --supervise --timeout 5 | cmp - plain
}

@test "a port that is not to be had is told with the reason, before QEMU is started" {
    starts 'boot()' --forward 0:80
    port=$(sed -n "s/^wisp-qemu: forwarding 127\.0\.0\.1:\([0-9]*\) to the machine's port 80\$/\1/p" messages)
    echo 'open("started", "w"); panic(0)' >play
    for option in '' --supervise; do
        refused 2 "--forward: 127.0.0.1:$port: Address already in use; another port, or 0 for a free one" $option --forward "$port:80"
        refused 2 "--forward: 0.0.0.0:$port: Address already in use; another port, or 0 for a free one" $option \
            --forward "0.0.0.0:$port:80"
        refused 2 "--forward: 192.0.2.1:$port: Cannot assign requested address" $option --forward "192.0.2.1:$port:80"
    done
    refused 2 "--forward: 127.0.0.1:$port: Address already in use; another port, or 0 for a free one" --console kept --forward "$port:80"
    [ ! -e started ]
    [ ! -e kept ]
    # what only prints takes no port
    wisp-qemu "${machine[@]}" --print --forward "$port:80" >command
    kill "$supervisor"
    stopped 143
}

refused() {
    local status=$1 message=$2
    shift 2
    run "-$status" --separate-stderr wisp-qemu "${machine[@]}" "$@"
    printf 'got:      %s\nexpected: %s\n' "$stderr" "wisp-qemu: $message"
    [ "$stderr" = "wisp-qemu: $message" ]
    [ -z "$output" ]
}

@test "what cannot be expected, or waited for, is refused before anything starts" {
    refused 1 "--expect: https://127.0.0.1/: is no http:// URL" --expect https://127.0.0.1/
    refused 1 "--expect: http://:8080/: no forward leads to the machine's port 8080" --expect http://:8080/
    refused 1 "--expect: http://:8080/=99: a status must be a number from 200 to 599" --expect http://:8080/=99
    refused 2 "--timeout: '0' is not a number from 1 to 604800" --timeout 0
    refused 2 "--timeout: '1.5' is not a number from 1 to 604800" --timeout 1.5
    refused 2 "--console: standard output is for --json" --json --console -
    refused 1 "--forward: 0:0: the machine's port must be a number from 1 to 65535" --forward 0:0
}
