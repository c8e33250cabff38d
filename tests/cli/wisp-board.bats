# shellcheck disable=SC2089,SC2090 # quotes in values are what some tests are about
bats_require_minimum_version 1.5.0
load ../lib/common

# A profile that is right, to be made wrong.
setup() {
    cd "$BATS_TEST_TMPDIR" || return
    cat >b.json <<'JSON'
{
  "name": "b",
  "arch": "aarch64",
  "page_size": 4096,
  "network_interface": "eth0",
  "kernel": {"source": "debian", "package": "linux", "image": "boot/vmlinuz-{release}", "release": "6.1"},
  "cmdline": "console=ttyAMA0"
}
JSON
}

refused() {
    local status=$1 message=$2
    shift 2
    run "-$status" --separate-stderr wisp-board "$@"
    printf 'got:      %s\nexpected: %s\n' "$stderr" "wisp-board: $message"
    [ "$stderr" = "wisp-board: $message" ]
    [ -z "$output" ]
}

# becomes FROM TO MESSAGE: the profile with FROM replaced is refused so.
becomes() {
    local text
    text=$(cat b.json)
    mkdir -p bad
    printf '%s\n' "${text/"$1"/"$2"}" >bad/b.json
    ! cmp -s b.json bad/b.json || return
    refused 1 "bad/b.json$3" check bad/b.json
}

@test "every shipped profile is right" {
    run -0 --separate-stderr wisp-board check "$WISP_ROOT"/boards/*.json
    [ -z "$output$stderr" ]
}

@test "jq reads the shipped profiles as the same boards" {
    command -v jq >/dev/null || skip "jq is not installed"
    for file in "$WISP_ROOT"/boards/*.json; do
        name=$(jq -r .name "$file")
        wisp-board config --target "$name" --shipped "$WISP_ROOT/boards" >lines
        [ "$(sed -n 's/^arch=//p' lines)" = "$(jq -r .arch "$file")" ]
        [ "$(sed -n 's/^cmdline=//p' lines)" = "$(jq -r .cmdline "$file")" ]
        [ "$(sed -n 's/^boot_config=//p' lines)" = "$(jq -r '.boot_config[]?' "$file")" ]
        [ "$(sed -n 's/^package=\([^ ]*\).*/\1/p' lines)" = "$(jq -r '.kernel | .packages[]? // . | .package' "$file")" ]
    done
}

@test "each thing that can be wrong with a profile is named with its place" {
    becomes '"name": "b"' '"name": "B"' ": name: 'B' is not a board's name: a-z, 0-9, - and _"
    becomes '"name": "b"' '"name": "c"' ": name: 'c' does not fit the file's name"
    becomes '"name": "b",' '' ': name: is missing'
    becomes '"name": "b"' '"name": 7' ': name: must be text, not 7'
    becomes '"name": "b"' '"name": ""' ': name: is empty'
    becomes '"name": "b"' '"name": "b\u001b"' ": name: 'b\\x1b' has a control character"
    becomes '"name": "b"' '"colour": "red"' ': colour: unknown key, known here: name, arch, page_size, network_interface, kernel, firmware, dtb, overlays, boot_config, cmdline, modules, qemu'
    becomes '"aarch64"' '"arm64"' ": arch: 'arm64' is none of aarch64, x86_64, riscv64"
    becomes 4096 4095 ': page_size: 4095 is none of 4096, 16384, 65536'
    becomes 4096 -4096 ': page_size: must be a whole number, not -4096'
    becomes 4096 4096.0 ': page_size: must be a whole number, not 4096.0'
    becomes 4096 '"4096"' ': page_size: must be a whole number, not text'
    becomes eth0 ethernet12345678 ": network_interface: 'ethernet12345678' is not an interface's name of at most 15 characters"
    becomes '{"source"' '[{"source"' ":7: is not JSON: unexpected ':' in column 12"
    becomes '"source": "debian"' '"source": "rpm"' ": kernel.source: 'rpm' is none of alpine, debian, file"
    becomes '"source": "debian"' '"source": "alpine"' ': kernel.branch: is missing'
    becomes '"source": "debian"' '"source": "debian", "branch": "v3"' ': kernel.branch: unknown key, known here: source, suite, package, version, sha256, packages, image, release'
    becomes '"source": "debian"' '"source": "alpine", "branch": "../v3"' ": kernel.branch: '../v3' is not a branch's name"
    becomes '"source": "debian"' '"source": "debian", "suite": "a b"' ": kernel.suite: 'a b' is not a suite's name"
    becomes '"package": "linux"' '"package": "../linux"' ": kernel.package: '../linux' is not a package's name"
    becomes '"package": "linux"' '"package": "linux", "version": "1;id"' ": kernel.version: '1;id' is not a version"
    becomes '"package": "linux"' '"package": "linux", "sha256": "ABC"' ": kernel.sha256: 'ABC' is not a SHA-256: 64 lower-case hexadecimal digits"
    becomes '"package": "linux"' '"package": "linux", "packages": []' ': kernel.package: belongs to one package, and there is a list of packages'
    becomes '"package": "linux"' '"packages": []' ': kernel.packages: is empty'
    becomes '"package": "linux"' '"packages": [{"package": "a"}, {"name": "b"}]' ': kernel.packages[1].name: unknown key, known here: package, version, sha256'
    becomes 'boot/vmlinuz' '../vmlinuz' ": kernel.image: path '../vmlinuz-{release}' has a part '..'"
    becomes 'boot/vmlinuz' "boot/\$(id)" ": kernel.image: 'boot/\$(id)-{release}' has a character that no path here needs"
    becomes '"release": "6.1"' '"release": "6 1"' ": kernel.release: '6 1' is not a kernel release or the path of a file that holds it"
    becomes '"console=ttyAMA0"' '"console=ttyAMA0\nroot=x"' ": cmdline: 'console=ttyAMA0\\x0aroot=x' has a control character"
    becomes '"console=ttyAMA0"' "\"$(printf %02048d 0)\"" ': cmdline: has 2048 characters, and a kernel takes 2047'
    becomes '"cmdline"' '"modules": ["a.ko"], "cmdline"' ": modules[0]: 'a.ko' is not a module's name without path and suffix"
    becomes '"cmdline"' '"modules": [{"name": "a", "path": "a.ko.xz"}], "cmdline"' ": modules[0].path: 'a.ko.xz' does not end in .ko: a compression suffix is left out"
    becomes '"cmdline"' '"firmware": [{"dest": "x"}], "cmdline"' ': firmware[0]: says nothing of where it comes from: url, path or file'
    becomes '"cmdline"' '"firmware": [{"dest": "x", "url": "https://a", "path": "b"}], "cmdline"' ': firmware[0].path: one of url, path, file is enough'
    becomes '"cmdline"' '"firmware": [{"dest": "x", "url": "ftp://a"}], "cmdline"' ": firmware[0].url: 'ftp://a' is not an https://, http:// or file:// URL"
    becomes '"cmdline"' '"firmware": [{"dest": "IMAGE", "file": "a"}], "cmdline"' ": firmware[0].dest: the card has another file 'image'"
    becomes '"cmdline"' '"dtb": ["a/x.dtb", "b/X.dtb"], "cmdline"' ": dtb[1]: the card has another file 'x.dtb'"
    becomes '"cmdline"' '"dtb": "x.dtb", "cmdline"' ': dtb: must be a list, not text'
    becomes '"cmdline"' "\"boot_config\": [\"$(printf %080d 0)\"], \"cmdline\"" ': boot_config[0]: has 80 characters, and older firmware reads 79'
    becomes '"cmdline"' '"qemu": {"memory": "512"}, "cmdline"' ": qemu.memory: '512' is not a memory size like 512M or 1G"
    becomes '"cmdline"' '"qemu": {"accel": "xen"}, "cmdline"' ": qemu.accel: 'xen' is none of auto, kvm, hvf, tcg"
    becomes '"cmdline"' '"qemu": [], "cmdline"' ': qemu: must be an object, not a list'
    becomes '"arch"' '"name": "b", "arch"' ': name: the key is there twice'
    becomes '"package": "linux"' '"packages": [{"package": "a"}, {"package": "a", "package": "b"}]' ': kernel.packages[1].package: the key is there twice'
    becomes '"page_size": 4096' '"page_size": 1e999' ': is not JSON: a number in it is too large'
    becomes '"page_size"' '// a comment
  "page_size"' ":4: is not JSON: unexpected '/' in column 3"
}

@test "a profile that is cut at any byte is refused" {
    whole=$(wc -c <b.json)
    for size in $(seq 0 $((whole - 2))); do # the last byte is the newline after the closing brace
        head -c "$size" b.json >part
        refused 1 "part:$(($(head -c "$size" b.json | wc -l) + 1)): is not JSON: it ends too early" check part
    done
}

