load ../lib/common
load ../lib/fat32

# make_build: what a build of a card leaves: a.img with a kernel, an initrd and overlays, and manifest.json.
make_build() {
    mkdir overlays
    head -c 70000 /dev/urandom >Image
    head -c 5000 /dev/urandom >service
    echo init >init
    echo options >config.txt
    for number in 1 2 3; do echo "$number" >"overlays/$number.dtbo"; done
    printf 'dir /service 0755 0 0\nfile /init init 0755 0 0\nfile /service/run service 0755 0 0\n' >initrd.manifest
    wisp-cpio -z initrd.manifest >initrd.img
    {
        echo 'dir /overlays 0755 0 0'
        printf 'file /%s %s 0644 0 0\n' overlays/{1,2,3}.dtbo{,} Image{,} initrd.img{,} config.txt{,}
    } >card.manifest
    wisp-fat32 "$@" card.manifest >a.img
    record
}

# record: manifest.json of what make_build has made.
record() {
    {
        printf 'target\ta\norigin\twisp\tkind=wisp\n'
        printf 'output\t%s\t%s\n' a.img{,} initrd.img{,} Image{,}
        sed -n 's,^file /\([^ ]*\) \([^ ]*\) .*,file\ta.img/\1\t\2\twisp,p' card.manifest
        printf 'file\tinitrd.img/%s\twisp\n' init$'\t'init service/run$'\t'service
        echo end
    } | wisp-board manifest >manifest.json
}

sha256_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# start_of OWNER: where the range of a.img begins that OWNER has. It is a pattern: folder '.' is the root.
start_of() { wisp-audit --map a.img | sed -n "s/^\([0-9]*\) [0-9]* $1\$/\1/p"; }

# refused MESSAGE: a.img is, with this and nothing else on standard error.
refused() {
    run -1 --separate-stderr wisp-audit a.img
    [ "$stderr" = "$1" ]
    [ -z "$output" ]
}

# tiles FILE: a list of ranges from 0 to FILE's size without gap and overlap.
tiles() {
    awk -v size="$(wc -c <"$1")" '$1 != end || $2 <= $1 { exit bad = 1 } { end = $2 } END { exit bad || end != size }'
}

@test "what was built is clean: the card, its initrd, its kernel" {
    make_build
    run -0 wisp-audit a.img
    [[ "$output" == "a.img: clean, $(wc -c <a.img) bytes in "*" ranges, 8 files as recorded" ]]
    run -0 wisp-audit initrd.img
    [[ "$output" == "initrd.img: clean, $(wc -c <initrd.img) bytes in "*" ranges, 2 files as recorded" ]]
    run -0 wisp-audit Image
    [ "$output" = "Image: clean, 70000 bytes in 1 ranges, 0 files as recorded" ]
    mkdir elsewhere && mv a.img elsewhere/renamed
    wisp-audit --manifest manifest.json --name a.img elsewhere/renamed
}

@test "standard input is read as a file is" {
    make_build
    wisp-audit --map a.img >map
    wisp-audit --map <a.img | cmp - map
    wisp-audit --map - <a.img | cmp - map
    wisp-audit --map initrd.img | sed 's/^initrd.img/-/' >map
    wisp-audit --map <initrd.img | cmp - map
    run -0 wisp-audit --manifest manifest.json --name a.img <a.img
    [[ "$output" == "standard input: clean, $(wc -c <a.img) bytes in "*" ranges, 8 files as recorded" ]]
    run -0 wisp-audit --manifest manifest.json --name initrd.img - <initrd.img
    [[ "$output" == "standard input: clean, $(wc -c <initrd.img) bytes in "*" ranges, 2 files as recorded" ]]
    patch a.img 3 FF
    run -1 --separate-stderr wisp-audit --manifest manifest.json --name a.img <a.img
    [ "$stderr" = "wisp-audit: standard input: byte 3: differs in boot code of the partition table: is ff, must be 00" ]
    [ -z "$output" ]
}

@test "an image with another start, label, number, time or size is clean as well" {
    SOURCE_DATE_EPOCH=1700000000 make_build --label OTHER --volume-id 12345678 --size 50M --partition-start 63
    wisp-audit a.img
    wisp-fat32 --no-partition-table --size 40M card.manifest >a.img
    record
    wisp-audit a.img
}

