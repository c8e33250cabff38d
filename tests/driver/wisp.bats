load ../lib/boot

# A profile whose kernel is a local folder of the test's own: no network, no distribution.
local_board() {
    mkdir -p boards kernel/modules
    { printf 'MZ' && head -c 14 /dev/zero && printf '\0\0\1\0\0\0\0\0' && printf '\012\0\0\0\0\0\0\0' &&
        head -c 24 /dev/zero && printf 'ARMd' && head -c 65476 /dev/zero; } >kernel/Image
    cat >boards/local.json <<'J'
{ "name": "local", "arch": "aarch64", "page_size": 4096, "network_interface": "eth0", "cmdline": "console=ttyAMA0",
  "kernel": { "source": "file", "path": "../kernel/Image" }, "qemu": {} }
J
}

local_build() { wisp build -q --boards boards -t local -b "$services/hello-aarch64" --ip 10.1.2.3/24 "$@"; }

@test "help, version and targets answer, and every shipped board is there" {
    run -0 wisp help
    [ "${lines[0]}" = "usage: wisp.sh COMMAND [OPTION]..." ]
    run -0 wisp version
    [ "$output" = "wisp $(wisp-cpio --version | cut -d ' ' -f 2)" ]
    wisp targets >targets
    for profile in "$WISP_ROOT"/boards/*.json; do grep -q "^$(basename "$profile" .json) " targets; done
}

@test "wrong words are usage errors that say which" {
    run -2 --separate-stderr wisp
    [ "$stderr" = "wisp: command: is missing, see wisp.sh help" ]
    run -2 --separate-stderr wisp frob
    [ "$stderr" = "wisp: frob: unknown command, see wisp.sh help" ]
    run -2 --separate-stderr wisp build --frob
    [ "$stderr" = "wisp: --frob: unknown option, see wisp --help" ]
    run -2 --separate-stderr wisp build -t qemu
    [ "$stderr" = "wisp: --binary: is missing" ]
    run -1 --separate-stderr wisp build -t nothing -b x
    [[ "$stderr" == "wisp: --target: nothing: no such board, known here: "*"qemu, "* ]]
}

@test "addresses are refused before anything is fetched" {
    export XDG_CACHE_HOME=$PWD/cache
    run -1 --separate-stderr wisp build -t qemu -b "$services/hello-aarch64" --ip 10.0.2.300/24
    [ "$stderr" = "wisp: --ip: 10.0.2.300/24: '10.0.2.300' is not an IPv4 address" ]
    run -1 --separate-stderr wisp build -t qemu -b "$services/hello-aarch64" --ip 10.0.2.15/24 --gateway 10.0.3.1
    [ "$stderr" = "wisp: --gateway: 10.0.3.1: is outside the network of 10.0.2.15/24" ]
    [ ! -e cache ]
    [ ! -e wisp-output ]
}

# date_of_kernel: when Debian made it, by its changelog, which the package brings along.
date_of_kernel() { jq -r '.origins[] | .built // empty' wisp-output/manifest.json | sort -n | tail -n 1; }

@test "the initrd has exactly the files it is to have, and GNU cpio and bsdtar agree" {
    wisp build -q -t qemu-debian -b "$services/hello-aarch64"
    gzip -dc wisp-output/initrd.img >archive
    cpio -t --quiet <archive | grep -v '^lib/modules/' >by-cpio
    bsdtar -tf archive | grep -v '^lib/modules/' | sed 's,/$,,' >by-bsdtar
    printf '%s\n' dev dev/console dev/null etc etc/group etc/hosts etc/modules etc/passwd etc/resolv.conf \
        etc/wisp.conf init lib lib/modules proc service service/run sys | cmp - by-cpio
    cmp by-cpio by-bsdtar
    # each module is listed once, in the order to load them, and is the package's own, byte for byte
    cpio -i --quiet --to-stdout etc/modules <archive >modules
    cpio -t --quiet <archive | sed -n 's,^lib/modules/,,p' | cmp - modules
    grep -qx virtio_net.ko modules
    cpio -i --quiet --to-stdout service/run <archive | cmp - "$services/hello-aarch64"
    cpio -i --quiet --to-stdout etc/wisp.conf <archive | cmp - <(printf 'IFACE=eth0\nADDR=10.0.2.15/24\nGW=10.0.2.2\nHOSTNAME=qemu-debian\nCLOCK=%d\n' "$(date_of_kernel)")
    [ "$(ls -A wisp-output)" = "$(printf '%s\n' initrd.img manifest.json sbom.spdx.json vmlinuz)" ]
}

@test "manifest.json has the size and the hash of each file" {
    wisp build -q -t qemu-debian -b "$services/hello-aarch64"
    sum=$(sha256sum <wisp-output/initrd.img | cut -d ' ' -f 1)
    grep -q "\"sha256\": \"$sum\"" wisp-output/manifest.json
    sum=$(sha256sum <"$services/hello-aarch64" | cut -d ' ' -f 1)
    grep -q "\"sha256\": \"$sum\"" wisp-output/manifest.json
    grep -q '"version": "6.1.176-1"' wisp-output/manifest.json
    # Debian's own word, and SPDX's for it
    grep -q '"licence": "GPL-2"' wisp-output/manifest.json
    grep -q '"licenseDeclared": "GPL-2.0-only"' wisp-output/sbom.spdx.json
}

@test "the same inputs give the same bytes: folder, umask, zone, locale, clock and user do not matter" {
    local_board
    local_build
    mkdir other
    cp -R boards kernel other
    (
        cd other
        umask 077
        export TZ=Asia/Tokyo LC_ALL=C.UTF-8 XDG_CACHE_HOME=$PWD/cache HOME=$PWD
        faketime '2031-05-06' "$WISP_ROOT/wisp.sh" build -q --boards boards -t local -b "$services/hello-aarch64" \
            --ip 10.1.2.3/24 -o here
    )
    for file in vmlinuz initrd.img manifest.json sbom.spdx.json; do cmp "wisp-output/$file" "other/here/$file"; done
    if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
        mkdir -m 777 third
        chmod a+x "$BATS_RUN_TMPDIR" .. .
        cp -R boards kernel "$services/hello-aarch64" third
        chmod -R a+rX third
        (cd third && HOME=$PWD XDG_CACHE_HOME=$PWD/cache setpriv --reuid 65534 --regid 65534 --clear-groups \
            "$WISP_ROOT/wisp.sh" build -q --boards boards -t local -b ./hello-aarch64 --ip 10.1.2.3/24)
        for file in vmlinuz initrd.img manifest.json sbom.spdx.json; do cmp "wisp-output/$file" "third/wisp-output/$file"; done
    fi
}

@test "a second build changes no byte, and a failed one leaves the first alone" {
    local_board
    local_build
    sha256sum wisp-output/* >before
    local_build
    sha256sum --quiet -c before
    run -1 --separate-stderr local_build -b boards/local.json
    run -1 --separate-stderr local_build --ip 0.0.0.0/0
    sha256sum --quiet -c before
    [ "$(ls wisp-output | wc -l)" -eq 4 ]
}

@test "what killed runs left is removed a day later, and what a run still works in is not" {
    local_board
    sh -c 'echo $$' >dead
    mkdir -p wisp-output/.wisp.{"$(cat dead).0","$(cat dead).1",$$.0}/sub
    # somebody else's
    mkdir wisp-output/.wisp.{d,"$(cat dead).old",1.2.3,0x1.2}
    touch wisp-output/.wisp.{json,"$(cat dead).2"}
    ln -s .wisp.d "wisp-output/.wisp.$(cat dead).3"
    touch -h -d '-2 days' wisp-output/.wisp.*
    touch wisp-output/".wisp.$(cat dead).1"
    (cd wisp-output && printf '%s\n' .wisp.*) | grep -vx ".wisp.$(cat dead).0" >stays
    local_build
    (cd wisp-output && printf '%s\n' .wisp.*) | cmp - stays
}

@test "flags win over wisp.json, and its paths are relative to its folder" {
    local_board
    mkdir project
    cp "$services/hello-aarch64" project/svc
    cat >project/wisp.json <<'J'
{ "target": "local", "binary": "svc", "ip": "10.9.9.9/24", "gateway": "10.9.9.1", "output": "out", "boards": ["../boards"] }
J
    wisp build -q -f project/wisp.json
    gzip -dc project/out/initrd.img | cpio -i --quiet --to-stdout etc/wisp.conf |
        cmp - <(printf 'IFACE=eth0\nADDR=10.9.9.9/24\nGW=10.9.9.1\nHOSTNAME=local\n')
    wisp build -q -f project/wisp.json --ip 10.9.9.7/24
    gzip -dc project/out/initrd.img | cpio -i --quiet --to-stdout etc/wisp.conf | grep -qx ADDR=10.9.9.7/24
    echo '{ "target": "local", "binry": "svc" }' >project/wisp.json
    run -1 --separate-stderr wisp build -q -f project/wisp.json
    [[ "$stderr" == "wisp: project/wisp.json: binry: unknown key, known here: target, "* ]]
}

@test "a service the board cannot run is refused by validate and by build, with the way out" {
    echo 'int main() {}' >main.c
    aarch64-linux-gnu-gcc -o dynamic main.c
    aarch64-linux-gnu-gcc -shared -fPIC -o library.so main.c
    printf '#!/bin/sh\necho\n' >script
    cp "$services/hello-x86_64" foreign
    for command in validate build; do
        run -1 --separate-stderr wisp "$command" -t qemu-debian -b dynamic
        [[ "$stderr" == *"/lib/ld-linux-aarch64.so.1"* ]]
        [[ "$stderr" == *"-static"* ]]
        run -1 --separate-stderr wisp "$command" -t qemu-debian -b foreign
        [[ "$stderr" == *"x86"*"aarch64"* ]]
        run -1 --separate-stderr wisp "$command" -t qemu-debian -b script
        [[ "$stderr" == *"script"* ]]
        run -1 --separate-stderr wisp "$command" -t qemu-debian -b library.so
        [[ "$stderr" == *"shared"* ]]
        [ ! -e wisp-output ]
    done
    run -0 wisp validate -q -t qemu-debian -b "$services/probe-aarch64-pie"
}

@test "a binary and an output folder with blanks in their names are fine" {
    local_board
    mkdir 'my things'
    cp "$services/hello-aarch64" 'my things/my service'
    wisp build -q --boards boards -t local -b 'my things/my service' --ip 10.1.2.3/24 -o 'my things/out put'
    [ -s 'my things/out put/initrd.img' ]
}

@test "--offline builds from the cache, and without it says what is missing" {
    wisp fetch -q -t qemu-debian
    wisp build -q --offline -t qemu-debian -b "$services/hello-aarch64"
    export XDG_CACHE_HOME=$PWD/cache
    run -1 --separate-stderr wisp build --offline -t qemu-debian -b "$services/hello-aarch64" -o other
    [ "$stderr" = "wisp: qemu-debian: its kernel is not in the cache, and --offline forbids to fetch it: wisp.sh fetch --target qemu-debian" ]
    [ ! -e other ]
}

@test "a page size that is not the kernel's is an error" {
    local_board
    sed -i 's/"page_size": 4096/"page_size": 16384/' boards/local.json
    run -1 --separate-stderr local_build
    [ "$stderr" = "wisp: boards/local.json: page_size: is 16384, and the kernel's pages have 4096 bytes" ]
}

@test "a local kernel is held to its pin" {
    local_board
    sum=$(sha256sum <kernel/Image | cut -d ' ' -f 1)
    sed -i "s/\"path\": \"\([^\"]*\)\"/\"path\": \"\1\", \"sha256\": \"$sum\"/" boards/local.json
    local_build
    printf x | dd of=kernel/Image bs=1 seek=1000 conv=notrunc status=none
    run -1 --separate-stderr local_build
    [ "$stderr" = "wisp: boards/../kernel/Image: sha256 is $(sha256sum <kernel/Image | cut -d ' ' -f 1), the profile pins $sum" ]
}

@test "--offline keeps local kernels' firmware from the network too" {
    local_board
    sed -i 's,"qemu": {},"boot_config": ["kernel=Image"\, "initramfs initrd.img followkernel"]\, "firmware": [{"url": "http://127.0.0.1:9/x"\, "dest": "x"}],' boards/local.json
    run -1 --separate-stderr local_build --offline --allow-unpinned
    [ "$stderr" = "wisp: http://127.0.0.1:9/x: --offline forbids to fetch it" ]
}

@test "WISP_BOARDS adds boards, and leaves those of wisp.json" {
    local_board
    mkdir others
    printf '{ "target": "local", "binary": "%s", "ip": "10.1.2.3/24", "boards": ["boards"] }\n' "$services/hello-aarch64" >wisp.json
    WISP_BOARDS=$PWD/others wisp validate -q -f wisp.json
    WISP_BOARDS=$PWD/boards wisp validate -q -t local -b "$services/hello-aarch64" --ip 10.1.2.3/24
    WISP_BOARDS=$PWD/boards wisp targets | grep -q '^local '
}

@test "a QEMU target's own address does not take the user's resolver away" {
    local_board
    wisp build -q --boards boards -t local -b "$services/hello-aarch64" --dns 9.9.9.9
    gzip -dc wisp-output/initrd.img | cpio -i --quiet --to-stdout etc/resolv.conf | cmp - <(echo nameserver 9.9.9.9)
    gzip -dc wisp-output/initrd.img | cpio -i --quiet --to-stdout etc/wisp.conf | grep -qx ADDR=10.0.2.15/24
}

@test "a value may look like an option, and odd output names are just names" {
    local_board
    run -2 --separate-stderr wisp build --boards boards -t local -b -q --ip 10.1.2.3/24
    [ "$stderr" = "wisp-elfcheck: -q: open: No such file or directory" ]
    for name in '-out' 'a\new' "it's" 'two words'; do
        wisp build -q --boards boards -t local -b "$services/hello-aarch64" --ip 10.1.2.3/24 -o "$name"
        [ -s "./$name/initrd.img" ]
    done
    ln -s "$WISP_BIN" tools
    WISP_BIN=tools wisp build -q --boards boards -t local -b "$services/hello-aarch64" -o of-tools
    [ -s of-tools/initrd.img ]
}

@test "what cannot be written to is a failure of the system" {
    local_board
    echo file >taken
    run -2 --separate-stderr local_build -o taken
    [ "$stderr" = "wisp: taken: is no folder and cannot be made one" ]
    mkdir -p out/vmlinuz
    run -2 --separate-stderr local_build -o out
    [ "$stderr" = "wisp: out/vmlinuz: is a folder" ]
    run -0 env -u HOME -u XDG_CACHE_HOME "$WISP_ROOT/wisp.sh" version
    run -2 --separate-stderr env -u HOME -u XDG_CACHE_HOME "$WISP_ROOT/wisp.sh" fetch -t qemu-debian
    [ "$stderr" = "wisp: HOME: is not set, and neither is XDG_CACHE_HOME: there is no place for the cache" ]
}

@test "run refuses before it builds what it cannot boot" {
    local_board
    run -1 --separate-stderr wisp run --boards boards -t local -b "$services/hello-aarch64" --accel frob
    [ "$stderr" = "wisp: --accel: frob is none of auto, kvm, hvf, tcg" ]
    run -1 --separate-stderr wisp run -t pi5 -b "$services/hello-aarch64" --ip 10.1.2.3/24
    [ "$stderr" = "wisp: pi5: is no target QEMU can boot" ]
    [ ! -e wisp-output ]
}

# content NAME: a file of the initrd in wisp-output.
content() { gzip -dc wisp-output/initrd.img | cpio -i --quiet --to-stdout "$1"; }

@test "what the service is given is in the initrd, byte for byte, and in the record" {
    local_board
    echo 'a certificate' >'ca file.pem'
    local_build --arg $'two\nlines' --arg '' --arg "it's" --env $'X=\t$(id)' --env Y= --file 'ca file.pem:/etc/ssl/ca.pem:0640' \
        --user 7:8 --hostname here.example --tmpfs /var/lib/data:1M --ip 2001:DB8:0::2/64 --gateway fe80::1 --wait-link 2 \
        --sysctl net.core.somaxconn=4096 --cap net_raw,sys_time --relax bpf --watchdog 30
    content etc/argv | cmp - <(printf '/service/run\0two\nlines\0\0it'"'"'s\0')
    content etc/env | cmp - <(printf 'X=\t$(id)\0Y=\0')
    content etc/ssl/ca.pem | cmp - 'ca file.pem'
    content etc/resolv.conf | cmp - <(echo 'nameserver fe80::1%eth0')
    content etc/passwd | cmp - <(printf 'root:x:0:0::/:\nservice:x:7:8::/:\n')
    content etc/wisp.conf | cmp - <(printf '%s\n' IFACE=eth0 ADDR=10.1.2.3/24 ADDR6=2001:db8::2/64 GW6=fe80::1 WAIT_LINK=2 USER=7:8 \
        HOSTNAME=here.example CAPS=net_raw,sys_time TMPFS=/var/lib/data:1048576 SYSCTL=net.core.somaxconn=4096 WATCHDOG=30 RELAX=bpf)
    gzip -dc wisp-output/initrd.img | cpio -tv --quiet >listing
    grep -qE '^-rw-r----- +1 root +root +14 .* etc/ssl/ca.pem$' listing
    grep -qE '^drwxr-xr-x +2 root +root .* var/lib/data$' listing
    run -0 wisp audit wisp-output/initrd.img
    [ "$(jq -r '.files[] | select(.path == "initrd.img/etc/ssl/ca.pem") | .sha256' wisp-output/manifest.json)" = "$(sha256sum <'ca file.pem' | cut -d ' ' -f 1)" ]
}

@test "help and version are not settings, wherever they stand" {
    run -0 --separate-stderr wisp build --help
    [ "${lines[0]}" = "usage: wisp.sh COMMAND [OPTION]..." ]
    [ -z "$stderr" ]
    run -0 wisp run -t qemu --version
    [ "$output" = "wisp $(wisp-board --version | cut -d ' ' -f 2)" ]
    # every setting there is, is in the help
    wisp help >help
    wisp-board config --shell >answer
    for setting in $(sed -n 's/^    Setting{\.name = "\([^"]*\)".*/\1/p' "$WISP_ROOT/include/wisp/config.hpp"); do
        grep -q -e "--$setting\b" help
    done
}

