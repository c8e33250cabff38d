#!/bin/sh
# wisp: one static binary becomes a bootable machine. This driver runs one short function a step; what there is to know of
# options and formats is in the tools it pipes together.
set -efu
umask u+rwx # group and others are the user's to say
# A shell may give a closed descriptor's number to a pipe. As in wisp's tools, reading or writing it goes on to fail.
if [ -d /dev/fd ]; then
    [ -e /dev/fd/0 ] || exec 0>/dev/null
    [ -e /dev/fd/1 ] || exec 1</dev/null
    [ -e /dev/fd/2 ] || exec 2>/dev/null
fi
export LC_ALL=C
unset CDPATH records # a value of the caller's would be exported, and ours may be too long for that
nl='
'

# ---- where things are ------------------------------------------------------------------------------------------

self=$0
me=${self##*/} # as the user calls it
[ ! -L "$self" ] || self=$(readlink -f -- "$self")
case $self in */*) here=${self%/*} ;; *) here=. ;; esac
here=$(cd "${here:-/}" && pwd -P)
if [ -f "$here/include/wisp/version.hpp" ]; then # the source tree
    bin=${WISP_BIN:-$here/build/bin} inits=${WISP_INIT:-$here/build/init} boards=$here/boards
else # as `make install` lays it out
    bin=$here inits=$here/../lib/wisp boards=$here/../share/wisp/boards
fi
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac # some steps run in another folder
case ${XDG_CACHE_HOME-} in
    /*) cache=$XDG_CACHE_HOME/wisp ;;
    *) cache=${HOME:+$HOME/.cache/wisp} ;; # a relative one is not valid: XDG Base Directory Specification
esac
case $cache in '' | /*) ;; *) cache=$PWD/$cache ;; esac
own=${XDG_CONFIG_HOME:-${HOME:+$HOME/.config}}
own=${own:+$own/wisp/boards} # the user's own profiles
work='' fill=''
roots='' # where packages are unpacked, a folder a line

# What wisp-board answers about the options, profile and wisp.json: see configure. Lists have a value a line.
quiet='' verbose='' offline='' target='' binary='' files='' output='' allow_unpinned='' folders='' unpinned='' board_file=''
keys='' arch='' page_size='' kernel_source='' branch='' suite='' packages='' version='' kernel_path='' kernel_sha256=''
kernel_modules='' image='' release='' modules='' dtbs='' overlays='' firmware='' qemu='' card='' entry_inputs=''
entry_name='' identity='' qemu_options=''
known='' noted=none # see locate_entry and is_up_to_date

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
    for left in "$work" "$fill"; do [ -z "$left" ] || rm -rf -- "$left"; done
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# scratch VARIABLE FOLDER: makes a new folder inside FOLDER, and removes those that killed runs left there a day ago. The
# variable has its name before it is there: a signal in between would leave it behind. Clocks may jump, so a run that goes
# on keeps its folder, whose name begins with its process id; a number tells its folders apart, and those of a killed run
# that had the same id.
scratch() {
    [ -d "$2" ] || mkdir -p -- "$2" 2>/dev/null || misuse "$2: is no folder and cannot be made one"
    set +f
    for left in "$2"/.wisp.[1-9]*.[0-9]*; do
        process=${left##*/.wisp.}
        case ${process%%.*}${process#*.} in *[!0-9]*) continue ;; esac # somebody else's
        ! kill -0 "${process%%.*}" 2>/dev/null || continue
        [ ! -d "$left" ] || [ -L "$left" ] || find "$left" -maxdepth 0 -mtime +0 -exec rm -rf {} + 2>/dev/null || :
    done
    set -f
    number=0
    while new=$2/.wisp.$$.$number && [ -e "$new" ]; do number=$((number + 1)); done
    eval "$1=\$new"
    mkdir -m 700 -- "$new" 2>/dev/null || {
        eval "$1=''" # whatever is there is not this run's
        misuse "$2: cannot be written to"
    }
}

show() { [ -z "$verbose" ] || printf 'wisp: + %s\n' "$*" >&2; }

# tool NAME ARGUMENT...: one of wisp's own. In a subshell that ends with it, last=yes lets it take the subshell's process.
last=''
tool() {
    [ -x "$bin/$1" ] || misuse "$1: is not built: run make"
    show "$@"
    name=$1
    shift
    ${last:+exec} "$bin/$name" "$@"
}

# need PROGRAM PURPOSE: a helper that has to be there.
need() { command -v "$1" >/dev/null 2>&1 || misuse "$1: is not installed, and $2 needs it"; }

