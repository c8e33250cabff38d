#!/bin/sh
# wisp: one static binary becomes a bootable machine. This driver parses, then runs one short function a step; all
# knowledge of formats is in the tools beside it.
set -efu
umask 022
export LC_ALL=C

# ---- where things are ------------------------------------------------------------------------------------------

self=$(readlink -f -- "$0" 2>/dev/null || printf '%s\n' "$0")
here=$(cd "$(dirname -- "$self")" && pwd -P)
if [ -f "$here/include/wisp/version.hpp" ]; then # the source tree
    bin=${WISP_BIN:-$here/build/bin} inits=${WISP_INIT:-$here/build/init} boards=$here/boards
else # as `make install` lays it out
    bin=$here inits=$here/../lib/wisp boards=$here/../share/wisp/boards
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/wisp
work='' quiet='' verbose='' offline=''

# ---- messages --------------------------------------------------------------------------------------------------

say() { [ -n "$quiet" ] || printf 'wisp: %s\n' "$*" >&2; }
die() {
    printf 'wisp: %s\n' "$*" >&2
    exit 1
}
misuse() {
    printf 'wisp: %s\n' "$*" >&2
    exit 2
}

usage() {
    cat <<'USAGE'
usage: wisp.sh COMMAND [OPTION]...

commands:
  build      make the image, or for a QEMU target the kernel and the initrd
  run        build, then boot it in QEMU
  validate   check the service and the configuration; build nothing
  fetch      fill the cache with the target's kernel, for later or for --offline
  targets    list the boards there are
  help, version

options:
  -t, --target NAME        the board
  -b, --binary FILE        the service: one static ELF program
      --ip ADDR/PREFIX     its address
      --gateway ADDR       its default route
      --dns ADDR           a resolver, may be repeated (the gateway)
  -o, --output DIR         where the results go (wisp-output)
  -f, --file FILE          read these options from a wisp.json; what is given here wins
      --port [ADDR:]HOST:GUEST   run: forward a port, may be repeated (18080:8080)
      --accel auto|kvm|hvf|tcg   run: how QEMU executes the guest (auto)
      --boards DIR         a folder of further profiles, may be repeated ($WISP_BOARDS)
      --offline            never touch the network
  -q, --quiet              say nothing but errors
  -v, --verbose            say each step's command

environment: XDG_CACHE_HOME, SOURCE_DATE_EPOCH, WISP_BOARDS, WISP_ALPINE_MIRROR, NO_COLOR
USAGE
}

# ---- small steps -----------------------------------------------------------------------------------------------

cleanup() { [ -z "$work" ] || rm -rf -- "$work"; }

# run COMMAND...: says it under --verbose, and does it.
run() {
    [ -z "$verbose" ] || printf 'wisp: + %s\n' "$*" >&2
    "$@"
}

# tool NAME ARGUMENT...: one of wisp's own.
tool() {
    name=$1
    shift
    [ -x "$bin/$name" ] || misuse "$name: is not built: run make in $here"
    run "$bin/$name" "$@"
}

# need PROGRAM WHY: a helper program that has to be there.
need() { command -v "$1" >/dev/null 2>&1 || misuse "$1: is not installed, and $2"; }

# publish FILE NAME: FILE, whole and checked, appears under its final name in the output folder.
publish() { run mv -f -- "$1" "$output/$2"; }

sha256_of() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum -- "$1"; else shasum -a 256 -- "$1"; fi |
        { read -r sum _ && printf '%s\n' "$sum"; }
}

# ---- the configuration -----------------------------------------------------------------------------------------

