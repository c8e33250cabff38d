load ../lib/common
load ../lib/fat32

# A small tree with what a real card has.
plant() {
    mkdir -p tree/overlays
    echo 'arm_64bit=1' >tree/config.txt
    echo 'console=serial0,115200' >tree/cmdline.txt
    head -c 100001 /dev/urandom >tree/Image
    head -c 70000 /dev/urandom >tree/bcm2712-rpi-5-b.dtb
    echo map >tree/overlays/overlay_map.dtb
    echo d0 >tree/overlays/bcm2712d0.dtbo
    : >tree/overlays/README
    manifest_of tree >manifest
}

@test "fsck.fat, mtools and 7-Zip find the files the manifest names" {
    plant
    wisp-fat32 <manifest >image
    holds image tree
}

@test "without entries there is an empty volume with a label" {
    wisp-fat32 </dev/null >image
    volume_of image volume
    is_clean volume
    [ "$(stat -c %s image)" -eq $((36 << 20)) ]
    mdir -i image@@1M :: | grep -q 'Volume in drive : is WISP'
    mdir -i image@@1M :: | grep -q 'No files'
}

@test "the boot sector's fields are mkfs.fat's, whatever the size" {
    for size in 48M 1G 9G 17G; do
        wisp-fat32 --no-partition-table --size "$size" --volume-id 12AB34CD --label TEST </dev/null >image
        rm -f made
        mkfs.fat -C -F 32 -a -s "$(number image 13 1)" -R "$(number image 14 2)" -i 12ab34cd -n TEST -g 255/63 \
            made $(($(stat -c %s image) / 1024)) >/dev/null
        cmp <(head -c 90 image | tail -c +12) <(head -c 90 made | tail -c +12)
    done
}

@test "backup boot sector and backup FSInfo equal their originals, all boot sectors are signed" {
    plant
    wisp-fat32 <manifest >image
    volume_of image volume
    cmp <(head -c 1536 volume) <(tail -c +3073 volume | head -c 1536)
    for sector in 0 1 2 6 7 8; do [ "$(number volume $((sector * 512 + 510)) 2)" -eq $((0xAA55)) ]; done
    [ "$(number volume 28 4)" -eq 2048 ]
}

@test "both FATs begin with the media byte and a clean shutdown, and are the same" {
    plant
    wisp-fat32 --no-partition-table <manifest >volume
    reserved=$(($(number volume 14 2) * 512))
    bytes=$(($(number volume 36 4) * 512))
    [ "$(od -An -v -tx1 -j "$reserved" -N8 volume)" = ' f8 ff ff 0f ff ff ff 0f' ]
    cmp <(tail -c +$((reserved + 1)) volume | head -c $bytes) <(tail -c +$((reserved + bytes + 1)) volume | head -c $bytes)
}

@test "the partition table names one active FAT32 partition that ends with the image" {
    wisp-fat32 --size 64M --volume-id 12AB34CD </dev/null >image
    [ "$(od -An -v -tx1 -j440 -N6 image)" = ' cd 34 ab 12 00 00' ]
    [ "$(od -An -v -tx1 -j446 -N16 image)" = ' 80 20 21 00 0c 28 20 08 00 08 00 00 00 f8 01 00' ]
    [ "$(tail -c +463 image | head -c 48 | tr -d '\0' | wc -c)" -eq 0 ]
    [ "$(number image 510 2)" -eq $((0xAA55)) ]
    wisp-fat32 --size 64G </dev/null >large
    [ "$(od -An -v -tx1 -j450 -N4 large)" = ' 0c fe ff ff' ]
}

@test "the partition starts where it is told to, its data area at a multiple of 4 KiB" {
    plant
    for start in 1 63 2048 8192; do
        wisp-fat32 --partition-start "$start" <manifest >image
        dd if=image of=volume bs=512 skip="$start" status=none
        is_clean volume
        [ "$(number volume 28 4)" -eq "$start" ]
        [ "$(number image 454 4)" -eq "$start" ]
        data=$((start + $(number volume 14 2) + 2 * $(number volume 36 4)))
        [ $((data % 8)) -eq 0 ]
    done
}