absolute() {
    case $1 in
        /*) printf '%s\n' "$1" ;;
        *) printf '%s\n' "$PWD/$1" ;;
    esac
}

sha256_of() { if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi <"$1" | cut -d ' ' -f 1; }

# ---- the configuration -----------------------------------------------------------------------------------------

# board ARGUMENT...: wisp-board, which looks for profiles in the folders the user names, in $WISP_BOARDS, in the user's own
# and in those that ship.
board() {
    board_command=$1
    shift
    set -- --as wisp --shipped "$boards" "$@"
    [ ! -d "$own" ] || set -- --shipped "$own" "$@"
    [ -z "${WISP_BOARDS-}" ] || set -- --shipped "$WISP_BOARDS" "$@"
    tool wisp-board "$board_command" "$@"
}

# speak TEXT: prints it, and where it is help, calls the driver as the user does.
speak() {
    case $1 in 'usage: wisp.sh '*) set -- "usage: $me ${1#usage: wisp.sh }" ;; esac
    printf '%s\n' "$1" || exit 2
}

# configure ARGUMENT...: wisp-board merges flags, wisp.json and profile, checks them all, and answers with assignments; to
# --help and --version with what they ask for.
configure() {
    answer=$(last=yes && board config --shell "$@")
    case $answer in
        '# settings'*) eval "$answer" ;;
        *) speak "$answer" && exit 0 ;;
    esac
    show wisp-board config "$@"
}

# check_service: refuses what the board cannot run, before anything is fetched for it. The page size is the profile's,
# which find_kernel holds to the kernel's own.
check_service() { tool wisp-elfcheck --arch "$arch" --page-size "$page_size" -- "$binary" >/dev/null; }

# check_files: refuses files beside the service, or the profile, that are not there.
check_files() {
    while IFS= read -r file; do
        [ -z "$file" ] || { [ -f "$file" ] && [ -r "$file" ]; } || misuse "$file: is no file that can be read"
    done <<FILES
$files
FILES
}

# check_pins: refuses a profile that does not say exactly what it takes from elsewhere.
check_pins() {
    [ -n "$unpinned" ] && [ -z "$allow_unpinned" ] || return 0
    die "$board_file: ${unpinned%%"$nl"*} is not pinned: $me pin --target $target pins it," \
        "--allow-unpinned takes what comes"
}

# pinned SHA256: the record's word for a pin; "-" is none.
pinned() { if [ "$1" = - ]; then echo no; else echo yes; fi; }

# ---- the kernel: from a distributor's package to a cache entry -------------------------------------------------

# locate_entry: `entry` becomes the folder with all that the profile takes from elsewhere: Image and kernel.info, modules/
# and modules.list in load order, card/ with files for the card, origins, and for each of these whose it is. The folder is
# in the cache, unless the profile's kernel is a local file. An entry appears under its name by one rename, so it is complete
# or absent; the name is a checksum of all that went into it, so a profile that changes never meets an old entry; and only
# one that is damaged is ever replaced. Where the profile pins no version, the newest entry counts. `known` becomes the folder
# for what only saves time.
locate_entry() {
    [ -n "$cache" ] || [ "$kernel_source" = file ] ||
        misuse "HOME: is not set, and neither is XDG_CACHE_HOME: there is no place for the cache"
    folder=$cache/$target/$version known=${cache:+$cache/.known/$target}
    entry=$folder/$entry_name
    [ "$version" = - ] || return 0
    entry=$(find "$folder" -maxdepth 1 -name "$entry_name.*" 2>/dev/null | sort | tail -n 1)
    [ -n "$entry" ] || new_entry
}

# new_entry: `entry` becomes one that is newer than all there are, whatever the clock says.
new_entry() {
    now=$(date -u +%Y%m%d%H%M%S)
    case $entry in "$folder/$entry_name."*) [ "$now" -gt "${entry##*.}" ] || now=$((${entry##*.} + 1)) ;; esac
    entry=$folder/$entry_name.$now
}

# find_kernel: makes `entry` be there, and whole.
find_kernel() {
    check_pins
    if [ "$kernel_source" = file ]; then
        folder=$(absolute "${TMPDIR:-/tmp}")
        [ -d "$folder" ] || misuse "$folder: is no folder"
        fill_entry
        entry=$fill
    else
        use_entry
    fi
    kernel_pages=''
    while IFS='=' read -r key value; do
        [ "$key" != page_size ] || kernel_pages=$value
    done <"$entry/kernel.info"
    [ -z "$kernel_pages" ] || [ "$kernel_pages" = "$page_size" ] ||
        die "$board_file: page_size: is $page_size, and the kernel's pages have $kernel_pages bytes"
}

use_entry() {
    if [ -f "$entry/inputs" ]; then
        ! is_whole || return 0
        complain "$entry: is damaged, and is made anew"
    fi
    [ -z "$offline" ] ||
        die "$target: its kernel is not in the cache, and --offline forbids to fetch it: $me fetch --target $target"
    fill_entry
    tool wisp-cache put "$fill" "$entry" # unless another build was faster
    fill=''
}

# is_whole: every file of the entry is what it was when the entry was made. A build has found out with is_up_to_date.
is_whole() {
    [ "$noted" != none ] || tool wisp-cache check --index "$known/${entry##*/}" -- "$entry" 2>/dev/null
}

