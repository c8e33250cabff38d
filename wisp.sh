#!/bin/sh
# wisp: one static binary becomes a bootable machine. This driver takes the command line apart and then runs one short
# function a step; what there is to know of formats is in the tools it pipes together.
set -efu
umask 022
export LC_ALL=C
nl='
'

# ---- where things are ------------------------------------------------------------------------------------------

self=$(readlink -f -- "$0" 2>/dev/null || printf '%s\n' "$0")
here=$(cd "$(dirname -- "$self")" && pwd -P)
if [ -f "$here/include/wisp/version.hpp" ]; then # the source tree
    bin=${WISP_BIN:-$here/build/bin} inits=${WISP_INIT:-$here/build/init} boards=$here/boards
else # as `make install` lays it out
    bin=$here inits=$here/../lib/wisp boards=$here/../share/wisp/boards
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/wisp
quiet='' verbose='' offline='' accel=auto work='' fill=''

usage() {
    cat <<'USAGE'
usage: wisp.sh COMMAND [OPTION]...

commands:
  build      make what the target boots: kernel and initrd in the output folder
  run        build, then boot it in QEMU; ends when the machine ends
  validate   check the service and the configuration, build nothing
  fetch      fill the cache with the target's kernel, for later or for --offline
  targets    list the boards there are
  help, version

options:
  -t, --target NAME          the board
  -b, --binary FILE          the service: one static ELF program
      --ip ADDRESS/PREFIX    its address (QEMU targets: 10.0.2.15/24)
      --gateway ADDRESS      its default route
      --dns ADDRESS          its resolver, may be repeated (the gateway)
  -o, --output FOLDER        where the results go (wisp-output)
  -f, --file FILE            take options from a wisp.json; those given here win
      --port [ADDRESS:]HOST:GUEST
                             run: forward a port, may be repeated (18080:8080)
      --accel NAME           run: auto, kvm, hvf or tcg (auto)
      --boards FOLDER        further board profiles, may be repeated
      --offline              never touch the network
  -q, --quiet                say nothing but errors
  -v, --verbose              show the command of each step

environment: XDG_CACHE_HOME, SOURCE_DATE_EPOCH, WISP_BOARDS, WISP_ALPINE_MIRROR
USAGE
}

# ---- small helpers ---------------------------------------------------------------------------------------------

say() { [ -n "$quiet" ] || printf 'wisp: %s\n' "$*" >&2; }
complain() { printf 'wisp: %s\n' "$*" >&2; }
die() {
    complain "$@"
    exit 1
}
misuse() {
    complain "$@"
    exit 2
}

