# Two machines and a cable, in network namespaces: "machine", whose eth0 the network part of /init configures, and
# "peer", on the other end. Everything started in them is stopped by its pid.
load ../lib/common

services=${WISP_SERVICES:-$WISP_BUILD/services}

in_machine() { nsenter -t "$machine" -n -- "$@"; }
in_peer() { nsenter -t "$peer" -n -- "$@"; }

# eventually COMMAND...: waits until COMMAND succeeds, which it does long before this gives up.
eventually() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        "$@" && return
        sleep 0.1
    done
    echo "never: $*" >&2
    return 1
}

# background COMMAND...: starts a program (no function, whose process would outlive its shell), to be
# stopped at the end of the test; its pid is $started.
background() {
    "$@" 3>&- &
    started=$!
    background_pids+=("$started")
}

# background_in NAMESPACE COMMAND...: the same, in the namespace of that process.
background_in() { background nsenter -t "$1" -n -- "${@:2}"; }

is_elsewhere() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

# new_namespace: a network namespace that lasts as long as the test; it is that of the process $started.
new_namespace() {
    background unshare -n sleep 600
    eventually is_elsewhere "$started"
}

open_lab() {
    background_pids=()
    unshare -n true 2>/dev/null || skip "no network namespaces may be made here"
    new_namespace
    machine=$started
    new_namespace
    peer=$started
    # As a kernel starts: a namespace inherits what its host has set [ip-sysctl: devconf_inherit_init_net].
    in_machine sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    in_machine ip link add eth0 type veth peer name peer0 netns "$peer"
    in_peer ip addr add 10.7.0.1/24 dev peer0
    in_peer ip addr add fd00:7::1/64 dev peer0 nodad
    in_peer ip addr add fe80::7/64 dev peer0 nodad
    in_peer ip link set peer0 up
}

close_lab() {
    [ ${#background_pids[@]} -eq 0 ] || kill "${background_pids[@]}" 2>/dev/null || :
    wait
}

# netup LINE...: configures the machine by a wisp.conf of these lines; what is said goes to the file "console", how long
# it took to $seconds.
netup() {
    local began=$SECONDS status=0
    printf '%s\n' "$@" >wisp.conf
    in_machine "$services/netup" 2>console || status=$?
    seconds=$((SECONDS - began))
    return "$status"
}

# stops TEXT LINE...: configuring the machine by these lines fails, with TEXT as the last of what is said.
stops() {
    local status=0
    netup "${@:2}" || status=$?
    tail -n 1 console | diff <(echo "$1") - && [ "$status" -eq 1 ]
}

# addresses FAMILY: the machine's addresses on eth0, one a line, with their flags.
addresses() {
    in_machine ip -j "$1" addr show dev eth0 |
        jq -r '.[].addr_info[]? | "\(.local)/\(.prefixlen)\(if .tentative then " tentative" else "" end)\(if .dynamic then " dynamic" else "" end)"' |
        sort
}

# default_route FAMILY: gateway, interface and protocol of each.
default_route() { in_machine ip -j "$1" route show default | jq -r '.[] | "\(.gateway) \(.dev) \(.protocol)"'; }

# capture FILE FILTER...: what passes the peer's end of the cable goes to FILE, and is there as soon as it has passed.
capture() {
    background_in "$peer" tcpdump -U --immediate-mode -i peer0 -w "$1" "${@:2}" 2>"$1.log"
    eventually grep -q 'listening on' "$1.log"
}

# packets FILE [FILTER]: the packets in FILE, as tcpdump understands them.
packets() { tcpdump -nnvvv -r "$@" 2>/dev/null; }