fill_entry() {
    scratch fill "$folder"
    mkdir "$fill/fetched" "$fill/packages" "$fill/modules" "$fill/card"
    get_kernel
    normalise_kernel
    fill_card
    rm -rf -- "$fill/fetched" "$fill/packages" "$fill/apt" "$fill/list" "$fill/report" "$fill/kernel" "$fill/download" \
        "$fill/index" "$fill/local"
    printf '%s' "$entry_inputs" >"$fill/inputs"
    tool wisp-cache seal "$fill"
    chmod 755 "$fill"
}

get_kernel() {
    case $kernel_source in
        alpine) each_package fetch_alpine ;;
        debian)
            prepare_apt
            each_package fetch_debian
            ;;
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

# find_file PATH: `file` becomes where a package of this kernel has PATH, and `root` that package's folder.
find_file() {
    while read -r root; do
        [ -z "$root" ] || [ ! -e "$root/$1" ] || { file=$root/$1 && return; }
    done <<ROOTS
$roots
ROOTS
    die "$target: no package of its kernel has $1"
}

# find_modules: `tree` becomes the folder of this kernel's modules in $root.tar, which has the folders of the package root.
find_modules() {
    while read -r root; do
        [ -f "$root.tar" ] || continue
        tool wisp-apk list -f "$root.tar" >"$fill/list"
        while read -r path; do
            case $path in
                "lib/modules/$release/kernel/"* | "usr/lib/modules/$release/kernel/"*)
                    tree=${path%%/kernel/*}
                    return
                    ;;
            esac
        done <"$fill/list"
    done <<ROOTS
$roots
ROOTS
    die "$target: no package of its kernel has lib/modules/$release/kernel"
}

# owner: whose what was found is: the package's in `root`, or for a kernel of the user's own always "local".
owner() { if [ "$kernel_source" = file ]; then echo local; else printf '%s\n' "${root##*/}"; fi; }

# A kernel of the user's own: a package, or a kernel with what belongs to it beside the profile.
get_local_kernel() {
    [ -e "$kernel_path" ] || die "$kernel_path: the profile's kernel is not there"
    # What is checked is this copy, and so is what is used.
    copy=$fill/local/${kernel_path##*/}
    mkdir "$fill/local"
    cat <"$kernel_path" >"$copy"
    check_pin "$copy" "${kernel_sha256:--}" "$kernel_path"
    printf 'local\tkind=file\tsource=%s\tsha256=%s\tpinned=%s\n' "${kernel_path##*/}" \
        "$package_sha256" "$(pinned "${kernel_sha256:--}")" >>"$fill/origins"
    if [ -n "$image" ]; then
        unpack local "$copy" -
    else
        ln -s "$(absolute "$(dirname -- "$board_file")")" "$fill/packages/local"
        roots=$fill/packages/local
        mv -- "$copy" "$fill/kernel"
    fi
}

fetch_alpine() { # NAME VERSION SHA256
    get_alpine "$@"
    unpack "$1" "$fetched" "$3"
    check_asked "$1"
    [ -z "$listed" ] || check_listed
    [ -L "$fetched" ] || rm -f -- "$fetched"
}

# get_alpine NAME VERSION ...: the package is then in the file `fetched`. "-" takes the newest version, and `listed` is then
# what the signed index says of it.
get_alpine() {
    repository=${WISP_ALPINE_MIRROR:-https://dl-cdn.alpinelinux.org/alpine}/$branch/main/$arch
    version=$2 listed=''
    if [ "$version" = - ]; then
        download "$repository/APKINDEX.tar.gz" "$fill/index"
        listed=$(newest_in_index "$1")
        version=${listed%% *}
    fi
    url=$repository/$1-$version.apk
    fetched=$fill/fetched/$1-$version.apk
    link_local "$url" "$fetched" || try_download "$url" "$fetched" && return
    [ -z "$gone" ] || { look_for_newer "$1" && gone=1; }
    not_fetched "$url"
}

newest_in_index() { tool wisp-apk lookup --newest --keys "$keys" -f "$fill/index" "$1"; }

# look_for_newer NAME: mirrors delete a build once another supersedes it; where that has happened, says so.
look_for_newer() {
    try_download "$repository/APKINDEX.tar.gz" "$fill/index" 2>/dev/null || return 0
    newest=$(newest_in_index "$1" | sed 's/ .*//')
    [ -z "$newest" ] || [ "$newest" = "$version" ] || vanished "$1" "$version" "$newest"
}

vanished() { # NAME VERSION NEWEST
    die "$1 $2: is no longer there, the newest is $3: $me pin --target $target writes that into the profile"
}

# check_asked NAME: the package that was read is the one that was asked for: its signature says that it is one of the
# distributor's and not which. `package_sha256` becomes that of the file.
check_asked() {
    is_name='' is_version='' machine='' is_size='' is_checksum=''
    while IFS= read -r line; do # an "=" at its end belongs to it
        fact=${line#*=}
        case $line in
            name=*) is_name=$fact ;;
            version=*) is_version=$fact ;;
            arch=*) machine=$fact ;;
            size=*) is_size=$fact ;;
            checksum=*) is_checksum=$fact ;;
            sha256=*) package_sha256=$fact ;;
        esac
    done <"$fill/report"
    [ "$is_name-$is_version" = "$1-$version" ] || die "$url: is the package $is_name-$is_version"
    [ "$machine" = "$arch" ] || [ "$machine" = noarch ] || die "$url: is for $machine, the board is $arch"
}