# Folders that are not finished disappear, whatever ends this run; a kill leaves them under names nobody takes.
cleanup() {
    [ -z "$work" ] || rm -rf -- "$work"
    [ -z "$fill" ] || rm -rf -- "$fill"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# scratch FOLDER: prints a new folder inside FOLDER, and removes those that killed runs left there a day ago.
scratch() {
    mkdir -p -- "$1"
    find "$1" -maxdepth 1 -name '.wisp.*' -mtime +0 -exec rm -rf {} +
    mktemp -d "$1/.wisp.XXXXXX"
}

show() { [ -z "$verbose" ] || printf 'wisp: + %s\n' "$*" >&2; }

# tool NAME ARGUMENT...: one of wisp's own.
tool() {
    [ -x "$bin/$1" ] || misuse "$1: is not built: run make"
    show "$@"
    name=$1
    shift
    "$bin/$name" "$@"
}

# need PROGRAM PURPOSE: a helper that has to be there.
need() { command -v "$1" >/dev/null 2>&1 || misuse "$1: is not installed, and $2 needs it"; }

absolute() {
    case $1 in
        /*) printf '%s\n' "$1" ;;
        *) printf '%s\n' "$PWD/$1" ;;
    esac
}

sha256_of() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -d ' ' -f 1
}

# ---- the configuration -----------------------------------------------------------------------------------------

# configure ARGUMENT...: wisp-board merges flags, wisp.json and profile, and checks them all; each line of its answer
# becomes a variable. What may be there several times becomes a list, a value a line.
configure() {
    [ -z "${WISP_BOARDS-}" ] || set -- "$@" --boards "$WISP_BOARDS"
    answer=$(tool wisp-board config --as wisp --shipped "$boards" "$@")
    target='' binary='' ip='' gateway='' dns='' output='' ports='' board_file='' arch='' page_size='' interface=''
    kernel_source='' branch='' suite='' packages='' kernel_path='' kernel_sha256='' kernel_modules='' image=''
    release='' modules='' qemu=''
    while IFS='=' read -r key value; do
        case $key in
            target) target=$value ;;
            binary) binary=$value ;;
            ip) ip=$value ;;
            gateway) gateway=$value ;;
            dns) dns=$dns$value$nl ;;
            output) output=$value ;;
            port) ports=$ports$value$nl ;;
            offline) offline=$value ;;
            board_file) board_file=$value ;;
            arch) arch=$value ;;
            page_size) page_size=$value ;;
            interface) interface=$value ;;
            kernel_source) kernel_source=$value ;;
            branch) branch=$value ;;
            suite) suite=$value ;;
            package) packages=$packages$value$nl ;;
            kernel_path) kernel_path=$value ;;
            kernel_sha256) kernel_sha256=$value ;;
            kernel_modules) kernel_modules=$value ;;
            image) image=$value ;;
            release) release=$value ;;
            module) modules=$modules$value$nl ;;
            qemu) qemu=$value ;;
        esac
    done <<ANSWER
$answer
ANSWER
}

# address_for_qemu: QEMU's user network hands out this address, so a target that lives there has it by default.
address_for_qemu() {
    [ -z "$ip" ] || return 0
    [ -n "$qemu" ] || misuse "--ip: is missing"
    ip=10.0.2.15/24 gateway=10.0.2.2 dns=10.0.2.3$nl
}

# check_service: refuses what the board cannot run, before anything is fetched for it. The page size is the profile's,
# which find_kernel holds to the kernel's own.
check_service() { tool wisp-elfcheck --arch "$arch" --page-size "$page_size" -- "$binary" >/dev/null; }

# ---- the kernel: from a distributor's package to a cache entry -------------------------------------------------

# find_kernel: makes `entry` the cache folder with the profile's kernel in it: Image, kernel.info, modules/ and
# modules.list in load order, origins. An entry appears under its name by one rename, so it is complete or absent, and
# the name is a checksum of all that went into it, so a profile that changes never meets an old entry.
find_kernel() {
    inputs=$(printf '%s\n' "$answer" | grep -E '^(arch|kernel_|branch|suite|package|image|release|module)')
    version=$(printf '%s' "$packages" | sed -n '1s/^[^ ]* \([^ ]*\) .*/\1/p')
    folder=$cache/$target/${version:-local}
    entry=$folder/$(printf '%s' "$inputs" | cksum | tr ' ' -)
    if [ "$kernel_source" = file ] || ! [ -f "$entry/inputs" ] || [ "$(cat -- "$entry/inputs")" != "$inputs" ]; then
        fill_entry
    fi
    kernel_pages=$(sed -n 's/^page_size=//p' "$entry/kernel.info")
    [ "$kernel_pages" = "$page_size" ] ||
        die "$board_file: page_size: is $page_size, and the kernel's pages have $kernel_pages bytes"
}

fill_entry() {
    [ -z "$offline" ] || [ "$kernel_source" = file ] ||
        die "$target: its kernel is not in the cache, and --offline forbids to fetch it: wisp.sh fetch --target $target"
    fill=$(scratch "$folder")
    mkdir "$fill/root" "$fill/modules"
    get_kernel
    normalise_kernel
    rm -rf -- "$fill/root"
    printf '%s\n' "$inputs" >"$fill/inputs"
    chmod 755 "$fill"
    rm -rf -- "$entry"
    # Where another build was faster, mv puts this copy inside that one, which is complete all the same.
    mv -- "$fill" "$entry"
    rm -rf -- "${entry:?}/${fill##*/}"
    fill=''
}

get_kernel() {
    case $kernel_source in
        alpine) each_package fetch_alpine ;;
        debian) each_package fetch_debian ;;
        file) get_local_kernel ;;
    esac
}

# each_package FUNCTION: FUNCTION NAME VERSION SHA256 for each; "-" is a field the profile does not have.
each_package() {
    while read -r package version sha256; do
        [ -z "$package" ] || "$1" "$package" "$version" "$sha256"
    done <<PACKAGES
$packages
PACKAGES
}

