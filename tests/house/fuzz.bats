# bats file_tags=slow
# What reads bytes that others wrote is given any bytes, as libFuzzer thinks of them, under ASan and UBSan. What it thinks
# of goes by the seed, which is the same each time, so that what passes here passes again; for longer, and elsewhere:
# make fuzzers && build/fuzz/dhcp_fuzz -max_total_time=3600
load ../lib/common

# fuzzed NAME RUNS [SEED]...: that fuzzer, from the files SEED on.
fuzzed() {
    local name=$1 runs=$2
    shift 2
    mkdir corpus
    [ $# -eq 0 ] || cp "$@" corpus
    "$WISP_BUILD/fuzz/${name}_fuzz" -seed=1 -runs="$runs" -timeout=60 -max_len=65536 corpus >log 2>&1 || { tail -n 40 log && return 1; }
    grep -q "^Done $runs runs" log
}

@test "any bytes as a DHCP server's answer" { fuzzed dhcp 300000; }

@test "any bytes as the files that PID 1 reads" {
    printf 'IFACE=eth0\nADDR=10.0.2.15/24\nGW=10.0.2.2\nCAPS=net_raw,chown\nTMPFS=/srv:4096\nRELAX=dmesg\n' >conf
    printf 'ADDR6=fd00::2/64\nSYSCTL=a.b=c\nUSER=1:1\nIFACE=e\n' >conf6
    printf 'a.ko x=1\nb.ko\n' >modules
    printf 'A=b\0C=\0' >env
    fuzzed init 30000 conf conf6 modules env
}

@test "any bytes as a package, an index and a tar" { fuzzed apk 3000 "$WISP_ROOT"/tests/data/apk/*.apk; }

@test "any bytes as a program" { fuzzed elf 30000; }

@test "any bytes as a kernel" { fuzzed kernel 30000; }

@test "any bytes as a console, an HTTP answer and QEMU's monitor" {
    printf '[    1.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n' >panic
    printf 'HTTP/1.1 200 OK\r\n\r\n' >http
    printf '{"QMP": {}}\r\n{"return": {}}\r\n' >qmp
    fuzzed run 20000 panic http qmp
}