# check_listed: the package that check_asked has looked at is the one the signed index lists.
check_listed() {
    read -r _ size checksum _ <<LISTED
$listed
LISTED
    [ "$is_size $is_checksum" = "$size $checksum" ] ||
        die "$url: has size and checksum $is_size $is_checksum, the signed index says $size $checksum"
}

# link_local URL FILE: spares a FILE that is read once being copied, where it is on this machine.
link_local() {
    case $1 in
        *[%?#]*) return 1 ;; # not every byte is a path's own
        file:///*) [ -f "${1#file://}" ] && ln -s -- "${1#file://}" "$2" ;;
        *) return 1 ;;
    esac
}

# try_download URL FILE: fails where it is not fetched; `gone` is set where the server answered that there is no such file.
try_download() {
    [ -z "$offline" ] || die "$1: --offline forbids to fetch it"
    need curl "a download"
    say "fetching $1"
    if [ -t 2 ] && [ -z "$quiet" ]; then meter=-#; else meter=-s; fi
    show curl "$1"
    gone='' failure=0
    curl "$meter" -fSL --retry 2 --connect-timeout 20 -o "$2" -- "$1" || failure=$?
    case $failure in
        22 | 37) gone=1 ;; # an HTTP status of 400 or more; a file:// that cannot be read
        23) die "$2: cannot be written: is the disk full?" ;; # curl's word for it is less clear
    esac
    return "$failure"
}

download() { try_download "$1" "$2" || not_fetched "$1"; } # URL FILE

# not_fetched URL: a server that has it not has refused; one that cannot be asked is a failing system.
not_fetched() { if [ -n "$gone" ]; then die "$1: not fetched"; else misuse "$1: not fetched"; fi; }

# The machine's own apt fetches for the board's architecture, in a state folder of this run's own: so it needs no root,
# leaves the machine's package lists alone, and two runs do not meet. apt verifies the chain from the signed Release
# file to the package.
prepare_apt() {
    need apt-get "a Debian kernel"
    need dpkg-deb "a Debian kernel"
    say "asking apt"
    apt=$fill/apt
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    : >"$apt/status"
    [ -z "$suite" ] || suite_source >"$apt/sources.list"
    # One of the machine's sources that does not answer, or has nothing for this architecture, is not this build's
    # trouble as long as the package is found.
    with_apt apt-get update >"$apt/log" 2>&1 || :
}

fetch_debian() { # NAME VERSION SHA256
    get_debian "$@"
    unpack "$1" "$file" "$3"
    {
        printf '%s\nkind=debian\npackage=%s\nsha256=%s\n' "$1" "$1" "$package_sha256"
        printf 'version=%s\narchitecture=%s\n' "$(dpkg-deb -f "$file" Version)" "$(dpkg-deb -f "$file" Architecture)"
        printf 'pinned=%s\nrelease=%s\n' "$(pinned "$3")" "${suite:-$(suite_of_package "$file")}"
        printf 'built=%s\n' "$(date_of_debian "$file")"
        licence_of_debian "$fill/packages/$1/usr/share/doc/$1/copyright"
    } | paste -s - >>"$fill/origins"
    rm -rf -- "$apt/download"
}

