# Machines whose initrd is put together by hand, so that init is asked for what the driver would refuse or never writes,
# and whose service ends by itself: what it said is on the console, and no port or clock decides a test.
load ../lib/boot

# A board with a kernel of 16 KiB pages: the newest of the suite, since the older ones go away.
pages_board() {
    local package
    package=$(newest_package trixie arm64 'linux-image-[0-9.]+\+deb13-arm64-16k')
    [ -n "$package" ]
    mkdir -p "$BATS_FILE_TMPDIR/boards"
    cat >"$BATS_FILE_TMPDIR/boards/pages.json" <<J
{ "name": "pages", "arch": "aarch64", "page_size": 16384, "network_interface": "eth0",
  "kernel": { "source": "debian", "suite": "trixie", "package": "$package",
    "image": "boot/vmlinuz-{release}", "release": "${package#linux-image-}" },
  "modules": ["virtio_pci", "virtio_net"], "cmdline": "loglevel=4 panic=-1 console=ttyAMA0", "qemu": {} }
J
}

# guest TARGET SERVICE [MODULE]...: a manifest for that target's kernel, with its modules and the board's further MODULEs,
# and with a wisp.conf that says no more than it must. Files it names: modules, service, wisp.conf.
guest() {
    local target=$1 service=$2
    shift 2
    mkdir -p guest-boards
    board=$PWD/guest-boards/$target.json
    if [ "$target" = pages ]; then
        [ -f "$BATS_FILE_TMPDIR/boards/pages.json" ] || pages_board
        cp "$BATS_FILE_TMPDIR/boards/pages.json" "$board"
    else
        cp "$WISP_ROOT/boards/$target.json" "$board"
    fi
    for module; do
        jq --arg module "$module" '.modules += [$module]' "$board" >more.json
        mv more.json "$board"
    done
    wisp fetch -q --boards guest-boards --allow-unpinned -t "$target"
    entry=$(cache_entry "$target")
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

# runs [QEMU-OPTION]...: boots what guest() prepared until the machine ends; its console is the file "console".
runs() {
    wisp-cpio -z1 manifest >initrd.img
    timeout 120 wisp-qemu --board "$board" --kernel "$entry/Image" --initrd initrd.img --accel tcg -- "$@" \
        >console 2>&1 </dev/null &
    machine=$!
    died 120
    tr -d '\r' <console >lines
}

# stops_with TEXT: the machine shows TEXT as one line, and init ends the boot.
stops_with() {
    runs
    says "$1"
    grep -q 'Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100' console
}