@test "run hands wisp-qemu what it was asked for" {
    local_board
    mkdir tools
    for tool in "$WISP_BIN"/wisp-*; do ln -s "$tool" tools; done
    rm tools/wisp-qemu
    printf '#!/bin/sh\nprintf "%%s\\n" "$@"\nexit 77\n' >tools/wisp-qemu
    chmod 755 tools/wisp-qemu
    WISP_BIN=$PWD/tools run -77 wisp run -q --boards boards -t local -b "$services/hello-aarch64" --ip 10.1.2.3/24 --accel tcg \
        --port 0:8080 --port 127.0.0.2:99:80 --expect http://:8080/ --expect 'http://:80/x*y=404' --timeout 9 --json --console 'a file'
    printf '%s\n' --supervise --board boards/local.json --kernel wisp-output/vmlinuz --initrd wisp-output/initrd.img \
        --accel tcg --ip 10.1.2.3/24 --forward 0:8080 --forward 127.0.0.2:99:80 --expect http://:8080/ --expect 'http://:80/x*y=404' \
        --timeout 9 --console 'a file' --json --quiet | cmp - <(echo "$output")
    [ -z "$(find wisp-output -name '.wisp*')" ]
    WISP_BIN=$PWD/tools run -77 wisp run --boards boards -t local -b "$services/hello-aarch64" --ip dhcp
    run -1 grep -xE -e '--(ip|gateway|dns|quiet|json)' <<<"$output"
}