# get_debian NAME VERSION ...: the package becomes `file`. "-" takes the version that apt would install.
get_debian() {
    wanted=$1
    [ "$2" = - ] || wanted=$1=$2
    say "fetching $wanted through apt"
    mkdir "$apt/download"
    (cd "$apt/download" && with_apt apt-get download "$wanted" >>"$apt/log" 2>&1) || {
        newest=$(with_apt apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p')
        case $newest in '' | '(none)' | "$2") ;; *) vanished "$1" "$2" "$newest" ;; esac
        sed -n 's/^E: /wisp: apt: /p' "$apt/log" >&2
        die "$wanted: apt did not fetch it"
    }
    file=$(find "$apt/download" -name '*.deb')
}

# date_of_debian DEB: the time of its first member, which is that of the changelog's latest entry [deb(5), ar(5);
# dpkg-deb since 1.18 takes it from SOURCE_DATE_EPOCH].
date_of_debian() { head -c 36 -- "$1" | tail -c 12 | tr -d ' '; }

# licence_of_debian FILE: the licence of "Files: *" in a package's copyright file, where there is one and a machine can
# read it [Debian, copyright format 1.0].
licence_of_debian() {
    [ -f "$1" ] && head -n 1 "$1" | grep -q '^Format: ' || return 0
    sed -n '/^Files: \*$/,/^$/s/^License: */licence=/p' "$1" | head -n 1
}

# with_apt PROGRAM ARGUMENT...: one of apt's programs, with the settings of this run.
with_apt() {
    program=$1
    shift
    case $arch in
        aarch64) debian_arch=arm64 ;;
        x86_64) debian_arch=amd64 ;;
        *) debian_arch=$arch ;;
    esac
    set -- -o "APT::Architecture=$debian_arch" -o "APT::Architectures::=$debian_arch" -o "Dir::State=$apt" \
        -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt" \
        -o "APT::Sandbox::User=$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=2 "$@"
    [ -z "$suite" ] || set -- -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=- "$@"
    show "$program" "$@"
    "$program" "$@"
}

# suite_source: the machine's own Debian mirror, asked for another suite, trusted by the archive's keyring.
suite_source() {
    # shellcheck disable=SC2016 # apt's own format
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        sed -n '/^Debian Debian /{s///p;q;}')
    [ -n "$mirror" ] || die "$suite: this machine's apt names no Debian mirror to ask for that suite"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite"
}

# suite_of_package DEB: the suite whose signed Release file vouches for it; of several the first by name.
suite_of_package() {
    with_apt apt-cache madison "$(dpkg-deb -f "$1" Package)" |
        awk -v FS=' *[|] *' -v version="$(dpkg-deb -f "$1" Version)" '$2 == version { print $3 }' |
        sed -n 's,^[^ ]* \([^/ ]*\)/.*,\1,p' | sort -u | sed -n 1p
}

# unpack ORIGIN PACKAGE SHA256: what the profile wants of the package goes to $fill/packages/ORIGIN, once the package has
# proved to be what the profile pins and, for Alpine, what a trusted key has signed. "-" pins nothing.
unpack() {
    say "unpacking ${2##*/}"
    root=$fill/packages/$1
    roots=$roots$root$nl
    mkdir "$root"
    case $2 in
        *.deb)
            check_pin "$2" "$3"
            # sh has no pipefail: dpkg-deb's failure comes back on descriptor 3.
            failed=$({ { dpkg-deb --fsys-tarfile "$2" 3>&- || echo dpkg-deb >&3; } | extract 3>&-; } 3>&1)
            [ -z "$failed" ] || die "$2: $failed failed"
            ;;
        *) extract_apk "$@" ;;
    esac
    [ -z "$overlays" ] || [ ! -f "$root.tar" ] ||
        tool wisp-apk extract -f "$root.tar" -C "$root" --if-present -- "$overlays/"
}

check_pin() { # FILE SHA256 [NAME]
    package_sha256=$(sha256_of "$1")
    [ "$2" = - ] || [ "$package_sha256" = "$2" ] || die "${3:-$1}: sha256 is $package_sha256, the profile pins $2"
}

extract_apk() { # ORIGIN PACKAGE SHA256
    origin=$1 pin=$(pinned "$3")
    if [ "$3" = - ]; then set -- -f "$2"; else set -- -f "$2" --sha256 "$3"; fi
    extract "$@" --keys "$keys" --report >"$fill/report"
    [ "$kernel_source" = alpine ] || return 0
    {
        printf '%s\tkind=alpine\tsource=%s\tpinned=%s' "$origin" "$branch" "$pin"
        while IFS= read -r line; do
            case $line in # the report's names for facts become the record's
                name=*) printf '\tpackage=%s' "${line#*=}" ;;
                arch=*) printf '\tarchitecture=%s' "${line#*=}" ;;
                license=*) printf '\tlicence=%s' "${line#*=}" ;;
                builddate=*) printf '\tbuilt=%s' "${line#*=}" ;;
                version=* | key=* | sha256=*) printf '\t%s' "$line" ;;
            esac
        done <"$fill/report"
        echo
    } >>"$fill/origins"
}