@test "a wrong byte is put down to its owner" {
    make_build
    cp a.img good.img
    declare -A owners=([100]='boot code of the partition table: is 41' [450]='partition entry 1: is 41'
        [600]='gap before the volume: is 41' [$((1048576 + 13))]='boot sector: is 41' [$((1048576 + 512 + 488))]='FSInfo: is 41'
        [$((1048576 + 6 * 512 + 71))]='backup of the boot sector: is 41' [$((1048576 + 20 * 512))]='reserved sectors: is 41'
        [$(($(start_of 'FAT 1') + 40))]='FAT 1: is 41' [$(($(start_of 'FAT 2') + 200000))]='FAT 2: is 41'
        [$(($(start_of "folder '.'") + 11))]="folder '/': is 41" [$(($(start_of "folder 'overlays'") + 70))]="folder 'overlays': is 41"
        [$(($(start_of "slack behind file 'Image'") + 1))]="slack behind file 'Image': is 41"
        [$(($(start_of 'free clusters') + 9999))]='free clusters: is 41')
    [ "${#owners[@]}" -eq 13 ]
    for at in "${!owners[@]}"; do
        was=$(od -An -v -t x1 -j "$at" -N 1 good.img | tr -d ' ')
        patch a.img "$at" 41
        refused "wisp-audit: a.img: byte $at: differs in ${owners[$at]}, must be $was"
        patch a.img "$at" "$was"
    done
    wisp-audit a.img
}

@test "several wrong bytes are a line for each owner" {
    make_build
    patch a.img 3 1 2 3
    was=$(od -An -v -t x1 -j 1049576 -N 1 a.img | tr -d ' ')
    patch a.img 1049576 FF
    refused "wisp-audit: a.img: byte 3: differs in boot code of the partition table: is 01, must be 00, and 2 more
wisp-audit: a.img: byte 1049576: differs in FSInfo: is ff, must be $was"
}

@test "wrong contents are put down to their file, and to the entry of the initrd" {
    make_build
    start=$(start_of "file 'Image'")
    was=$(sha256_of Image)
    patch Image 69999 "$(od -An -v -t u1 -j 69999 -N 1 Image | awk '{ printf "%x", 255 - $1 }')"
    dd if=Image of=a.img bs=1 seek=$((start + 69999)) skip=69999 conv=notrunc status=none
    refused "wisp-audit: a.img: bytes $start to $((start + 69999)): differ in file 'Image': sha256 is $(sha256_of Image), the record says $was"
    # another service in an initrd that is whole
    made=$(sha256_of initrd.img) service=$(sha256_of service)
    cp service service.was
    head -c 5000 /dev/urandom >service
    wisp-cpio -z initrd.manifest >initrd.img
    cp initrd.img other.img
    size=$(wc -c <initrd.img)
    sed -i "/\"path\": \"initrd.img\"/,/}/s/\"size\": [0-9]*/\"size\": $size/" manifest.json
    run -1 --separate-stderr wisp-audit initrd.img
    [ "$stderr" = "wisp-audit: initrd.img: gzip member 1: bytes 368 to 5367: differ in entry 'service/run': sha256 is $(sha256_of service), the record says $service" ]
}

@test "label, number and time are held to the sha256 of the whole" {
    make_build --volume-id 12345678
    was=$(sha256_of a.img)
    wisp-fat32 --volume-id 12345679 card.manifest >a.img
    refused "wisp-audit: a.img: bytes 0 to $(($(wc -c <a.img) - 1)): differ in label, number or times: sha256 is $(sha256_of a.img), the record says $was"
}

