# bats file_tags=slow
load ../lib/boot
load ../lib/apk

# A package with the layout of Alpine's linux-virt around a real kernel: an EFI zboot file, modules as .ko.gz, the
# release in kernel.release, names too long for a plain tar header. It is signed by a key of this test's own.
make_linux_virt() { # OUT KEY
    local entry root release zipped
    "$WISP_ROOT/wisp.sh" fetch -q -t qemu-debian
    entry=$(cache_entry qemu-debian)
    release=6.1.0-50-cloud-arm64
    root=$1.root
    mkdir -p "$root/boot" "$root/usr/share/kernel/virt" "$root/lib/modules/$release/kernel/drivers/net"
    echo "$release" >"$root/usr/share/kernel/virt/kernel.release"
    zipped=$1.zipped
    gzip -n -6 <"$entry/Image" >"$zipped"
    zboot "$zipped" >"$root/boot/vmlinuz-virt"
    rm "$zipped"
    for module in "$entry"/modules/*.ko; do
        gzip -n <"$module" >"$root/lib/modules/$release/kernel/drivers/net/$(basename "$module").gz"
    done
    deep=$root/lib/modules/$release/kernel/drivers/a-folder-with-a-long-name/and-another-one-in-it/and-so-on-and-on-and-on
    mkdir -p "$deep"
    echo x | gzip -n >"$deep/a-module-whose-path-has-more-than-a-hundred-characters.ko.gz"
    make_apk "$1" "$2" linux-virt 6.18.48-r0 aarch64 "$root"
    rm -r "$root"
}

le32() { printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"; }

# zboot GZIPPED: the EFI zboot file around it [linux include/linux/pe.h, struct linux_efi_zboot_header].
zboot() {
    printf 'MZ\0\0zimg'
    le32 512
    le32 "$(wc -c <"$1")"
    head -c 8 /dev/zero
    printf gzip
    head -c 28 /dev/zero
    printf '\315\043\202\201'
    le32 64
    head -c $((512 - 64)) /dev/zero
    cat "$1"
}

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    make_test_key keys test
    make_test_key elsewhere stranger
    mkdir -p mirror/v3.24/main/aarch64
    make_linux_virt linux-virt.apk test.rsa
    cp linux-virt.apk mirror/v3.24/main/aarch64/linux-virt-6.18.48-r0.apk
}

# board SHA256: the shipped profile with this test's pin, key, and the modules that Alpine has built in.
board() {
    mkdir -p boards
    cp -R "$BATS_FILE_TMPDIR/keys" boards
    sed -e "s/\"sha256\": \"[0-9a-f]*\"/\"sha256\": \"$1\"/" -e 's/"modules": .*/"modules": ["virtio_pci", "virtio_net"],/' \
        "$WISP_ROOT/boards/qemu.json" >boards/qemu.json
}

# serve: an HTTP server on this test's mirror.
serve() {
    http=$(free_port)
    busybox httpd -f -p "127.0.0.1:$http" -h "$1" 3>&- &
    server=$!
    for ((i = 0; i < 50; i++)); do (exec 4<>"/dev/tcp/127.0.0.1/$http") 2>/dev/null && break || sleep 0.1; done
    export WISP_ALPINE_MIRROR=http://127.0.0.1:$http
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    export XDG_CACHE_HOME=$PWD/cache
    package=$BATS_FILE_TMPDIR/linux-virt.apk
    pin=$(sha256sum <"$package" | cut -d ' ' -f 1)
    url=v3.24/main/aarch64/linux-virt-6.18.48-r0.apk
}

teardown() {
    stop_machine
    [ -z "${server-}" ] || kill "$server"
}

# refused MESSAGE [STATUS]: build ends with 1 or STATUS and MESSAGE as the last line, and there is nothing in the cache or
# the output.
refused() {
    run "-${2-1}" --separate-stderr wisp build --boards boards -t qemu -b "$services/probe-aarch64"
    [ "${stderr_lines[-1]}" = "$1" ]
    [ -z "$(find cache -mindepth 1 -not -type d)" ]
    [ ! -e wisp-output ]
}

@test "qemu boots Alpine's package layout, fetched over HTTP and signed" {
    board "$pin"
    serve "$BATS_FILE_TMPDIR/mirror"
    boot qemu "$services/probe-aarch64" --boards boards
    answer "$port" >answer
    grep -qx 'pid: 1' answer
    grep -qx 'uid: 1000' answer
    grep -qx 'CapEff: 0000000000000000' answer
    grep -qx 'NoNewPrivs: 1' answer
    answer "$low_port" | grep -qx 'port: 80'
    grep -q '"key": "test.rsa.pub"' wisp-output/manifest.json
}

@test "file:// is a mirror too, and a cache that is full needs none" {
    board "$pin"
    WISP_ALPINE_MIRROR=file://$BATS_FILE_TMPDIR/mirror wisp fetch -q --boards boards -t qemu
    WISP_ALPINE_MIRROR=file:///nowhere wisp build -q --boards boards -t qemu -b "$services/probe-aarch64"
    wisp build -q --offline --boards boards -t qemu -b "$services/probe-aarch64"
    # the kernel that came out of the zboot file is the one that went in
    XDG_CACHE_HOME=$WISP_BUILD/cache
    cmp wisp-output/vmlinuz "$(cache_entry qemu-debian)/Image"
}

@test "a package signed by a stranger is refused" {
    mkdir -p mirror/v3.24/main/aarch64
    parts=$package.parts
    { sign_member "$BATS_FILE_TMPDIR/stranger.rsa" "$parts/control.tar.gz" && cat "$parts/control.tar.gz" "$parts/data.tar.gz"; } >"mirror/$url"
    board "$(sha256sum <"mirror/$url" | cut -d ' ' -f 1)"
    export WISP_ALPINE_MIRROR=file://$PWD/mirror
    run -1 --separate-stderr wisp build --boards boards -t qemu -b "$services/probe-aarch64"
    [[ "${stderr_lines[-1]}" == "wisp-apk: "*"/fetched/linux-virt-"*".apk: "*"stranger.rsa.pub"* ]]
    [ -z "$(find cache -mindepth 1 -not -type d)" ]
}

@test "a package that is not the pinned one is refused" {
    board 0000000000000000000000000000000000000000000000000000000000000000
    export WISP_ALPINE_MIRROR=file://$BATS_FILE_TMPDIR/mirror
    run -1 --separate-stderr wisp build --boards boards -t qemu -b "$services/probe-aarch64"
    [[ "${stderr_lines[-1]}" == "wisp-apk: "*"/fetched/linux-virt-"*".apk: has SHA-256 $pin, not 0000000000000000000000000000000000000000000000000000000000000000" ]]
    [ -z "$(find cache -mindepth 1 -not -type d)" ]
}

@test "a package the mirror does not have is named with its URL" {
    board "$pin"
    mkdir empty
    serve "$PWD/empty"
    refused "wisp: $WISP_ALPINE_MIRROR/$url: not fetched"
    [[ "$stderr" == *"404"* ]]
}

@test "a download that breaks off half way is refused" {
    board "$pin"
    http=$(free_port)
    printf 'HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n' "$(wc -c <"$package")" >head
    head -c 1000000 "$package" >half
    socat "TCP-LISTEN:$http,bind=127.0.0.1,reuseaddr,fork" "SYSTEM:cat head half" 3>&- &
    server=$!
    sleep 0.3
    export WISP_ALPINE_MIRROR=http://127.0.0.1:$http
    refused "wisp: $WISP_ALPINE_MIRROR/$url: not fetched" 2
}