@test "check stops at the first refused file, and needs one" {
    mkdir bad && echo '[]' >bad/b.json
    refused 1 'bad/b.json: must be an object, not a list' check b.json bad/b.json none
    refused 2 'none: open: No such file or directory' check b.json none
    refused 2 'FILE: is missing: which profile?' check
}

@test "a local kernel is a package or a kernel, never half of both" {
    becomes '{"source": "debian", "package": "linux", "image": "boot/vmlinuz-{release}", "release": "6.1"}' \
        '{"source": "file", "path": "k", "image": "x", "release": "1", "modules": "m"}' \
        ': kernel.modules: unknown key, known here: source, path, sha256, image, release'
    becomes '{"source": "debian", "package": "linux", "image": "boot/vmlinuz-{release}", "release": "6.1"}' \
        '{"source": "file", "path": "k", "release": "1"}' \
        ': kernel.release: unknown key, known here: source, path, sha256, modules'
}

# card_becomes KEY VALUE [MESSAGE]: a card's profile with this in it is refused so; without MESSAGE it is right.
card_becomes() {
    local config='["arm_64bit=1", "kernel=Image", "initramfs initrd.img followkernel"]' file='{"dest": "start4.elf", "file": "a"}'
    mkdir -p bad
    case $1 in firmware) file=$2 ;; boot_config) config=$2 ;; esac
    sed "s|\"cmdline\"|\"overlays\": \"o\", \"firmware\": [$file], \"boot_config\": $config, &|" b.json >bad/b.json
    if [ $# -eq 3 ]; then refused 1 "bad/b.json: $1$3" check bad/b.json; else wisp-board check bad/b.json; fi
}

@test "a config.txt that would not boot is refused by the line at fault" {
    local good='"initramfs initrd.img followkernel"'
    card_becomes boot_config '["kernel=Image", "initramfs=initrd.img"]' \
        "[1]: 'initramfs=initrd.img' has a '=': the firmware reads 'initramfs initrd.img followkernel'"
    card_becomes boot_config '["kernel=Image", "initramfs = initrd.img"]' \
        "[1]: 'initramfs = initrd.img' has a '=': the firmware reads 'initramfs initrd.img followkernel'"
    card_becomes boot_config "[\"kernel=Image\", $good, \"arm_64bit = 1\"]" \
        "[2]: 'arm_64bit = 1' has a blank beside its '=', which the firmware does not read"
    card_becomes boot_config "[\"kernel= Image\", $good]" \
        "[0]: 'kernel= Image' has a blank beside its '=', which the firmware does not read"
    card_becomes boot_config '["kernel=Image"]' ": no line 'initramfs initrd.img followkernel', so the kernel gets no initrd"
    card_becomes boot_config "[$good]" ": no line 'kernel=Image', and the firmware by itself looks for other names"
    card_becomes boot_config "[\"kernel=kernel8.img\", $good]" "[0]: 'kernel=kernel8.img': the card has no file 'kernel8.img'"
    card_becomes boot_config "[\"kernel=Image\", \"[all]\", \"kernel=overlays\", $good]" \
        "[2]: 'kernel=overlays': the card has no file 'overlays'"
    card_becomes boot_config '["kernel=Image", "initramfs initrd.img,more.img followkernel"]' \
        "[1]: 'initramfs initrd.img,more.img followkernel': the card has no file 'more.img'"
}

@test "a config.txt that boots is right, whatever else it says" {
    local good='"initramfs initrd.img followkernel"'
    card_becomes boot_config "[\"# a = b\", \"kernel=image\", \" \", $good, \"dtoverlay=disable-bt\", \"dtparam=spi=on\"]"
    card_becomes boot_config "[\"kernel=Image\", $good, \"[pi3]\", \"kernel=kernel8.img\", \"initramfs x 0x1000\"]"
    card_becomes boot_config "[\"kernel=kernel8.img\", \"[all]\", \"kernel=Image\", $good]"
    card_becomes boot_config '["[pi4]", "kernel=Image", "initramfs initrd.img 0"]'
    card_becomes boot_config '["include a=b.txt"]'
    card_becomes boot_config '["os_prefix=a/", "kernel=kernel8.img"]'
    card_becomes boot_config '["kernel=START4.elf"]' # a boot loader, which knows better
    card_becomes boot_config '[]'
    card_becomes firmware '{"dest": "kernel8.img", "file": "u-boot.bin"}'
}

@test "files of a card that cannot lie beside each other, and names that FAT cannot hold, are refused" {
    card_becomes firmware '{"dest": "a", "file": "x"}, {"dest": "a/b", "file": "y"}' "[1].dest: 'a' is a file of the card, and no folder"
    card_becomes firmware '{"dest": "a/b", "file": "x"}, {"dest": "A", "file": "y"}' "[1].dest: the card has a folder 'a'"
    card_becomes firmware '{"dest": "image/x", "file": "x"}' "[0].dest: 'Image' is a file of the card, and no folder"
    card_becomes firmware '{"dest": "overlays", "file": "x"}' "[0].dest: the card has a folder 'overlays'"
    card_becomes firmware '{"dest": "Overlays/x", "file": "x"}' "[0].dest: the card has the folder 'Overlays' as 'overlays'"
    card_becomes firmware '{"dest": "a.", "file": "x"}' "[0].dest: name 'a.' ends in a dot or a space, which FAT drops"
    card_becomes firmware '{"dest": "a:b", "file": "x"}' "[0].dest: name 'a:b' has a character FAT does not allow: ':'"
    card_becomes firmware '{"dest": "a./b", "file": "x"}' "[0].dest: name 'a.' ends in a dot or a space, which FAT drops"
    card_becomes firmware '{"dest": "efi/boot/a", "file": "x"}, {"dest": "efi/b", "file": "y"}, {"dest": "overlays/x.dtbo", "file": "z"}'
}

@test "an operand is no option, and -h is --help" {
    run -2 --separate-stderr wisp-board config --as wisp -t b --shipped . ./svc
    [ "$stderr" = 'wisp: ./svc: is no option: --binary names the service, --arg each of its arguments' ]
    refused 2 './svc: config takes no operand' config -t b --boards . ./svc
    wisp-board -h | cmp - <(wisp-board --help)
    wisp-board config -h | cmp - <(wisp-board --help)
}

@test "targets are listed by name, and the first folder that has a name wins" {
    mkdir mine && sed 's/"debian"/"debian", "version": "7-1"/' b.json >mine/b.json
    mkdir theirs && cp b.json theirs/b.json
    sed -e 's/"b"/"a"/' -e 's/"cmdline"/"boot_config": ["kernel=Image", "initramfs initrd.img followkernel"], "qemu": {}, "cmdline"/' b.json >theirs/a.json
    run -0 --separate-stderr wisp-board targets --boards mine --boards theirs
    [ "${lines[0]}" = "TARGET  ARCH     BOOTS          PINNED  KERNEL" ]
    [ "${lines[1]}" = "a       aarch64  SD card, QEMU  no      debian linux" ]
    [ "${lines[2]}" = "b       aarch64  SD card        no      debian linux 7-1" ]
    [ "${#lines[@]}" = 3 ]
    run -0 --separate-stderr wisp-board targets --boards theirs --shipped mine
    [ "${lines[2]}" = "b       aarch64  SD card        no      debian linux" ]
    refused 2 'none: No such file or directory' targets --boards none
    refused 2 '--boards: is missing: where are the profiles?' targets
}

@test "a path has a release in it only where the profile says which" {
    in_package() { # MEMBER: with a release that is in the package
        mkdir -p unknown
        sed -e 's|"release": "[^"]*"|"release": "usr/kernel.release"|' -e 's|"image": "[^"]*"|"image": "boot/vmlinuz"|' \
            -e "s|\"cmdline\"|$1, \"cmdline\"|" b.json >unknown/b.json
    }
    in_package '"dtb": ["boot/b.dtb"]'
    wisp-board check unknown/b.json
    said="' has {release}, and kernel.release does not say which that is"
    in_package '"dtb": ["boot/b.dtb", "boot/{release}.dtb"]'
    refused 1 "unknown/b.json: dtb[1]: 'boot/{release}.dtb$said" check unknown/b.json
    in_package '"overlays": "{release}/o"'
    refused 1 "unknown/b.json: overlays: '{release}/o$said" check unknown/b.json
    in_package '"firmware": [{"dest": "a", "path": "{release}/a"}]'
    refused 1 "unknown/b.json: firmware[0].path: '{release}/a$said" check unknown/b.json
    in_package '"modules": ["a", {"name": "b", "path": "{release}/b.ko"}]'
    refused 1 "unknown/b.json: modules[1].path: '{release}/b.ko$said" check unknown/b.json
    in_package '"modules": []'
    sed -i 's|"boot/vmlinuz"|"boot/vmlinuz-{release}"|' unknown/b.json
    refused 1 "unknown/b.json: kernel.image: 'boot/vmlinuz-{release}$said" check unknown/b.json
    sed -i -e 's|vmlinuz-{release}|vmlinuz|' -e 's|usr/kernel.release|usr/{release}/it|' unknown/b.json
    refused 1 "unknown/b.json: kernel.release: 'usr/{release}/it$said" check unknown/b.json
}