# configure NEEDED FLAG VALUE...: wisp-board merges the flags, wisp.json and the profile, and checks them all; each line
# of its answer becomes a variable. Keys that may repeat are lists, one value a line.
configure() {
    answer=$work/config
    tool wisp-board config --as wisp "$@" >"$answer"
    target='' binary='' ip='' address='' gateway='' dns='' output='' ports='' board_file='' arch='' page_size=''
    interface='' kernel_source='' branch='' suite='' packages='' image='' release='' modules='' cmdline='' qemu=''
    kernel_path=''
    while IFS='=' read -r key value; do
        case $key in
            target) target=$value ;;
            binary) binary=$value ;;
            ip) ip=$value ;;
            gateway) gateway=$value ;;
            dns) dns="$dns$value$nl" ;;
            output) output=$value ;;
            port) ports="$ports$value$nl" ;;
            board_file) board_file=$value ;;
            arch) arch=$value ;;
            page_size) page_size=$value ;;
            interface) interface=$value ;;
            kernel_source) kernel_source=$value ;;
            kernel_path) kernel_path=$value ;;
            branch) branch=$value ;;
            suite) suite=$value ;;
            package) packages="$packages$value$nl" ;;
            image) image=$value ;;
            release) release=$value ;;
            module) modules="$modules$value$nl" ;;
            cmdline) cmdline=$value ;;
            qemu) qemu=$value ;;
        esac
    done <"$answer"
}

# ---- the kernel ------------------------------------------------------------------------------------------------

# find_kernel: makes `entry` the cache folder with this profile's kernel in it: Image, kernel.info, modules/ with its
# list in load order, one record a package. An entry is published by one rename, so it is complete or absent; its name
# is a checksum of all that went into it, so a changed profile never meets an old entry.
find_kernel() {
    grep -E '^(arch|kernel_|branch|suite|package|image|release|module)' "$work/config" >"$work/inputs"
    version=$(printf '%s' "$packages" | sed -n '1s/^[^ ]* \([^ ]*\) .*/\1/p')
    folder=$cache/$target/${version:-local}
    entry=$folder/$(cksum <"$work/inputs" | tr ' ' '-')
    ! cmp -s "$work/inputs" "$entry/inputs" || return 0
    [ "$kernel_source" = file ] || [ -z "$offline" ] ||
        die "$target: its kernel is not in the cache and --offline forbids fetching it: run wisp.sh fetch --target $target"
    mkdir -p -- "$folder"
    find "$folder" -maxdepth 1 -name '.fill.*' -mtime +0 -exec rm -rf {} + # left by builds that were killed
    fill=$(mktemp -d "$folder/.fill.XXXXXX")
    mkdir "$fill/root" "$fill/modules"
    printf '%s' "$packages" | while read -r name version sha256; do fetch_package "$name" "$version" "$sha256"; done
    normalise_kernel
    rm -rf -- "$fill/root"
    cp "$work/inputs" "$fill/inputs"
    chmod 755 "$fill"
    # Another build may have been faster: mv then puts this copy inside that one, which is complete all the same.
    mv -- "$fill" "$entry"
    rm -rf -- "$entry/${fill##*/}"
}

fetch_package() { # NAME VERSION SHA256
    case $kernel_source in
        alpine) fetch_alpine "$@" ;;
        debian) fetch_debian "$@" ;;
        file) unpack "$kernel_path" "$3" ;;
    esac
}

fetch_alpine() {
    need curl "the Alpine source needs it"
    mirror=${WISP_ALPINE_MIRROR:-https://dl-cdn.alpinelinux.org/alpine}
    url=$mirror/$branch/main/$arch/$1-$2.apk
    say "fetching $1 $2"
    if [ -t 2 ] && [ -z "$quiet" ]; then progress=-# ; else progress=-s; fi
    run curl "$progress" -fSL --retry 2 --connect-timeout 20 -o "$fill/package.apk" -- "$url" ||
        die "$url: not fetched"
    unpack "$fill/package.apk" "$3"
    rm -f -- "$fill/package.apk"
}

# The machine's own apt fetches for the board's architecture, in a state folder of this fetch's own, so no root is
# needed, nothing of the machine's package lists is touched, and two fetches do not meet. apt verifies the chain from
# the signed Release file to the package.
fetch_debian() {
    need apt-get "the Debian source needs it"
    case $arch in
        aarch64) debian_arch=arm64 ;;
        x86_64) debian_arch=amd64 ;;
        *) debian_arch=$arch ;;
    esac
    say "fetching $1 $2 through apt"
    apt=$fill/apt
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    : >"$apt/status"
    set -- "$@" -o "APT::Architecture=$debian_arch" -o "APT::Architectures=$debian_arch" -o "Dir::State=$apt" \
        -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt" \
        -o "APT::Sandbox::User=$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=2
