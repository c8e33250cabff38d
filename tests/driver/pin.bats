# Who vouches for what: pins, what happens without them and when they rot, and the record of it all.
load ../lib/boot
load ../lib/apk

# A mirror in Alpine's layout with two builds of a small package. The index lists the newer one last but one, by text.
setup_file() {
    cd "$BATS_FILE_TMPDIR"
    make_test_key boards/keys test
    mkdir -p root/boot root/usr/share/kernel/virt root/lib/modules/6.0.0-0-virt mirror/v3.24/main/aarch64
    echo 6.0.0-0-virt >root/usr/share/kernel/virt/kernel.release
    { head -c 16 /dev/zero && printf '\0\0\10\0\0\0\0\0' && printf '\012\0\0\0\0\0\0\0' &&
        head -c 24 /dev/zero && printf 'ARMd' && head -c 4028 /dev/urandom; } >root/boot/vmlinuz-virt
    for version in 6.0.9-r0 6.0.10-r0; do make_apk "$version.apk" test.rsa linux-virt "$version" aarch64 root; done
    make_index APKINDEX.tar.gz test.rsa 6.0.10-r0.apk 6.0.9-r0.apk
    echo firmware >start.elf
    cat >boards/small.json <<J
{ "name": "small", "arch": "aarch64", "page_size": 4096, "network_interface": "eth0", "cmdline": "console=ttyAMA0",
  "kernel": { "source": "alpine", "branch": "v3.24", "package": "linux-virt",
    "image": "boot/vmlinuz-virt", "release": "usr/share/kernel/virt/kernel.release" },
  "firmware": [{ "url": "file://$PWD/start.elf", "dest": "start.elf" }],
  "boot_config": ["kernel=Image", "initramfs initrd.img followkernel"], "qemu": {} }
J
}

# mirror VERSION...: a mirror of the test's own that has these builds.
mirror() {
    rm -rf mirror
    mkdir -p mirror/v3.24/main/aarch64
    cp "$BATS_FILE_TMPDIR/APKINDEX.tar.gz" mirror/v3.24/main/aarch64
    for version; do cp "$BATS_FILE_TMPDIR/$version.apk" "mirror/v3.24/main/aarch64/linux-virt-$version.apk"; done
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    export XDG_CACHE_HOME=$PWD/cache XDG_CONFIG_HOME=$PWD/config WISP_ALPINE_MIRROR=file://$PWD/mirror
    unset WISP_BOARDS
    cp -R "$BATS_FILE_TMPDIR/boards" .
    mirror 6.0.9-r0 6.0.10-r0
    new=$(sha256sum <"$BATS_FILE_TMPDIR/6.0.10-r0.apk" | cut -d ' ' -f 1)
    old=$(sha256sum <"$BATS_FILE_TMPDIR/6.0.9-r0.apk" | cut -d ' ' -f 1)
    firmware=$(sha256sum <"$BATS_FILE_TMPDIR/start.elf" | cut -d ' ' -f 1)
}

build() { wisp build -q --boards boards -t small -b "$services/hello-aarch64" "$@"; }

# pin_to VERSION SHA256: the profile, pinned so.
pin_to() {
    printf 'package linux-virt %s\nurl file://%s/start.elf %s\nend\n' "$1 $2" "$BATS_FILE_TMPDIR" "$firmware" |
        wisp-board pin "$BATS_FILE_TMPDIR/boards/small.json" >boards/small.json
}

# manifest PYTHON: a condition on the manifest `m`.
manifest() { python3 -c 'import json, sys; m = json.load(open("wisp-output/manifest.json")); assert eval(sys.argv[1]), m' "$1"; }

nothing_published() {
    [ ! -e wisp-output ]
    [ -z "$(find cache -type f 2>/dev/null)" ]
}