get_local_kernel() {
    [ -e "$kernel_path" ] || die "$kernel_path: the profile's kernel is not there"
    if [ -n "$image" ]; then
        unpack "$kernel_path" "${kernel_sha256:--}"
    else
        check_pin "$kernel_path" "${kernel_sha256:--}"
        cp -- "$kernel_path" "$fill/root/kernel"
    fi
    printf 'kernel\tkind=file\tsource=%s\tsha256=%s\n' "$kernel_path" "$(sha256_of "$kernel_path")" >>"$fill/origins"
}

fetch_alpine() {
    need curl "an Alpine kernel"
    url=${WISP_ALPINE_MIRROR:-https://dl-cdn.alpinelinux.org/alpine}/$branch/main/$arch/$1-$2.apk
    say "fetching $url"
    if [ -t 2 ] && [ -z "$quiet" ]; then meter=-#; else meter=-s; fi
    show curl "$url"
    curl "$meter" -fSL --retry 2 --connect-timeout 20 -o "$fill/package.apk" -- "$url" || die "$url: not fetched"
    unpack "$fill/package.apk" "$3"
    rm -f -- "$fill/package.apk"
}

# The machine's own apt fetches for the board's architecture, in a state folder of this run's own: so it needs no root,
# leaves the machine's package lists alone, and two runs do not meet. apt verifies the chain from the signed Release
# file to the package.
fetch_debian() {
    need apt-get "a Debian kernel"
    need dpkg-deb "a Debian kernel"
    say "fetching $1 $2 through apt"
    apt=$fill/apt
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/download"
    : >"$apt/status"
    [ -z "$suite" ] || suite_source >"$apt/sources.list"
    # One of the machine's sources that does not answer, or has nothing for this architecture, is not this build's
    # trouble as long as the package is found.
    apt_get update >"$apt/log" 2>&1 || :
    (cd "$apt/download" && apt_get download "$1=$2" >>"$apt/log" 2>&1) || {
        sed -n 's/^E: /wisp: apt: /p' "$apt/log" >&2
        die "$1 $2: apt did not fetch it"
    }
    unpack "$(find "$apt/download" -name '*.deb')" "$3"
    printf '%s\tkind=debian\tpackage=%s\tversion=%s\tsha256=%s\trelease=%s\n' "$1" "$1" "$2" "$package_sha256" \
        "${suite:-$(release_of_apt)}" >>"$fill/origins"
    rm -rf -- "$apt"
}

apt_get() {
    case $arch in
        aarch64) debian_arch=arm64 ;;
        x86_64) debian_arch=amd64 ;;
        *) debian_arch=$arch ;;
    esac
    set -- -q -o "APT::Architecture=$debian_arch" -o "APT::Architectures::=$debian_arch" -o "Dir::State=$apt" \
        -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt" \
        -o "APT::Sandbox::User=$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=2 "$@"
    [ -z "$suite" ] || set -- -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=- "$@"
    show apt-get "$@"
    apt-get "$@"
}

# suite_source: the machine's own Debian mirror, asked for another suite, trusted by the archive's keyring.
suite_source() {
    # shellcheck disable=SC2016 # apt's own format
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        sed -n '/^Debian Debian /{s///p;q;}')
    [ -n "$mirror" ] || die "$suite: this machine's apt names no Debian mirror to ask for that suite"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite"
}

# release_of_apt: the suite the package came from, by the signed Release files apt has just checked.
release_of_apt() {
    # shellcheck disable=SC2016 # apt's own format
    apt_get indextargets --format '$(ORIGIN) $(CODENAME)' 'Created-By: Packages' | sed -n 's/^Debian //p' | sort -u |
        paste -s -d ' ' -
}

# unpack PACKAGE SHA256: what the profile wants of the package goes to $fill/root, once the package has proved to be
# what the profile pins and, for Alpine, what a trusted key has signed. "-" pins nothing.
unpack() {
    say "unpacking ${1##*/}"
    case $1 in
        *.deb)
            check_pin "$1" "$2"
            # sh has no pipefail: dpkg-deb's failure comes back on descriptor 3.
            failed=$({ { dpkg-deb --fsys-tarfile "$1" 3>&- || echo dpkg-deb >&3; } | extract 3>&-; } 3>&1)
            [ -z "$failed" ] || die "$1: $failed failed"
            ;;
        *) extract_apk "$@" ;;
    esac
}

