# bats file_tags=slow
# What a service finds in its machine, whole: init/README.md says it in words, this in the service's own.
load ../lib/guest

# expected [KEY=VALUE]...: what the witness says when wisp.conf asks for nothing; a key's value may be replaced. What goes
# by the kernel's version or the machine's memory is told by the rule: see found().
expected() {
    local -A is=([args]='witness: argv 0: /service/run' [env]='' [ids]=1000 [gids]=1000 [caps]=0000000000000000
        [watchdog]='' [tmpfs]='' [somaxconn]=4096 [host]='(none)' [domain]='(none)' [floor]='')
    for replaced; do is[${replaced%%=*}]=${replaced#*=}; done
    cat <<W | sed '/^$/d'
${is[args]}
${is[env]}
witness: env: PATH=/usr/local/bin:/usr/bin:/bin
witness: env: HOME=/
witness: env: TERM=linux
${is[watchdog]:+witness: env: WISP_WATCHDOG_FD=${is[watchdog]}}
witness: ids: 1 0 0 0
witness: Umask: 0022
witness: Uid: ${is[ids]} ${is[ids]} ${is[ids]} ${is[ids]}
witness: Gid: ${is[gids]} ${is[gids]} ${is[gids]} ${is[gids]}
witness: Groups: 
witness: Threads: 1
witness: SigPnd: 0000000000000000
witness: ShdPnd: 0000000000000000
witness: SigBlk: 0000000000000000
witness: SigIgn: 0000000000000000
witness: SigCgt: 0000000000000000
witness: CapInh: ${is[caps]}
witness: CapPrm: ${is[caps]}
witness: CapEff: ${is[caps]}
witness: CapBnd: ${is[caps]}
witness: CapAmb: ${is[caps]}
witness: NoNewPrivs: 1
witness: Seccomp: 2
witness: Seccomp_filters: 1
witness: securebits: 235
witness: fd 0: /dev/console, read and write
witness: fd 1: /dev/console, read and write
witness: fd 2: /dev/console, read and write
${is[watchdog]:+witness: fd ${is[watchdog]}: /dev/watchdog, write}
witness: cwd: /
witness: nice: 0
witness: limit cpu time: unlimited unlimited seconds
witness: limit file size: unlimited unlimited bytes
witness: limit data size: unlimited unlimited bytes
witness: limit stack size: 8388608 unlimited bytes
witness: limit core file size: 0 unlimited bytes
witness: limit resident set: unlimited unlimited bytes
witness: limit processes: threads-max/2 threads-max/2 processes
witness: limit open files: 1024 4096 files
witness: limit locked memory: 8388608 8388608 bytes
witness: limit address space: unlimited unlimited bytes
witness: limit file locks: unlimited unlimited locks
witness: limit pending signals: threads-max/2 threads-max/2 signals
witness: limit msgqueue size: 819200 819200 bytes
witness: limit nice priority: 0 0
witness: limit realtime priority: 0 0
witness: limit realtime timeout: unlimited unlimited us
witness: mount: rootfs / rootfs ro,nosuid,nodev,HALF,inode64 0 0
witness: mount: devtmpfs /dev devtmpfs rw,nosuid,noexec,relatime,HALF,mode=755,inode64 0 0
witness: mount: proc /proc proc rw,nosuid,nodev,noexec,relatime,hidepid=invisible 0 0
witness: mount: sysfs /sys sysfs ro,nosuid,nodev,noexec,relatime 0 0
${is[tmpfs]}
witness: processes: 1
witness: kernel/modules_disabled: 1
witness: kernel/kexec_load_disabled: 1
witness: kernel/dmesg_restrict: 1
witness: kernel/kptr_restrict: 2
witness: kernel/unprivileged_bpf_disabled: 1
witness: kernel/sysrq: 0
witness: user/max_user_namespaces: 0
witness: kernel/yama/ptrace_scope: 3
witness: kernel/perf_event_paranoid: 3
witness: kernel/io_uring_disabled: SINCE 6.6
witness: net/ipv4/ip_unprivileged_port_start: 0
witness: net/core/somaxconn: ${is[somaxconn]}
witness: host: ${is[host]}
witness: domain: ${is[domain]}
${is[floor]}
W
}

# found: what the witness said. The kernel gives its own two file systems up to half the memory.
found() {
    grep '^witness: ' lines | sed -E '/(rootfs|devtmpfs) /s/size=[0-9]+k,nr_inodes=[0-9]+/HALF/
        s/(io_uring_disabled): (2|ENOENT)$/\1: SINCE 6.6/'
}

finds_what_is_documented() { # TARGET
    guest "$1" witness
    runs
    says 'wisp: starting /service/run'
    diff <(expected) <(found)
}

@test "a service on 4 KiB pages, aarch64, finds what is documented and nothing more" {
    finds_what_is_documented qemu-debian
}

@test "a service on 4 KiB pages, x86_64, finds what is documented and nothing more" {
    finds_what_is_documented qemu-x86_64
}

@test "a service on 16 KiB pages, aarch64, finds what is documented and nothing more" {
    finds_what_is_documented pages
}

# every_byte: 0x01 to 0xff, as they are.
every_byte() {
    local code
    for ((code = 1; code < 256; code++)); do printf '%b' "\\x$(printf %02x "$code")"; done
}

# told: every_byte as the witness writes it.
told() {
    local code
    for ((code = 1; code < 256; code++)); do
        if ((code >= 32 && code <= 126 && code != 92)); then
            printf '%b' "\\x$(printf %02x "$code")"
        else
            printf '\\x%02x' "$code"
        fi
    done
}

gets_what_was_asked() { # TARGET KERNEL-ROUNDED-SIZE
    guest "$1" witness softdog
    cat >>wisp.conf <<'C'
USER=4242:4343
HOSTNAME=web_1.example
CLOCK=4102444800
CAPS=net_bind_service,net_raw,checkpoint_restore
TMPFS=/scratch:65537
TMPFS=/dev/shm:1048576
SYSCTL=net.core.somaxconn=77
SYSCTL=kernel.domainname=inside.example
WATCHDOG=600
C
    { printf '/service/run\0\0--two words\0floor=4102444800\0"\047\n\0' && every_byte && printf '\0'; } >argv
    { printf 'HOME=/home\0EMPTY=\0A B=c=d\0UTF=h\303\244\342\202\254\0BYTES=' && every_byte && printf '\0'; } >env
    cat >>manifest <<'M'
file /etc/argv argv 0644 0 0
file /etc/env env 0644 0 0
M
    runs
    grep -qxE 'wisp: clock: [0-9]+ is before this image was built: set to 4102444800' lines
    watchdog=$(sed -n 's/^witness: env: WISP_WATCHDOG_FD=//p' lines)
    [ "$watchdog" -ge 3 ]
    diff <(expected ids=4242 gids=4343 caps=0000010000002400 somaxconn=77 host=web_1.example domain=inside.example \
        watchdog="$watchdog" floor='witness: clock: at the floor' \
        args="witness: argv 0: /service/run
witness: argv 1: 
witness: argv 2: --two words
witness: argv 3: floor=4102444800
witness: argv 4: \"'\\x0a
witness: argv 5: $(told)" \
        env="witness: env: HOME=/home
witness: env: EMPTY=
witness: env: A B=c=d
witness: env: UTF=h\\xc3\\xa4\\xe2\\x82\\xac
witness: env: BYTES=$(told)" \
        tmpfs="witness: mount: tmpfs /scratch tmpfs rw,nosuid,nodev,noexec,relatime,size=$2,mode=700,uid=4242,gid=4343,inode64 0 0
witness: mount: tmpfs /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=700,uid=4242,gid=4343,inode64 0 0" |
        sed '/env: HOME=.$/d') <(found)
}

@test "a service on 4 KiB pages, aarch64, gets all that was asked for it, to the byte" {
    gets_what_was_asked qemu-debian 68k
}

@test "a service on 4 KiB pages, x86_64, gets all that was asked for it, to the byte" {
    gets_what_was_asked qemu-x86_64 68k
}

@test "a service on 16 KiB pages, aarch64, gets all that was asked for it, to the byte" {
    gets_what_was_asked pages 80k
}

# escapes: what the escape service said.
escapes() { sed -n 's/^escape: //p' lines; }

# all_denied TARGET: a machine with every kind of place that something might be written to.
prepare_escape() {
    guest "$1" escape
    echo TMPFS=/scratch:65536 >>wisp.conf
    echo open >open
    cat >>manifest <<'M'
dir /scratch 0755 0 0
dir /tmp 01777 0 0
file /tmp/open open 0666 0 0
M
}

all_denied() { # TARGET
    prepare_escape "$1"
    runs
    [ "$(wc -l <"$BATS_TEST_DIRNAME/../data/escapes")" -ge 90 ]
    if [ "$arch" = x86_64 ]; then
        diff "$BATS_TEST_DIRNAME/../data/escapes" <(escapes)
    else
        diff <(grep -vE '^(ioperm|iopl|read /dev/port|a call by the (x32|i386) ABI):' "$BATS_TEST_DIRNAME/../data/escapes") \
            <(escapes)
    fi
}

@test "nothing leads out on 4 KiB pages, aarch64" { all_denied qemu-debian; }

@test "nothing leads out on 4 KiB pages, x86_64" { all_denied qemu-x86_64; }

@test "nothing leads out on 16 KiB pages, aarch64" { all_denied pages; }

# allowed: the attempts that were let through, by name.
allowed() { escapes | sed -n 's/: ALLOWED$//p'; }

@test "without the hardening, what it takes away is there: the attempts are real ones" {
    prepare_escape qemu-debian
    echo RELAX=hidepid,sysfs,rootfs,modules,kexec,dmesg,kptr,bpf,sysrq,userns,ptrace,perf,keyring,io_uring,seccomp >>wisp.conf
    runs
    diff - <(allowed) <<'A'
create /new
create /tmp/new
create an unnamed file in /tmp
write /tmp/open
make a folder
make a symbolic link
look at another process
quotactl
be traced
process_vm_readv
process_vm_writev
userfaultfd
io_uring_setup
keyctl
add_key
request_key
a user namespace
a mount namespace
a network namespace
a time namespace
a child in a PID namespace
setns
capset
A
}

@test "a capability that is granted lets its own calls through, and no others" {
    prepare_escape qemu-x86_64
    echo CAPS=sys_time,sys_chroot,sys_rawio,sys_pacct,net_raw >>wisp.conf
    runs
    diff - <(allowed) <<'A'
chroot
settimeofday
clock_settime
adjtimex
acct
a raw socket
a raw IPv6 socket
a packet socket
ioperm
iopl
A
}

# The machine's time is counted in instructions, and what waits does not: a busy host makes no difference.
by_instructions=(-icount 'shift=0,sleep=off')

# snippet LANGUAGE: the one in the manual.
snippet() { sed -n '/^```'"$1"'$/,/^```$/p' "$WISP_ROOT/init/README.md" | sed '/^```/d'; }

@test "a watchdog that nobody pings resets the machine" {
    printf '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n' >sleeps.c
    guest qemu-debian witness softdog
    aarch64-linux-gnu-gcc -static -o service sleeps.c
    echo WATCHDOG=3 >>wisp.conf
    runs "${by_instructions[@]}"
    says 'wisp: starting /service/run'
    grep -q 'softdog: Initiating system reboot' lines
    run -1 grep -q 'Kernel panic' lines
}

@test "a watchdog that is pinged as the manual says lets the service run for longer than its time" {
    guest qemu-debian witness softdog
    {
        snippet c
        cat <<'C'
#include <stdio.h>
int main(void) {
    for (int second = 0; second < 10; ++second) {
        if (ping_watchdog() != 0) return 1;
        sleep(1);
    }
    puts("still here");
    return 7;
}
C
    } >pings.c
    aarch64-linux-gnu-gcc -Wall -Wextra -Werror -static -o service pings.c
    echo WATCHDOG=3 >>wisp.conf
    runs "${by_instructions[@]}"
    says 'still here'
    grep -q 'Attempted to kill init! exitcode=0x00000700' lines
}

# pings: ./ping, which pings twice, writes what it should to its watchdog, has nothing to do without one, and fails when
# it cannot.
pings() {
    ./ping
    WISP_WATCHDOG_FD=3 ./ping 3>pinged
    [ "$(cat pinged)" = 11 ]
    WISP_WATCHDOG_FD=3 run -1 ./ping 3>/dev/full
}

@test "the manual's ping does what it says in C, C++, Go and Rust" {
    { snippet c && echo 'int main(void) { return ping_watchdog() != 0 || ping_watchdog() != 0; }'; } >ping.c
    gcc -Wall -Wextra -Werror -o ping ping.c
    pings
    g++ -Wall -Wextra -Werror -o ping -x c++ ping.c
    pings
    {
        snippet go
        printf '\nfunc main() {\n\tif pingWatchdog() != nil || pingWatchdog() != nil {\n\t\tos.Exit(1)\n\t}\n}\n'
    } >ping.go
    [ -z "$(gofmt -l ping.go)" ]
    export GO111MODULE=off GOCACHE=$WISP_BUILD/go CGO_ENABLED=0
    go vet ping.go
    go build -o ping ping.go
    pings
    { snippet rust && echo 'fn main() { std::process::exit((ping_watchdog().is_err() || ping_watchdog().is_err()).into()) }'; } >ping.rs
    rustc --edition 2021 -D warnings -o ping ping.rs
    pings
}

@test "a machine whose clock is later than the image keeps its own time" {
    guest qemu-x86_64 witness
    echo CLOCK=1763740000 >>wisp.conf
    printf '/service/run\0floor=1763740000\0floor=1893456000\0' >argv
    echo 'file /etc/argv argv 0644 0 0' >>manifest
    runs -rtc base=2030-01-01
    run -1 grep 'wisp: clock' lines
    [ "$(grep clock: lines)" = $'witness: clock: after the floor\nwitness: clock: at the floor' ]
}

@test "a machine whose clock is earlier than the image is set to the image's" {
    guest qemu-x86_64 witness
    echo CLOCK=1763740000 >>wisp.conf
    printf '/service/run\0floor=1763740000\0' >argv
    echo 'file /etc/argv argv 0644 0 0' >>manifest
    runs -rtc base=2000-01-01
    grep -qxE 'wisp: clock: 9466[89][0-9]{4} is before this image was built: set to 1763740000' lines
    says 'witness: clock: at the floor'
}

@test "init has at most 32 KiB, and nothing of a library" {
    for architecture in aarch64 x86_64; do
        init=$WISP_BUILD/init/init-$architecture
        [ "$(wc -c <"$init")" -le 32768 ]
        file "$init" | grep -q 'statically linked'
    done
}

# times TARGET PROGRAM: boots PROGRAM as an init with neither modules nor a network to wait for; prints the nanoseconds of
# processor time and of clock from its exec to the service's, each instruction being one.
times() {
    guest "$1" stopwatch
    printf 'IFACE=lo\nADDR=10.0.2.15/24\n' >wisp.conf
    : >modules
    sed -i "s,^file /init .*,file /init service 0755 0 0\nfile /init.timed $2-$arch 0755 0 0," manifest
    runs "${by_instructions[@]}"
    sed -n 's/^stopwatch: cpu \([0-9]*\) wall \([0-9]*\)$/\1 \2/p' lines
}

@test "from exec to exec init takes less than 3 ms of a processor that does one instruction per ns, and starts the service that soon" {
    for target in qemu-debian qemu-x86_64; do
        read -r cpu wall <<<"$(times "$target" "$WISP_BUILD/init/init")"
        read -r least_cpu least_wall <<<"$(times "$target" "$services/minimal")"
        echo "# $target: init $cpu ns cpu, $wall ns; the least an init can do $least_cpu ns cpu, $least_wall ns" >&3
        [ "$cpu" -lt 3000000 ]
        [ $((wall - least_wall)) -lt 3000000 ] # it waits for nothing
        [ "$least_cpu" -lt "$cpu" ]
    done
}