# extract OPTION...: all the profile may want of one package, folders as one tar. A kernel may be spread over several, and
# modules may be under /usr, so what is missing is found out when it is used.
extract() {
    set -- "$@" -C "$root" --tar "$root.tar" --if-present -- "$image"
    case $release in */*) set -- "$@" "$release" ;; esac
    [ -z "$overlays" ] || set -- "$@" "$overlays/"
    [ "$kernel_source" != debian ] || set -- "$@" "usr/share/doc/${root##*/}/copyright"
    for path in $dtbs; do set -- "$@" "$path"; done
    while read -r from name sha256 where; do
        [ "$from" != path ] || set -- "$@" "$where"
    done <<FIRMWARE
$firmware
FIRMWARE
    tool wisp-apk extract "$@" lib/modules/ usr/lib/modules/
}

# normalise_kernel: the raw kernel, and its modules plain and with all they need.
normalise_kernel() {
    case $release in
        */*)
            image_release=$release
            find_file "$release"
            read -r release <"$file" || :
            case $release in '' | *[!A-Za-z0-9._+~-]*) die "$target: $image_release: holds no kernel release" ;; esac
            ;;
    esac
    if [ -n "$image" ]; then find_file "$image"; else file=$fill/kernel; fi
    owner >"$fill/Image.origin"
    tool wisp-kernel info "$file" >"$fill/kernel.info"
    read -r form <"$fill/kernel.info"
    case $form in
        form=image | form=bzimage) # it is raw: no copy is needed
            ln -- "$file" "$fill/Image" 2>/dev/null || cp -- "$file" "$fill/Image"
            [ ! -x "$fill/Image" ] || chmod 644 "$fill/Image"
            ;;
        *)
            tool wisp-kernel image "$file" >"$fill/Image"
            tool wisp-kernel info "$fill/Image" >"$fill/kernel.info"
            ;;
    esac
    find_module_files
}

find_module_files() {
    : >"$fill/modules.list"
    : >"$fill/modules.origin"
    [ -n "$modules" ] || return 0
    set --
    while read -r module path; do
        [ -z "$module" ] || set -- "$@" "${path:-$module}"
    done <<MODULES
$modules
MODULES
    if [ -n "$kernel_modules" ]; then
        set -- -C "$kernel_modules" -- "$@"
    else
        find_modules
        set -- --tar "$root.tar" -C "$tree" -- "$@"
    fi
    owner >"$fill/modules.origin"
    tool wisp-kernel modules -o "$fill/modules" "$@" >"$fill/modules.list"
}

# fill_card: device trees, overlays and firmware, as they are to lie on the card; where each is from goes to card.origins.
# What lies beside the profile is no part of the entry: wisp-board stage adds it.
fill_card() {
    : >"$fill/card.origins"
    for path in $dtbs; do
        find_file "$path"
        to_card "$file" "${path##*/}"
    done
    if [ -n "$overlays" ]; then
        find_file "$overlays"
        find "$file" -type f >"$fill/list"
        sort "$fill/list" | while IFS= read -r path; do to_card "$path" "overlays/${path#"$file/"}"; done
    fi
    while read -r from name sha256 where; do
        case $from in
            path)
                find_file "$where"
                check_pin "$file" "$sha256" "$where"
                to_card "$file" "$name"
                ;;
            url)
                download "$where" "$fill/download"
                check_pin "$fill/download" "$sha256"
                to_card "$fill/download" "$name" "${where##*/}"
                printf '%s\tkind=url\tsource=%s\tsha256=%s\tpinned=%s\n' "${where##*/}" "$where" "$package_sha256" \
                    "$(pinned "$sha256")" >>"$fill/origins"
                ;;
        esac
    done <<FIRMWARE
$firmware
FIRMWARE
}

# to_card FILE NAME [ORIGIN]: FILE is in this run's own folder. By default the origin is the package that FILE was found in.
to_card() {
    case $1 in "$fill"/*) ;; *) die "$1: is outside of what was unpacked" ;; esac
    case $2 in */*) mkdir -p -- "$fill/card/${2%/*}" ;; esac
    cp -- "$1" "$fill/card/$2"
    printf '%s\t%s\n' "$2" "${3:-$(owner)}" >>"$fill/card.origins"
}

# ---- the image -------------------------------------------------------------------------------------------------

# stage OPTION...: wisp-board writes what is small into $work, links to what is large, and the manifests of it all; prints
# the records.
stage() { board stage --identity "$identity" --entry "$entry" --init "$inits/init-$arch" --work "$work" "$@"; }