@test "config prints the whole configuration and the board" {
    mkdir boards
    cat >boards/all.json <<'JSON'
{ "name": "all", "arch": "aarch64", "page_size": 16384, "network_interface": "end0",
  "kernel": {"source": "alpine", "branch": "v3.24", "image": "boot/vmlinuz", "release": "usr/share/kernel.release",
             "packages": [{"package": "a", "version": "1-r0"}, {"package": "b"}]},
  "modules": ["one", {"name": "two", "path": "kernel/net/two.ko"}],
  "dtb": ["boot/b.dtb"], "overlays": "boot/overlays",
  "firmware": [{"url": "https://example.org/a?b=c", "dest": "a.elf"}, {"path": "boot/b", "dest": "b"},
               {"file": "my c.txt", "dest": "extlinux/c.conf",
                "sha256": "0000000000000000000000000000000000000000000000000000000000000000"}],
  "boot_config": ["[all]", "kernel=Image", "initramfs initrd.img followkernel"], "cmdline": "a=b c", "qemu": {} }
JSON
    wisp-board config -t all -b ./service --ip 10.0.0.2/24 --gateway 10.0.0.1 --offline \
        --port 80:8080 --port 0.0.0.0:81:81 --shipped boards >lines
    diff lines - <<'LINES'
target=all
binary=./service
ip=10.0.0.2/24
address=10.0.0.2
prefix=24
gateway=10.0.0.1
dns=10.0.0.1
hostname=all
output=wisp-output
port=80:8080
port=0.0.0.0:81:81
offline=1
board_file=boards/all.json
arch=aarch64
page_size=16384
interface=end0
kernel_source=alpine
branch=v3.24
package=a 1-r0 -
package=b - -
image=boot/vmlinuz
release=usr/share/kernel.release
module=one
module=two kernel/net/two.ko
dtb=boot/b.dtb
overlays=boot/overlays
firmware=url a.elf - https://example.org/a?b=c
firmware=path b - boot/b
local_firmware=extlinux/c.conf 0000000000000000000000000000000000000000000000000000000000000000 boards/my c.txt
boot_config=[all]
boot_config=kernel=Image
boot_config=initramfs initrd.img followkernel
cmdline=a=b c
qemu=1
card=1
unpinned=a: sha256
unpinned=b: version
unpinned=b: sha256
unpinned=https://example.org/a?b=c: sha256
LINES
}

@test "the local files of a profile are beside it, and a known release is put into paths" {
    mkdir boards
    sed -e 's/"source": "debian", "package": "linux"/"source": "file", "path": "linux.deb"/' \
        -e 's|"cmdline"|"dtb": ["{release}/{release}.dtb"], "cmdline"|' b.json >boards/b.json
    wisp-board config -t b --shipped boards >lines
    grep -x kernel_path=boards/linux.deb lines
    grep -x image=boot/vmlinuz-6.1 lines
    grep -x dtb=6.1/6.1.dtb lines
    sed 's/"kernel": {.*}/"kernel": {"source": "file", "path": "Image", "modules": "lib"}/' b.json >boards/b.json
    wisp-board config -t b --shipped boards >lines
    grep -x kernel_path=boards/Image lines
    grep -x kernel_modules=boards/lib lines
}

@test "flags win over wisp.json, whose paths are beside it" {
    mkdir conf
    echo '{"target": "b", "binary": "bin/s", "ip": "10.0.0.2/24", "gateway": "10.0.0.1", "dns": "9.9.9.9",
           "output": "/abs", "port": ["1:1", "2:2"], "boards": ["."], "offline": true}' >conf/wisp.json
    cp b.json conf/b.json
    wisp-board config -f conf/wisp.json --ip 10.0.0.3/24 --port 3:3 >lines
    head -n 11 lines | diff - <(printf '%s\n' target=b binary=conf/bin/s ip=10.0.0.3/24 address=10.0.0.3 prefix=24 \
        gateway=10.0.0.1 dns=9.9.9.9 hostname=b output=/abs port=3:3 offline=1)
    grep -x board_file=conf/./b.json lines
    wisp-board config -f conf/wisp.json --boards . --dns 8.8.8.8 --dns 8.8.4.4 -b s -o o >lines
    grep -x board_file=./b.json lines
    [ "$(grep -E '^(dns|binary|output)=' lines | tr '\n' ' ')" = "binary=s dns=8.8.8.8 dns=8.8.4.4 output=o " ]
}

@test "a wisp.json that is not one is refused by key" {
    refuses() {
        printf '%s' "$1" >wisp.json
        refused 1 "wisp.json$2" config -f wisp.json
    }
    refuses '{"traget": "b"}' ': traget: unknown key, known here: target, binary, arg, env, file, user, hostname, ip, gateway, dns, wait_link, tmpfs, sysctl, cap, relax, watchdog, output, port, expect, timeout, json, console, accel, boards, offline, allow_unpinned, quiet, verbose'
    refuses '{"ip": "300.1.1.1/24"}' ": ip: 300.1.1.1/24: '300.1.1.1' is not an IPv4 address"
    refuses '{"dns": ["9.9.9.9", "10.1"]}' ": dns[1]: 10.1: '10.1' is not an IPv4 address"
    refuses '{"user": ["1:1"]}' ': user: must be text, not a list'
    refuses '{"ip": ["10.0.0.2/24", "dhcp"]}' ': ip[1]: dhcp: is a second IPv4 address'
    refuses '{"offline": "yes"}' ': offline: must be true or false, not text'
    refuses '{"port": 8080}' ': port: must be text, not 8080'
    refuses '{"ip": "10.0.0.2/24", "ip": "10.0.0.3/24"}' ': ip: the key is there twice'
    refuses '' ':1: is not JSON: it ends too early'
    refuses '{"binary": ""}' ': binary: is empty'
}

@test "what cannot be built is refused as it was typed" {
    refused 1 "--ip: 300.1.1.1/24: '300.1.1.1' is not an IPv4 address" config --ip 300.1.1.1/24
    refused 1 '--gateway: 10.0.1.1: is outside the network of 10.0.0.2/24' config --ip 10.0.0.2/24 --gateway 10.0.1.1
    refused 1 '--gateway: needs the machine'"'"'s own address: give ip too' config --gateway 10.0.1.1
    refused 1 '--port: 80:81: host port is taken by 80:80' config --port 80:80 --port 80:81
    refused 1 '--target: Pi: is not a board'"'"'s name: a-z, 0-9, - and _' config -t Pi
    refused 1 '--target: pi6: no such board, known here: b' config -t pi6 --boards .
    refused 1 '--binary: a\x0ab: has a control character' config -b $'a\nb'
    refused 1 '--output: is empty' config -o ''
    refused 2 '--binary: is missing' config -t b --boards . --need target --need binary
    echo '{}' >wisp.json
    refused 2 '--target: is missing, and wisp.json has none' config -f wisp.json --need target
    refused 2 '--target: is missing; the wisp.json that is here is read with -f wisp.json' config --need target
}

@test "--as names whoever asked" {
    run -1 --separate-stderr wisp-board config --as wisp --ip x/24
    [ "$stderr" = "wisp: --ip: x/24: 'x' is not an IPv4 address" ]
    run -2 --separate-stderr wisp-board config --as wisp --frobnicate
    [ "$stderr" = "wisp: --frobnicate: unknown option, see wisp --help" ]
}

records() {
    printf 'target\tqemu\n'
    printf 'origin\tkernel\tkind=alpine\tpackage=linux-virt\tversion=6.18.48-r0\tkey=alpine-devel\tlicence=GPL-2.0-only\n'
    printf 'origin\tservice\tkind=file\n'
    printf 'file\tinitrd.img/service/run\thello\tservice\n'
    printf 'file\t/initrd.img/lib/modules/a.ko\tempty\tkernel\n'
    printf 'output\tinitrd.img\thello\n'
    printf 'end\n'
}

