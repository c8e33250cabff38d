# What goes into an image is what was asked for, checked and recorded, whatever changes while it is built.
load ../lib/boot
load ../lib/apk

# A small package in Alpine's layout, which has what firmware and overlays may be made of.
setup_file() {
    cd "$BATS_FILE_TMPDIR"
    make_test_key keys test
    mkdir -p root/boot/overlays/more root/usr/share/kernel/virt root/lib/modules mirror/v3.24/main/aarch64
    echo 6.0.0-0-virt >root/usr/share/kernel/virt/kernel.release
    { head -c 16 /dev/zero && printf '\0\0\10\0\0\0\0\0' && printf '\012\0\0\0\0\0\0\0' &&
        head -c 24 /dev/zero && printf 'ARMd' && head -c 4028 /dev/urandom; } >root/boot/vmlinuz-virt
    echo loader >root/boot/loader.bin
    echo one >root/boot/overlays/same.dtbo && echo two >root/boot/overlays/more/same.dtbo
    make_apk mirror/v3.24/main/aarch64/linux-virt-6.0.0-r0.apk test.rsa linux-virt 6.0.0-r0 aarch64 root
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    export XDG_CACHE_HOME=$PWD/cache XDG_CONFIG_HOME=$PWD/config WISP_ALPINE_MIRROR=file://$BATS_FILE_TMPDIR/mirror
    unset WISP_BOARDS
    mkdir boards
    cp -R "$BATS_FILE_TMPDIR/keys" boards
}

