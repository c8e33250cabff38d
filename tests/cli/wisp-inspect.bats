load ../lib/common
load ../lib/fat32

# make_image: an image with a fake kernel of 16 KiB pages, an initrd, a folder and a plain file.
make_image() {
    { head -c 16 /dev/zero && printf '\0\0\1\0\0\0\0\0\014\0\0\0\0\0\0\0' && head -c 24 /dev/zero && printf 'ARMd' &&
        head -c 5000 /dev/zero && printf 'Linux version 6.6.6-test (somebody) #1 SMP\n' && head -c 60429 /dev/zero; } >Image
    printf 'dir /dev 0755 0 0\nnod /dev/null 0666 0 0 c 1 3\nslink /link dev/null 0777 0 0\n' >initrd.manifest
    wisp-cpio -z <initrd.manifest >initrd.img
    echo hello >plain
    printf 'dir /folder 0755 0 0\nfile /Image Image 0644 0 0\nfile /initrd.img initrd.img 0644 0 0\nfile /folder/a-plain-file.txt plain 0644 0 0\n' |
        wisp-fat32 --label TEST --volume-id 1234ABCD --size 64M >image
}

@test "an image shows its volume, its files, its kernel and its initrd" {
    make_image
    wisp-inspect image >report
    grep -q "^image   67108864 bytes$" report
    grep -q "^volume  FAT32 'TEST', id 1234ABCD, at byte 1048576, 66060288 bytes, " report
    grep -q '^folder  folder/$' report
    grep -q '^file    folder/a-plain-file.txt, 6 bytes$' report
    grep -q "^file    Image, $(wc -c <Image) bytes$" report
    grep -q '^          kernel: image, aarch64, pages of 16384 bytes, 6.6.6-test (somebody) #1 SMP$' report
    wisp-cpio --list initrd.img | sed 's/^/          /' >listing
    grep -A 2 '^          drwx' report | cmp - listing
}

@test "--json is JSON, and says the same" {
    make_image
    wisp-inspect --json image >report
    [ "$(jq -r '.files[] | select(.path == "Image") | .kernel.page_size' report)" = 16384 ]
    [ "$(jq -r '.volume.label' report)" = TEST ]
    [ "$(jq -r '.files[] | select(.path == "Image") | .kernel.version' report)" = '6.6.6-test (somebody) #1 SMP' ]
    jq '.files[] | select(.path == "initrd.img") | .initrd' report >inside
    [ "$(jq -r '.[2].target' inside)" = dev/null ]
    [ "$(jq -c '.[1].rdev' inside)" = '[1,3]' ]
    [ "$(jq -r '[.files[] | [.path, .type, .size] | map(tostring) | join(" ")] | join(",")' report)" = \
        "folder folder null,Image file $(wc -c <Image),initrd.img file $(wc -c <initrd.img),folder/a-plain-file.txt file 6" ]
    wisp-inspect --json initrd.img >report
    [ "$(jq -r .type report)" = initrd ]
    [ "$(jq .size report)" -eq "$(wc -c <initrd.img)" ]
    jq .entries report | cmp - inside
}

