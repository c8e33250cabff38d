load ../lib/common
load ../lib/fat32

# made FILE: a volume by mkfs.fat and mtools: short names with NT case bits, long ones, a folder, deleted entries, a file
# in pieces, one deleted between them.
made() {
    export LC_ALL=C.UTF-8
    mkfs.fat -C -F 32 -s 1 -n MADE "$1" 65536 >/dev/null
    head -c 1500 /dev/urandom >pieces.bin
    echo 'arm_64bit=1' >config.txt
    echo image >Image
    echo ö >größe-der-datei.txt
    for i in 1 2 3; do head -c 512 /dev/urandom >"gap$i.bin"; done
    mcopy -i "$1" gap1.bin config.txt gap2.bin Image gap3.bin größe-der-datei.txt ::
    mmd -i "$1" ::overlays ::overlays/Deeper
    mcopy -i "$1" config.txt ::overlays/Deeper/CONFIG.TXT
    mdel -i "$1" ::gap1.bin ::gap2.bin ::gap3.bin
    minfo -i "$1" :: >/dev/null
    mcopy -i "$1" -o pieces.bin ::
    export LC_ALL=C
}

@test "an image by mkfs.fat and mtools is listed: long names, lower-case short ones, nothing deleted" {
    made volume
    wisp-fat32 --list volume | sed 's/ [0-9-]*T[0-9:]* / /' | sort >listed
    cmp listed - <<'L'
- 12 config.txt
- 12 overlays/Deeper/CONFIG.TXT
- 1500 pieces.bin
- 3 größe-der-datei.txt
- 6 Image
d 0 overlays
d 0 overlays/Deeper
L
}

@test "times are what mtools shows" {
    echo x >x
    touch -d '2024-02-29 23:58:58' x
    mkfs.fat -C -F 32 -s 1 volume 65536 >/dev/null
    mcopy -m -i volume x ::
    [ "$(wisp-fat32 --list volume)" = '- 2 2024-02-29T23:58:58 x' ]
    mdir -i volume ::x | grep -q '2024-02-29  23:58'
}

@test "contents come back from an image by mkfs.fat and mtools, also a file in pieces" {
    made volume
    for file in pieces.bin config.txt Image größe-der-datei.txt; do
        wisp-fat32 --cat "$file" volume | cmp - "$file"
        wisp-fat32 --cat "/$file" - <volume | cmp - "$file"
    done
    wisp-fat32 --cat OVERLAYS/deeper/config.txt <volume | cmp - config.txt
    wisp-fat32 --cat GRÖßE-DER-DATEI.TXT volume | cmp - größe-der-datei.txt
}

@test "a volume with one FAT, other cluster sizes and other sectors is read" {
    echo hello >file
    for options in '-f 1' '-s 8' '-s 16' '-S 1024' '-S 4096' '-R 200' '-a'; do
        rm -f volume
        # shellcheck disable=SC2086
        mkfs.fat -C -F 32 $options volume 600000 >/dev/null
        mcopy -i volume file ::
        wisp-fat32 --cat file volume | cmp - file
    done
}

@test "an image of the first wisp's geometry, too few clusters, is read all the same" {
    echo hello >file
    mkfs.fat -C -F 32 -s 8 volume 64512 >/dev/null 2>&1
    echo 'file file file 0644 0 0' >manifest
    wisp-fat32 --no-partition-table manifest >good
    # mtools refuses the volume, so the file is put into its root by hand: entry, FAT, contents.
    data=$(((32 + 2 * $(number volume 36 4)) * 512))
    dd if=good of=volume bs=1 count=32 skip=$((($(number good 14 2) + 2 * $(number good 36 4)) * 512 + 64)) seek=$data conv=notrunc status=none
    dd if=file of=volume bs=1 seek=$((data + 4096)) conv=notrunc status=none
    patch volume $((32 * 512 + 12)) ff ff ff 0f
    [ "$(wisp-fat32 --cat FILE volume)" = hello ]
}