@test "the manifest has every file with size, hash and origin" {
    echo hello >hello && : >empty
    records | wisp-board manifest >manifest.json
    diff manifest.json - <<JSON
{
  "files": [
    {
      "origin": "kernel",
      "path": "initrd.img/lib/modules/a.ko",
      "sha256": "$(sha256sum <empty | cut -d ' ' -f 1)",
      "size": 0
    },
    {
      "origin": "service",
      "path": "initrd.img/service/run",
      "sha256": "$(sha256sum <hello | cut -d ' ' -f 1)",
      "size": 6
    }
  ],
  "format": 1,
  "origins": {
    "kernel": {
      "key": "alpine-devel",
      "kind": "alpine",
      "licence": "GPL-2.0-only",
      "package": "linux-virt",
      "version": "6.18.48-r0"
    },
    "service": {
      "kind": "file"
    }
  },
  "outputs": [
    {
      "path": "initrd.img",
      "sha256": "$(sha256sum <hello | cut -d ' ' -f 1)",
      "size": 6
    }
  ],
  "target": "qemu"
}
JSON
}

@test "the same records in another order, at another time, give the same manifest" {
    echo hello >hello && : >empty
    records | wisp-board manifest >one
    touch -d 1999-01-01 hello
    { records | head -n -1 | tac; echo end; } | TZ=Asia/Tokyo wisp-board manifest >two
    cmp one two
}

@test "a manifest has at most the bytes that wisp-audit reads" {
    limit=4194304
    padded() { printf 'target\tx\norigin\tservice\tkind=file\tsource='; head -c "$1" /dev/zero | tr '\0' a; printf '\nend\n'; }
    rest=$(($(padded 1 | wisp-board manifest | wc -c) - 1))
    padded $((limit - rest)) | wisp-board manifest >manifest.json
    [ "$(stat -c %s manifest.json)" = "$limit" ]
    # it is read: what is missing is the output
    echo nothing >x
    run -1 --separate-stderr wisp-audit --manifest manifest.json x
    [ "$stderr" = "wisp-audit: manifest.json: lists no output 'x'" ]
    padded $((limit - rest + 1)) >records
    refused 1 "manifest.json: has 4194305 bytes, and wisp-audit reads 4194304" manifest <records
    mkdir work
    refused 1 "manifest.json: has 4194305 bytes, and wisp-audit reads 4194304" record --work work <records
    [ -z "$(ls work)" ]
}

@test "records that are cut at any byte are refused" {
    echo hello >hello && : >empty
    records >whole
    for size in $(seq 0 $(($(wc -c <whole) - 1))); do
        head -c "$size" whole >part
        run -1 --separate-stderr wisp-board manifest <part
        [ "$stderr" = "wisp-board: standard input: is cut: the last record must be 'end'" ]
        [ -z "$output" ]
    done
}

@test "a record that is none is refused by line" {
    echo hello >hello
    refuses() {
        printf %b "$1" >records
        run -1 --separate-stderr wisp-board manifest <records
        printf 'got:      %s\nexpected: %s\n' "$stderr" "wisp-board: standard input$2"
        [ "$stderr" = "wisp-board: standard input$2" ]
        [ -z "$output" ]
    }
    refuses '' ": is cut: the last record must be 'end'"
    refuses 'end\n' ": has no record 'target'"
    refuses 'target\tx\n\nend\n' ':2: has an empty field'
    refuses 'target\tx\ntarget\ty\nend\n' ":2: a second record 'target'"
    refuses 'target\tx\ty\nend\n' ":1: is not 'target NAME', separated by tabs"
    refuses 'target\tx\nend\nend\n' ":2: unknown record 'end'"
    refuses 'target x\nend\n' ":1: unknown record 'target x'"
    refuses 'target\tx\n\xff\nend\n' ":2: '\\xff' is not a line of UTF-8 text"
    refuses 'origin\tx\nend\n' ":1: is not 'origin ID FACT=TEXT...', separated by tabs"
    refuses 'origin\tx\tcolour=red\nend\n' ":1: unknown fact 'colour' of an origin"
    refuses 'origin\tx\tkind\nend\n' ":1: 'kind' has no text"
    refuses 'origin\tx\tkind=\nend\n' ":1: 'kind' has no text"
    refuses 'origin\tx\tkind=url\tkind=url\nend\n' ":1: 'kind' is there twice"
    refuses 'origin\tx\tversion=1\nend\n' ":1: origin 'x' has no kind"
    refuses 'origin\tx\tkind=url\norigin\tx\tkind=url\nend\n' ":2: a second origin 'x'"
    refuses 'file\ta\thello\nend\n' ":1: is not 'file PATH LOCAL-FILE ORIGIN', separated by tabs"
    refuses 'output\ta\thello\tx\ty\nend\n' ":1: is not 'output PATH LOCAL-FILE [ORIGIN]', separated by tabs"
    refuses 'file\ta/../b\thello\tx\nend\n' ":1: path 'a/../b' has a part '..'"
    refuses 'file\ta\thello\tx\nfile\t/a\thello\tx\nend\n' ":2: a second file 'a'"
    refuses 'target\tx\nfile\ta\thello\tx\nend\n' ": a: no record of its origin 'x'"
    refuses 'target\tx\noutput\ta\thello\tx\nend\n' ": a: no record of its origin 'x'"
    refuses 'origin\tx\tkind=url\tpinned=maybe\nend\n' ":1: 'pinned' is yes or no, not 'maybe'"
    printf 'target\tx\norigin\tx\tkind=url\nfile\ta\tnone\tx\nend\n' >records
    run -2 --separate-stderr wisp-board manifest <records
    [ "$stderr" = "wisp-board: none: open: No such file or directory" ]
}

records_of_all() {
    printf 'target\tqemu\n'
    printf 'origin\tkernel\tkind=alpine\tpackage=linux-virt\tversion=6.18.48-r0\tarchitecture=aarch64\tkey=a.rsa.pub\tlicence=GPL-2.0-only\tsha256=%064d\tpinned=yes\n' 1
    printf 'origin\tmodules\tkind=debian\tpackage=linux-x\tversion=1:6+b~1\tarchitecture=arm64\trelease=sid\tlicence=GPL-2\n'
    printf 'origin\tstart.elf\tkind=url\tsource=https://example.org/start.elf\tpinned=no\tlicence=as is\n'
    printf 'origin\tservice\tkind=file\n'
    printf 'file\tinitrd.img/service/run\thello\tservice\n'
    printf 'output\tinitrd.img\thello\n'
    printf 'output\tvmlinuz\tempty\tkernel\n'
    printf 'end\n'
}

# document PYTHON: a condition on the SPDX document `d`.
document() { python3 -c 'import json, sys; d = json.load(open("sbom")); assert eval(sys.argv[1]), sys.argv[1]' "$1"; }