check_pin() { # FILE SHA256
    package_sha256=$(sha256_of "$1")
    [ "$2" = - ] || [ "$package_sha256" = "$2" ] || die "$1: sha256 is $package_sha256, the profile pins $2"
}

extract_apk() { # PACKAGE SHA256
    keys=$(dirname -- "$board_file")/keys
    [ -d "$keys" ] || keys=$boards/keys
    set -- -f "$1" "$2"
    if [ "$3" = - ]; then set -- -f "$2"; else set -- -f "$2" --sha256 "$3"; fi
    extract "$@" --keys "$keys" --report >"$fill/report"
    { # the report's names for facts become the record's
        sed -n '1s/^name=//p' "$fill/report"
        sed -n -e 's/^name=/package=/p' -e 's/^version=/&/p' -e 's/^arch=/architecture=/p' \
            -e 's/^license=/licence=/p' -e 's/^key=/&/p' -e 's/^sha256=/&/p' "$fill/report"
        printf 'kind=alpine\nsource=%s\n' "${branch:-${kernel_path##*/}}"
    } | paste -s - >>"$fill/origins"
}

# extract OPTION...: kernel, release and modules out of one package. A kernel may be spread over several packages, and
# modules may be under /usr, so what is missing is found out later, from all of them together.
extract() {
    set -- "$@" -C "$fill/root" --if-present -- "$image"
    case $release in */*) set -- "$@" "$release" ;; esac
    tool wisp-apk extract "$@" lib/modules/ usr/lib/modules/
}

# normalise_kernel: out of $fill/root, the raw kernel, and the modules plain and with all they need.
normalise_kernel() {
    case $release in
        */*)
            [ -f "$fill/root/$release" ] || die "$target: no package of its kernel has $release"
            release=$(cat -- "$fill/root/$release")
            ;;
    esac
    file=$fill/root/${image:-kernel}
    [ -f "$file" ] || die "$target: no package of its kernel has $image"
    tool wisp-kernel image "$file" >"$fill/Image"
    tool wisp-kernel info "$fill/Image" >"$fill/kernel.info"
    tree=$kernel_modules
    [ -n "$tree" ] || tree=$fill/root/lib/modules/$release
    [ -d "$tree" ] || tree=$fill/root/usr/lib/modules/$release
    : >"$fill/modules.list"
    [ -n "$modules" ] || return 0
    [ -d "$tree" ] || die "$target: no package of its kernel has lib/modules/$release"
    set --
    while read -r module path; do
        [ -z "$module" ] || set -- "$@" "${path:-$module}"
    done <<MODULES
$modules
MODULES
    tool wisp-kernel modules -C "$tree" -o "$fill/modules" -- "$@" >"$fill/modules.list"
}

# ---- the initrd ------------------------------------------------------------------------------------------------

# The manifest's grammar has no blanks in names, so each thing is reached through a plain name inside $work.
make_initrd() {
    printf 'IFACE=%s\nADDR=%s\n' "$interface" "$ip" >"$work/wisp.conf"
    [ -z "$gateway" ] || printf 'GW=%s\n' "$gateway" >>"$work/wisp.conf"
    printf '%s' "$dns" | sed 's/^/nameserver /' >"$work/resolv.conf"
    printf '127.0.0.1 localhost\n' >"$work/hosts"
    printf 'root:x:0:0::/:\nservice:x:1000:1000::/:\n' >"$work/passwd"
    printf 'root:x:0:\nservice:x:1000:\n' >"$work/group"
    ln -s "$entry/modules.list" "$work/modules.list"
    ln -s "$entry/modules" "$work/modules"
    ln -s "$inits/init-$arch" "$work/init"
    ln -s "$(absolute "$binary")" "$work/service"
    initrd_manifest >"$work/manifest"
    (cd "$work" && tool wisp-cpio -z manifest >initrd.img)
}

initrd_manifest() {
    cat <<'MANIFEST'
dir /dev 0755 0 0
nod /dev/console 0600 0 0 c 5 1
nod /dev/null 0666 0 0 c 1 3
dir /etc 0755 0 0
file /etc/group group 0644 0 0
file /etc/hosts hosts 0644 0 0
file /etc/modules modules.list 0644 0 0
file /etc/passwd passwd 0644 0 0
file /etc/resolv.conf resolv.conf 0644 0 0
file /etc/wisp.conf wisp.conf 0644 0 0
file /init init 0755 0 0
dir /lib 0755 0 0
dir /lib/modules 0755 0 0
MANIFEST
    sed 's,.*,file /lib/modules/& modules/& 0644 0 0,' "$work/modules.list"
    cat <<'MANIFEST'
dir /proc 0555 0 0
dir /service 0755 0 0
file /service/run service 0755 0 0
dir /sys 0555 0 0
MANIFEST
}