@test "what wisp-fat32 wrote it lists, folder by folder" {
    mkdir -p tree/b/c
    echo 1 >tree/b/c/one
    : >tree/zero
    echo 22 >tree/a
    manifest_of tree >manifest
    for table in '' --no-partition-table; do
        # shellcheck disable=SC2086
        SOURCE_DATE_EPOCH=1700000000 wisp-fat32 $table manifest >image
        wisp-fat32 --list image >listed
        cmp listed - <<'L'
d 0 2023-11-14T22:13:20 b
- 3 2023-11-14T22:13:20 a
- 0 2023-11-14T22:13:20 zero
d 0 2023-11-14T22:13:20 b/c
- 2 2023-11-14T22:13:20 b/c/one
L
        [ "$(wisp-fat32 --cat b/c/one image)" = 1 ]
        [ -z "$(wisp-fat32 --cat zero image)" ]
    done
}

@test "where the volume lies and how it is divided is what minfo and fsck.fat say" {
    wisp-fat32 --size 64M --label 'TWO WORDS' --volume-id 12AB34CD </dev/null >image
    wisp-fat32 --info image >found
    volume_of image volume
    is_clean volume
    cmp found - <<I
volume-offset 1048576
volume-bytes 66060288
sector-bytes 512
cluster-bytes 512
clusters $(sed -n 's/.*\/\([0-9]*\) clusters/\1/p' fsck.out)
fats 2
volume-id 12AB34CD
label TWO WORDS
I
    minfo -i image@@1M :: | grep -q '^serial number: 12AB34CD$'
    minfo -i image@@1M :: | grep -q '^disk label="TWO WORDS  "$'
}

@test "the label is the one mtools and fatlabel show: the root's, not the boot sector's" {
    shows() { # LABEL
        [ "$(fatlabel volume | tail -n 1 | sed 's/ *$//')" = "$1" ]
        mdir -i volume :: | grep -q "^ Volume in drive : is $1 *\$"
        [ "$(wisp-fat32 --info volume | sed -n 's/^label //p')" = "$1" ]
        wisp-inspect volume | grep -q "^volume  FAT32 '$1', id "
    }
    mkfs.fat -C -F 32 -s 1 -n FROMROOT volume 65536 >/dev/null
    shows FROMROOT
    patch volume 71 4e 4f 20 4e 41 4d 45 20 20 20 20 # NO NAME
    shows FROMROOT
    mlabel -i volume -c ::
    echo x >a-file-with-a-long-name
    mcopy -i volume a-file-with-a-long-name ::
    mlabel -i volume ::LATER
    patch volume 71 42 4f 4f 54 20 20 20 20 20 20 20 # BOOT
    shows LATER
    # with its entry deleted
    root=$((($(number volume 14 2) + 2 * $(number volume 36 4)) * 512))
    at=$(grep -abo 'LATER      ' volume | tail -n 1 | cut -d : -f 1)
    [ "$at" -ge "$root" ]
    patch volume "$at" e5
    [ "$(wisp-fat32 --info volume | sed -n 's/^label //p')" = BOOT ]
}

@test "what is not in the image, or a folder, is refused" {
    mkdir -p tree/b
    manifest_of tree >manifest
    wisp-fat32 manifest >image
    run -1 --separate-stderr wisp-fat32 --cat a/b image
    [ "$stderr" = "wisp-fat32: image: has no 'a/b'" ]
    run -1 --separate-stderr wisp-fat32 --cat '' image
    [ "$stderr" = "wisp-fat32: image: '' is a folder" ]
    run -1 --separate-stderr wisp-fat32 --cat $'\xff' image
    [ "$stderr" = "wisp-fat32: image: has no '\xff'" ]
    run -1 --separate-stderr wisp-fat32 --cat b <image
    [ "$stderr" = "wisp-fat32: standard input: 'b' is a folder" ]
}

# corrupt OFFSET BYTE... : a copy of the small volume below with these bytes at an offset.
plant() {
    mkdir -p tree/folder
    head -c 1500 /dev/zero | tr '\0' a >tree/a
    head -c 1000 /dev/zero | tr '\0' b >tree/b
    echo inside >tree/folder/inside
    manifest_of tree >manifest
    # clusters: 2 root, 3 folder, 4 to 6 a, 7 and 8 b, 9 folder/inside
    wisp-fat32 --no-partition-table --size 64M manifest >good
    fat=$(($(number good 14 2) * 512))
    root=$((fat + 2 * 512 * $(number good 36 4)))
}