@test "a profile without pins is refused by build, run and fetch, field by field, before anything is fetched" {
    refused_for() {
        for command in "build -b $services/hello-aarch64" "run -b $services/hello-aarch64" fetch; do
            # shellcheck disable=SC2086 # a command and its option
            run -1 --separate-stderr wisp $command --boards boards -t small
            [ "$stderr" = "wisp: boards/small.json: $1 is not pinned: wisp.sh pin --target small pins it, --allow-unpinned takes what comes" ]
        done
        nothing_published
    }
    refused_for 'linux-virt: version'
    sed -i 's/"linux-virt"/"linux-virt", "version": "6.0.10-r0"/' boards/small.json
    refused_for 'linux-virt: sha256'
    sed -i "s/\"6.0.10-r0\"/\"6.0.10-r0\", \"sha256\": \"$new\"/" boards/small.json
    refused_for "file://$BATS_FILE_TMPDIR/start.elf: sha256"
    sed -i "s/\"dest\"/\"sha256\": \"$firmware\", \"dest\"/" boards/small.json
    build
}

@test "--allow-unpinned, also in wisp.json, takes the newest that is signed, and the record says so" {
    build --allow-unpinned
    manifest 'm["origins"]["linux-virt"]["version"] == "6.0.10-r0"'
    manifest "m['origins']['linux-virt']['sha256'] == '$new' and m['origins']['linux-virt']['pinned'] is False"
    manifest "m['origins']['start.elf']['sha256'] == '$firmware' and m['origins']['start.elf']['pinned'] is False"
    grep -qF '"sourceInfo": "signature checked with the key test.rsa.pub; SHA-256 not pinned"' wisp-output/sbom.spdx.json
    echo '{"allow_unpinned": true}' >wisp.json
    build -f wisp.json
}

@test "a package that is signed but not the one that was asked for is refused" {
    asked=$PWD/mirror/v3.24/main/aarch64/linux-virt-6.0.10-r0.apk
    make_apk other.apk "$BATS_FILE_TMPDIR/test.rsa" linux-other 6.0.10-r0 aarch64 "$BATS_FILE_TMPDIR/root"
    make_apk foreign.apk "$BATS_FILE_TMPDIR/test.rsa" linux-virt 6.0.10-r0 x86_64 "$BATS_FILE_TMPDIR/root"
    sed -i 's/"package": "linux-virt"/&, "version": "6.0.10-r0"/' boards/small.json
    refuses() { # PACKAGE PROBLEM
        cp "$1" "$asked"
        run -1 --separate-stderr build --allow-unpinned
        [ "$stderr" = "wisp: file://$asked: $2" ]
        nothing_published
        run -1 --separate-stderr wisp pin -q --boards boards -t small
        [ "$stderr" = "wisp: file://$asked: $2" ]
    }
    refuses "$BATS_FILE_TMPDIR/6.0.9-r0.apk" 'is the package linux-virt-6.0.9-r0'
    refuses other.apk 'is the package linux-other-6.0.10-r0'
    refuses foreign.apk 'is for x86_64, the board is aarch64'
}

@test "what one set of keys has verified is not taken for verified by another" {
    build --allow-unpinned
    make_test_key boards/keys stranger
    rm boards/keys/test.rsa.pub
    run -1 --separate-stderr build --allow-unpinned
    [[ "$stderr" == "wisp-apk: "*": is signed by 'test.rsa.pub', not by a key in boards/keys" ]]
    cp "$BATS_FILE_TMPDIR/boards/keys/test.rsa.pub" boards/keys
    build --allow-unpinned
}

@test "what was fetched last is the newest, whatever the clock says" {
    wisp fetch -q --boards boards -t small --allow-unpinned
    first=$(ls cache/wisp/small/-)
    sleep 1
    for ((back = 0; back < 3; back++)); do
        faketime '2 days ago' "$WISP_ROOT/wisp.sh" fetch -q --boards boards -t small --allow-unpinned
    done
    [ "$(find cache/wisp/small/- -mindepth 1 -maxdepth 1 | wc -l)" -eq 4 ]
    cmp <(ls cache/wisp/small/-) <(ls -tr cache/wisp/small/-)
    [ "$(ls cache/wisp/small/- | head -n 1)" = "$first" ]
}