@test "sizes from 34 MiB to 2 TiB have clusters in the number and size every reader takes" {
    plant
    for size in 34M:1 64M:1 260M:1 262M:8 1G:8 8G:8 9G:16 17G:32 33G:64 64G:64; do
        wisp-fat32 --no-partition-table --size "${size%:*}" <manifest >volume
        is_clean volume
        clusters=$(sed -n 's/.*\/\([0-9]*\) clusters/\1/p' fsck.out)
        [ "$clusters" -ge $((65525 + 16)) ]
        [ "$(number volume 13 1)" -eq "${size#*:}" ]
        [ "$(number volume 32 4)" -eq $(($(stat -c %s volume) / 512)) ]
        LC_ALL=C.UTF-8 mcopy -n -Q -i volume ::Image copy
        cmp copy tree/Image
        [ "$(stat -c %b volume)" -lt 4000 ]
    done
    wisp-fat32 --size 2T <manifest >image
    [ "$(stat -c %s image)" -eq $((2 << 40)) ]
    mcopy -n -Q -i image@@1M ::Image copy
    cmp copy tree/Image
}

@test "files of no byte, one byte, exact clusters and one byte more come back" {
    for size in 64M:512 300M:4096; do
        rm -rf tree
        mkdir tree
        for bytes in 0 1 "${size#*:}" $((${size#*:} + 1)) $((3 * ${size#*:})) $((3 * ${size#*:} + 1)) 262144 262145; do
            head -c "$bytes" /dev/urandom >"tree/f$bytes"
        done
        manifest_of tree >manifest
        wisp-fat32 --size "${size%:*}" <manifest >image
        holds image tree
    done
}

@test "names of 1 to 255 characters come back" {
    mkdir tree
    for length in 1 8 11 12 13 14 25 26 27 254 255; do
        echo "$length" >"tree/$(head -c "$length" /dev/zero | tr '\0' 'n')"
    done
    echo x >tree/.hidden
    echo x >tree/two.dots.txt
    echo x >'tree/+,;=[]'
    echo x >"tree/\$%'-_@~\`!(){}^#&"
    echo x >tree/UPPER.TXT
    echo x >tree/lower.txt
    manifest_of tree >manifest
    wisp-fat32 <manifest >image
    holds image tree
}

@test "names beyond ASCII and beyond the basic plane come back" {
    mkdir tree
    echo 1 >tree/Größe.txt
    echo 2 >tree/中文文件名称测试.md
    echo 3 >tree/Ελληνικά
    echo 4 >tree/ключ
    manifest_of tree >manifest
    wisp-fat32 <manifest >image
    holds image tree
    echo 5 >tree/😀😀.txt # mtools knows no surrogates
    manifest_of tree >manifest
    wisp-fat32 --no-partition-table <manifest >volume
    is_clean volume
    holds_by_7z volume tree
}

@test "a folder of 1,000 files and one 12 levels deep come back" {
    mkdir -p tree/many tree/1/2/3/4/5/6/7/8/9/10/11/12
    for ((i = 0; i < 1000; i++)); do echo "$i" >"tree/many/file-number-$i.text"; done
    echo deep >tree/1/2/3/4/5/6/7/8/9/10/11/12/file
    echo deep >tree/1/2/3/4/5/6/file
    manifest_of tree >manifest
    wisp-fat32 <manifest >image
    holds image tree
}

@test "the overlays of a Raspberry Pi kernel come back" {
    mkdir -p tree/overlays
    for chip in vc4-kms-v3d vc4-fkms-v3d hifiberry-dac hifiberry-amp midi-uart mcp2515-can i2c-rtc spi-gpio ov5647 imx219; do
        for ((i = 0; i < 40; i++)); do echo "$chip $i" >"tree/overlays/$chip$i-pi5.dtbo"; done
    done
    [ "$(find tree/overlays -type f | wc -l)" -eq 400 ]
    manifest_of tree >manifest
    wisp-fat32 <manifest >image
    holds image tree
    [ "$(mdir -i image@@1M ::overlays | grep -c '^VC4-K~[1-9][0-9] DTB')" -eq 31 ]
}

@test "short names stay unique past ~9 and ~99 and beside real ones of that look" {
    mkdir tree
    for ((i = 10000; i < 11200; i++)); do echo "${i:1}" >"tree/collision-${i:1}.dtbo"; done
    echo real >tree/COLLIS~3.DTB
    echo real >tree/COLL~200.DTB
    manifest_of tree >manifest
    wisp-fat32 <manifest >image
    holds image tree
    mcopy -n -Q -i image@@1M ::COLLIS~3.DTB ::COLL~200.DTB ::COLLIS~9.DTB ::COLLI~10.DTB ::COLL~100.DTB ::COL~1000.DTB .
    [ "$(cat COLLIS~3.DTB COLL~200.DTB)" = $'real\nreal' ]
    [ "$(cat COLLIS~9.DTB COLLI~10.DTB COLL~100.DTB COL~1000.DTB)" = $'0007\n0008\n0098\n0997' ]
}

@test "an image can be filled to its last cluster but 16, and not a byte further" {
    wisp-fat32 --no-partition-table --size 34M </dev/null >volume
    is_clean volume
    clusters=$(sed -n 's/.*\/\([0-9]*\) clusters/\1/p' fsck.out)
    room=$(((clusters - 16 - 1) * 512)) # the root folder takes one
    mkdir tree
    head -c "$room" /dev/urandom >tree/full
    echo "file full tree/full 0644 0 0" >manifest
    wisp-fat32 --no-partition-table --size 34M <manifest >volume
    is_clean volume
    holds_by_7z volume tree
    [ "$(number volume $((512 + 488)) 4)" -eq 16 ]
    [ "$(tail -c 8192 volume | tr -d '\0' | wc -c)" -eq 0 ]
    [ "$(tail -c 8704 volume | head -c 512 | tr -d '\0' | wc -c)" -gt 0 ]

    echo >>tree/full
    run -1 --separate-stderr wisp-fat32 --no-partition-table --size 34M manifest
    [ "$stderr" = "wisp-fat32: image: size 35651584 leaves $((room + 512)) bytes for files and folders, $((room + 1024)) are needed" ]
    [ -z "$output" ]
    wisp-fat32 --no-partition-table <manifest >volume
    [ "$(stat -c %s volume)" -eq $((36 << 20)) ]
    is_clean volume
}

@test "a file of 4 GiB - 1 is held, one of 4 GiB refused" {
    echo 'file large large 0644 0 0' >manifest
    # The contents are zeros and lie last, so the head of the image is enough for the judges.
    hold() {
        truncate -s "$1" large
        wisp-fat32 --no-partition-table --size 5G <manifest 2>broken-pipe | head -c 32M >volume
        truncate -s 5G volume
        LC_ALL=C 7z l -tfat volume | grep -q " $1 .* large$"
        mdir -i volume :: | grep -q "^LARGE *$1 "
    }
    hold 4294963200
    is_clean volume
    hold 4294967295 # fsck.fat 4.2 counts a chain's bytes in 32 bits and finds 0
    truncate -s 4294967296 large
    run -1 --separate-stderr wisp-fat32 manifest
    [ "$stderr" = "wisp-fat32: manifest:1: 'large' has 4294967296 bytes, FAT allows 4294967295" ]
    [ -z "$output" ]
}

@test "random trees come back" {
    seed=$RANDOM
    echo "seed $seed"
    RANDOM=$seed
    letters=(a B c.D e-f 7 _ x.y.z long-part-of-a-name Ü ж)
    for round in 1 2 3 4 5; do
        rm -rf tree
        mkdir tree
        folders=(tree)
        for ((i = 0; i < 60; i++)); do
            path=${folders[RANDOM % ${#folders[@]}]}/n$i-
            for ((j = RANDOM % 5; j > 0; j--)); do path+=${letters[RANDOM % ${#letters[@]}]}; done
            if ((RANDOM % 4 == 0)); then
                mkdir "$path"
                folders+=("$path")
            else
                head -c $((RANDOM * (RANDOM % 3))) /dev/urandom >"$path"
            fi
        done
        manifest_of tree >manifest
        wisp-fat32 --partition-start 2048 --label "R$round" <manifest >image
        holds image tree
        wisp-fat32 --list image | cut -d' ' -f4 | LC_ALL=C sort >listed
        cmp listed <(find tree -mindepth 1 -printf '%P\n' | LC_ALL=C sort)
    done
}

@test "the order of the manifest does not change the image" {
    plant
    wisp-fat32 <manifest >image
    { grep '^dir' manifest; grep '^file' manifest | LC_ALL=C sort -r; } >other
    run ! cmp -s manifest other
    wisp-fat32 <other | cmp - image
}

@test "clock, time zone, locale, umask and folder do not change the image" {
    unsanitized "faketime and the sanitizers' runtime wait for each other"
    plant
    wisp-fat32 <manifest >image
    TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 wisp-fat32 <manifest | cmp - image
    TZ=America/New_York faketime '2031-07-01 12:00:00' wisp-fat32 <manifest | cmp - image
    (umask 777 && wisp-fat32 <manifest | cmp - image)
    touch -d @1 tree/*
    mkdir elsewhere
    (cd elsewhere && ln -s ../tree tree && wisp-fat32 ../manifest | cmp - ../image)
}

@test "times are SOURCE_DATE_EPOCH in UTC, from 1980 to 2107" {
    plant
    times() {
        TZ=Asia/Tokyo wisp-fat32 --no-partition-table manifest >volume
        7z l -tfat -slt volume | grep -E '^(Modified|Created|Accessed) = [^ ]' | sort -u
    }
    times >found
    cmp found - <<'T'
Accessed = 1980-01-01 00:00:00
Created = 1980-01-01 00:00:00.00
Modified = 1980-01-01 00:00:00
T
    SOURCE_DATE_EPOCH=1700000001 times >found
    cmp found - <<'T'
Accessed = 2023-11-14 00:00:00
Created = 2023-11-14 22:13:20.00
Modified = 2023-11-14 22:13:20
T
    is_clean volume
    SOURCE_DATE_EPOCH=99 times >/dev/null
    wisp-fat32 --list volume | grep -qx -- '- 12 1980-01-01T00:00:00 config.txt'
    SOURCE_DATE_EPOCH=9999999999999 times >/dev/null
    wisp-fat32 --list volume | grep -qx -- '- 12 2107-12-31T23:59:58 config.txt'
    SOURCE_DATE_EPOCH=now run -2 --separate-stderr wisp-fat32 manifest
    [ "$stderr" = "wisp-fat32: SOURCE_DATE_EPOCH: 'now' is not a number of seconds from 0 to 18446744073709551615" ]
}

@test "the volume id follows names and sizes, unless it is given" {
    plant
    id() { wisp-fat32 --no-partition-table "$@" | od -An -v -tx4 -j67 -N4 --endian=little | tr -d ' '; }
    first=$(id manifest)
    [ "$first" = "$(id manifest)" ]
    [ "$first" != "$(id --label OTHER manifest)" ]
    echo more >>tree/config.txt
    [ "$first" != "$(id manifest)" ]
    [ "$(id --volume-id 1aB manifest)" = 000001ab ]
}

@test "the label is in the boot sector and the first entry of the root" {
    wisp-fat32 --no-partition-table --label 'sd card 1' </dev/null >volume
    is_clean volume
    [ "$(head -c 82 volume | tail -c 11)" = 'SD CARD 1  ' ]
    mlabel -s -i volume :: | grep -q 'Volume label is SD CARD 1'
}

@test "a pipe and a file get the same bytes, and a pipe sees no seek" {
    plant
    strace -f -e trace=lseek -o seeks true || skip 'strace cannot run here'
    wisp-fat32 --size 128M <manifest >image
    strace -f -e trace=lseek,pwrite64,ftruncate -o seeks wisp-fat32 --size 128M <manifest | cmp - image
    run ! grep -E 'lseek|pwrite|ftruncate' seeks
    wisp-fat32 --size 128M <manifest | dd bs=1M of=copy status=none
    cmp copy image
}

@test "zeros are holes in a file, but not over what was there, nor at the end of an appended one" {
    plant
    head -c 3M /dev/zero >tree/zeros
    manifest_of tree >manifest
    wisp-fat32 --size 64M <manifest >image
    [ "$(stat -c %b image)" -lt 2000 ]
    [ "$(stat -c %s image)" -eq $((64 << 20)) ]
    tr '\0' '\377' </dev/zero | head -c 70M >old
    wisp-fat32 --size 64M <manifest 1<>old
    head -c 64M old | cmp - image
    : >appended
    wisp-fat32 --size 64M <manifest >>appended
    cmp appended image
}

# traceable: skips where there is no strace, and ends what cannot be under it: the sanitizers' search for leaks.
traceable() {
    strace -o calls true || skip 'strace cannot run here'
    export ASAN_OPTIONS=detect_leaks=0
}

# large_file NAME: 3 MiB of data, as much of a hole, 1 MiB of zeros that are no hole, and a bit.
large_file() {
    head -c 3M /dev/urandom >"$1"
    truncate -s 6M "$1"
    head -c 1M /dev/zero >>"$1"
    head -c 1000 /dev/urandom >>"$1"
}

@test "holes in a file are not read, and stay holes" {
    truncate -s 1G large
    echo end >>large
    echo 'file large large 0644 0 0' >manifest
    traceable
    strace -e trace=read,copy_file_range -o calls wisp-fat32 --size 2G manifest >image
    [ "$(wc -l <calls)" -lt 100 ]
    [ "$(stat -c %b image)" -lt 20000 ] # the FATs
    wisp-fat32 --cat large image | cmp - large
}

@test "the kernel's copying, its refusal at any call and its doing less than asked give the same bytes" {
    large_file large
    echo 'file large large 0644 0 0' >manifest
    wisp-fat32 manifest | cat >wanted
    wisp-fat32 manifest >image
    cmp image wanted
    traceable
    for fault in error=ENOSYS error=EXDEV error=EINVAL error=EOPNOTSUPP error=EINTR error=EXDEV:when=3 error=ENOSPC:when=2 \
        retval=0:when=2; do
        strace -e trace=copy_file_range -e "inject=copy_file_range:$fault" -o calls wisp-fat32 manifest >image
        grep -q '(INJECTED)' calls
        cmp image wanted
    done
}

@test "what is written to a file is aligned: no call reaches over a multiple of 256 KiB" {
    head -c 700000 /dev/urandom >first
    head -c 1234567 /dev/urandom >second
    echo small >third
    printf 'file %s %s 0644 0 0\n' /first first /second second /third third >manifest
    traceable
    for option in '' --sha256=sum; do
        # shellcheck disable=SC2086 # one option or none
        strace -e trace=write,copy_file_range,lseek -o calls wisp-fat32 $option manifest >image
        awk '
            function took(size) {
                if (size > 0 && int(at / 262144) != int((at + size - 1) / 262144)) { print "at " at ": " $0; bad = 1 }
                at += size
                whole += size == 262144
            }
            /^lseek\(1, / { at = $NF }
            /^write\(1, / { took($NF) }
            /^copy_file_range\(.*, 1, NULL, / { took($NF) }
            END { exit bad || whole < 5 }' calls
    done
}

@test "a file on another file system is copied all the same" {
    [ -d /dev/shm ] && [ "$(stat -c %d /dev/shm)" != "$(stat -c %d .)" ] || skip 'needs /dev/shm'
    other=$(mktemp -p /dev/shm)
    large_file "$other"
    cp "$other" here
    echo "file large $other 0644 0 0" >manifest
    local status=0
    wisp-fat32 manifest >image || status=$?
    rm "$other"
    [ "$status" -eq 0 ]
    echo 'file large here 0644 0 0' >manifest
    wisp-fat32 manifest | cmp - image
}

@test "a file that shrinks while the kernel copies it is an error" {
    head -c 9M /dev/urandom >large
    echo 'file large large 0644 0 0' >manifest
    traceable
    strace -e trace=copy_file_range -e inject=copy_file_range:signal=SIGSTOP:when=3 -o calls \
        wisp-fat32 manifest >image 2>message 3>&- &
    tracer=$!
    until grep -q 'stopped by SIGSTOP' calls; do kill -0 "$tracer"; done
    truncate -s 1M large
    kill -CONT "$(pgrep -P "$tracer")"
    local status=0
    wait "$tracer" || status=$?
    [ "$status" -eq 1 ]
    [ "$(cat message)" = 'wisp-fat32: large: is cut in its contents: 1048576 of 9437184 bytes' ]
    run -1 wisp-fat32 --list image
}

@test "a disk that fills while the kernel copies is an error" {
    head -c 9M /dev/urandom >large
    echo 'file large large 0644 0 0' >manifest
    run -2 --separate-stderr bash -c 'ulimit -f 4096; wisp-fat32 manifest >image'
    [ "$stderr" = 'wisp-fat32: standard output: write: File too large' ]
}

@test "memory does not grow with the image" {
    unsanitized "the sanitizers' memory is counted too"
    command -v /usr/bin/time >/dev/null || skip 'needs GNU time'
    truncate -s 256M large
    echo 'file large large 0644 0 0' >manifest
    /usr/bin/time -f %M -o rss wisp-fat32 --size 4G <manifest >/dev/null
    [ "$(cat rss)" -lt 8192 ]
    /usr/bin/time -f %M -o rss wisp-fat32 --size 2T <manifest >image
    [ "$(cat rss)" -lt 8192 ]
}

@test "what FAT cannot hold is refused by line, with nothing written" {
    echo x >x
    refused() { # MANIFEST LINE, MESSAGE
        printf '%s\n' '# first' "$1" >manifest
        run -1 --separate-stderr wisp-fat32 <manifest
        echo "$stderr"
        [ "$stderr" = "wisp-fat32: manifest:2: $2" ]
        [ -z "$output" ]
    }
    refused 'slink a b 0777 0 0' "'a' is neither a folder nor a file, FAT holds nothing else"
    refused 'nod a 0600 0 0 c 5 1' "'a' is neither a folder nor a file, FAT holds nothing else"
    refused 'file a x 0644 0 0 b' "'a' has hard links, FAT has none"
    refused 'file a:b x 0644 0 0' "name 'a:b' has a character FAT does not allow: ':'"
    refused 'file a\b x 0644 0 0' "name 'a\\b' has a character FAT does not allow: '\\'"
    refused 'file a* x 0644 0 0' "name 'a*' has a character FAT does not allow: '*'"
    refused $'file a\001 x 0644 0 0' "name 'a\\x01' has a character FAT does not allow: '\\x01'"
    refused $'file a\177 x 0644 0 0' "name 'a\\x7f' has a character FAT does not allow: '\\x7f'"
    refused 'dir a. 0755 0 0' "name 'a.' ends in a dot or a space, which FAT drops"
    refused $'file a\303 x 0644 0 0' "name 'a\\xc3' is not UTF-8"
    long=$(head -c 256 /dev/zero | tr '\0' n)
    refused "file $long x 0644 0 0" "name '$long' has 256 UTF-16 units, FAT allows 255"
}

@test "a file that is not there is a system error, with nothing written" {
    echo 'file a missing 0644 0 0' >manifest
    run -2 --separate-stderr wisp-fat32 <manifest
    [ "$stderr" = 'wisp-fat32: manifest:1: missing: open: No such file or directory' ]
    [ -z "$output" ]
}

@test "two names that FAT cannot tell apart are refused with both lines" {
    echo x >x
    printf '%s\n' 'dir overlays 0755 0 0' 'file overlays/Größe.txt x 0644 0 0' 'file b x 0644 0 0' \
        'file overlays/GRÖSSE.txt x 0644 0 0' 'file overlays/GRÖßE.TXT x 0644 0 0' >manifest
    run -1 --separate-stderr wisp-fat32 <manifest
    [ "$stderr" = "wisp-fat32: manifest:5: 'overlays/GRÖßE.TXT' and 'overlays/Größe.txt' on line 2 are one name to FAT" ]
    [ -z "$output" ]
    printf '%s\n' 'file B x 0644 0 0' 'dir b 0755 0 0' >manifest
    run -1 --separate-stderr wisp-fat32 manifest
    [ "$stderr" = "wisp-fat32: manifest:2: 'b' and 'B' on line 1 are one name to FAT" ]
    printf '%s\n' 'file b x 0644 0 0' 'file b x 0644 0 0' >manifest
    run -1 --separate-stderr wisp-fat32 <manifest
    [ "$stderr" = "wisp-fat32: manifest:2: 'b' is already listed on line 1" ]
}

@test "a folder of more than 65,536 directory entries is refused, one of as many is not" {
    echo x >x
    # "." and "..", 21,844 names of three entries, one of two
    { echo 'dir d 0755 0 0'; seq -f 'file d/a-name-of-fourteen-%06.0f x 0644 0 0' 21844; echo 'file d/y x 0644 0 0'; } >manifest
    wisp-fat32 --no-partition-table <manifest >volume
    is_clean volume
    [ "$(sed -n 's/^volume: \([0-9]*\) files.*/\1/p' fsck.out)" -eq 21847 ]
    echo 'file d/z x 0644 0 0' >>manifest
    run -1 --separate-stderr wisp-fat32 <manifest
    [ "$stderr" = "wisp-fat32: manifest:1: folder 'd' needs 65538 directory entries, FAT allows 65536" ]
}

@test "folders nest 128 deep and no deeper" {
    deep=d
    echo 'dir d 0755 0 0' >manifest
    for ((i = 1; i < 128; i++)); do
        deep+=/d
        echo "dir $deep 0755 0 0" >>manifest
    done
    echo x >x
    echo "file $deep/f x 0644 0 0" >>manifest
    wisp-fat32 --no-partition-table <manifest >volume
    is_clean volume
    [ "$(wisp-fat32 --cat "$deep/f" volume)" = x ]
    echo "dir $deep/d 0755 0 0" >>manifest
    run -1 --separate-stderr wisp-fat32 <manifest
    [ "$stderr" = "wisp-fat32: manifest:130: '$deep/d' nests 129 folders, at most 128 may nest" ]
}

@test "images that cannot be FAT32 are refused, with the least size" {
    refused() {
        message=$1
        shift
        run -1 --separate-stderr wisp-fat32 "$@" </dev/null
        [ "$stderr" = "wisp-fat32: $message" ]
        [ -z "$output" ]
    }
    refused 'image: size 1048577 is not a multiple of 512' --size 1048577
    refused 'image: size 33554432 is too small for FAT32, which begins at 35150336' --size 32M
    refused 'image: size 35149824 is too small for FAT32, which begins at 35150336' --size 35149824
    refused 'image: size 0 is too small for FAT32, which begins at 35150336' --size 0
    refused 'image: size 3298534883328 exceeds 2199023255552' --size 3T
    refused 'image: size 2199023255552 exceeds 2199023255040' --size 2T --no-partition-table
    refused 'image: partition start 4294967295 leaves no room for FAT32 below 2 TiB' --size 2T --partition-start 4294967295
    refused "label: 'TWELVE CHARS' has 12 characters, FAT allows 1 to 11" --label 'TWELVE CHARS'
    refused "label: '' has 0 characters, FAT allows 1 to 11" --label ''
    refused "label: 'no name' means that there is none" --label 'no name'
    refused "label: ' A' begins with a space" --label ' A'
    refused "label: 'A.B' has a character that is not A to Z, 0 to 9, a space or one of \$%'-_@~\`!(){}^#&" --label 'A.B'
    wisp-fat32 --size 35150336 </dev/null >image
    volume_of image volume
    is_clean volume
    grep -q '/65541 clusters' fsck.out
}

@test "wrong options are usage errors" {
    misused() {
        message=$1
        shift
        run -2 --separate-stderr wisp-fat32 "$@" </dev/null
        [ "$stderr" = "wisp-fat32: $message" ]
        [ -z "$output" ]
    }
    misused '--frob: unknown option, see wisp-fat32 --help' --frob
    misused '--size: needs a value' --size
    for size in '' M 1X -1 1.5G 0x10 99999999999999999999 16777216T; do
        misused "--size: '$size' is not a size: bytes, or with K, M, G or T behind, as 64M" --size "$size"
    done
    misused "--volume-id: 'xyz' is not 1 to 8 hexadecimal digits" --volume-id xyz
    misused "--volume-id: '123456789' is not 1 to 8 hexadecimal digits" --volume-id 123456789
    misused "--partition-start: '0' is not a number from 1 to 4294967295" --partition-start 0
    misused '--partition-start: does not go with --no-partition-table' --partition-start 2048 --no-partition-table
    misused '--size: does not go with --list' --list --size 64M
    misused '--list: does not go with --cat' --list --cat a
    misused 'b: one FILE is enough' a b
    misused 'none: open: No such file or directory' none
    run -2 --separate-stderr sh -c 'cat /dev/null | wisp-fat32 --list'
    [ "$stderr" = 'wisp-fat32: standard input: is a pipe or a terminal, and must be a file' ]
}

@test "--sha256 is what sha256sum says of the image, which stays the same" {
    plant
    head -c 3000000 /dev/zero >tree/zeros
    { cat tree/zeros && echo more; } >tree/most-zeros
    manifest_of tree >manifest
    wisp-fat32 <manifest >image
    wisp-fat32 --sha256 sum <manifest >digested
    cmp image digested
    [ "$(stat -c %b digested)" -le "$(stat -c %b image)" ] # as many holes
    [ "$(cat sum)" = "$(sha256sum <image)" ]
    wisp-fat32 --sha256 sum manifest | cmp - image
    [ "$(cat sum)" = "$(sha256sum <image)" ]
    run -2 --separate-stderr sh -c 'wisp-fat32 --sha256 other manifest >/dev/full'
    [ "$stderr" = "wisp-fat32: standard output: write: No space left on device" ]
    mkfifo fifo && ln -s fifo link && mkdir folder
    for place in 'fifo: is no regular file' 'link: is no regular file' 'folder: is a folder'; do
        run -2 --separate-stderr wisp-fat32 --sha256 "${place%%:*}" manifest
        [ "$stderr" = "wisp-fat32: $place" ]
        [ -z "$output" ]
    done
    [ -p fifo ] && [ -L link ]
    run -2 --separate-stderr wisp-fat32 --sha256 none/sum manifest
    [ "$stderr" = "wisp-fat32: none/sum: create: No such file or directory" ]
    [ -z "$output" ]
    [ "$(find . -name '*sum*' -o -name 'other*' -o -name '.w*')" = ./sum ]
}

# What a file is written under before it has its name is not there for a signal to leave.
@test "a signal leaves nothing of the file for --sha256, whose mode is the umask's" {
    head -c 4M /dev/urandom >large
    echo 'file large large 0644 0 0' >manifest
    mkdir sums
    for signal in INT TERM HUP; do
        rm -f pipe
        mkfifo pipe
        env --default-signal wisp-fat32 --sha256 sums/sum manifest >pipe 3>&- &
        pid=$!
        exec 9<pipe
        head -c 1M <&9 >/dev/null # so the image is being written
        kill -s "$signal" "$pid"
        status=0
        wait "$pid" || status=$?
        exec 9<&-
        [ "$status" -eq $((128 + $(kill -l "$signal"))) ]
        [ -z "$(ls -A sums)" ]
    done
    for mask in 022:644 077:600 002:664; do
        (umask "${mask%:*}" && wisp-fat32 --sha256 sums/sum manifest >image)
        [ "$(stat -c %a sums/sum)" = "${mask#*:}" ]
    done
}

@test "where files without a name are not to be had, the file for --sha256 has a temporary one" {
    unsanitized "strace and the sanitizers' own tracing exclude each other"
    echo 'dir d 0755 0 0' >manifest
    wisp-fat32 manifest >image
    for injected in openat:error=EOPNOTSUPP access,faccessat,faccessat2:error=ENOENT; do # the latter as without /proc
        umask 077
        [[ $injected == openat* ]] && of=(-P .) || of=()
        strace -qq "${of[@]}" -e "inject=$injected" -e trace=openat,access,faccessat,faccessat2,linkat -o calls \
            wisp-fat32 --sha256 sum manifest >injected
        grep -q INJECTED calls
        run ! grep linkat calls
        cmp image injected
        [ "$(cat sum)" = "$(sha256sum <image)" ]
        [ "$(stat -c %a sum)" = 600 ]
        rm sum
        [ "$(ls -A)" = $'calls\nimage\ninjected\nmanifest' ]
    done
}

@test "a full disk, a closed output and a terminal are errors" {
    plant
    run -2 --separate-stderr sh -c 'wisp-fat32 manifest >/dev/full'
    [ "$stderr" = 'wisp-fat32: standard output: write: No space left on device' ]
    run -2 --separate-stderr sh -c 'wisp-fat32 manifest >&-'
    [ "$stderr" = 'wisp-fat32: standard output: write: Bad file descriptor' ]
    run -2 --separate-stderr sh -c 'wisp-fat32 <&-'
    [ "$stderr" = 'wisp-fat32: manifest: read: Bad file descriptor' ]
    wisp-fat32 <manifest >image
    run -2 --separate-stderr sh -c 'wisp-fat32 --list image >/dev/full'
    [ "$stderr" = 'wisp-fat32: standard output: write: No space left on device' ]
    run -2 --separate-stderr sh -c 'wisp-fat32 --cat Image image >/dev/full'
    [ "$stderr" = 'wisp-fat32: standard output: write: No space left on device' ]
    run script -qec 'wisp-fat32 manifest' /dev/null
    [ "$status" -eq 2 ]
    [ "${output%$'\r'}" = 'wisp-fat32: standard output: is a terminal, and the output is binary: redirect it or pipe it on' ]
}

@test "a closed pipe is an error" {
    plant
    { wisp-fat32 manifest 2>message || echo "$?" >status; } | head -c 1000 >/dev/null
    [ "$(cat status)" -eq 2 ]
    [ "$(cat message)" = 'wisp-fat32: standard output: write: Broken pipe' ]
}

@test "a file that changes while it is read is an error, and the image looks cut" {
    mkdir tree
    head -c 9M /dev/urandom >tree/a
    head -c 9M /dev/urandom >tree/b
    manifest_of tree >manifest
    { wisp-fat32 manifest 2>message || echo "$?" >status; } | { head -c 3M; truncate -s 5 tree/b; cat; } >image
    [ "$(cat status)" -eq 2 ]
    [ "$(cat message)" = 'wisp-fat32: tree/b: changed while it was read: was 9437184 bytes, is 5' ]
    [ "$(stat -c %s image)" -lt $((36 << 20)) ]
    run -1 --separate-stderr wisp-fat32 --list image
    [ "$stderr" = "wisp-fat32: image: is cut: the volume's clusters end at 37748736, the file at $(stat -c %s image)" ]
}

@test "a manifest cut at any byte gives a whole image or one line and nothing" {
    echo x >x
    printf 'dir d 0755 0 0\nfile d/f x 0644 0 0\n' >manifest
    images=0
    for ((i = 0; i <= $(stat -c %s manifest); i++)); do
        status=0
        head -c "$i" manifest | wisp-fat32 >image 2>message || status=$?
        case $status in
            0)
                [ ! -s message ]
                [ "$(stat -c %s image)" -eq $((36 << 20)) ]
                images=$((images + 1))
                ;;
            1)
                [ ! -s image ]
                [ "$(wc -l <message)" -eq 1 ]
                ;;
            *) return 1 ;;
        esac
    done
    [ "$images" -eq 5 ] # of nothing, of one line and of two, each with and without its end
}