refused() { # MESSAGE OFFSET BYTE...
    cp --sparse=always good bad
    patch bad "${@:2}"
    for read in --list --cat=b; do
        run -1 --separate-stderr timeout 10 wisp-fat32 "$read" bad
        echo "$stderr"
        [ "$stderr" = "wisp-fat32: bad: $1" ]
        [ -z "$output" ]
    done
}

@test "chains that loop, cross, leave the volume or do not fit their size are refused" {
    plant
    last=$(($(sed -n 's/.*\/\([0-9]*\) clusters/\1/p' <(fsck.fat -n good)) + 1))
    refused "'a' has cluster 4, which is already taken" $((fat + 4 * 4)) 04 00 00 00
    refused "'a' has cluster 4, which is already taken" $((fat + 5 * 4)) 04 00 00 00
    refused "'b' has cluster 6, which is already taken" $((fat + 7 * 4)) 06 00 00 00
    refused "'a' has cluster 2, which is already taken" $((fat + 4 * 4)) 02 00 00 00
    refused "'a' has cluster 0, the volume has 2 to $last" $((fat + 4 * 4)) 00 00 00 00
    refused "'a' has cluster 1, the volume has 2 to $last" $((fat + 4 * 4)) 01 00 00 00
    refused "'a' has cluster 268435447, the volume has 2 to $last" $((fat + 4 * 4)) f7 ff ff 0f
    refused "'a' has cluster 200000000, the volume has 2 to $last" $((fat + 4 * 4)) 00 c2 eb 0b
    refused "'a' has 2 clusters, its size needs 3" $((fat + 5 * 4)) ff ff ff 0f
    refused "'a' has more clusters than 3" $((fat + 6 * 4)) 0a 00 00 00
    refused "'/' has cluster 2, which is already taken" $((fat + 2 * 4)) 02 00 00 00
    refused "'folder' has cluster 3, which is already taken" $((fat + 3 * 4)) 03 00 00 00
}

@test "entries that do not add up are refused" {
    plant
    # root: label, folder (long, short), a (long, short), b (long, short)
    deleted=(e5 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00)
    refused "'folder' has cluster 2, which is already taken" $((root + 2 * 32 + 26)) 02 00
    refused "'folder' has cluster 0, the volume has 2 to $((($(stat -c %s good) - root) / 512 + 1))" $((root + 2 * 32 + 26)) 00 00
    refused "'a' has 3 clusters, its size needs 4" $((root + 4 * 32 + 28)) 01 06
    refused "'a' has more clusters than 2" $((root + 4 * 32 + 28)) 00 04
    refused "'a' has more clusters than 0" $((root + 4 * 32 + 28)) 00 00
    refused "'a' has 3 clusters, its size needs 8388608" $((root + 4 * 32 + 28)) ff ff ff ff
    refused "'/' has an entry with the name '..'" $((root + 3 * 32)) "${deleted[@]}" 2e 2e 20 20
    refused "'/' has an entry with the name 'x/y'" $((root + 3 * 32)) "${deleted[@]}" 78 2f 79 20
    refused "'/' has an entry with the name 'x\\x1by'" $((root + 3 * 32)) "${deleted[@]}" 78 1b 79 20
}

@test "a folder that holds itself further down is refused" {
    plant
    inside=$((root + 512 + 3 * 32))
    refused "'folder/inside' has cluster 3, which is already taken" $((inside + 11)) 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 03 00
}

@test "long names that are torn, of another short name or out of order give way to the short ones" {
    mkdir tree
    echo x >tree/a-long-name-of-three-pieces.txt
    manifest_of tree >manifest
    wisp-fat32 --no-partition-table manifest >good
    root=$((($(number good 14 2) + 2 * $(number good 36 4)) * 512))
    [ "$(wisp-fat32 --list good | cut -d' ' -f4)" = a-long-name-of-three-pieces.txt ]
    for change in "$((root + 32 + 13)) 00" "$((root + 32)) 42" "$((root + 32)) 03" "$((root + 32)) 54" "$((root + 64)) e5" "$((root + 96)) 02" \
        "$((root + 64)) 01" "$((root + 32)) ff" "$((root + 128)) 5a"; do
        cp --sparse=always good bad
        # shellcheck disable=SC2086
        patch bad $change
        name=$(wisp-fat32 --list bad | cut -d' ' -f4)
        echo "$change: $name"
        [ "$name" = A-LONG~1.TXT ] || [ "$name" = Z-LONG~1.TXT ]
    done
}