@test "the SPDX document says what is in the image, where it is from and under which licence" {
    echo hello >hello && : >empty
    records_of_all | wisp-board sbom >sbom
    document 'd["spdxVersion"] == "SPDX-2.3" and d["dataLicense"] == "CC0-1.0" and d["SPDXID"] == "SPDXRef-DOCUMENT"'
    document "d['creationInfo'] == {'created': '1970-01-01T00:00:00Z', 'creators': ['Tool: wisp-$(wisp-board --version | cut -d ' ' -f 2)']}"
    document "[(f['fileName'], f['checksums'][0]['checksumValue'], f['checksums'][1]['checksumValue']) for f in d['files']] == [
        ('./initrd.img/service/run', '$(sha1sum <hello | cut -d ' ' -f 1)', '$(sha256sum <hello | cut -d ' ' -f 1)')]"
    document "[(p['name'], p['packageFileName'], p['primaryPackagePurpose'], p['checksums']) for p in d['packages'][-2:]] == [
        ('initrd.img', './initrd.img', 'FILE', [{'algorithm': 'SHA256', 'checksumValue': '$(sha256sum <hello | cut -d ' ' -f 1)'}]),
        ('vmlinuz', './vmlinuz', 'FILE', [{'algorithm': 'SHA256', 'checksumValue': '$(sha256sum <empty | cut -d ' ' -f 1)'}])]"
    # only the initrd has files in it
    document "[p['name'] for p in d['packages'] if p['filesAnalyzed']] == ['initrd.img']"
    code=$(sha1sum <hello | cut -d ' ' -f 1 | tr -d '\n' | sha1sum | cut -d ' ' -f 1)
    document "[p['packageVerificationCode'] for p in d['packages'] if 'packageVerificationCode' in p] == [{'packageVerificationCodeValue': '$code'}]"
    document "[(p['name'], p['licenseDeclared'], p['downloadLocation']) for p in d['packages']] == [
        ('qemu', 'NOASSERTION', 'NOASSERTION'), ('linux-virt', 'GPL-2.0-only', 'NOASSERTION'),
        ('linux-x', 'GPL-2.0-only', 'NOASSERTION'), ('service', 'NOASSERTION', 'NOASSERTION'),
        ('start.elf', 'LicenseRef-1', 'https://example.org/start.elf'),
        ('initrd.img', 'NOASSERTION', 'NOASSERTION'), ('vmlinuz', 'NOASSERTION', 'NOASSERTION')]"
    document "d['hasExtractedLicensingInfos'] == [{'licenseId': 'LicenseRef-1', 'name': 'as is', 'extractedText': 'as is'}]"
    document "[p['externalRefs'][0]['referenceLocator'] for p in d['packages'] if 'externalRefs' in p] == [
        'pkg:apk/alpine/linux-virt@6.18.48-r0?arch=aarch64', 'pkg:deb/debian/linux-x@1:6%2Bb~1?arch=arm64']"
    document "[p.get('sourceInfo') for p in d['packages']] == [None, 'signature checked with the key a.rsa.pub; SHA-256 pinned',
        'apt checked the signed release of sid', None, 'SHA-256 not pinned', None, None]"
    document "[(r['spdxElementId'][8:], r['relationshipType'], r['relatedSpdxElement'][8:]) for r in d['relationships']] == [
        ('DOCUMENT', 'DESCRIBES', 'Image'), ('Image', 'CONTAINS', 'Output-1'), ('Image', 'CONTAINS', 'Output-2'),
        ('Output-2', 'GENERATED_FROM', 'Package-1'), ('File-1', 'GENERATED_FROM', 'Package-3'), ('Output-1', 'CONTAINS', 'File-1')]"
    # every identifier is there once, and every relationship is between two of them
    document "(lambda ids: len(ids) == len(set(ids)) and all(r[e] in ids for r in d['relationships']
        for e in ('spdxElementId', 'relatedSpdxElement')))([d['SPDXID']] + [x['SPDXID'] for x in d['packages'] + d['files']])"
}

# card_records [RECORD]: of a card with an initrd on it.
card_records() {
    printf 'target\tpi5\norigin\to\tkind=file\noutput\tpi5.img\thello\nfile\tpi5.img/initrd.img\thello\to\n'
    printf 'file\tpi5.img/other/initrd.img\tempty\to\nfile\tinitrd.img/init\thello\to\nfile\tnowhere/a\thello\to\n'
    printf %b "${1-}end\n"
}

# contents: what contains what in the document `sbom`, by names.
contents() {
    jq -r '([.packages[] | {(.SPDXID): .name}] + [.files[] | {(.SPDXID): .fileName}] | add) as $names | .relationships[] |
        select(.relationshipType == "CONTAINS") | $names[.spdxElementId] + " > " + $names[.relatedSpdxElement]' sbom
}

@test "the SPDX document follows a card to what is in the initrd on it" {
    echo hello >hello
    : >empty
    card_records | wisp-board sbom >sbom
    contents | sort | diff - <(printf '%s\n' './pi5.img/initrd.img > ./initrd.img/init' 'pi5 > pi5.img' \
        'pi5.img > ./pi5.img/initrd.img' 'pi5.img > ./pi5.img/other/initrd.img')
    code=$(printf '%s\n' hello empty | xargs sha1sum | cut -d ' ' -f 1 | sort | tr -d '\n' | sha1sum | cut -d ' ' -f 1)
    [ "$(jq -r '.packages[].packageVerificationCode.packageVerificationCodeValue // empty' sbom)" = "$code" ]
    # where the initrd is an output as well, that holds it
    card_records 'output\tinitrd.img\thello\n' | wisp-board sbom >sbom
    contents | grep init$ | diff - <(echo 'initrd.img > ./initrd.img/init')
}

@test "the SPDX project's own validator accepts the SPDX document" {
    need_pyspdxtools
    echo hello >hello && : >empty
    records_of_all | wisp-board sbom >sbom.spdx.json
    [ -z "$(pyspdxtools -i sbom.spdx.json)" ]
    card_records | wisp-board sbom >card.spdx.json
    [ -z "$(pyspdxtools -i card.spdx.json)" ]
    for damage in 's/"SPDX-2.3"/"SPDX-7"/' 's/"checksumValue": "[0-9a-f]/"checksumValue": "/' 's/GENERATED_FROM/BORN_OF/' \
        's/"GPL-2.0-only"/"GPL and so on"/' '0,/"SPDXRef-Package-1"/s//"SPDXRef-Package-9"/'; do
        sed "$damage" sbom.spdx.json >damaged.spdx.json
        run ! cmp -s sbom.spdx.json damaged.spdx.json
        run ! pyspdxtools -i damaged.spdx.json
    done
}

@test "the SPDX document depends on the records and SOURCE_DATE_EPOCH alone, and its name on its contents" {
    echo hello >hello && : >empty
    records_of_all | wisp-board sbom >one
    touch -d 1999-01-01 hello
    { records_of_all | head -n -1 | tac; echo end; } | TZ=Asia/Tokyo wisp-board sbom >two
    cmp one two
    grep -Eq '"documentNamespace": "urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"' one
    records_of_all | TZ=Asia/Tokyo SOURCE_DATE_EPOCH=1700000000 wisp-board sbom >sbom
    document "d['creationInfo']['created'] == '$(TZ=UTC date -d @1700000000 +%Y-%m-%dT%H:%M:%SZ)'"
    records_of_all | SOURCE_DATE_EPOCH=253402300799 wisp-board sbom >sbom
    document "d['creationInfo']['created'] == '9999-12-31T23:59:59Z'"
    [ "$(grep documentNamespace sbom)" != "$(grep documentNamespace one)" ]
    records_of_all >records
    run -2 --separate-stderr env SOURCE_DATE_EPOCH=253402300800 wisp-board sbom <records
    [ "$stderr" = "wisp-board: SOURCE_DATE_EPOCH: '253402300800' is not a number of seconds from 0 to 253402300799" ]
}

@test "pin writes version and SHA-256 and leaves the rest as it is" {
    sum=$(printf %064d 1) other=$(printf %064d 2)
    sed -e 's|"cmdline"|"firmware": [{"url": "https://example.org/a", "dest": "a"}, {"path": "boot/b", "dest": "b"}], "cmdline"|' \
        b.json >with && mkdir boards && mv with boards/b.json
    printf 'package linux 6.1-2 %s\nurl https://example.org/a %s\nend\n' "$sum" "$other" | wisp-board pin boards/b.json >new.json
    python3 - "$sum" "$other" <<'PY'
import json, sys
order = lambda text: json.loads(text, object_pairs_hook=list)
old, new = (dict(order(open(f).read())) for f in ("boards/b.json", "new.json"))
kernel = old["kernel"]
kernel[2:2] = [("version", "6.1-2"), ("sha256", sys.argv[1])]
old["firmware"][0].insert(1, ("sha256", sys.argv[2]))
assert list(old.items()) == list(new.items()), new
PY
    # what is pinned changes in its place
    cp new.json boards/b.json
    printf 'package linux 6.1-3 %s\nend\n' "$other" | wisp-board pin boards/b.json >newer.json
    diff new.json newer.json >changes || :
    [ "$(grep -c '^>' changes)" -eq 2 ]
    grep -qF '>     "version": "6.1-3",' changes
    sed -i 's|"package": "linux"|"packages": [{"package": "linux"}, {"package": "b"}]|' b.json
    printf 'package b 1 %s\nend\n' "$sum" | wisp-board pin b.json >new.json
    [ "$(wisp-board config -t b --shipped . | grep ^package=)" = "$(printf '%s\n' 'package=linux - -' 'package=b - -')" ]
    mv new.json b.json
    [ "$(wisp-board config -t b --shipped . | grep ^package=)" = "$(printf '%s\n' 'package=linux - -' "package=b 1 $sum")" ]
}

