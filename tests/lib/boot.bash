# Machines for tests: started through wisp.sh, asked over HTTP, stopped by their pid.
load ../lib/common

services=${WISP_SERVICES:-$WISP_BUILD/services}

# Kernels are fetched once for all tests; a test that is about fetching has a cache of its own.
export XDG_CACHE_HOME=$WISP_BUILD/cache

wisp() { "$WISP_ROOT/wisp.sh" "$@"; }

# cache_entry TARGET: the folder the latest build of that target took its kernel from.
cache_entry() { find "$XDG_CACHE_HOME/wisp/$1" -name inputs -printf '%T@ %h\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-; }

# free_port: prints a port nobody listens on just now.
free_port() {
    local port
    while :; do
        port=$((RANDOM % 20000 + 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
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