@test "boot sectors that make no sense are refused" {
    plant
    fat_bytes=$((512 * $(number good 36 4)))
    refused 'the boot sector does not end in 55 AA' 510 00
    refused '0 sectors per cluster are not a power of two' 13 00
    refused '3 sectors per cluster are not a power of two' 13 03
    refused 'there are no reserved sectors' 14 00 00
    refused 'the volume is FAT12 or FAT16, not FAT32' 22 01 00
    refused 'the volume is FAT12 or FAT16, not FAT32' 17 00 02
    refused 'FAT32 version 1 is unknown' 42 01 00
    refused 'FAT 3 of 2 is the active one' 40 83 00
    refused "reserved sectors and FATs take $((fat / 512 + 2 * fat_bytes / 512)) sectors, the volume has 100" 32 64 00 00 00
    refused 'a FAT has room for 128 entries, 131034 are needed' 36 01 00 00 00
    refused "has no partition of type 0B or 0C (FAT32)" 11 00 00
    refused "'/' has cluster 0, the volume has 2 to $((($(stat -c %s good) - root) / 512 + 1))" 44 00 00 00 00
}

@test "disks without a FAT32 volume are refused, GPT and FAT16 by name" {
    lists() {
        run -1 --separate-stderr wisp-fat32 --list disk
        echo "$stderr"
        [ "$stderr" = "wisp-fat32: disk: $1" ]
    }
    : >disk
    lists 'boot sector at offset 0 needs 512 bytes, the file ends at 0'
    truncate -s 511 disk
    lists 'boot sector at offset 0 needs 512 bytes, the file ends at 511'
    truncate -s 1M disk
    lists 'has neither a FAT32 volume nor a partition table'
    patch disk 510 55 aa
    lists 'has no partition of type 0B or 0C (FAT32)'
    patch disk 450 ee
    lists 'has a GPT partition table, only MBR ones are read'
    patch disk 450 0c
    lists '0 bytes per sector are not 512, 1024, 2048 or 4096'
    patch disk 454 ff ff ff ff
    lists 'boot sector at offset 2199023255040 needs 512 bytes, the file ends at 1048576'
    rm disk
    mkfs.fat -C -F 16 disk 65536 >/dev/null
    lists 'the volume is FAT12 or FAT16, not FAT32'
}

@test "a volume that ends behind its partition is refused, one that ends with it is read" {
    wisp-fat32 --size 64M </dev/null >good
    end=$((1048576 + $(sed -n 's/^volume-bytes //p' <(wisp-fat32 --info good))))
    # in sectors: 100, none, and one less than the last cluster needs
    for sectors in '64 00 00 00' '00 00 00 00' 'FF F7 01 00'; do
        cp --sparse=always good bad
        # shellcheck disable=SC2086
        patch bad 458 $sectors
        partition=$((1048576 + 512 * $(number bad 458 4)))
        for command in 'wisp-fat32 --list' 'wisp-fat32 --info' wisp-inspect 'wisp-audit --map'; do
            run -1 --separate-stderr $command bad
            echo "$stderr"
            [ "$stderr" = "${command%% *}: bad: the volume's clusters end at $end, its partition at $partition" ]
            [ -z "$output" ]
        done
    done
    wisp-fat32 --info good
}

@test "an image cut at any sector, or within one, is refused" {
    plant
    size=$(stat -c %s good)
    for cut in 0 1 511 512 513 1024 "$fat" $((fat + 100)) "$root" $((root + 512)) $((size / 2)) $((size - 512)) $((size - 1)); do
        cp --sparse=always good bad
        truncate -s "$cut" bad
        run -1 --separate-stderr wisp-fat32 --list bad
        [ "${#stderr_lines[@]}" -eq 1 ]
        [ -z "$output" ]
    done
}