# finish OPTION...: stages the build in $work and makes the results there, while wisp-board hashes everything else for the
# record; what that needs to know comes through the pipe. Where the making fails, it has said why, and what the record then
# misses is no news. sh has no pipefail: the status of the making is in a file.
finish() {
    status=0
    {
        failed=$work/failed
        trap 'left=$?; [ "$left" = 0 ] || { echo "$left" >"$failed"; } 2>/dev/null' EXIT
        records=$(last=yes && stage "$@") || exit
        cd "$work" || exit
        failed=failed
        trap '' PIPE
        tell "$records"
        make_results || exit
    } | (record) 2>"$work/said" || status=$?
    if [ -e "$work/failed" ]; then
        read -r status <"$work/failed" || status=2 # there was no room to tell
        exit "$status"
    fi
    [ ! -s "$work/said" ] || cat -- "$work/said" >&2
    [ "$status" = 0 ] || [ -s "$work/said" ] || complain "$output: the record of the build cannot be written" # nor why
    [ "$status" = 0 ] || exit "$status"
}

# make_results: the last of them is one that the record waits for, so it never ends before they are made.
make_results() {
    [ -z "$qemu" ] || copy_kernel || return
    make_initrd || return
    [ -z "$card" ] || make_card
}

# tell LINES: what the record waits for: its records, and then a line for each of the files that are made meanwhile, "-" to
# have it hash the file. Where nobody reads it any more, the record has failed and said why.
tell() { printf '%s\n' "$1" 2>/dev/null || :; }

# Level 1 takes two thirds of the time of level 3 and makes 6 % more. Firmware that joins archives in memory wants each to
# end on a multiple of 4.
make_initrd() {
    set -- -z1 --align 4
    if [ -n "$known" ]; then
        [ -d "$known" ] || mkdir -p -- "$known" >/dev/null 2>&1 || : # then nothing is kept
        set -- "$@" --reuse "$known/chunks"
    fi
    tool wisp-cpio "$@" manifest >initrd.img && tell -
}

make_card() {
    tool wisp-fat32 --sha256 card.sum card.manifest >"$target.img" && read -r sum _ <card.sum && tell "$sum"
}

copy_kernel() {
    cp -- "$entry/Image" vmlinuz || return
    for dtb in $dtbs; do cp -- "$entry/card/${dtb##*/}" . || return; done
}

# record: manifest.json and sbom.spdx.json, in a subshell, which it leaves.
record() {
    set -- --as wisp --work . --replaces "$(absolute "$output")/manifest.json" --ahead "service=$(absolute "$binary")" \
        --sha256 initrd.img=-
    [ -z "$card" ] || set -- "$@" --sha256 "$target.img=-"
    cd "$work" && last=yes && tool wisp-board record "$@"
}

# ---- what need not be made again -------------------------------------------------------------------------------

# with_inputs COMMAND...: COMMAND with all files that decide what is built, and that the configuration does not hold.
with_inputs() {
    set -- "$@" "$binary" "$inits/init-$arch" "$here/${self##*/}" "$bin/wisp-board" "$bin/wisp-cpio" "$bin/wisp-fat32" \
        "$entry"
    while IFS= read -r file; do
        [ -z "$file" ] || set -- "$@" "$file"
    done <<FILES
$files
FILES
    "$@"
}

# is_up_to_date: the last build of this configuration had the same inputs, and what it made is still there. `noted` is what
# the inputs are now.
is_up_to_date() {
    kept=$known/$identity
    set -- look
    # A kernel of the user's own may have a whole tree of modules, so there is no telling.
    [ "$kernel_source" = file ] || set -- look --record "$kept" --index "$known/${entry##*/}"
    noted=$(last=yes && with_inputs tool wisp-cache "$@" -- 2>/dev/null) || noted=none
    [ -z "$noted" ]
}

# ---- pins ------------------------------------------------------------------------------------------------------

# pin: fetches the newest of all that the profile takes from elsewhere, verifies it, and writes what it is into the user's
# own profile: the one that was found or, where that is one of wisp's, a copy.
pin() {
    [ -z "$offline" ] || misuse "--offline: pin has to ask the distribution"
    scratch fill "${TMPDIR:-/tmp}"
    mkdir "$fill/fetched"
    pins=''
    folder=$(dirname -- "$board_file")
    if [ "$folder" = "$boards" ]; then
        folder=${folders%%"$nl"*}
        folder=${folder:-${WISP_BOARDS:-$own}}
        [ -n "$folder" ] || misuse "HOME: is not set, and neither is XDG_CONFIG_HOME: there is no place for your profiles"
    fi
    case $kernel_source in
        alpine) each_package pin_alpine ;;
        debian)
            prepare_apt
            each_package pin_debian
            ;;
    esac
    pin_urls
    [ -n "$pins" ] || die "$board_file: takes nothing from elsewhere that could be pinned"
    scratch work "$folder"
    printf '%send\n' "$pins" | tool wisp-board pin --as wisp -- "$board_file" >"$work/profile"
    mv -f -- "$work/profile" "$folder/$target.json"
    say "pinned in $folder/$target.json"
}