@test "pins that are none, or not the profile's, are refused" {
    sum=$(printf %064d 1)
    refuses() {
        printf %b "$1" >pins
        run -1 --separate-stderr wisp-board pin b.json <pins
        [ "$stderr" = "wisp-board: $2" ]
        [ -z "$output" ]
    }
    neither="is neither 'package NAME VERSION SHA256' nor 'url URL SHA256'"
    refuses '' "standard input: is cut: the last line must be 'end'"
    refuses "package linux 1 $sum\\n" "standard input: is cut: the last line must be 'end'"
    refuses "package linux 1 ${sum}0\\nend\\n" "standard input:1: $neither"
    refuses "package linux 1 $sum\\npackage linux \$(id) $sum\\nend\\n" "standard input:2: $neither"
    refuses "url ftp://a $sum\\nend\\n" "standard input:1: $neither"
    refuses "url https://example.org/a 1 $sum\\nend\\n" "standard input:1: $neither"
    refuses "\\nend\\n" "standard input:1: $neither"
    refuses "package other 1 $sum\\nend\\n" "b.json: has no 'other' to pin"
    refuses "url https://example.org/a $sum\\nend\\n" "b.json: has no 'https://example.org/a' to pin"
    echo end >pins
    run -2 --separate-stderr wisp-board pin <pins
    [ "$stderr" = "wisp-board: pin: needs one FILE: which profile?" ]
    echo '[]' >list.json
    run -1 --separate-stderr wisp-board pin list.json <pins
    [ "$stderr" = "wisp-board: list.json: must be an object, not a list" ]
}

@test "config --shell is safe to eval, whatever the values" {
    mkdir boards && cp b.json boards
    local url="http://:8080/?'\`touch\${IFS}pwned\`;*"
    for awkward in "it's" '$(touch pwned)' '`touch pwned`' 'a\b\\c' '"x"' 'two  words' '*' '-n' "';touch pwned;'" '#x' $'caf\xc3\xa9'; do
        answer=$(wisp-board config --shell -t b --shipped boards -b "$awkward" -o "$awkward" --console "$awkward" \
            --expect "$url" --ip 10.0.0.2/24 --file "$awkward:/a")
        [ "${answer%%$'\n'*}" = '# settings' ]
        for shell in sh bash; do
            ANSWER=$answer $shell -euc 'eval "$ANSWER"; eval "set -- $qemu_options"; printf "%s\n" "$binary" "$output" "$files" "$@"' >got
            case $awkward in -*) output=./$awkward ;; *) output=$awkward ;; esac
            printf '%s\n' "$awkward" "$output" "$awkward" '' --accel auto --ip 10.0.0.2/24 --forward 18080:8080 \
                --expect "$url" --console "$awkward" | cmp - got
        done
    done
    [ ! -e pwned ]
}

@test "an expectation that wisp-qemu would refuse is refused before anything is built" {
    echo '{"expect": "ftp://:8080/"}' >wisp.json
    refused 1 "wisp.json: expect: ftp://:8080/: is no http:// URL" config -f wisp.json
    refused 1 "--expect: http://:8080/=99: a status must be a number from 200 to 599" config --expect http://:8080/=99
    refused 1 "--expect: http://:8080/: no forward leads to the machine's port 8080" config --port 1:81 --expect http://:8080/
    echo '{"port": [], "expect": ["http://127.0.0.1/", "http://:8080/"]}' >wisp.json
    refused 1 "wisp.json: expect[1]: http://:8080/: no forward leads to the machine's port 8080" config -f wisp.json
    wisp-board config -f wisp.json --port 0:8080
}

@test "config --shell assigns every variable, and lists have a value a line" {
    mkdir boards && sed 's/"package": "linux"/"packages": [{"package": "a", "version": "1-1"}, {"package": "b"}]/' b.json >boards/b.json
    wisp-board config --shell -t b --shipped boards -q --ip 10.0.0.2/24 >answer
    sh -euc '. ./answer; printf "%s|" "$quiet" "$verbose" "$packages" "$version" "$unpinned" "$modules" "$card" "$qemu"' >got
    printf '%s|' 1 '' $'a 1-1 -\nb - -\n' 1-1 $'a: sha256\nb: version\nb: sha256\n' '' 1 '' | cmp - got
}

@test "a build is the same one until something changes that it depends on" {
    mkdir boards && cp b.json boards
    identity() { wisp-board config --shell -t b --shipped boards --ip 10.0.0.2/24 -b s "$@" | sed -n 's/^identity=//p'; }
    entry() { wisp-board config --shell -t b --shipped boards --ip 10.0.0.2/24 -b s "$@" | sed -n 's/^entry_name=//p'; }
    first=$(identity) kernel=$(entry)
    [ "${#first}" -eq 32 ]
    [ "${#kernel}" -eq 32 ]
    for run_only in '--port 1:1' '-q' '-v' '--accel tcg' '--timeout 3' '--json' '--offline' '--expect http://:8080/'; do
        # shellcheck disable=SC2086 # an option and its value
        [ "$(identity $run_only)" = "$first" ]
    done
    for option in '--arg a' '--env A=b' '--user 7' '--hostname h' '--tmpfs /t:1M' '--sysctl a.b=c' '--cap net_raw' \
        '--relax bpf' '--watchdog 9' '--wait-link 1' '-o other' '--ip 2001:db8::2/64' '--gateway 10.0.0.1' '--dns 9.9.9.9'; do
        # shellcheck disable=SC2086
        [ "$(identity $option)" != "$first" ]
        # shellcheck disable=SC2086
        [ "$(entry $option)" = "$kernel" ]
    done
    [ "$(SOURCE_DATE_EPOCH=1 identity)" != "$first" ]
    [ "$(identity --arg a --arg b)" != "$(identity --arg 'a b')" ]
    [ "$(identity --arg a --env b=)" != "$(identity --env b= --arg c)" ]
    sed -i 's/console=ttyAMA0/console=ttyS0/' boards/b.json
    [ "$(identity)" != "$first" ]
    [ "$(entry)" = "$kernel" ]
    sed -i 's/"release": "6.1"/"release": "6.2"/' boards/b.json
    [ "$(entry)" != "$kernel" ]
}

@test "settings stand in wisp.json under the flags' names with underscores, any byte of arguments included" {
    mkdir boards && sed 's/"cmdline"/"qemu": {}, "cmdline"/' b.json >boards/b.json
    printf '%s' '{"target": "b", "binary": "s", "arg": ["a\nb", ""], "env": "T=\u00e9\t", "file": ["f:/etc/f:600"], "user": "7",
        "wait_link": "3", "tmpfs": ["/t:1M"], "cap": ["net_raw"], "accel": "tcg", "json": true, "port": "0:80", "timeout": "9"}' >wisp.json
    answer=$(wisp-board config --shell -f wisp.json --shipped boards)
    grep -qx "qemu_options='--accel tcg --ip 10.0.2.15/24 --gateway 10.0.2.2 --dns 10.0.2.3 --forward 0:80 --timeout 9 --json'" <<<"$answer"
    refuses() {
        printf '%s' "$1" >wisp.json
        refused 1 "wisp.json: $2" config -f wisp.json
    }
    refuses '{"arg": ["a", "b\u0000c"]}' 'arg[1]: b\x00c: has a NUL byte, which ends a string'
    refuses '{"arg": [7]}' 'arg[0]: must be text, not 7'
    refuses '{"env": ["A=1", "A=2"]}' 'env[1]: A=2: the variable is set already'
    refuses '{"watchdog": 9}' 'watchdog: must be text, not 9'
    refuses '{"allow-unpinned": true}' 'allow-unpinned: unknown key, known here: target, binary, arg, env, file, user, hostname, ip, gateway, dns, wait_link, tmpfs, sysctl, cap, relax, watchdog, output, port, expect, timeout, json, console, accel, boards, offline, allow_unpinned, quiet, verbose'
    printf '{"accel": "xen"}' >wisp.json
    refused 1 'wisp.json: accel: xen is none of auto, kvm, hvf, tcg' config -f wisp.json
}

# entry_of_card: a folder in the form of a cache entry.
entry_of_card() {
    mkdir -p entry/modules entry/card/overlays
    echo kernel >entry/Image && echo module >entry/modules/z.ko && echo tree >entry/card/b.dtb && echo o >entry/card/overlays/o.dtbo
    echo z.ko >entry/modules.list
    printf '%s\n' linux >entry/Image.origin && printf '%s\n' linux >entry/modules.origin
    printf 'b.dtb\tlinux\noverlays/o.dtbo\tlinux\n' >entry/card.origins
    printf 'linux\tkind=alpine\tpackage=linux\tversion=1\tbuilt=1700000000\nfw\tkind=url\tsource=file:///x\n' >entry/origins
    wisp-cache seal entry
}

stage() { wisp-board stage -t b --boards . --entry entry --init init --work work -b s "$@"; }