# board [MEMBER]...: the board, with these members in its profile, too.
board() {
    {
        printf '{ "name": "small", "arch": "aarch64", "page_size": 4096, "network_interface": "eth0", "cmdline": "console=ttyAMA0",
            "kernel": { "source": "alpine", "branch": "v3.24", "package": "linux-virt", "version": "6.0.0-r0", "sha256": "%s",
            "image": "boot/vmlinuz-virt", "release": "usr/share/kernel/virt/kernel.release" },\n' \
            "$(sha256sum <"$BATS_FILE_TMPDIR/mirror/v3.24/main/aarch64/linux-virt-6.0.0-r0.apk" | cut -d ' ' -f 1)"
        [ $# -eq 0 ] || printf '%s,\n' "$@"
        printf '"boot_config": ["kernel=Image", "initramfs initrd.img followkernel"], "qemu": {} }\n'
    } >boards/small.json
}

build() { wisp build -q --boards boards -t small -b "$services/hello-aarch64" "$@"; }

sum() { sha256sum <"$1" | cut -d ' ' -f 1; }

nobody=$(printf %064d 0)

# repackaged: a mirror of the test's own, with a package of ./root, which the board pins.
repackaged() {
    mkdir -p mirror/v3.24/main/aarch64
    make_apk mirror/v3.24/main/aarch64/linux-virt-6.0.0-r0.apk "$BATS_FILE_TMPDIR/test.rsa" linux-virt 6.0.0-r0 aarch64 root
    export WISP_ALPINE_MIRROR=file://$PWD/mirror
    sed -i "s/\"sha256\": \"[0-9a-f]*\"/\"sha256\": \"$(sum mirror/v3.24/main/aarch64/linux-virt-6.0.0-r0.apk)\"/" boards/small.json
}

# local_board FIELDS: a machine of QEMU's with these fields in its profile, whose kernel is the local file kernel/Image.
local_board() {
    mkdir kernel
    cp "$BATS_FILE_TMPDIR/root/boot/vmlinuz-virt" kernel/Image
    printf '{ "name": "local", "arch": "aarch64", %s, "network_interface": "eth0", "cmdline": "console=ttyAMA0", "qemu": {} }' \
        "$1" >boards/local.json
}

@test "a file beside the profile is on the card as it is now, from whichever folder the profile is named" {
    board '"firmware": [{ "file": "fw.bin", "dest": "fw/fw.bin" }]'
    for version in 1 2; do
        echo "version $version" >boards/fw.bin
        build
        [ "$(wisp-fat32 --cat fw/fw.bin wisp-output/small.img)" = "version $version" ]
        run -0 wisp audit wisp-output/small.img
    done
    cp -R boards other
    echo 'version 3' >other/fw.bin
    (cd other && wisp build -q --boards . -t small -b "$services/hello-aarch64" -o ../third)
    [ "$(wisp-fat32 --cat fw/fw.bin third/small.img)" = 'version 3' ]
    [ "$(jq -r '.files[] | select(.path == "small.img/fw/fw.bin") | .origin' third/manifest.json)" = profile ]
    [ "$(find cache -name inputs | wc -l)" -eq 1 ] # the kernel was fetched once
}

@test "every pin of firmware is checked, wherever it is from" {
    echo firmware >boards/fw.bin
    refuses() { # MEMBER SUBJECT SHA256
        board "\"firmware\": [{ $1, \"dest\": \"fw.bin\", \"sha256\": \"$nobody\" }]"
        run -1 --separate-stderr build
        [ "$stderr" = "wisp: $2: sha256 is $3, the profile pins $nobody" ]
        [ ! -e wisp-output/small.img ]
        board "\"firmware\": [{ $1, \"dest\": \"fw.bin\", \"sha256\": \"$3\" }]"
        build
        rm -r wisp-output
    }
    refuses '"file": "fw.bin"' boards/fw.bin "$(sum boards/fw.bin)"
    refuses '"path": "boot/loader.bin"' boot/loader.bin "$(echo loader | sha256sum | cut -d ' ' -f 1)"
    board '"firmware": [{ "file": "none.bin", "dest": "fw.bin" }]'
    run -2 --separate-stderr build
    [ "$stderr" = "wisp: boards/none.bin: open: No such file or directory" ]
}

@test "overlays keep their folders" {
    board '"overlays": "boot/overlays"'
    build
    [ "$(wisp-fat32 --cat overlays/same.dtbo wisp-output/small.img)" = one ]
    [ "$(wisp-fat32 --cat overlays/more/same.dtbo wisp-output/small.img)" = two ]
}

@test "a name in a package with a newline leads out of nowhere" {
    cp -R "$BATS_FILE_TMPDIR/root" root
    echo secret >secret
    mkdir -p "root/boot/overlays/x
$PWD"
    echo decoy >"root/boot/overlays/x
$PWD/secret"
    echo x >root/boot/overlays/x
    board '"overlays": "boot/overlays"'
    repackaged
    run -1 --separate-stderr build
    [[ "$stderr" == "wisp-apk: $PWD/cache/wisp/small/6.0.0-r0/.wisp."*"/fetched/linux-virt-6.0.0-r0.apk: path 'boot/overlays/x\x0a/' has a control character" ]]
    [ ! -e wisp-output ]
}

# slowly TOOL COMMAND: a folder for $WISP_BIN in which TOOL runs COMMAND before it begins.
slowly() {
    rm -rf slow
    mkdir slow
    ln -s "$WISP_BIN"/* slow
    rm "slow/$1"
    printf '#!/bin/sh\n%s\nexec %s/%s "$@"\n' "$2" "$WISP_BIN" "$1" >"slow/$1"
    chmod 755 "slow/$1"
}

@test "a profile, a wisp.json or a service that changes during a build ends it, and nothing is published" {
    board
    cp "$services/hello-aarch64" service
    echo '{ "binary": "service", "env": ["A=old"], "target": "small", "boards": ["boards"] }' >wisp.json
    wisp build -q -f wisp.json
    before=$(sha256sum wisp-output/*)
    ends_with() { # MESSAGE
        run -2 --separate-stderr env WISP_BIN="$PWD/slow" "$WISP_ROOT/wisp.sh" build -q -f wisp.json --hostname "h$RANDOM"
        [ "$stderr" = "$1" ]
        [ "$(sha256sum wisp-output/*)" = "$before" ]
        [ -z "$(find . -name '.wisp.*')" ]
    }
    slowly wisp-elfcheck "sed -i 's/ttyAMA0/ttyAMA1/' $PWD/boards/small.json"
    ends_with 'wisp: boards/small.json or wisp.json: has changed while it was used; build again'
    slowly wisp-elfcheck "sed -i 's/old/new/' $PWD/wisp.json"
    ends_with 'wisp: boards/small.json or wisp.json: has changed while it was used; build again'
    slowly wisp-cpio "echo >>$PWD/service"
    ends_with 'wisp-cache: service: has changed while it was used; build again'
    slowly wisp-fat32 "cp $PWD/service $PWD/s && mv $PWD/s $PWD/service"
    ends_with 'wisp-cache: service: has changed while it was used; build again'
}

@test "a local kernel is copied before it is checked: the record has what is in the image" {
    local_board '"page_size": 4096'
    good=$(sum kernel/Image)
    sed -i "s|\"page_size\"|\"kernel\": { \"source\": \"file\", \"path\": \"../kernel/Image\", \"sha256\": \"$good\" }, &|" boards/local.json
    # it changes as soon as it has been hashed
    mkdir path
    printf '#!/bin/sh\n%s\nprintf x | dd of=%s bs=1 seek=3000 conv=notrunc status=none\n' "$(command -v sha256sum)" "$PWD/kernel/Image" >path/sha256sum
    chmod 755 path/sha256sum
    PATH=$PWD/path:$PATH wisp build -q --boards boards -t local -b "$services/hello-aarch64"
    [ "$(sum wisp-output/vmlinuz)" = "$good" ]
    [ "$(jq -r .origins.local.sha256 wisp-output/manifest.json)" = "$good" ]
    run -1 --separate-stderr wisp build -q --boards boards -t local -b "$services/hello-aarch64" -o other
    [ "$stderr" = "wisp: boards/../kernel/Image: sha256 is $(sum kernel/Image), the profile pins $good" ]
}

@test "a kernel that does not say its page size has the profile's" {
    local_board '"page_size": 16384, "kernel": { "source": "file", "path": "../kernel/Image" }'
    printf '\0' | dd of=kernel/Image bs=1 seek=24 conv=notrunc status=none
    kernel_pages=4096 wisp build -q --boards boards -t local -b "$services/probe-aarch64"
}

@test "a release that is no release is not printed" {
    cp -R "$BATS_FILE_TMPDIR/root" root
    printf '6.0\033[2J\n' >root/usr/share/kernel/virt/kernel.release
    board
    repackaged
    run -1 --separate-stderr build
    [ "$stderr" = "wisp: small: usr/share/kernel/virt/kernel.release: holds no kernel release" ]
}

@test "validate refuses what a build would: files that are not there, pins that are missing" {
    board
    run -2 --separate-stderr wisp validate --boards boards -t small -b "$services/hello-aarch64" --file none:/etc/x
    [ "$stderr" = "wisp: none: is no file that can be read" ]
    run -2 --separate-stderr wisp validate --boards boards -t small -b "$services/hello-aarch64" --file boards:/etc/x
    [ "$stderr" = "wisp: boards: is no file that can be read" ]
    board '"firmware": [{ "file": "none.bin", "dest": "fw.bin" }]'
    run -2 --separate-stderr wisp validate --boards boards -t small -b "$services/hello-aarch64"
    [ "$stderr" = "wisp: boards/none.bin: is no file that can be read" ]
    board
    sed -i 's/"sha256": "[0-9a-f]*",//' boards/small.json
    run -1 --separate-stderr wisp validate --boards boards -t small -b "$services/hello-aarch64"
    [ "$stderr" = "wisp: boards/small.json: linux-virt: sha256 is not pinned: wisp.sh pin --target small pins it, --allow-unpinned takes what comes" ]
}

@test "a mirror that cannot be asked is a failing system, one that has it not refuses" {
    board
    export WISP_ALPINE_MIRROR=http://127.0.0.1:9 # discard: nobody is there
    run -2 --separate-stderr build
    [ "${stderr_lines[-1]}" = "wisp: $WISP_ALPINE_MIRROR/v3.24/main/aarch64/linux-virt-6.0.0-r0.apk: not fetched" ]
    export WISP_ALPINE_MIRROR=file://$PWD/nowhere
    run -1 --separate-stderr build
    [ "${stderr_lines[-1]}" = "wisp: $WISP_ALPINE_MIRROR/v3.24/main/aarch64/linux-virt-6.0.0-r0.apk: not fetched" ]
}

@test "closed streams, no home and an init that is missing" {
    board
    for shell in sh bash dash 'busybox sh'; do
        command -v "${shell%% *}" >/dev/null || continue
        rm -rf wisp-output
        $shell "$WISP_ROOT/wisp.sh" build -q --boards boards -t small -b "$services/hello-aarch64" <&-
        $shell "$WISP_ROOT/wisp.sh" build -q --boards boards -t small -b "$services/hello-aarch64" --env A=1 >&-
        $shell "$WISP_ROOT/wisp.sh" build -q --boards boards -t small -b "$services/hello-aarch64" --env A=2 <&- >&- 2>&-
        run -0 wisp audit wisp-output/small.img
        run -2 --separate-stderr $shell -c '"$0" targets >&-' "$WISP_ROOT/wisp.sh"
        [ "$stderr" = 'wisp: standard output: write: Bad file descriptor' ]
    done
    run -2 --separate-stderr env -u HOME -u XDG_CONFIG_HOME "$WISP_ROOT/wisp.sh" pin -t pi5
    [ "$stderr" = 'wisp: HOME: is not set, and neither is XDG_CONFIG_HOME: there is no place for your profiles' ]
    run -2 --separate-stderr env WISP_INIT="$PWD/none" "$WISP_ROOT/wisp.sh" build --boards boards -t small -b "$services/hello-aarch64"
    [ "$stderr" = 'wisp: init-aarch64: is not built: run make' ]
}