# note_pin WHAT OLD NEW: keeps the line for wisp-board, and says what changes.
note_pin() {
    pins=$pins$1' '$3$nl
    if [ "$2" = "$3" ]; then printf '%s: %s as before\n' "${1#* }" "$3"; else printf '%s: %s -> %s\n' "${1#* }" "$2" "$3"; fi
}

pin_alpine() { # NAME VERSION SHA256
    get_alpine "$1" -
    tool wisp-apk verify --report --keys "$keys" -f "$fetched" >"$fill/report"
    check_asked "$1"
    check_listed
    note_pin "package $1" "$2 $3" "$version $package_sha256"
}

pin_debian() { # NAME VERSION SHA256
    get_debian "$1" -
    note_pin "package $1" "$2 $3" "$(dpkg-deb -f "$file" Version) $(sha256_of "$file")"
    rm -rf -- "$apt/download"
}

pin_urls() {
    while read -r from name sha256 where; do
        [ "$from" = url ] || continue
        download "$where" "$fill/download"
        note_pin "url $where" "$sha256" "$(sha256_of "$fill/download")"
    done <<FIRMWARE
$firmware
FIRMWARE
}

# ---- the commands ----------------------------------------------------------------------------------------------

# A target that QEMU boots gets kernel and initrd, one with a card the card's image.
build() {
    results=''
    [ -z "$qemu" ] || results='vmlinuz initrd.img'
    [ -z "$qemu" ] || for dtb in $dtbs; do results="$results ${dtb##*/}"; done
    [ -z "$card" ] || results="$results $target.img"
    [ -f "$inits/init-$arch" ] || misuse "init-$arch: is not built: run make"
    locate_entry
    if is_up_to_date; then
        for result in $results; do say "$output/$result is up to date"; done
        return
    fi
    check_service
    find_kernel
    scratch work "$output"
    finish "$@"
    publish
    for result in $results; do say "built $output/$result"; done
}

# publish: gives the results their names, and keeps for the next is_up_to_date what they are made of.
publish() {
    set -- wisp-cache publish --from "$work" --into "$output"
    for result in $results manifest.json sbom.spdx.json; do
        [ ! -d "$output/$result" ] || misuse "$output/$result: is a folder"
        set -- "$@" --result "$result"
    done
    if [ "$noted" = none ]; then
        tool "$@"
    else
        [ "$kernel_source" = file ] || set -- "$@" --record "$kept"
        printf '%s\n' "$noted" | { last=yes && with_inputs tool "$@" --; }
    fi
    work=''
}

# boot: becomes QEMU's supervisor, so whoever ends this process ends the machine.
boot() {
    eval "set -- $qemu_options" # words that wisp-board has quoted
    set -- --supervise --board "$board_file" --kernel "$output/vmlinuz" --initrd "$output/initrd.img" "$@"
    for dtb in $dtbs; do set -- "$@" --dtb "$output/${dtb##*/}"; done
    show wisp-qemu "$@"
    cleanup # no trap runs after exec
    exec "$bin/wisp-qemu" "$@"
}

[ $# -gt 0 ] || misuse "command: is missing, see $me help"
command=$1
shift
case $command in
    build | run)
        configure --need target --need binary --need ip "$@"
        [ "$command" = build ] || [ -n "$qemu" ] || die "$target: is no target QEMU can boot"
        build "$@"
        [ "$command" = build ] || boot
        ;;
    validate)
        configure --need target --need binary --need ip "$@"
        check_service
        check_files
        check_pins
        say "$binary: fit for $target"
        ;;
    fetch)
        configure --need target "$@"
        locate_entry
        [ "$version" != - ] || new_entry # another, of what is newest now
        find_kernel
        say "$target: its kernel is in the cache"
        ;;
    pin)
        configure --need target "$@"
        pin
        ;;
    targets) board targets "$@" ;;
    inspect) tool wisp-inspect "$@" ;;
    audit) tool wisp-audit "$@" ;;
    help | --help | -h)
        answer=$(last=yes && tool wisp-board --as wisp --help)
        speak "$answer"
        ;;
    version | --version) tool wisp-board --as wisp --version ;;
    *) misuse "$command: unknown command, see $me help" ;;
esac