@test "a package that is signed but not the one its signed index lists is refused" {
    make_apk mirror/v3.24/main/aarch64/linux-virt-6.0.10-r0.apk "$BATS_FILE_TMPDIR/test.rsa" linux-virt 6.0.10-r0 aarch64 boards
    report() { echo "$(wc -c <"$1") Q1$(openssl dgst -sha1 -binary "$1.parts/control.tar.gz" | openssl base64)"; }
    message="wisp: $WISP_ALPINE_MIRROR/v3.24/main/aarch64/linux-virt-6.0.10-r0.apk: has size and checksum $(
        report mirror/v3.24/main/aarch64/linux-virt-6.0.10-r0.apk), the signed index says $(report "$BATS_FILE_TMPDIR/6.0.10-r0.apk")"
    run -1 --separate-stderr build --allow-unpinned
    [ "$stderr" = "$message" ]
    nothing_published
    run -1 --separate-stderr wisp pin -q --boards boards -t small
    [ "$stderr" = "$message" ]
    cmp boards/small.json "$BATS_FILE_TMPDIR/boards/small.json"
}

@test "pin writes what is newest into the profile, says what changes, and the build then holds to it" {
    run -0 --separate-stderr wisp pin -q --boards boards -t small
    [ "$output" = "linux-virt: - - -> 6.0.10-r0 $new
file://$BATS_FILE_TMPDIR/start.elf: - -> $firmware" ]
    [ -z "$stderr" ]
    [ "$(ls -A boards)" = "$(printf '%s\n' keys small.json)" ]
    build
    manifest "m['origins']['linux-virt'] == {'kind': 'alpine', 'source': 'v3.24', 'package': 'linux-virt', 'version': '6.0.10-r0',
        'architecture': 'aarch64', 'licence': 'GPL-2.0-only', 'key': 'test.rsa.pub', 'sha256': '$new', 'pinned': True}"
    manifest "[f for f in m['outputs'] if f['path'] == 'vmlinuz'][0]['origin'] == 'linux-virt'"
    run -0 --separate-stderr wisp pin -q --boards boards -t small
    [ "$output" = "linux-virt: 6.0.10-r0 $new as before
file://$BATS_FILE_TMPDIR/start.elf: $firmware as before" ]
    echo other >start.elf
    sed -i "s,file://[^\"]*,file://$PWD/start.elf," boards/small.json
    run -1 --separate-stderr build -o other
    [[ "$stderr" == "wisp: "*"/download: sha256 is $(sha256sum <start.elf | cut -d ' ' -f 1), the profile pins $firmware" ]]
    [ ! -e other ]
}

@test "a pin that has gone is named with the newest version and the command, and nothing else is taken" {
    pin_to 6.0.9-r0 "$old"
    build
    manifest 'm["origins"]["linux-virt"]["version"] == "6.0.9-r0"'
    rm -r cache wisp-output
    mirror 6.0.10-r0
    run -1 --separate-stderr build
    [ "${stderr_lines[-1]}" = "wisp: linux-virt 6.0.9-r0: is no longer there, the newest is 6.0.10-r0: wisp.sh pin --target small writes that into the profile" ]
    nothing_published
    run -0 --separate-stderr wisp pin -q --boards boards -t small
    [ "${lines[0]}" = "linux-virt: 6.0.9-r0 $old -> 6.0.10-r0 $new" ]
    build
    manifest 'm["origins"]["linux-virt"]["version"] == "6.0.10-r0"'
}

@test "an index that nobody trusted has signed names no newer version" {
    pin_to 6.0.9-r0 "$old"
    mirror 6.0.10-r0
    make_test_key elsewhere stranger
    make_index mirror/v3.24/main/aarch64/APKINDEX.tar.gz stranger.rsa "$BATS_FILE_TMPDIR/6.0.10-r0.apk"
    run -1 --separate-stderr build
    [ "${stderr_lines[-1]}" = "wisp: $WISP_ALPINE_MIRROR/v3.24/main/aarch64/linux-virt-6.0.9-r0.apk: not fetched" ]
    run -1 --separate-stderr wisp pin -q --boards boards -t small
    [[ "$stderr" == "wisp-apk: "*"/index: "*"stranger.rsa.pub"* ]]
}

@test "the pins of a shipped profile go into a copy of the user's, which then counts" {
    # a wisp that ships this test's board
    mkdir -p wisp/include/wisp
    cp "$WISP_ROOT/wisp.sh" wisp
    cp -R boards wisp
    : >wisp/include/wisp/version.hpp
    export WISP_INIT=$WISP_BUILD/init
    rm -r boards
    ./wisp/wisp.sh pin -q -t small
    cmp wisp/boards/small.json "$BATS_FILE_TMPDIR/boards/small.json"
    grep -q "$new" config/wisp/boards/small.json
    ./wisp/wisp.sh build -q -t small -b "$services/hello-aarch64"
    ./wisp/wisp.sh targets | grep -q '^small .*6.0.10-r0'
    rm -r config
    mkdir mine
    WISP_BOARDS=$PWD/mine ./wisp/wisp.sh pin -q -t small
    grep -q "$new" mine/small.json
    mkdir first second
    ./wisp/wisp.sh pin -q -t small --boards first --boards second
    grep -q "$new" first/small.json
    [ -z "$(ls -A second)" ]
    [ ! -e config ]
}

@test "pin needs the network, and something to pin" {
    run -2 --separate-stderr wisp pin --offline --boards boards -t small
    [ "$stderr" = "wisp: --offline: pin has to ask the distribution" ]
    cat >boards/local.json <<'J'
{ "name": "local", "arch": "aarch64", "page_size": 4096, "network_interface": "eth0", "cmdline": "console=ttyAMA0",
  "kernel": { "source": "file", "path": "Image" }, "qemu": {} }
J
    run -1 --separate-stderr wisp pin --boards boards -t local
    [ "$stderr" = "wisp: boards/local.json: takes nothing from elsewhere that could be pinned" ]
}

@test "a version that apt no longer has is named with the newest, and pin takes that" {
    mkdir debian
    printf '{ "name": "deb", "arch": "%s", "page_size": 4096, "network_interface": "eth0", "cmdline": "console=ttyS0",
      "kernel": { "source": "debian", "package": "hostname", "version": "0.1-1", "sha256": "%064d",
        "image": "boot/vmlinuz", "release": "1" }, "qemu": {} }' "$(uname -m)" 1 >debian/deb.json
    apt-cache policy hostname | sed -n 's/^  Candidate: //p' >candidate
    [ -s candidate ] || skip "apt knows no package here"
    run -1 --separate-stderr wisp fetch -q --boards debian -t deb
    [ "$stderr" = "wisp: hostname 0.1-1: is no longer there, the newest is $(cat candidate): wisp.sh pin --target deb writes that into the profile" ]
    run -0 --separate-stderr wisp pin -q --boards debian -t deb
    apt-get -q -o APT::Sandbox::User="$(id -un)" download hostname >/dev/null 2>&1
    [ "$output" = "hostname: 0.1-1 $(printf %064d 1) -> $(cat candidate) $(sha256sum hostname_*.deb | cut -d ' ' -f 1)" ]
    grep -qF "$(cat candidate)" debian/deb.json
}

@test "from a cache that is full, --offline builds where there is no network, and opens no socket" {
    pin_to 6.0.10-r0 "$new"
    build
    mv wisp-output online
    rm -r mirror
    offline=("$WISP_ROOT/wisp.sh" build -q --offline --boards boards -t small -b "$services/hello-aarch64")
    strace -f -qq -e trace=network -o calls "${offline[@]}"
    run -1 grep -E 'AF_INET|AF_PACKET|AF_NETLINK' calls
    for file in initrd.img manifest.json sbom.spdx.json small.img vmlinuz; do cmp "online/$file" "wisp-output/$file"; done
    rm -r wisp-output
    unshare -rn true 2>/dev/null || skip "no network namespaces here"
    unshare -rn "${offline[@]}"
    for file in initrd.img manifest.json sbom.spdx.json small.img vmlinuz; do cmp "online/$file" "wisp-output/$file"; done
}