@test "memory does not grow with what an initrd or an image holds" {
    unsanitized "the sanitizers' memory is counted too"
    python3 - >many <<'P'
import sys
entry = lambda name, mode: (b'070701' + b'%08X' * 13 % (1, mode, 0, 0, 1, 0, 0, 0, 0, 0, 0, len(name) + 1, 0) + name + b'\0').ljust(112, b'\0')
sys.stdout.buffer.write(entry(b'a', 0o100644) * 400000 + entry(b'TRAILER!!!', 0).ljust(124, b'\0'))
P
    gzip -9 many
    : >empty
    for folder in {1..4}; do
        echo "dir /D$folder 0755 0 0"
        seq -f "file /D$folder/F%05.0f empty 0644 0 0" 32000
    done | wisp-fat32 >image
    ulimit -v 49152
    [ "$(wisp-inspect many.gz | wc -l)" -eq 400000 ]
    [ "$(wisp-inspect --json many.gz | grep -c '^{"path":"a",')" -eq 400000 ]
    [ "$(wisp-inspect image | grep -c '^file  ')" -eq 128000 ]
    [ "$(wisp-inspect --json image | grep -c '^{"path":"D')" -eq 128004 ]
    [ "$(wisp-fat32 --list image | wc -l)" -eq 128004 ]
}

# odd_card: an image of files that begin as kernels and initrds do, and one that is a kernel, gzipped.
odd_card() {
    make_image
    gzip -9n <Image >Image.gz
    echo '070712345 call Alice' >phone.txt
    echo '0707010000 is no header' >number.txt
    printf '\037\213\0\0rubbish' >rubbish.gz
    # a valid member with 1,500 bytes of FEXTRA [RFC 1952, 2.3.1.1]
    { printf '\037\213\10\4\0\0\0\0\0\3\334\5' && head -c 1500 /dev/zero && gzip -cn plain | tail -c +11; } >extra.gz
    gzip -dc extra.gz | cmp - plain
    { head -c 510 /dev/zero && printf '\125\252\353\146HdrS\14\2' && head -c 2000 /dev/zero; } >memtest
    { printf 'MZ\0\0zimg\100\0\0\0\4\0\0\0\0\0\0\0\0\0\0\0xzkern' && head -c 80 /dev/zero; } >zboot
    head -c -9 initrd.img >cut.img
    printf 'file %s %s 0644 0 0\n' README.md plain {Image.gz,phone.txt,number.txt,rubbish.gz,extra.gz,memtest,zboot,cut.img}{,} |
        wisp-fat32 >odd
}

@test "a file that is not what it begins as has a note, and the card is shown" {
    odd_card
    wisp-inspect odd | sed 1,3d >report
    diff report - <<R
file    Image.gz, $(wc -c <Image.gz) bytes
          kernel: gzip, aarch64, pages of 16384 bytes, 6.6.6-test (somebody) #1 SMP
file    README.md, 6 bytes
file    cut.img, $(wc -c <cut.img) bytes
          problem: is cut inside a gzip member at compressed byte $(wc -c <cut.img)
file    extra.gz, $(wc -c <extra.gz) bytes
file    memtest, $(wc -c <memtest) bytes
          problem: is an x86 kernel without a 64-bit entry point
file    number.txt, 24 bytes
          problem: is cut in a header: 24 of 110 bytes
file    phone.txt, 21 bytes
file    rubbish.gz, 11 bytes
file    zboot, $(wc -c <zboot) bytes
          problem: is an EFI zboot image compressed with 'xzkern', wisp knows gzip and zstd
R
    wisp-inspect --json odd >report
    [ "$(jq -r '.files[] | select(.path == "memtest") | .problem' report)" = 'is an x86 kernel without a 64-bit entry point' ]
    [ "$(jq -r '.files[] | select(.path == "Image.gz") | .kernel.form' report)" = gzip ]
    [ "$(jq -r '[.files[] | select(.problem) | .path] | join(" ")' report)" = 'cut.img memtest number.txt zboot' ]
}

# as_file_says FILE: the partitions of an image as file(1) has them, in the words of wisp-inspect.
as_file_says() {
    file -b "$1" | grep -o 'partition [0-9] : ID=0x[0-9a-f]*,\( active,\)\? start-CHS ([^)]*), end-CHS ([^)]*), startsector [0-9]*, [0-9]* sectors' |
        sed 's/\(partition [0-9]\) : ID=0x\([0-9a-f]*\),\( active,\)\? start.*startsector \([0-9]*\), \([0-9]* sectors\)/\1, type \U0\2\E,\3 \5 from sector \4/' |
        sed 's/type 0\(..\),/type \1,/'
}

@test "the partitions are those that file(1) finds" {
    make_image
    wisp-inspect image | grep '^partition' | cmp - <(as_file_says image)
    [ "$(wisp-inspect image | sed -n 2p)" = 'partition 1, type 0C, active, 129024 sectors from sector 2048' ]
    [ "$(wisp-inspect --json image | jq -c .partitions)" = '[{"number":1,"type":"0C","active":true,"first_sector":2048,"sectors":129024}]' ]
    # a second one, of type 83, in the third place
    patch image $((446 + 32)) 00 FE FF FF 83 FE FF FF 00 08 02 00 00 10 00 00
    wisp-inspect image | grep '^partition' >partitions
    [ "$(sed -n 2p partitions)" = 'partition 3, type 83, 4096 sectors from sector 133120' ]
    cmp partitions <(as_file_says image)
    volume_of image volume
    wisp-inspect volume >report
    [[ "$(sed -n 2p report)" == "volume  FAT32 "* ]]
    [ "$(wisp-inspect --json volume | jq -c .partitions)" = '[]' ]
}

@test "a cut initrd by itself is refused" {
    make_image
    head -c -9 initrd.img >cut.img
    run -1 --separate-stderr wisp-inspect cut.img
    [ "$stderr" = "wisp-inspect: cut.img: is cut inside a gzip member at compressed byte $(wc -c <cut.img)" ]
    [ -z "$output" ]
}

@test "an image that mkfs.fat and mcopy made is shown too" {
    make_image
    truncate -s 64M foreign
    mkfs.fat -F 32 -n OTHER foreign >/dev/null
    mcopy -i foreign Image initrd.img plain ::
    wisp-inspect foreign >report
    grep -q "^volume  FAT32 'OTHER'" report
    grep -q '^          kernel: image, aarch64, pages of 16384 bytes' report
    grep -q '^file    plain, 6 bytes$' report
}

@test "what is neither is refused, with nothing printed" {
    echo hello >text
    run -1 --separate-stderr wisp-inspect text
    [ "$stderr" = "wisp-inspect: text: is text, and neither a disk image nor an initrd" ]
    [ -z "$output" ]
    head -c 4096 /dev/zero >zeros
    run -1 --separate-stderr wisp-inspect zeros
    [ "$stderr" = "wisp-inspect: zeros: is unknown data (it starts with 00000000), and neither a disk image nor an initrd" ]
    # a disk without a FAT32 volume has a reason of its own
    patch zeros 510 55 AA
    run -1 --separate-stderr wisp-inspect zeros
    [ "$stderr" = "wisp-inspect: zeros: has no partition of type 0B or 0C (FAT32)" ]
    : >empty
    run -1 --separate-stderr wisp-inspect empty
    [ "$stderr" = "wisp-inspect: empty: is empty, and neither a disk image nor an initrd" ]
    make_image
    head -c 30000000 image >cut
    run -1 --separate-stderr wisp-inspect cut
    [[ "$stderr" == "wisp-inspect: cut: "* ]]
    [ -z "$output" ]
    for ((size = 1; size < $(wc -c <initrd.img); size += 7)); do
        head -c "$size" initrd.img >cut
        run -1 --separate-stderr wisp-inspect cut
        [ -n "$stderr" ]
        [ -z "$output" ]
    done
}

@test "what is something else is refused as what it is" {
    make_image
    gzip -c Image >Image.gz
    xz -c initrd.img >initrd.xz
    zstd -q initrd.img -o initrd.zst
    printf '\4\42\115\30' >initrd.lz4
    gzip -c plain >plain.gz
    { head -c 514 /dev/zero && printf HdrS; } >bzImage
    printf 'MZ\0\0zimg' >zboot
    while read -r file what; do
        run -1 --separate-stderr wisp-inspect "$file"
        [ "$stderr" = "wisp-inspect: $file: is $what" ]
        [ -z "$output" ]
    done <<E
Image a Linux kernel: wisp-kernel info shows what it is
Image.gz a Linux kernel: wisp-kernel info shows what it is
bzImage a Linux kernel: wisp-kernel info shows what it is
zboot a Linux kernel: wisp-kernel info shows what it is
$(command -v wisp-inspect) an ELF file, and neither a disk image nor an initrd
initrd.xz xz-compressed, and only gzip is read here
initrd.zst zstd-compressed, and only gzip is read here
initrd.lz4 lz4-compressed, and only gzip is read here
plain.gz gzip-compressed, and neither a disk image nor an initrd
E
}

@test "usage, a full disk and a closed output are status 2" {
    make_image
    run -2 --separate-stderr sh -c 'cat image | wisp-inspect'
    [ "$stderr" = "wisp-inspect: standard input: is a pipe or a terminal, and must be a file" ]
    wisp-inspect <image | cmp - <(wisp-inspect image)
    wisp-inspect - <initrd.img | cmp - <(wisp-inspect initrd.img)
    run -2 --separate-stderr wisp-inspect --frob
    [ "$stderr" = "wisp-inspect: --frob: unknown option, see wisp-inspect --help" ]
    run -2 --separate-stderr wisp-inspect missing
    [ "$stderr" = "wisp-inspect: missing: open: No such file or directory" ]
    run -2 --separate-stderr sh -c 'wisp-inspect image >/dev/full'
    [ "$stderr" = "wisp-inspect: standard output: write: No space left on device" ]
    run -2 --separate-stderr sh -c 'wisp-inspect image >&-'
    [ "$stderr" = "wisp-inspect: standard output: write: Bad file descriptor" ]
}

@test "names that are not UTF-8 do not end the JSON" {
    printf 'dir /a\377 0755 0 0\n' | wisp-cpio >odd.cpio
    wisp-inspect --json odd.cpio >report
    jq -e '.entries | length == 1' report
    truncate -s 64M odd.img
    mkfs.fat -F 32 odd.img >/dev/null
    printf '\216' | dd of=odd.img bs=1 seek=71 conv=notrunc status=none
    wisp-inspect --json odd.img | jq -e '.type == "image"'
}
