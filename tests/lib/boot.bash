# Machines for tests: started through wisp.sh, asked over HTTP, stopped by their pid.
load ../lib/common

services=${WISP_SERVICES:-$WISP_BUILD/services}

# Kernels are fetched once for all tests; a test that is about fetching has a cache of its own.
export XDG_CACHE_HOME=$WISP_BUILD/cache

wisp() { "$WISP_ROOT/wisp.sh" "$@"; }

# cache_entry TARGET: the folder the latest build of that target took its kernel from.
cache_entry() { find "$XDG_CACHE_HOME/wisp/$1" -name inputs -printf '%T@ %h\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-; }

# free_port: prints a port that nobody listens on and no other test of this build is given: they are counted, under
# those that the kernel gives to outgoing connections (net.ipv4.ip_local_port_range).
free_port() {
    local port lock
    exec {lock}>"$WISP_BUILD/port.lock"
    flock "$lock"
    port=$(cat "$WISP_BUILD/port" 2>/dev/null || echo $((RANDOM % 20000 + 10000)))
    while port=$((port < 30000 ? port + 1 : 10000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port" >"$WISP_BUILD/port"
    exec {lock}>&-
    echo "$port"
}

# boot TARGET SERVICE [OPTION]...: starts the machine; its console goes to the file "console", its pid to $machine, its
# ports 8080 and 80 are 127.0.0.1:$port and :$low_port.
boot() {
    local target=$1 service=$2
    shift 2
    port=$(free_port)
    low_port=$(free_port)
    "$WISP_ROOT/wisp.sh" run -q -t "$target" -b "$service" --ip 10.0.2.15/24 --gateway 10.0.2.2 --accel tcg \
        --port "$port:8080" --port "$low_port:80" "$@" >console 2>&1 </dev/null 3>&- &
    machine=$!
}

# answer PORT: the service's HTTP answer, or a failed test with the console's last words.
answer() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        curl -s --max-time 5 "http://127.0.0.1:$1/" && return
        kill -0 "$machine" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 30 console >&2
    return 1
}

# died SECONDS: waits for the machine to end by itself.
died() {
    local tries
    for ((tries = 0; tries < $1 * 10; tries++)); do
        kill -0 "$machine" 2>/dev/null || return 0
        sleep 0.1
    done
    tail -n 30 console >&2
    return 1
}

# says TEXT: the console shows TEXT as a whole line.
says() { tr -d '\r' <console | grep -qxF -- "$1" || { cat console >&2 && return 1; }; }

stop_machine() {
    [ -z "${machine-}" ] || kill "$machine" 2>/dev/null || :
    [ -z "${machine-}" ] || wait "$machine" 2>/dev/null || :
    machine=''
}

teardown() { stop_machine; }

# make_initrd TARGET ARCH SERVICE [MANIFEST-LINE]...: ./initrd.img as the driver makes it, in the folder of the test, and
# the kernel's folder in $entry.
make_initrd() {
    local target=$1 arch=$2 service=$3
    shift 3
    wisp fetch -q -t "$target"
    entry=$(cache_entry "$target")
    printf 'IFACE=eth0\nADDR=10.0.2.15/24\nGW=10.0.2.2\n' >wisp.conf
    {
        printf '%s\n' 'dir /dev 0755 0 0' 'nod /dev/console 0600 0 0 c 5 1' 'dir /etc 0755 0 0' \
            'file /etc/wisp.conf wisp.conf 0644 0 0' "file /etc/modules $entry/modules.list 0644 0 0" \
            "file /init $WISP_BUILD/init/init-$arch 0755 0 0" 'dir /lib 0755 0 0' 'dir /lib/modules 0755 0 0' \
            'dir /proc 0555 0 0' 'dir /service 0755 0 0' "file /service/run $service 0755 0 0" 'dir /sys 0555 0 0' "$@"
        sed "s,.*,file /lib/modules/& $entry/modules/& 0644 0 0," "$entry/modules.list"
    } >manifest
    wisp-cpio -z1 manifest >initrd.img
}
