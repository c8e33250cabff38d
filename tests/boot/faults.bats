# bats file_tags=slow
# Each failure of init, brought about one by one: strace, inside the machine, lets init's system calls fail, which no kernel
# would do when asked. What init says is its whole line, and it says it at once.
load ../lib/guest

setup() {
    cd "$BATS_TEST_TMPDIR"
    longest=900
    case $(uname -m) in x86_64) target=qemu-x86_64 ;; *) target=qemu-debian ;; esac # strace is this machine's
    guest "$target" witness softdog
    cat >service.c <<'C'
#include <fcntl.h>
#include <stdio.h>
int main(void) {
    printf("service: runs");
    for (int fd = 3; fd < 1024; ++fd)
        if (fcntl(fd, F_GETFD) >= 0) printf(", %d is open", fd);
    puts("");
}
C
    gcc -static -O -o service service.c
    sed -i "s,^file /init .*,file /init $WISP_ROOT/tests/lib/injector 0755 0 0," manifest
    echo "file /init.real $WISP_BUILD/init/init-$arch 0755 0 0" >>manifest
    echo 'file /cases cases 0644 0 0' >>manifest
    carry busybox strace
    cat >wisp.conf <<'C'
IFACE=eth0
ADDR=10.0.2.15/24
GW=10.0.2.2
ADDR6=fec0::15/64
GW6=fec0::2
HOSTNAME=faulty
CLOCK=1000
TMPFS=/srv:65536
SYSCTL=net.core.somaxconn=1024
WATCHDOG=3600
CAPS=net_raw
RELAX=modules,ptrace,io_uring
C
}