@test "stage writes what a build puts together" {
    entry_of_card
    mkdir work && : >init && : >s && echo f >'my f'
    stage --ip 10.0.0.2/24 --arg $'a\nb' --arg '' --env 'A=b c' --file 'my f:/srv/f:0640' --tmpfs /srv/t:64K --user 7 >records
    printf 'IFACE=eth0\nADDR=10.0.0.2/24\nUSER=7:7\nHOSTNAME=b\nCLOCK=1700000000\nTMPFS=/srv/t:65536\n' | cmp - work/wisp.conf
    printf '/service/run\0a\nb\0\0' | cmp - work/argv
    printf 'A=b c\0' | cmp - work/env
    printf 'root:x:0:0::/:\nservice:x:7:7::/:\n' | cmp - work/passwd
    printf 'root:x:0:\nservice:x:7:\n' | cmp - work/group
    [ ! -s work/resolv.conf ]
    (cd work && wisp-cpio manifest) | cpio -t --quiet | tr '\n' ' ' >list
    [ "$(cat list)" = "dev dev/console dev/null etc etc/argv etc/env etc/group etc/hosts etc/modules etc/passwd etc/resolv.conf etc/wisp.conf init lib lib/modules lib/modules/z.ko proc service service/run srv srv/f srv/t sys " ]
    diff work/card.manifest - <<'M'
dir /overlays 0755 0 0
file /b.dtb card/b.dtb 0644 0 0
file /overlays/o.dtbo card/overlays/o.dtbo 0644 0 0
file /Image Image 0644 0 0
file /cmdline.txt cmdline.txt 0644 0 0
file /config.txt config.txt 0644 0 0
file /initrd.img initrd.img 0644 0 0
M
    cmp 'my f' work/file1
    # the record trusts the seal, not what is there now
    echo damaged >entry/Image && : >work/initrd.img && : >work/b.img
    (cd work && wisp-board record --work . <../records)
    [ "$(jq -r '.files[] | select(.path == "b.img/Image") | .sha256' work/manifest.json)" = "$(echo kernel | sha256sum | cut -d ' ' -f 1)" ]
    [ "$(jq -r '.files[] | select(.path == "initrd.img/srv/f") | .origin' work/manifest.json)" = file:/srv/f ]
    [ "$(jq -r '.origins["file:/srv/f"].source' work/manifest.json)" = 'my f' ]
    [ "$(jq -r '.origins.linux.built' work/manifest.json)" = 1700000000 ]
    (cd work && wisp-board manifest <../records) | cmp - work/manifest.json
    (cd work && wisp-board sbom <../records) | cmp - work/sbom.spdx.json
}

@test "the clock's floor is SOURCE_DATE_EPOCH, or the date of the newest package, or none" {
    entry_of_card
    : >init && : >s
    floor() { rm -rf work && mkdir work && stage --ip 10.0.0.2/24 >/dev/null && sed -n 's/^CLOCK=//p' work/wisp.conf; }
    [ "$(floor)" = 1700000000 ]
    [ "$(SOURCE_DATE_EPOCH=5 floor)" = 5 ]
    sed -i '$a other\tkind=debian\tpackage=p\tbuilt=1800000000' entry/origins
    [ "$(floor)" = 1800000000 ]
    sed -i 's/\tbuilt=[0-9]*//' entry/origins
    [ -z "$(floor)" ]
    sed -i '1s/$/\tbuilt=soon/' entry/origins
    rm -rf work && mkdir work
    refused 1 "entry/origins: 'built=soon' is no date" stage -t b --boards . --entry entry --init init --work work -b s --ip 10.0.0.2/24
}

@test "stage refuses what it has not, and what it was not told" {
    entry_of_card
    mkdir work && : >init && : >s
    all=(stage -t b --boards . --entry entry --init init --work work -b s --ip 10.0.0.2/24)
    refused 2 'none: open: No such file or directory' "${all[@]}" --file none:/srv/f
    refused 2 '--init: is missing' stage -t b --boards . --entry entry --work work -b s --ip 10.0.0.2/24
    refused 2 '--ip: is missing' stage -t b --boards . --entry entry --init init --work work -b s
    refused 2 'none/modules.list: open: No such file or directory' "${all[@]}" --entry none
    refused 2 'none/init: link: No such file or directory' "${all[@]}" --work none
    refused 2 '--work: is missing' record
}

@test "stage hears of it where a file is whole only once it is closed" {
    unsanitized "strace and the sanitizers' own tracing exclude each other"
    entry_of_card
    mkdir work && : >init && : >s
    run -2 --separate-stderr strace -f -o calls -P "$PWD/work/manifest" -e trace=close -e inject=close:error=EDQUOT \
        wisp-board stage -t b --boards . --entry entry --init init --work work -b s --ip 10.0.0.2/24
    [ "$stderr" = 'wisp-board: work/manifest: close: Disk quota exceeded' ]
}

@test "a file that is known is not read, and known once" {
    echo hello >hello && : >empty
    {
        printf 'target\tx\norigin\to\tkind=file\nknown\tno such file\t5\t%040d\t%064d\n' 1 2
        printf 'file\ta\tno such file\to\noutput\tb\tno such file\n'
        printf 'end\n'
    } | wisp-board manifest >manifest.json
    [ "$(jq -c '.files[0], .outputs[0] | [.size, .sha256]' manifest.json | sort -u)" = "[5,\"$(printf %064d 2)\"]" ]
    printf 'target\tx\nknown\ta\t5\t%040d\t%064d\nknown\ta\t5\t%040d\t%064d\nend\n' 1 2 1 2 >records
    run -1 --separate-stderr wisp-board manifest <records
    [ "$stderr" = "wisp-board: standard input:3: 'a' is known already" ]
    printf 'known\ta\t5\t%040d\t%063d\nend\n' 1 2 >records
    run -1 --separate-stderr wisp-board manifest <records
    [ "$stderr" = "wisp-board: standard input:1: is not 'known LOCAL-FILE SIZE SHA1 SHA256', separated by tabs" ]
}

@test "record takes a local file's SHA-256 for known, and measures the rest" {
    echo hello >hello
    mkdir work
    printf 'target\tx\norigin\to\tkind=file\nfile\ta\thello\to\noutput\tb\thello\nend\n' >records
    wisp-board record --work work --sha256 "hello=$(printf %064d 2)" <records
    [ "$(jq -c '.files[0], .outputs[0] | [.size, .sha256]' work/manifest.json | sort -u)" = "[6,\"$(printf %064d 2)\"]" ]
    grep -q "\"$(sha1sum <hello | cut -d ' ' -f 1)\"" work/sbom.spdx.json
    for sum in hello hello= "hello=$(printf %063d 2)" "hello=$(printf %063dG 2)"; do
        run -2 --separate-stderr wisp-board record --work work --sha256 "$sum" <records
        [ "$stderr" = "wisp-board: --sha256: '$sum' is not LOCAL-FILE=HEX" ]
    done
    run -2 --separate-stderr wisp-board record --work work --sha256 "none=$(printf %064d 2)" <records
    [ "$stderr" = "wisp-board: none: open: No such file or directory" ]
}

@test "a record that takes another's place says what it no longer vouches for" {
    echo hello >hello
    mkdir work old new
    records() { printf 'target\tx\norigin\to\tkind=file\nfile\ta\thello\to\n'; for output in "$@"; do printf 'output\t%s\thello\n' "$output"; done; echo end; }
    records a.img b gone | wisp-board record --work old
    touch old/a.img old/b
    for nothing in 'b a.img' 'a.img b c'; do
        # shellcheck disable=SC2086 # two names
        run -0 --separate-stderr wisp-board record --work work --replaces old/manifest.json < <(records $nothing)
        [ -z "$stderr" ]
    done
    run -0 --separate-stderr wisp-board record --as wisp --work work --replaces old/manifest.json < <(records c)
    [ "$stderr" = 'wisp: old/manifest.json: warning: no longer vouches for a.img, b, still there: --output keeps targets apart' ]
    echo '{' >new/manifest.json
    for none in new/manifest.json none/manifest.json; do
        run -0 --separate-stderr wisp-board record --work work --replaces $none < <(records c)
        [ -z "$stderr" ]
    done
}

late_records() {
    echo hello >hello
    mkdir work
    printf 'target\tx\norigin\to\tkind=file\nfile\ta\thello\to\nfile\tb\tlate\to\noutput\tc\tlate\nend\n' >records
}

@test "record waits for the SHA-256 of a file that is still being made, and hashes the rest meanwhile" {
    unsanitized "strace and sanitizers exclude each other"
    late_records
    echo early >late # what stands there before is not looked at
    { cat records && while [ ! -e hashed ]; do sleep 0.05; done && echo late >late && sha256sum late; } |
        strace -f -o trace -e trace=openat,read wisp-board record --work work --sha256 late=- &
    until grep -q '"hello"' trace 2>/dev/null && grep -q 'read(0' trace; do sleep 0.05; done
    run ! grep '"late"' trace
    : >hashed
    wait $!
    [ "$(jq -c '.files[1], .outputs[0] | [.size, .sha256]' work/manifest.json | sort -u)" = "[5,\"$(sha256sum <late | cut -d ' ' -f 1)\"]" ]
}