@test "damaged gzip is named with its place" {
    make_build
    size=$(wc -c <initrd.img)
    was=$(sha256_of initrd.img)
    patch initrd.img 0 00
    run -1 --separate-stderr wisp-audit initrd.img
    [ "$stderr" = "wisp-audit: initrd.img: differs in archive: has neither an archive nor padding, at byte 1" ]
    start=$(start_of "file 'initrd.img'")
    patch a.img "$start" 00
    run -1 --separate-stderr wisp-audit a.img
    [ "$stderr" = "wisp-audit: a.img: initrd.img: differs in archive: has neither an archive nor padding, at byte 1
wisp-audit: a.img: bytes $start to $((start + size - 1)): differ in file 'initrd.img': sha256 is $(sha256_of initrd.img), the record says $was" ]
}

@test "--json says the same to programs, and its ranges tile" {
    make_build
    wisp-audit --json a.img >report
    grep -q '^"clean": true,$' report
    grep -q "^{\"start\":[0-9]*,\"end\":[0-9]*,\"owner\":\"file 'Image'\",\"sha256\":\"$(sha256_of Image)\",\"origin\":\"wisp\"}" report
    sed -n '/^"ranges"/,/^"archives"/s/.*"start":\([0-9]*\),"end":\([0-9]*\),.*/\1 \2/p' report | tiles a.img
    sed -n '/"member": 1, "ranges"/,$s/.*"start":\([0-9]*\),"end":\([0-9]*\),.*/\1 \2/p' report >inside
    gzip -dc initrd.img >archive
    tiles archive <inside
    # wisp-board's reader is strict about JSON; a record it is not
    run -1 --separate-stderr wisp-audit --manifest report a.img
    [ "$stderr" = "wisp-audit: report: format: is missing" ]
    patch a.img 3 FF
    run -1 --separate-stderr wisp-audit --json a.img
    [[ "$output" == *'"clean": false,'*'{"container":"","member":0,"start":3,"end":4,"owner":"boot code of the partition table","problem":"is ff, must be 00","more":0}'* ]]
    [ "$stderr" = "wisp-audit: a.img: byte 3: differs in boot code of the partition table: is ff, must be 00" ]
}

@test "--map tiles what wisp-fat32 and what mkfs.fat and mcopy made, fragments and all" {
    make_build
    wisp-audit --map a.img | grep -v '^initrd.img' | tiles a.img
    gzip -dc initrd.img >archive
    wisp-audit --map a.img | sed -n 's/^initrd.img#1: //p' | tiles archive
    for sectors in 1 8; do
        rm -f foreign
        truncate -s $((sectors * 40))M foreign
        mkfs.fat -F 32 -s "$sectors" foreign >/dev/null
        mmd -i foreign ::folder
        mcopy -i foreign config.txt ::first
        mcopy -i foreign Image ::folder/second
        mcopy -i foreign config.txt ::third
        mdel -i foreign ::first
        mcopy -i foreign service ::in-pieces
        wisp-audit --map foreign >map
        tiles foreign <map
        grep -q "file 'folder/second'$" map
    done
    # a lost cluster: in use, says the FAT, and nobody has it
    at=$(($(sed -n 's/^\([0-9]*\) .* FAT 1$/\1/p' map) + 4 * 5000))
    patch foreign "$at" FF FF FF 0F
    wisp-audit --map foreign >map
    tiles foreign <map
    [ "$(grep -c ' lost clusters$' map)" -eq 1 ]
}

@test "--map warns of a file that begins as an initrd and is none, and maps the card" {
    make_build
    echo '070712345 call Alice' >phone.txt
    head -c -9 initrd.img >cut.img
    printf 'file %s %s 0644 0 0\n' phone.txt{,} cut.img{,} initrd.img{,} | wisp-fat32 >card
    run -0 --separate-stderr wisp-audit --map card
    [ "$stderr" = "wisp-audit: card: cut.img: warning: is cut inside a gzip member at compressed byte $(wc -c <cut.img)" ]
    grep -v '^initrd.img' <<<"$output" | tiles card
    grep -q "file 'phone.txt'\$" <<<"$output"
    grep -q "^initrd.img#1: .* contents of 'init'\$" <<<"$output"
}

@test "a file in millions of pieces takes no memory, and no map has room for it" {
    unsanitized "the sanitizers' memory is counted too"
    count=$(in_pieces volume 2050000)
    [ "$count" -gt 2000000 ]
    ulimit -v 49152
    run -1 --separate-stderr wisp-audit --map volume
    [ "$stderr" = "wisp-audit: volume: has $((count + 1)) folders, files and fragments, a map has room for 131072" ]
    [ -z "$output" ]
    wisp-inspect volume | grep -qx "file    PIECES.BIN, $((count * 512)) bytes"
    [ "$(wisp-fat32 --list volume)" = "- $((count * 512)) 1980-00-00T00:00:00 PIECES.BIN" ]
    [ "$(wisp-fat32 --cat PIECES.BIN volume | wc -c)" -eq $((count * 512)) ]
}

@test "a map of any number of ranges is told as it is made" {
    unsanitized "the sanitizers' memory is counted too"
    count=$(in_pieces volume 400000 lost)
    ulimit -v 49152
    wisp-audit --map volume >map
    tiles volume <map
    [ "$(grep -c ' lost clusters$' map)" -eq "$count" ]
}

@test "paths that take too much memory for a map are refused" {
    echo x >file
    name=$(head -c 245 /dev/zero | tr '\0' n)
    for folder in 1 2 3 4; do
        echo "dir /$name$folder 0755 0 0"
        seq -f "file /$name$folder/$name%05.0f file 0644 0 0" 2500
    done | wisp-fat32 >image
    run -1 --separate-stderr wisp-audit --map image
    [ "$stderr" = "wisp-audit: image: has $((4 * 246 + 10000 * 497)) bytes of paths, a map has room for 4194304" ]
    [ -z "$output" ]
}

@test "an image that mkfs.fat and mcopy made of the same files is not as recorded, and said so owner by owner" {
    make_build
    size=$(wc -c <a.img)
    rm a.img
    truncate -s "$size" a.img
    mkfs.fat -F 32 a.img >/dev/null
    mcopy -s -i a.img overlays Image initrd.img config.txt ::
    run -1 --separate-stderr wisp-audit a.img
    [[ "$stderr" == *"differs in boot sector: "* ]]
    [[ "$stderr" == *"in file 'Image': sha256 is "* ]]
    [ "${#stderr}" -lt 10000 ]
}

@test "a card longer than its image is judged as far as the image goes, and the rest is counted" {
    make_build
    size=$(wc -c <a.img)
    cp --sparse=always a.img card
    truncate -s 1G card
    run -0 wisp-audit --manifest manifest.json --name a.img card
    [[ "$output" == "card: clean, $size bytes in "*" ranges, 8 files as recorded; $((1073741824 - size)) bytes behind them are not judged" ]]
    patch card $((size + 5)) FF
    wisp-audit --manifest manifest.json --name a.img --json card >report
    [ "$(jq -c '[.size, .not_judged, .sha256, .clean]' report)" = "[$size,$((1073741824 - size)),\"$(sha256_of a.img)\",true]" ]
    wisp-audit --json a.img >report
    [ "$(jq .not_judged report)" = 0 ]
    patch card $((size - 1)) FF
    run -1 --separate-stderr wisp-audit --manifest manifest.json --name a.img card
    [ "$stderr" = "wisp-audit: card: byte $((size - 1)): differs in free clusters: is ff, must be 00" ]
    # of an initrd every byte belongs to it
    size=$(wc -c <initrd.img)
    echo >>initrd.img
    run -1 --separate-stderr wisp-audit initrd.img
    [ "$stderr" = "wisp-audit: initrd.img: has $((size + 1)) bytes, manifest.json says $size" ]
}

@test "a record of thousands of files is read, in less than 48 MiB, and one of over 4 MiB is refused" {
    echo x >x
    echo init >init
    printf 'file /init init 0755 0 0\n' | wisp-cpio -z >initrd.img
    seq -f 'file /F%05.0f x 0644 0 0' 7000 >card.manifest
    wisp-fat32 card.manifest >a.img
    {
        printf 'target\ta\norigin\twisp\tkind=wisp\noutput\ta.img\ta.img\noutput\tinitrd.img\tinitrd.img\n'
        seq -f "file${tab:=$'\t'}a.img/F%05.0f${tab}x${tab}wisp" 7000
        printf 'file\tinitrd.img/init\tinit\twisp\nend\n'
    } | wisp-board manifest >manifest.json
    [ "$(wc -c <manifest.json)" -gt 1048576 ]
    [ -n "${WISP_SANITIZED-}" ] || ulimit -v 49152
    run -0 wisp-audit a.img
    [[ "$output" == "a.img: clean, $(wc -c <a.img) bytes in "*" ranges, 7000 files as recorded" ]]
    { cat manifest.json && head -c 4194304 /dev/zero | tr '\0' ' '; } >long.json
    run -1 --separate-stderr wisp-audit --manifest long.json a.img
    [ "$stderr" = "wisp-audit: long.json: is longer than 4194304 bytes" ]
}

@test "a file of another size, and a record that does not fit, are refused" {
    make_build
    size=$(wc -c <a.img)
    head -c 30000000 a.img >cut.img
    run -1 --separate-stderr wisp-audit --name a.img cut.img
    [ "$stderr" = "wisp-audit: cut.img: has 30000000 bytes, manifest.json says $size" ]
    : >empty
    run -1 --separate-stderr wisp-audit --name a.img empty
    [ "$stderr" = "wisp-audit: empty: has 0 bytes, manifest.json says $size" ]
    run -1 --separate-stderr wisp-audit config.txt
    [ "$stderr" = "wisp-audit: manifest.json: lists no output 'config.txt', but 'Image', 'a.img', 'initrd.img': --name says which" ]
    run -1 --separate-stderr wisp-audit --manifest config.txt a.img
    [[ "$stderr" == "wisp-audit: config.txt:"* ]]
    for ((length = 0; length < $(wc -c <manifest.json); length += 97)); do
        head -c "$length" manifest.json >part.json
        run -1 --separate-stderr wisp-audit --manifest part.json a.img
        [ -n "$stderr" ]
        [ -z "$output" ]
    done
    run -1 --separate-stderr wisp-audit --map config.txt
    [ "$stderr" = "wisp-audit: config.txt: boot sector at offset 0 needs 512 bytes, the file ends at 8" ]
}

@test "an initrd cut at any byte is refused by --map, and one of too many entries by all" {
    make_build
    for ((length = 0; length < $(wc -c <initrd.img); length += 61)); do
        head -c "$length" initrd.img >cut
        run -1 --separate-stderr wisp-audit --map cut
        [ -n "$stderr" ]
        [ -z "$output" ]
    done
    seq -f 'dir /%.0f 0755 0 0' 16384 | wisp-cpio -z >many
    run -1 --separate-stderr wisp-audit --map many
    [ "$stderr" = "wisp-audit: many: has more than 16384 entries and gzip members" ]
}

@test "usage, a missing record, a full disk and a closed output are status 2" {
    make_build
    run -2 --separate-stderr wisp-audit <a.img
    [ "$stderr" = "wisp-audit: --manifest: is needed where standard input is read" ]
    run -2 --separate-stderr wisp-audit --manifest manifest.json - <a.img
    [ "$stderr" = "wisp-audit: --name: is needed where standard input is read" ]
    run -2 --separate-stderr sh -c 'cat a.img | wisp-audit --map'
    [ "$stderr" = "wisp-audit: standard input: is a pipe or a terminal, and must be a file" ]
    run -2 --separate-stderr wisp-audit --frob
    [ "$stderr" = "wisp-audit: --frob: unknown option, see wisp-audit --help" ]
    run -2 --separate-stderr wisp-audit --map --json a.img
    [ "$stderr" = "wisp-audit: --map: goes with no other option" ]
    run -2 --separate-stderr wisp-audit missing
    [ "$stderr" = "wisp-audit: missing: open: No such file or directory" ]
    run -2 --separate-stderr sh -c 'wisp-audit --map a.img >/dev/full'
    [ "$stderr" = "wisp-audit: standard output: write: No space left on device" ]
    run -2 --separate-stderr sh -c 'wisp-audit a.img >/dev/full'
    [ "$stderr" = "wisp-audit: standard output: write: No space left on device" ]
    run -2 --separate-stderr sh -c 'wisp-audit --json a.img >&-'
    [ "$stderr" = "wisp-audit: standard output: write: Bad file descriptor" ]
    rm manifest.json
    run -2 --separate-stderr wisp-audit a.img
    [ "$stderr" = "wisp-audit: manifest.json: open: No such file or directory; --manifest names the record" ]
    mkdir elsewhere && cp a.img elsewhere
    run -2 --separate-stderr wisp-audit elsewhere/a.img
    [ "$stderr" = "wisp-audit: elsewhere/manifest.json: open: No such file or directory; --manifest names the record" ]
    run -2 --separate-stderr wisp-audit --manifest manifest.json a.img
    [ "$stderr" = "wisp-audit: manifest.json: open: No such file or directory" ]
}

@test "a clean, full image takes less than twice sha256sum's time, thrice openssl's, and 48 MiB" {
    unsanitized "sanitizers cost time and memory of their own"
    make_build
    head -c 100M /dev/urandom >Image
    head -c 8M /dev/urandom >service
    wisp-cpio -z initrd.manifest >initrd.img
    wisp-fat32 card.manifest >a.img
    record
    [ "$(wisp-audit --map a.img | awk '/ free clusters$/ { free += $2 - $1 } END { print free }')" -lt $((4 << 20)) ]
    # Processor time, to which nothing else on the machine adds; the best of five, alternating. Files are hashed by
    # themselves and in the whole: that is twice the work of openssl, whose code it is. sha256sum has slower code.
    spent() {
        local TIMEFORMAT='%U %S'
        { time "${@:2}" >/dev/null; } 2>&1 | awk '{ print int(1000 * ($1 + $2)) }' >>"$1"
    }
    best() { sort -n "$1" | head -n 1; }
    for _ in 1 2 3 4 5; do
        spent sum sha256sum a.img
        spent openssl openssl dgst -sha256 a.img
        spent audit wisp-audit a.img
    done
    echo "in ms: sha256sum $(best sum), openssl $(best openssl), wisp-audit $(best audit)"
    [ "$(best audit)" -lt $((2 * $(best sum))) ]
    [ "$(best audit)" -lt $((3 * $(best openssl))) ]
    (ulimit -v 49152 && wisp-audit a.img)
}