# carry PROGRAM...: these of /usr/bin and their libraries are in the initrd, where they are here.
carry() {
    local program file folder
    for program; do
        echo "/usr/bin/$program" >>carried
        ldd "/usr/bin/$program" 2>/dev/null | grep -o '/[^ ]*' >>carried || : # a static one has none
    done
    sort -u carried | while read -r file; do
        folder=${file%/*}
        while [ -n "$folder" ] && ! grep -q "^dir $folder " manifest && echo "dir $folder 0755 0 0"; do folder=${folder%/*}; done
        echo "file $file $(readlink -f "$file") 0755 0 0"
    done >carried.manifest
    sort -u -t ' ' -k 2,2 carried.manifest >>manifest
}

# outcomes: what was said in each run, in one line, after what was injected and a tab; the status where it is another than
# init's or the service's. What went to the kernel's log has its time in front.
outcomes() {
    sed 's/^\[ *[0-9.]*\] //' lines | awk '/^# / { injected = substr($0, 3); said = ""; next }
        /^= / && injected != "" {
            print injected "\t" (said == "" ? "nothing" : said) ($2 == (said ~ /^wisp: /) ? "" : ", status " $2)
            injected = ""
        }
        /^wisp: starting |^wisp: dhcp: .* not renewed$/ { next }
        { said = said (said == "" ? "" : " and ") $0 }'
}

# each LINE CALL...: what failing each of these once is to say.
each() { printf "%s\t$1\n" "${@:2}"; }

# written LINE: the same of a small file that is written.
written() { each "$1" openat write close; }

# asked LINE: of a question to the kernel about the network.
asked() { each "$1" write read; }

@test "every system call of init that fails is one line, and the end, but for those that may fail" {
    echo 'every call|' >cases
    runs
    for name in dmesg_restrict kexec_load_disabled kptr_restrict perf_event_paranoid sysrq unprivileged_bpf_disabled; do
        written "wisp: hardening: /proc/sys/kernel/$name: EIO"
    done >expected
    while read -r name; do
        each "wisp: modules: /lib/modules/$name: EIO" openat close
        each "wisp: modules: $name: EIO" finit_module
    done <modules >>expected
    {
        each 'wisp: mount: /dev: EIO' mount
        each 'wisp: mount: /proc: EIO' mount
        each 'wisp: mount: /sys: EIO' mount
        each nothing openat # the console, and /dev/null is taken
        each 'wisp: console: standard streams: EIO' dup3 dup3 dup3 close
        each 'wisp: configuration: /etc/wisp.conf: EIO' openat read read close
        each 'wisp: arguments: /etc/argv: EIO' openat
        each 'wisp: environment: /etc/env: EIO' openat
        each 'wisp: modules: /etc/modules: EIO' openat read read close
        each 'wisp: clock: CLOCK_REALTIME: EIO' clock_gettime
        each 'wisp: host name: sethostname: EIO' sethostname
        each 'wisp: network: netlink: EIO' socket bind socket bind
        for name in lo eth0; do asked "wisp: interface: $name: EIO" && asked "wisp: interface: $name: EIO"; done
        written 'wisp: ipv6: eth0: EIO'
        written 'wisp: ipv6: eth0: EIO'
        asked 'wisp: address: 10.0.2.15: EIO'
        asked 'wisp: route: 10.0.2.2: EIO'
        asked 'wisp: address: fec0::15: EIO' # it is added
        asked 'wisp: address: fec0::15: EIO' # it is unique
        asked 'wisp: route: fec0::2: EIO'
        asked 'wisp: link: eth0: EIO'
        # interface, link and unique address: until when, and is it over
        for _ in 1 2 3; do each 'wisp: clock: monotonic: EIO' clock_gettime clock_gettime; done
        written 'wisp: ports: /proc/sys/net/ipv4/ip_unprivileged_port_start: EIO'
        written 'wisp: sysctl: net.core.somaxconn: EIO'
        each 'wisp: tmpfs: /srv: EIO' mkdirat mount
        each 'wisp: console: /dev/console: EIO' fchownat
        each 'service: runs, 6 is open' openat write openat write # the kernel is to hurry, and no longer
        each 'wisp: hardening: /sys: EBUSY' close close           # for there is a file open for writing then
        written 'wisp: hardening: /proc/sys/user/max_user_namespaces: EIO'
        for name in /proc /sys /; do each "wisp: hardening: $name: EIO" mount; done
        each 'wisp: watchdog: /dev/watchdog: EIO' openat ioctl
        for _ in {1..15}; do each 'wisp: privileges: bounding set: EIO' prctl; done
        each 'wisp: privileges: securebits: EIO' prctl prctl
        each 'wisp: privileges: supplementary groups: EIO' setgroups getgroups
        each 'wisp: privileges: gid: EIO' setresgid getresgid
        each 'wisp: privileges: uid: EIO' setresuid getresuid
        each 'wisp: privileges: capabilities: EIO' capset capset capget
        each 'wisp: privileges: ambient capabilities: EIO' prctl
        each 'wisp: privileges: no_new_privs: EIO' prctl
        each 'service: runs, 6 is open' setuid setgid # the way back to root
        each 'wisp: privileges: seccomp: EIO' seccomp
        each 'wisp: process: /: EIO' chdir
        each 'service: runs, 6 is open' umask # it cannot fail
        for _ in {1..9}; do each 'wisp: process: signals: EIO' rt_sigaction; done
        each 'wisp: process: signals: EIO' rt_sigprocmask
        each 'wisp: process: descriptors: EIO' close_range
        each 'wisp: process: watchdog: EIO' fcntl
        each 'service: runs, 6 is open' write # "starting", to a console that does not take it
        each 'wisp: exec: /service/run: EIO' execve
    } >>expected
    outcomes | sed 's/ [0-9]*\t/\t/' | sort | diff <(sort expected) -
}

# Lines of three columns: what is said, what prepares the run (see tests/lib/injector), what fails.
@test "what a system call's failure means is said, what the kernel only pretends to do is noticed, and what can be done without is" {
    cat >table <<'T'
service: runs, 6 is open||
wisp: mount: /dev: ENODEV, this kernel was built without the file system||mount:error=ENODEV:when=1
wisp: mount: /sys: ENOENT, the initrd has no such folder||mount:error=ENOENT:when=3
wisp: console: /dev/null: EIO||openat:error=EIO
service: runs, 6 is open||fchownat:error=ENOENT
wisp: configuration: /etc/wisp.conf: larger than 16384 bytes|head -c 16385 /dev/zero >/etc/wisp.conf|
wisp: configuration: /etc/wisp.conf: IFACE: missing|conf ADDR=10.0.2.15/24|
wisp: modules: /etc/modules: larger than 16384 bytes|head -c 16385 /dev/zero >/etc/modules|
wisp: modules: /etc/modules:1: ../a.ko: not the name of a file in /lib/modules|echo ../a.ko >/etc/modules|
wisp: modules: a.ko: EKEYREJECTED, its signature is bad|module|finit_module:error=EKEYREJECTED
wisp: modules: a.ko: ENOKEY, not signed by a key this kernel trusts|module|finit_module:error=ENOKEY
wisp: modules: a.ko: EBADMSG, its signature is malformed|module|finit_module:error=EBADMSG
wisp: modules: a.ko: EPERM, this kernel's module loading is switched off or locked down|module|finit_module:error=EPERM
wisp: modules: a.ko: EINVAL, a bad parameter, symbols of another kernel's build, or not a module at all|module|finit_module:error=EINVAL
wisp: modules: a.ko: EBUSY, something else is loading it|module|finit_module:error=EBUSY
wisp: modules: a.ko: ENODEV, the device it drives is not there|module|finit_module:error=ENODEV
wisp: modules: a.ko: ENOMEM, not enough memory|module|finit_module:error=ENOMEM
wisp: modules: a.ko: ETXTBSY, its file is open for writing|module|finit_module:error=ETXTBSY
wisp: clock: CLOCK_REALTIME: EPERM|set_key CLOCK 4294967295|clock_settime:error=EPERM
wisp: interface: eth7: EIO|set_key IFACE eth7|ppoll:error=EIO
wisp: interface: lo: EPROTO|no_modules|read:retval=20:when=4
wisp: dhcp: eth0: EAFNOSUPPORT|lease|socket:error=EAFNOSUPPORT:when=3
wisp: dhcp: eth0: EPERM|lease|setsockopt:error=EPERM:when=1
wisp: dhcp: eth0: ENODEV|lease|setsockopt:error=ENODEV:when=2
wisp: dhcp: eth0: EADDRINUSE|lease|bind:error=EADDRINUSE:when=3
wisp: dhcp: eth0: ENODEV|lease|ioctl:error=ENODEV:when=1
wisp: dhcp: eth0: ENETDOWN|lease|sendmsg:error=ENETDOWN:when=1
wisp: dhcp: eth0: ENOBUFS|lease|sendmsg:error=ENOBUFS:when=2
wisp: dhcp: eth0: ENETUNREACH|lease|sendmsg:error=ENETUNREACH:when=3
wisp: dhcp: eth0: EIO|lease|ppoll:error=EIO:when=1
wisp: dhcp: eth0: ENETDOWN|lease|read:error=ENETDOWN:when=9
wisp: dhcp: eth0: EIO|lease|close:error=EIO:when=6
wisp: resolvers: /etc/resolv.conf: EROFS|lease|openat:error=EROFS:when=8
wisp: resolvers: /etc/resolv.conf: EIO|lease|close:error=EIO:when=7
wisp: resolvers: /etc/resolv.conf: ENOSPC|full_disk|
service: runs|lease|
wisp: sysctl: kernel.unprivileged_bpf_disabled: EPERM, this kernel does not let it become that|set_key SYSCTL kernel.unprivileged_bpf_disabled=0|
wisp: tmpfs: /srv: ENODEV, this kernel was built without tmpfs||mount:error=ENODEV:when=4
wisp: watchdog: /dev/watchdog: EINVAL, it cannot wait as long as WATCHDOG says||ioctl:error=EINVAL:when=1
wisp: watchdog: /dev/watchdog: EOPNOTSUPP, its time cannot be set||ioctl:error=EOPNOTSUPP:when=1
wisp: privileges: chown: this kernel has no such capability|set_key CAPS chown|prctl:error=EINVAL
wisp: privileges: seccomp: EINVAL, this kernel was built without seccomp filters||seccomp:error=EINVAL
wisp: privileges: seccomp: ENOSYS, this kernel was built without seccomp||seccomp:error=ENOSYS
wisp: privileges: uid and gid: not what they were set to||setresuid:retval=0
wisp: privileges: uid and gid: not what they were set to||setresgid:retval=0
wisp: privileges: supplementary groups: some are left||getgroups:retval=1
wisp: privileges: capabilities: not what they were set to||capset:retval=0:when=2
wisp: privileges: uid: root can be had back||setuid:retval=0
wisp: privileges: uid: root can be had back||setgid:retval=0
wisp: process: /: errno 18||chdir:error=EXDEV
service: runs, 6 is open||close_range:error=ENOSYS
service: runs, 6 is open||close_range:error=EINVAL
wisp: process: descriptors: EIO||close_range:error=ENOSYS fcntl:error=EIO:when=1
wisp: exec: /service/run: ENOENT, the interpreter it names is not in the initrd: a dynamic program or a script|echo '#!/bin/none' >/service/run|
wisp: exec: /service/run: ENOENT, not in the initrd|rm /service/run|
wisp: exec: /service/run: ENOMEM, not enough memory||execve:error=ENOMEM:when=1
wisp: exec: /service/run: ENOMEM, not enough memory|to_the_log|openat:error=ENXIO:when=1 execve:error=ENOMEM:when=1
wisp: watchdog: /dev/watchdog: EBUSY, something else has it|dmesg -n 1 && mknod /tmp/watchdog c 10 130 && exec 4>/tmp/watchdog|
T
    cut -d '|' -f 2- table >cases
    runs
    paste <(cut -d '|' -f 2- table) <(cut -d '|' -f 1 table) | diff - <(outcomes)
}