# told LINE...: the records, and what comes behind them.
told() { cat records && printf '%s\n' "$@"; }

@test "record takes a SHA-256 from standard input, and says where there is none" {
    late_records
    echo late >late
    told "$(sha256sum late)" | wisp-board record --work work --sha256 late=-
    [ "$(jq -c '.files[1], .outputs[0] | [.size, .sha256]' work/manifest.json | sort -u)" = "[5,\"$(sha256sum <late | cut -d ' ' -f 1)\"]" ]
    grep -q "\"$(sha1sum <late | cut -d ' ' -f 1)\"" work/sbom.spdx.json
    rm -r work && mkdir work
    for sum in '' abc "$(printf %063d 2)" " $(printf %064d 2)"; do
        run -1 --separate-stderr wisp-board record --work work --sha256 late=- < <(told "$sum")
        [ "$stderr" = "wisp-board: standard input: has no SHA-256 of late" ]
    done
    run -1 --separate-stderr wisp-board record --work work --sha256 late=- <records
    [ "$stderr" = "wisp-board: standard input: has no SHA-256 of late" ]
    rm late
    run -2 --separate-stderr wisp-board record --work work --sha256 late=- < <(told "$(printf %064d 2)  late")
    [ "$stderr" = "wisp-board: late: open: No such file or directory" ]
    run -2 --separate-stderr wisp-board record --work work records
    [ "$stderr" = "wisp-board: records: record takes no operand" ]
    # nothing is to follow the records where nothing is waited for
    run -1 --separate-stderr wisp-board record --work work < <(told more)
    [ "$stderr" = "wisp-board: standard input: is cut: the last record must be 'end'" ]
    for length in 1 50 "$(($(wc -c <records) - 1))"; do
        run -1 --separate-stderr wisp-board record --work work --sha256 late=- < <(head -c "$length" records)
        [ "$stderr" = "wisp-board: standard input: is cut: the last record must be 'end'" ]
    done
    echo late >late
    for sum in - "$(printf %064d 2)"; do
        run -1 --separate-stderr wisp-board record --work work --sha256 late=- < <(cat records && printf %s "$sum")
        [ "$stderr" = "wisp-board: standard input: has no SHA-256 of late" ]
        run -1 --separate-stderr wisp-board record --work work --sha256 late=- < <(told "$sum" more)
        [ "$stderr" = "wisp-board: standard input: goes on behind the last line that was waited for" ]
    done
    run -1 --separate-stderr wisp-board record --work work --sha256 late=- < <(head -c 16777217 /dev/zero)
    [ "$stderr" = "wisp-board: standard input: is longer than 16777216 bytes" ]
    [ -z "$(ls work)" ]
}

@test "record waits for several files in the order they are given, and hashes those of which it is told no SHA-256" {
    late_records
    printf 'target\tx\norigin\to\tkind=file\nfile\ta/a\tz\to\noutput\ta\tlate\noutput\tb\thello\nend\n' >records
    echo last >z
    for file in late z; do echo "$file" >"$file"; done
    # what is said of a file is not looked up, so it shows which line was taken for which
    one=$(printf %064d 1) three=$(printf %064d 3)
    told "$one  with the name of a file" - "$three" | wisp-board record --work work --sha256 late=- --sha256 z=- --sha256 hello=-
    [ "$(jq -r '.outputs[].sha256' work/manifest.json | paste -s -d ' ')" = "$one $three" ]
    [ "$(jq -r '.files[0].sha256' work/manifest.json)" = "$(sha256sum <z | cut -d ' ' -f 1)" ]
    [ "$(jq -r '.packages[] | select(.packageFileName == "./b").checksums[0].checksumValue' work/sbom.spdx.json)" = "$three" ]
    # an output of which nothing is told
    told - | wisp-board record --work work --sha256 late=-
    [ "$(jq -r '.outputs[0].sha256' work/manifest.json)" = "$(sha256sum <late | cut -d ' ' -f 1)" ]
    run -1 --separate-stderr wisp-board record --work work --sha256 late=- --sha256 hello=- < <(told -)
    [ "$stderr" = "wisp-board: standard input: has no SHA-256 of hello" ]
    run -1 --separate-stderr wisp-board record --work work --sha256 late=- < <(cat records && head -c 70000 /dev/zero | tr '\0' x)
    [ "$stderr" = "wisp-board: standard input: has no SHA-256 of late" ]
}

@test "record hashes a file before the records name it" {
    late_records
    echo late >late && echo early >'a=b'
    # what is there under the name of the records is not read
    told - | wisp-board record --work work --ahead 'hello=a=b' --sha256 late=-
    [ "$(jq -c '.files[0] | [.size, .sha256]' work/manifest.json)" = "[6,\"$(sha256sum <a=b | cut -d ' ' -f 1)\"]" ]
    grep -q "\"$(sha1sum <a=b | cut -d ' ' -f 1)\"" work/sbom.spdx.json
    # a file that the records do not name is no part of them
    told - | wisp-board record --work work --ahead other=late --sha256 late=-
    [ "$(jq -r '.files | length' work/manifest.json)" = 2 ]
    rm -r work && mkdir work
    run -2 --separate-stderr wisp-board record --work work --ahead hello=none --sha256 late=- < <(told -)
    [ "$stderr" = "wisp-board: none: open: No such file or directory" ]
    mkfifo fifo
    for file in fifo work /dev/zero; do
        run -1 --separate-stderr wisp-board record --work work --ahead hello=$file --sha256 late=- < <(told -)
        [ "$stderr" = "wisp-board: $file: is not a regular file" ]
    done
    # what a file is has one word
    twice() {
        run -2 --separate-stderr wisp-board record --work work "$@" < <(told -)
        [ "$stderr" = "wisp-board: $1: 'late' is named twice" ]
    }
    twice --ahead late=hello --ahead late=hello
    twice --sha256 late=- --sha256 "late=$(printf %064d 1)"
    twice --sha256 late=- --ahead late=late
    sed -i "1a known\thello\t5\t$(printf %040d 1)\t$(printf %064d 2)" records
    run -1 --separate-stderr wisp-board record --work work --ahead hello=late --sha256 late=- < <(told -)
    [ "$stderr" = "wisp-board: standard input:2: 'hello' is known already" ]
    for ahead in hello hello= =hello; do
        run -2 --separate-stderr wisp-board record --work work --ahead "$ahead" --sha256 late=- <records
        [ "$stderr" = "wisp-board: --ahead: '$ahead' is not LOCAL-FILE=FILE" ]
    done
    [ -z "$(ls work)" ]
}

@test "record hashes ahead while it waits for the records" {
    unsanitized "strace and sanitizers exclude each other"
    late_records
    echo late >late && echo early >early
    { while [ ! -e hashed ]; do sleep 0.05; done && told -; } |
        strace -f -o trace -e trace=openat,read wisp-board record --work work --ahead hello=early --sha256 late=- &
    until grep -q '"early"' trace 2>/dev/null; do sleep 0.05; done
    : >hashed
    wait $!
    [ "$(jq -r '.files[0].sha256' work/manifest.json)" = "$(sha256sum <early | cut -d ' ' -f 1)" ]
    run ! grep '"hello"' trace
}

@test "commands and options are checked" {
    refused 2 'command: is none of check, targets, config, stage, manifest, sbom, record, pin'
    refused 2 'explode: is none of check, targets, config, stage, manifest, sbom, record, pin' explode
    refused 2 '--ip: unknown option, see wisp-board --help' check --ip 1.2.3.4
    refused 2 'b.json: targets takes no operand' targets b.json
    refused 2 '--ip: needs a value' config --ip
}

@test "a full disk or a closed output is not a success" {
    for command in 'targets --boards .' 'config -t b --boards .' --help; do
        run -2 --separate-stderr sh -c "wisp-board $command >/dev/full"
        [ "$stderr" = "wisp-board: standard output: write: No space left on device" ]
        run -2 --separate-stderr sh -c "wisp-board $command >&-"
        [ "$stderr" = "wisp-board: standard output: write: Bad file descriptor" ]
    done
    echo hello >hello && : >empty
    records >lines
    echo end >pins
    for command in 'manifest <lines' 'sbom <lines' 'pin b.json <pins'; do
        run -2 --separate-stderr sh -c "wisp-board $command >/dev/full"
        [ "$stderr" = "wisp-board: standard output: write: No space left on device" ]
        run -2 --separate-stderr sh -c "wisp-board ${command%% <*} <&-"
        [ "$stderr" = "wisp-board: standard input: read: Bad file descriptor" ]
    done
}
