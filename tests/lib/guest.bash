# Machines whose initrd is put together by hand, so that init is asked for what the driver would refuse or never writes,
# and whose service ends by itself: what it said is on the console, and no port or clock decides a test.
load ../lib/boot
load ../lib/debian

# guest TARGET SERVICE [MODULE]...: a manifest for that target's kernel, with its modules and the further MODULEs, and with
# a wisp.conf that says no more than it must. Files it names: modules, service, wisp.conf.
guest() {
    local target=$1 service=$2 name more
    shift 2
    board=$WISP_ROOT/boards/$target.json
    if [ "$target" = pages ]; then
        board=$BATS_FILE_TMPDIR/boards/pages.json
        [ -f "$board" ] || pages_board
    fi
    more=$(jq -nc '$ARGS.positional' --args "$@")
    # further modules make another target, whose cache is its own
    name=$(printf %s "$target" "${@/#/-}")
    mkdir -p guest-boards
    jq --arg name "$name" --argjson more "$more" '.name = $name | .modules += $more' "$board" >"guest-boards/$name.json"
    board=$PWD/guest-boards/$name.json
    wisp fetch -q --boards guest-boards --allow-unpinned -t "$name"
    entry=$(cache_entry "$name")
    arch=$(jq -r .arch "$board")
    printf 'IFACE=eth0\nADDR=10.0.2.15/24\nGW=10.0.2.2\n' >wisp.conf
    cp "$entry/modules.list" modules
    cp "$services/$service-$arch" service
    cat >manifest <<M
dir /dev 0755 0 0
nod /dev/console 0600 0 0 c 5 1
dir /etc 0755 0 0
file /etc/wisp.conf wisp.conf 0644 0 0
file /etc/modules modules 0644 0 0
file /init $WISP_BUILD/init/init-$arch 0755 0 0
dir /lib 0755 0 0
dir /lib/modules 0755 0 0
$(sed "s,.*,file /lib/modules/& $entry/modules/& 0644 0 0," modules)
dir /proc 0555 0 0
dir /service 0755 0 0
file /service/run service 0755 0 0
dir /sys 0555 0 0
M
}

# runs [QEMU-OPTION]...: boots what guest() prepared until the machine ends, which takes at most $longest seconds; its console
# is the file "console".
runs() {
    wisp-cpio -z1 manifest >initrd.img
    timeout "${longest:-120}" wisp-qemu --board "$board" --kernel "$entry/Image" --initrd initrd.img --accel tcg -- "$@" \
        >console 2>&1 </dev/null &
    machine=$!
    died "${longest:-120}"
    tr -d '\r' <console >lines
}

# stops_with TEXT: the machine shows TEXT as one line, and init ends the boot.
stops_with() {
    runs
    says "$1"
    grep -q 'Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100' console
}