# record: what is in the output, for wisp-board to hash and write down. Fields are separated by tabs.
record() {
    printf 'target\t%s\n' "$target"
    printf 'origin\twisp\tkind=wisp\tversion=%s\n' "$wisp_version"
    printf 'origin\tservice\tkind=file\tsource=%s\n' "${binary##*/}"
    sed 's/^/origin\t/' "$entry/origins"
    kernel=$(sed -n '1s/\t.*//p' "$entry/origins")
    for result in vmlinuz initrd.img; do printf 'output\t%s\t%s\n' "$result" "$work/$result"; done
    awk -v work="$work" -v kernel="$kernel" -v OFS='\t' '$1 == "file" {
        origin = "wisp"
        if ($2 == "/service/run") origin = "service"
        if ($2 ~ /^\/lib\/modules\//) origin = kernel
        print "file", substr($2, 2), work "/" $3, origin
    }' "$work/manifest"
    echo end
}

# ---- the commands ----------------------------------------------------------------------------------------------

# publish NAME: a result that is whole appears under its final name.
publish() { mv -f -- "$work/$1" "$output/$1"; }

build() {
    address_for_qemu
    check_service
    find_kernel
    work=$(scratch "$output")
    make_initrd
    cp -- "$entry/Image" "$work/vmlinuz"
    record | tool wisp-board manifest --as wisp >"$work/manifest.json"
    for result in vmlinuz initrd.img manifest.json; do publish "$result"; done
    rm -rf -- "$work"
    work=''
    say "built $output/vmlinuz and $output/initrd.img for $target"
}

# boot: becomes QEMU, so whoever ends this process ends the machine.
boot() {
    [ -n "$qemu" ] || die "$target: is no target QEMU can boot"
    set -- --board "$board_file" --kernel "$output/vmlinuz" --initrd "$output/initrd.img" --accel "$accel" --ip "$ip"
    [ -z "$gateway" ] || set -- "$@" --gateway "$gateway"
    for port in $ports; do set -- "$@" --forward "$port"; done
    for port in $ports; do say "forwarding ${port%:*} to the machine's port ${port##*:}"; done
    show wisp-qemu "$@"
    exec "$bin/wisp-qemu" "$@"
}

# main COMMAND OPTION...: takes out what is the driver's own and gives wisp-board the rest.
main() {
    command=$1
    shift
    left=$#
    while [ "$left" -gt 0 ]; do
        word=$1
        shift
        left=$((left - 1))
        case $word in
            -h | --help)
                usage
                exit 0
                ;;
            -q | --quiet) quiet=1 ;;
            -v | --verbose) verbose=1 ;;
            --accel=*) accel=${word#*=} ;;
            --accel)
                [ "$left" -gt 0 ] || misuse "--accel: needs a value"
                accel=$1
                shift
                left=$((left - 1))
                ;;
            *) set -- "$@" "$word" ;;
        esac
    done
    case $command in
        build | run)
            configure --need target --need binary "$@"
            build
            [ "$command" = build ] || boot
            ;;
        validate)
            configure --need target --need binary "$@"
            address_for_qemu
            check_service
            say "$binary: fit for $target"
            ;;
        fetch)
            configure --need target "$@"
            find_kernel
            say "$target: its kernel is in the cache"
            ;;
        targets)
            [ -z "${WISP_BOARDS-}" ] || set -- "$@" --boards "$WISP_BOARDS"
            tool wisp-board targets --as wisp --shipped "$boards" "$@"
            ;;
        help | --help | -h) usage ;;
        version | --version) printf 'wisp %s\n' "$wisp_version" ;;
        *) misuse "$command: unknown command, see wisp.sh help" ;;
    esac
}

[ $# -gt 0 ] || misuse "command: is missing, see wisp.sh help"
wisp_version=$("$bin/wisp-cpio" --version 2>/dev/null | sed 's/.* //') || :
main "$@"
