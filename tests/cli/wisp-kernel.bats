load ../lib/common

# Judges: gzip, zstd and xz pack what is unpacked here; file(1) tells a kernel; the compiler makes the modules, and cmp
# says whether they arrived.

le32() { printf "\\x$(printf %02x $(($1 & 255)))\\x$(printf %02x $(($1 >> 8 & 255)))\\x$(printf %02x $(($1 >> 16 & 255)))\\x$(printf %02x $(($1 >> 24 & 255)))"; }
zeros() { head -c "$1" /dev/zero; }

# An arm64 Image of 100000 bytes with these header flags and no EFI stub [booting.rst].
image() {
    local flags=${1:-2}
    {
        zeros 16 && le32 200000 && zeros 4 && le32 "$flags" && zeros 28 && printf 'ARM\x64' && zeros 4
        zeros 936 && printf 'Linux version 6.6.1-test (me@here) #3 SMP\n'
        head -c 100000 /dev/urandom
    } | head -c 100000 >Image
}

# An EFI zboot file: zboot COMPRESSION PAYLOAD OUT
zboot() {
    {
        printf 'MZ\0\0zimg' && le32 4096 && le32 "$(wc -c <"$2")" && zeros 8 && printf %s "$1" && zeros $((32 - ${#1}))
        printf '\xcd\x23\x82\x81' && le32 64 && zeros 4032 && cat "$2" && zeros 512
    } >"$3"
}

# A bzImage of 1024 bytes of setup and 4096 of code [boot.rst].
bzimage() {
    {
        zeros 497 && printf '\1' && zeros 2 && le32 256 && zeros 6 && printf '\x55\xaa\xeb\x6aHdrS\x0f\x02'
        zeros 6 && printf '\x70\0' && zeros 1 && printf '\1' && zeros 36 && printf '\x7f\0' && zeros 56
        printf '6.6.2-x86 (me@here) #4 SMP\0' && zeros 373 && zeros 4096
    } >bzImage
}

@test "every form of an arm64 kernel becomes the same Image, which file(1) knows" {
    image
    file Image | grep -q 'Linux kernel ARM64 boot executable Image, little-endian, 4K pages'
    gzip -9nc Image >Image.gz
    zstd -q Image
    zboot gzip Image.gz vmlinuz.efi
    zboot zstd Image.zst vmlinuz-zstd.efi
    zboot zstd22 Image.zst vmlinuz-zstd22.efi
    for kernel in Image Image.gz vmlinuz.efi vmlinuz-zstd.efi vmlinuz-zstd22.efi; do
        wisp-kernel image "$kernel" >out
        cmp Image out
        wisp-kernel image <"$kernel" | cmp Image -
        cat "$kernel" | wisp-kernel image - | cmp Image -
    done
}

@test "a bzImage passes unchanged, and file(1) knows it" {
    bzimage
    file bzImage | grep -q 'Linux kernel x86 boot executable bzImage, version 6.6.2-x86'
    wisp-kernel image bzImage | cmp bzImage -
    run -0 --separate-stderr wisp-kernel info bzImage
    [ "$output" = 'form=bzimage
arch=x86_64
page_size=4096
release=6.6.2-x86
version=6.6.2-x86 (me@here) #4 SMP
size=5120' ]
}

@test "info tells form, page size, version and size" {
    image
    gzip -nk Image
    zstd -qk Image
    zboot gzip Image.gz zboot-gzip
    zboot zstd Image.zst zboot-zstd
    mv Image.gz gzip
    mv Image image
    for form in image gzip zboot-gzip zboot-zstd; do
        run -0 --separate-stderr wisp-kernel info "$form"
        [ "$output" = "form=$form
arch=aarch64
page_size=4096
release=6.6.1-test
version=6.6.1-test (me@here) #3 SMP
size=100000" ]
        [ -z "$stderr" ]
    done
}

@test "the page size is the one file(1) reads in the header, and left out where it is not said" {
    while read -r flags size words; do # file 5.44 takes the two bits for flags, so 64K puzzles it
        image "$flags"
        file Image | grep -q "little-endian, $words\$"
        [ "$(wisp-kernel info <Image | sed -n 's/^page_size=//p')" = "$size" ]
    done <<'E'
2 4096 4K pages
4 16384 16K pages
6 65536 .*pages
10 4096 4K pages
E
    image 0
    run -1 grep page_size <(wisp-kernel info Image)
}

@test "what is no kernel is named, and nothing is written" {
    forms='not an arm64 Image (raw, gzip or EFI zboot) or an x86 bzImage'
    : >empty
    echo words >words
    xz -k words
    printf 'MZ and nothing of use' >windows
    while read -r file what; do
        for command in image info; do
            run -1 --separate-stderr wisp-kernel "$command" "$file"
            [ "$stderr" = "wisp-kernel: $file: $what, $forms" ]
            [ -z "$output" ]
        done
    done <<'E'
empty is empty
words is text
words.xz is xz-compressed
windows is a PE file (Windows or EFI)
E
    gzip words
    run -1 --separate-stderr wisp-kernel image words.gz
    [ "$stderr" = "wisp-kernel: words.gz: is cut in arm64 Image header: 6 of 64 bytes" ]
}

@test "other compressions of zboot are refused by name" {
    image
    for name in lz4 lzma xzkern gzi gzip2; do
        zboot "$name" Image kernel
        run -1 --separate-stderr wisp-kernel image kernel
        [ "$stderr" = "wisp-kernel: kernel: is an EFI zboot image compressed with '$name', wisp knows gzip and zstd" ]
    done
    zboot zstd Image kernel
    run -1 --separate-stderr wisp-kernel image kernel
    [ "$stderr" = "wisp-kernel: kernel: has a zboot payload that is not zstd" ]
}

@test "zeros behind a gzipped kernel are ignored, as gzip does, and nothing else is" {
    image
    gzip -9nc Image >gz
    for zeros in 1 511 1000000; do
        { cat gz && head -c "$zeros" /dev/zero; } >padded
        gzip -dc <padded 2>/dev/null | cmp - Image
        wisp-kernel image padded | cmp - Image
        { cat padded && printf x; } >garbage
        run -1 --separate-stderr wisp-kernel image garbage
        [ "$stderr" = "wisp-kernel: garbage: has something behind zeros at byte $(wc -c <padded)" ]
        [ -z "$output" ]
    done
}

@test "a damaged or cut kernel is refused before the first byte of output" {
    image
    gzip -9nk Image
    zstd -qk Image
    zboot gzip Image.gz gz
    zboot zstd Image.zst zst
    bzimage
    refused() { # FILE, message on standard error
        run -1 --separate-stderr wisp-kernel image "$1"
        [ "$stderr" = "wisp-kernel: $1: $2" ]
        [ -z "$output" ]
    }
    size=$(wc -c <Image.gz)
    head -c $((size - 1)) Image.gz >cut.gz
    refused cut.gz "is cut inside a gzip member at compressed byte $((size - 1))"
    head -c $((4096 + 1000)) gz >cut
    refused cut "is cut inside a gzip member at compressed byte 1000"
    head -c $((4096 + 1000)) zst >cut
    refused cut "is cut in the zboot payload: 1000 of $(wc -c <Image.zst) bytes"
    head -c 50 gz >cut
    refused cut "zboot header at offset 0 needs 64 bytes, the file ends at 50"
    head -c 5119 bzImage >cut
    refused cut "is cut: the bzImage has 5119 of 5120 bytes"
    # a byte of the payload's CRC-32, of its middle
    head -c $((4096 + size - 5)) gz >damaged && printf '\xff' >>damaged && tail -c +$((4096 + size - 3)) gz >>damaged
    refused damaged "is damaged gzip at byte $((size - 4)): incorrect data check"
    head -c $((4096 + 9000)) zst >damaged && printf 'XXXXXXXXXXXXXXXX' >>damaged && tail -c +$((4096 + 9017)) zst >>damaged
    refused damaged "is damaged: zstd cannot unpack it (exit status 1)"
}

@test "a missing helper is named, with what to install" {
    image
    zstd -q Image
    zboot zstd Image.zst kernel
    tool=$(command -v wisp-kernel)
    run -2 --separate-stderr env PATH=/nonexistent "$tool" image kernel
    [ "$stderr" = "wisp-kernel: kernel: is packed with zstd, and the program zstd is not here: install zstd" ]
    [ -z "$output" ]
}

@test "no temporary file outlives the tool, whether it succeeds or not" {
    image
    zstd -q Image
    zboot zstd Image.zst kernel
    head -c 9000 kernel >cut
    mkdir tmp
    TMPDIR=$PWD/tmp wisp-kernel image kernel >out
    TMPDIR=$PWD/tmp run -1 wisp-kernel image cut
    [ -z "$(ls -A tmp)" ]
    run -2 --separate-stderr env TMPDIR=/nonexistent wisp-kernel image Image
    [[ $stderr == "wisp-kernel: /nonexistent/wisp-"*": create a temporary file: No such file or directory" ]]
}

# A module: module PATH DEPENDS [RECORD]... It holds random bytes, so that no two are alike, and what looks like a
# signature after its end.
module() {
    local path=$1 records
    mkdir -p "$(dirname "$path")"
    records="depends=$2\\0vermagic=6.6.1-test SMP\\0"
    shift 2
    for record in "$@"; do records="$records$record\\0"; done
    printf '__attribute__((section(".modinfo"), used)) static const char r[] = "%s";\n' "$records" >module.c
    aarch64-linux-gnu-gcc -c -o "$path" module.c
    { head -c 1000 /dev/urandom && printf '~Module signature appended~\n'; } >>"$path"
}

# virtio_net needs net_failover needs failover; all four suffixes.
tree() {
    module tree/kernel/net/failover.ko ''
    module tree/kernel/drivers/net/net_failover.ko failover
    module tree/kernel/drivers/net/virtio-net.ko net_failover,virtio
    module tree/kernel/lib/lone.ko ''
    mkdir plain
    for module in tree/kernel/*/*.ko tree/kernel/*/*/*.ko; do
        name=$(basename "$module")
        cp "$module" "plain/${name/-/_}"
    done
    gzip tree/kernel/net/failover.ko
    xz tree/kernel/drivers/net/net_failover.ko
    zstd -q --rm tree/kernel/drivers/net/virtio-net.ko
    printf 'kernel/drivers/virtio/virtio.ko\n' >tree/modules.builtin
}

@test "modules come after what they need, built-in ones are skipped" {
    tree
    run -0 --separate-stderr wisp-kernel modules -C tree virtio_net lone
    [ "$output" = 'kernel/net/failover.ko.gz
kernel/drivers/net/net_failover.ko.xz
kernel/drivers/net/virtio-net.ko.zst
kernel/lib/lone.ko' ]
    [ -z "$stderr" ]
    expected=$output
    for name in virtio-net virtio_net.ko kernel/drivers/net/virtio-net.ko kernel/drivers/net/virtio-net.ko.zst; do
        [ "$(wisp-kernel modules -C tree "$name" lone)" = "$expected" ]
    done
    [ "$(cd tree && wisp-kernel modules lone virtio)" = kernel/lib/lone.ko ]
    [ -z "$(wisp-kernel modules -C tree virtio kernel/drivers/virtio/virtio.ko)" ]
    mv tree/modules.builtin builtin
    [ "$(wisp-kernel modules -C tree --builtin builtin virtio_net lone)" = "$expected" ]
}

@test "-o writes every module unpacked, its signature kept, and prints the names in order" {
    tree
    mkdir out
    umask 077
    run -0 --separate-stderr wisp-kernel modules -C tree -o out virtio_net
    [ "$output" = 'failover.ko
net_failover.ko
virtio_net.ko' ]
    [ "$(ls -A out)" = "$output" ]
    for name in $output; do
        cmp "plain/$name" "out/$name"
        [ "$(stat -c %a "out/$name")" = 600 ] # as the umask has it
    done
    echo stale >out/lone.ko
    wisp-kernel modules -C tree -o out lone
    cmp plain/lone.ko out/lone.ko
}

@test "only the modules that are wanted or needed are opened" {
    tree
    echo 'not a module' >tree/kernel/lib/broken.ko
    run -0 wisp-kernel modules -C tree virtio_net
    run -1 --separate-stderr wisp-kernel modules -C tree broken
    [ "$stderr" = "wisp-kernel: tree/kernel/lib/broken.ko: ELF header at offset 0 needs 64 bytes, the file ends at 13" ]
}

@test "a missing module, a cycle, twins and another release are refused" {
    tree
    module tree/kernel/a.ko b
    module tree/kernel/b.ko a
    module tree/kernel/c.ko gone
    module tree/kernel/x/twin.ko ''
    module tree/kernel/y/twin.ko ''
    refused() {
        message=$1
        shift
        run -1 --separate-stderr wisp-kernel modules -C tree "$@"
        [ "$stderr" = "wisp-kernel: $message" ]
        [ -z "$output" ]
    }
    refused 'tree: module c needs gone, which is neither here nor built in' c
    refused 'tree: modules need each other: a -> b -> a' a
    refused 'tree: has no module nothing, and none is built in' lone nothing
    refused 'tree: has no module kernel/nothing.ko' kernel/nothing.ko
    refused 'tree: has module twin twice: kernel/x/twin.ko and kernel/y/twin.ko' twin
    [ "$(wisp-kernel modules -C tree kernel/y/twin.ko)" = kernel/y/twin.ko ]
    refused "tree: path '/../etc' has a part '..'" /../etc
    refused 'kernel/lib/lone.ko: is built for kernel 6.6.1-test, not 6.6.2' --release 6.6.2 lone
    [ "$(wisp-kernel modules -C tree --release 6.6.1-test lone)" = kernel/lib/lone.ko ]
}

@test "nothing is written for a list that is refused" {
    tree
    module tree/kernel/c.ko failover,gone
    mkdir out
    run -1 wisp-kernel modules -C tree -o out lone c
    [ -z "$(ls -A out)" ]
}

@test "a soft dependency is loaded first where it exists" {
    tree
    module tree/kernel/nic.ko '' 'softdep=pre: lone gone'
    [ "$(wisp-kernel modules -C tree nic)" = 'kernel/lib/lone.ko
kernel/nic.ko' ]
}

@test "a damaged module is refused, whatever it is packed with" {
    tree
    for file in net/failover.ko.gz drivers/net/net_failover.ko.xz drivers/net/virtio-net.ko.zst; do
        head -c 500 "tree/kernel/$file" >cut
        mv cut "tree/kernel/$file"
    done
    run -1 --separate-stderr wisp-kernel modules -C tree failover
    [ "$stderr" = "wisp-kernel: tree/kernel/net/failover.ko.gz: is cut inside a gzip member at compressed byte 500" ]
    run -1 --separate-stderr wisp-kernel modules -C tree net_failover
    [ "$stderr" = "wisp-kernel: tree/kernel/drivers/net/net_failover.ko.xz: is damaged: xz cannot unpack it (exit status 1)" ]
    run -1 --separate-stderr wisp-kernel modules -C tree virtio_net
    [ "$stderr" = "wisp-kernel: tree/kernel/drivers/net/virtio-net.ko.zst: is damaged: zstd cannot unpack it (exit status 1)" ]
}

# refused_tar FILE MESSAGE [OPTION]...: the tree lib/modules/6.6 in the tar FILE is refused with that line alone.
refused_tar() {
    local file=$1 message=$2
    shift 2
    run -1 --separate-stderr wisp-kernel modules --tar "$file" -C lib/modules/6.6 "$@" lone
    [ "$stderr" = "wisp-kernel: $message" ]
    [ -z "$output" ]
}

@test "a tree in a tar gives what the same tree in a folder gives" {
    tree
    ln -s kernel/lib/lone.ko tree/linked.ko
    ln -s /nonexistent tree/build
    mkdir -p lib/modules out-folder out-tar
    cp -r tree lib/modules/6.6
    wisp-kernel modules -C tree -o out-folder virtio_net lone >names
    for format in gnu posix ustar; do
        tar --format=$format -cf $format.tar lib
        run -0 --separate-stderr wisp-kernel modules --tar $format.tar -C lib/modules/6.6 virtio_net kernel/lib/lone.ko virtio
        [ "$output" = "$(wisp-kernel modules -C tree virtio_net kernel/lib/lone.ko virtio)" ]
        rm -f out-tar/*
        wisp-kernel modules --tar $format.tar -C ./lib/modules/6.6/ -o out-tar virtio_net lone | cmp - names
        diff -r out-folder out-tar
    done
    tar -C tree -cf root.tar .
    for root in '' . ./; do
        [ "$(wisp-kernel modules --tar root.tar ${root:+-C "$root"} virtio_net)" = "$(wisp-kernel modules -C tree virtio_net)" ]
    done
    # a list of built-in modules from elsewhere comes before the one in the tar
    echo kernel/net/failover.ko >builtin
    [ "$(wisp-kernel modules --tar gnu.tar -C lib/modules/6.6 --builtin builtin failover lone)" = kernel/lib/lone.ko ]
}

@test "all modules of a Debian kernel come in the same order out of a tar and out of a folder" {
    load ../lib/debian
    package=$(newest_package bookworm arm64 'linux-image-6\.1\.0-[0-9]+-cloud-arm64')
    [ -n "$package" ]
    debian bookworm arm64 apt-get download "$package" >/dev/null
    dpkg-deb --fsys-tarfile ./*.deb | tee kernel.tar | tar -xf - ./lib/modules
    folder=lib/modules/${package#linux-image-}
    mapfile -t names < <(find "$folder" -name '*.ko' -printf '%f\n' | sort | sed -n '1~7p')
    [ "${#names[@]}" -gt 100 ]
    wisp-kernel modules -C "$folder" "${names[@]}" >expected
    wisp-kernel modules --tar kernel.tar -C "$folder" "${names[@]}" | cmp - expected
    [ "$(wc -l <expected)" -ge "${#names[@]}" ]
    mkdir out
    for name in $(wisp-kernel modules --tar kernel.tar -C "$folder" -o out virtio_net); do
        cmp "out/$name" "$(find "$folder" -name "$name")"
    done
    [ -f out/virtio_net.ko ]
}

@test "refusals about a tree in a tar name the archive and the path in it" {
    tree
    module tree/kernel/c.ko gone
    module tree/kernel/x/twin.ko ''
    module tree/kernel/y/twin.ko ''
    head -c 500 tree/kernel/net/failover.ko.gz >cut
    mv cut tree/kernel/net/failover.ko.gz
    echo 'not a module' >tree/kernel/lib/broken.ko
    mkdir -p lib/modules
    mv tree lib/modules/6.6
    tar -cf t.tar lib
    tar -C lib/modules/6.6 -cf root.tar kernel
    run -0 wisp-kernel modules --tar t.tar -C lib/modules/6.6 lone
    refused_tar t.tar 't.tar: lib/modules/6.6: module c needs gone, which is neither here nor built in' c
    refused_tar t.tar 't.tar: lib/modules/6.6: has no module nothing, and none is built in' nothing
    refused_tar t.tar 't.tar: lib/modules/6.6: has module twin twice: kernel/x/twin.ko and kernel/y/twin.ko' twin
    refused_tar t.tar 't.tar: lib/modules/6.6/kernel/lib/broken.ko: ELF header at offset 0 needs 64 bytes, the file ends at 13' broken
    refused_tar t.tar 't.tar: lib/modules/6.6/kernel/net/failover.ko.gz: is cut inside a gzip member at compressed byte 500' failover
    refused_tar t.tar 'kernel/lib/lone.ko: is built for kernel 6.6.1-test, not 6.6.2' --release 6.6.2
    refused_tar t.tar "t.tar: has no 'lib/modules/6.7/'" -C lib/modules/6.7
    refused_tar t.tar "t.tar: has no 'lib/modules/6.6/kernel/lib/lone.ko/'" -C lib/modules/6.6/kernel/lib/lone.ko
    refused_tar root.tar 'root.tar: has no module nothing, and none is built in' -C . nothing
    refused_tar root.tar 'root.tar: kernel/lib/broken.ko: ELF header at offset 0 needs 64 bytes, the file ends at 13' -C . broken
}

@test "what is no plain tar on disk, or one that lies, is refused" {
    tree
    mkdir -p lib/modules
    mv tree lib/modules/6.6
    tar -cf t.tar lib
    gzip -k t.tar
    xz -k t.tar
    echo words >words
    : >empty
    refused_tar t.tar.gz 't.tar.gz: is gzip-compressed, not a plain tar'
    refused_tar t.tar.xz 't.tar.xz: is xz-compressed, not a plain tar'
    refused_tar words 'words: is text, not a plain tar'
    refused_tar empty 'empty: is empty, not a plain tar'
    for folder in .. lib/../lib /lib lib//modules ''; do
        run -2 --separate-stderr wisp-kernel modules --tar t.tar -C "$folder" lone
        [ "$stderr" = "wisp-kernel: '$folder': is not a path inside an archive" ]
    done
    run -2 --separate-stderr wisp-kernel modules --tar missing lone
    [ "$stderr" = 'wisp-kernel: missing: open: No such file or directory' ]
    run -2 --separate-stderr wisp-kernel modules --tar lib lone
    [ "$stderr" = 'wisp-kernel: lib: open: Is a directory' ]
    run -2 --separate-stderr sh -c 'cat t.tar | wisp-kernel modules --tar /dev/stdin lone'
    [ "$stderr" = 'wisp-kernel: /dev/stdin: is a pipe or a terminal, and must be a file' ]
    run -2 --separate-stderr wisp-kernel info --tar t.tar
    [ "$stderr" = 'wisp-kernel: --tar: means nothing to info' ]

    # cut: without end mark, in contents, in a header; with a byte of a header changed
    tar --blocking-factor=1 -cf ends.tar lib
    size=$(wc -c <ends.tar)
    head -c $((size - 1024)) ends.tar >cut
    refused_tar cut 'cut: is cut: it has no end mark'
    head -c $((size - 512)) ends.tar >cut
    refused_tar cut 'cut: is cut inside its end mark'
    for ((at = 1; at < size - 1024; at += 997)); do
        head -c $at ends.tar >cut
        run -1 wisp-kernel modules --tar cut -C lib/modules/6.6 lone
    done
    { printf X && tail -c +2 ends.tar; } >changed
    refused_tar changed 'changed: the tar header at byte 0 is damaged: wrong checksum'

    # sizes that lead beyond the end, or beyond 64 bits
    truncate -s 8G lib/modules/6.6/huge.ko
    tar --format=posix -cf - lib/modules/6.6/huge.ko 2>/dev/null | head -c 1000000 >huge.tar
    run -1 --separate-stderr wisp-kernel modules --tar huge.tar -C lib/modules/6.6 lone
    [[ $stderr == "wisp-kernel: huge.tar: is cut in the contents of 'lib/modules/6.6/huge.ko', 858"*" bytes early" ]]
    rm lib/modules/6.6/huge.ko

    # two files of one name, a file behind a link, a name that climbs
    { tar --blocking-factor=1 -cf - lib | head -c -1024 && tar -cf - lib/modules/6.6/kernel/lib/lone.ko; } >twice.tar
    refused_tar twice.tar "twice.tar: has 'lib/modules/6.6/kernel/lib/lone.ko' twice"
    ln -s elsewhere kernel
    { tar --transform='s,^,lib/modules/6.6/,' --blocking-factor=1 -cf - kernel | head -c -1024 && tar -cf - lib; } >link.tar
    run -1 --separate-stderr wisp-kernel modules --tar link.tar -C lib/modules/6.6 lone
    [[ $stderr == "wisp-kernel: link.tar: has 'lib/modules/6.6/kernel/"*"' in 'lib/modules/6.6/kernel', which is a symbolic link" ]]
    tar -P --transform='s,^words$,lib/../../words,' -cf climb.tar words lib
    refused_tar climb.tar "climb.tar: path 'lib/../../words' has a part '..'"
    # links of a module's name are none
    ln lib/modules/6.6/kernel/lib/lone.ko lib/modules/6.6/zhard.ko
    ln -s kernel/lib/lone.ko lib/modules/6.6/zsoft.ko
    tar --sort=name -cf links.tar lib
    refused_tar links.tar 'links.tar: lib/modules/6.6: has no module zsoft, and none is built in' zsoft
    refused_tar links.tar 'links.tar: lib/modules/6.6: has no module zhard, and none is built in' zhard
}

@test "full disks, closed streams, closed pipes and folders that are not there" {
    image
    tree
    for command in 'image Image' 'info Image' 'modules -C tree lone'; do
        run -2 --separate-stderr sh -c "wisp-kernel $command >/dev/full"
        [ "$stderr" = "wisp-kernel: standard output: write: No space left on device" ]
        run -2 --separate-stderr sh -c "wisp-kernel $command >&-"
        [ "$stderr" = "wisp-kernel: standard output: write: Bad file descriptor" ]
    done
    run -2 --separate-stderr sh -c 'wisp-kernel info <&-'
    [ "$stderr" = "wisp-kernel: standard input: read: Bad file descriptor" ]
    run --separate-stderr bash -c 'set -o pipefail; wisp-kernel image Image | true'
    [ "$status" -eq 2 ]
    [ "$stderr" = "wisp-kernel: standard output: write: Broken pipe" ]
    run -2 --separate-stderr wisp-kernel modules -C missing lone
    [ "$stderr" = "wisp-kernel: missing: list: No such file or directory" ]
    run -2 --separate-stderr wisp-kernel modules -C tree -o missing lone
    [ "$stderr" = "wisp-kernel: missing/lone.ko: create: No such file or directory" ]
    run -2 --separate-stderr wisp-kernel modules -C tree --builtin missing lone
    [ "$stderr" = "wisp-kernel: missing: open: No such file or directory" ]
}

@test "a terminal is refused as output of an image" {
    image
    run -2 script -qec 'wisp-kernel image Image' /dev/null
    [ "${lines[0]//$'\r'/}" = "wisp-kernel: standard output: is a terminal, and the output is binary: redirect it or pipe it on" ]
}

@test "wrong commands, options and operands are usage errors" {
    misused() {
        message=$1
        shift
        run -2 --separate-stderr wisp-kernel "$@"
        [ "$stderr" = "wisp-kernel: $message" ]
        [ -z "$output" ]
    }
    misused 'command: is missing: info, image or modules'
    misused 'boot: is no command: info, image or modules' boot
    misused '--frob: unknown option, see wisp-kernel --help' info --frob
    misused '--output: means nothing to info' info -o out
    misused '--directory: means nothing to info' info -C .
    misused 'modules: needs a NAME' modules
    misused 'two: one FILE is enough' info one two
    misused 'missing: open: No such file or directory' info missing
    run -0 wisp-kernel --version
    [ "$output" = "wisp-kernel 0.1.0" ]
    run -0 wisp-kernel --help
    [[ ${lines[0]} == "usage: wisp-kernel "* ]]
}
