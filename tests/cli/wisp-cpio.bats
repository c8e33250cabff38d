load ../lib/common

# Judges: gen_init_cpio built from the kernel's source (make test builds it), GNU cpio, bsdtar, gzip.
gen_init_cpio=${WISP_JUDGES:-$WISP_BUILD/judges}/gen_init_cpio

# Everything the grammar has, on files whose time is 5.
write_sample() {
    echo hello >greeting
    : >empty
    head -c 100001 /dev/urandom >large
    touch -d @5 greeting empty large
    cat >manifest <<'M'
# every type, comments, blank lines and blanks

dir /dev 0755 0 0
nod /dev/console 0600 0 0 c 5 1
nod  /dev/ram0	0660 0 6 b 1 0
dir etc 755 0 0
file /etc/motd greeting 0644 0 0
file /etc/empty empty 4711 1 2
file /etc/large large 0600 4294967295 70000
file /etc/one greeting 0644 0 0 /etc/two etc/three
slink /etc/link ../etc/motd 0777 0 0
pipe /etc/pipe 0640 3 4
sock /etc/sock 0755 5 6
dir /etc/deep 01777 0 0
M
}

@test "the archive is byte for byte what the kernel's gen_init_cpio writes" {
    write_sample
    "$gen_init_cpio" -t 5 manifest >expected
    wisp-cpio --mtime 5 <manifest >archive
    cmp expected archive
    SOURCE_DATE_EPOCH=5 wisp-cpio manifest >archive
    cmp expected archive
}

@test "random manifests are byte for byte what gen_init_cpio writes" {
    seed=$RANDOM
    echo "seed $seed"
    RANDOM=$seed
    for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        echo 'dir /d 0755 0 0' >manifest
        for ((i = 0; i < 30; i++)); do
            name=d/$(head -c $((RANDOM % 90 + 1)) /dev/zero | tr '\0' 'n')$i
            mode=0$((RANDOM % 8))$((RANDOM % 8))$((RANDOM % 8))
            owner="$((RANDOM * 100)) $((RANDOM * 60000))"
            case $((RANDOM % 6)) in
                0) echo "dir $name $mode $owner" ;;
                1) head -c $((RANDOM % 5000)) /dev/zero >"f$i" && touch -d @9 "f$i" && echo "file $name f$i $mode $owner" ;;
                2) echo "slink $name $(head -c $((RANDOM % 40 + 1)) /dev/zero | tr '\0' t) $mode $owner" ;;
                3) echo "nod $name $mode $owner b $RANDOM $RANDOM" ;;
                4) echo "pipe $name $mode $owner" ;;
                5) echo 'x' >"f$i" && touch -d @9 "f$i" && echo "file $name f$i $mode $owner $name.2 $name.3" ;;
            esac >>manifest
        done
        "$gen_init_cpio" -t 9 manifest >expected
        wisp-cpio --mtime 9 <manifest >archive
        cmp expected archive
    done
}

@test "an empty manifest is gen_init_cpio's empty archive" {
    : >manifest
    "$gen_init_cpio" -t 0 manifest >expected
    wisp-cpio <manifest >archive
    cmp expected archive
}

@test "a variable in a location is expanded as gen_init_cpio does, and an unset one is refused" {
    mkdir sub
    echo x >sub/file
    touch -d @0 sub/file
    # shellcheck disable=SC2016 # the braces are the manifest's
    echo 'file /f ${WHERE}/${WHAT} 0644 0 0' >manifest
    WHERE=sub WHAT=file "$gen_init_cpio" -t 0 manifest >expected
    WHERE=sub WHAT=file wisp-cpio <manifest >archive
    cmp expected archive
    WHERE=sub run -1 --separate-stderr wisp-cpio manifest
    [ "$stderr" = "wisp-cpio: manifest:1: variable 'WHAT' is not set" ]
    [ -z "$output" ]
}

@test "GNU cpio and bsdtar list and extract what the manifest named" {
    write_sample
    wisp-cpio <manifest >archive
    cpio -t --quiet <archive | sort >by-cpio
    bsdtar -tf archive | sed 's,/$,,' | sort >by-bsdtar
    cmp by-cpio by-bsdtar
    [ "$(wc -l <by-cpio)" -eq 14 ]
    mkdir out
    (cd out && cpio -idm --quiet --no-preserve-owner <../archive etc/motd etc/large etc/one etc/two etc/three etc/link)
    cmp greeting out/etc/motd
    cmp large out/etc/large
    cmp greeting out/etc/two
    [ "$(stat -c %h out/etc/one)" -eq 3 ]
    [ "$(readlink out/etc/link)" = ../etc/motd ]
}

@test "-z writes one gzip member without a name or a time, and gzip reads it" {
    write_sample
    wisp-cpio <manifest >archive
    for option in -z --gzip -z1 -z9 --gzip=9; do
        wisp-cpio "$option" <manifest >archive.gz
        gzip -t archive.gz
        gzip -dc archive.gz | cmp - archive
        [ "$(head -c 8 archive.gz | od -An -tx1 | tr -d ' ')" = 1f8b080000000000 ]
    done
}

# write_tree: the manifest of a tree of some megabytes: programs, text and noise.
write_tree() {
    head -c 700000 /dev/urandom >noise
    seq 1 150000 >numbers
    printf '%s\n' 'dir /d 0755 0 0' "file /d/bash $(command -v bash) 0755 0 0" 'file /d/noise noise 0644 0 0' \
        'file /d/numbers numbers 0644 0 0' "file /d/openssl $(command -v openssl) 0755 0 0" >manifest
}

@test "--align ends an archive with zeros up to a multiple" {
    write_tree
    wisp-cpio <manifest >archive
    wisp-cpio -z <manifest >archive.gz
    for size in 1 4 7 512 4096; do
        wisp-cpio --align "$size" <manifest >aligned
        wisp-cpio -z --align "$size" <manifest >aligned.gz
        for file in archive archive.gz; do
            is=$(wc -c <"aligned${file#archive}") was=$(wc -c <"$file")
            [ $((is % size)) -eq 0 ] && [ $((is - was)) -lt "$size" ]
            { cat "$file" && head -c $((is - was)) /dev/zero; } | cmp - "aligned${file#archive}"
        done
    done
    cmp <(wisp-cpio --list aligned.gz) <(wisp-cpio --list archive)
}

@test "--reuse compresses what has changed and takes the rest from last time: the same bytes" {
    { cat "$WISP_BIN/wisp-cpio" && head -c 300000 /dev/urandom && head -c 1500000 /dev/zero; } >large
    echo 'file /large large 0644 0 0' >manifest
    for level in 1 6; do
        rm -f kept
        wisp-cpio -z$level manifest >plain.gz
        wisp-cpio -z$level --reuse kept manifest | cmp - plain.gz
        cp -p kept first
        for threads in 1 2 8; do wisp-cpio -z$level --threads $threads --reuse kept manifest | cmp - plain.gz; done
        [ "$(stat -c %Y%y kept)" = "$(stat -c %Y%y first)" ] # nothing was new
        printf 'changed for %s' $level | dd of=large bs=1 seek=1200000 conv=notrunc status=none
        wisp-cpio -z$level manifest >plain.gz
        wisp-cpio -z$level --reuse kept manifest | cmp - plain.gz
        run -1 cmp -s kept first
    done
    # what is kept is used: a first chunk of level 3, which is as large, under level 1's name gets into the archive, which
    # expands to the same
    wisp-cpio -z3 --reuse three manifest >three.gz
    wisp-cpio -z1 --reuse one manifest >one.gz
    # "wisp chunks\n", whose chunk it is, two checksums, its size; the plain bytes from 4096 on, the packed ones behind
    { head -c 16 one && tail -c +17 three; } >mixed
    wisp-cpio -z1 --reuse mixed manifest >mixed.gz
    size=$(od -An -tu4 -j 24 -N 4 three)
    cmp -i 10 -n $((size)) mixed.gz three.gz # behind the header
    run -1 cmp -s -i 10 -n $((size)) mixed.gz one.gz
    gunzip <mixed.gz | cmp - <(gunzip <one.gz)
}

@test "what --reuse finds damaged, of another level or not at all costs time only" {
    cat "$WISP_BIN/wisp-cpio" >large
    echo 'file /large large 0644 0 0' >manifest
    wisp-cpio -z1 manifest >plain.gz
    wisp-cpio -z1 --reuse kept manifest >/dev/null
    size=$(stat -c %s kept)
    cp kept good
    for ((at = 0; at < size; at += 99991)); do
        cp good kept
        printf '\xa5' | dd of=kept bs=1 seek=$((at < 12 ? 12 : at)) conv=notrunc status=none # behind "wisp chunks\n"
        wisp-cpio -z1 --reuse kept manifest | cmp - plain.gz
        head -c $at good >kept
        wisp-cpio -z1 --reuse kept manifest | cmp - plain.gz
        cmp good kept # what was missing has been kept anew
    done
    for size in 0 5 12 100000; do # as a crash may leave it
        head -c $size /dev/zero >kept
        wisp-cpio -z1 --reuse kept manifest | cmp - plain.gz
        cmp good kept
    done
    for size in 12 20 28 4096; do
        head -c $size good >kept
        wisp-cpio -z1 --reuse kept manifest | cmp - plain.gz
        cmp good kept
    done
    wisp-cpio -z6 --reuse kept manifest >six.gz
    wisp-cpio -z6 manifest | cmp - six.gz
    wisp-cpio -z1 --reuse kept manifest | cmp - plain.gz
    mkdir folder
    mkfifo fifo
    ln -s fifo link
    for kept in none/kept folder fifo link; do
        run -0 --separate-stderr sh -c "wisp-cpio -z1 --reuse $kept manifest | cmp - plain.gz"
        [ -z "$stderr" ]
    done
    [ -p fifo ] && [ -L link ] # what is no regular file stays
    [ -z "$(find . -name '.*kept*' -o -name '.w*')" ]
}

@test "a file that --reuse has not written is refused, and stays" {
    echo 'dir d 0755 0 0' >manifest
    wisp-cpio -z manifest >initrd.gz
    printf 'wisp chunks' >short
    { head -c 9000 /dev/zero && echo; } >late
    for file in initrd.gz manifest short late; do
        cp $file before
        run -1 --separate-stderr wisp-cpio -z --reuse $file manifest
        [ "$stderr" = "wisp-cpio: $file: is no file that --reuse has written" ]
        [ -z "$output" ]
        cmp $file before
    done
}

@test "what --reuse keeps is its owner's alone, and what a signal leaves of it costs time only" {
    head -c 6M /dev/urandom >large
    echo 'file large large 0644 0 0' >manifest
    wisp-cpio -z1 manifest >plain.gz
    for signal in INT TERM HUP KILL; do
        rm -f pipe
        mkfifo pipe
        mkdir store
        env --default-signal wisp-cpio -z1 --reuse store/kept manifest >pipe 3>&- &
        pid=$!
        exec 9<pipe
        head -c 2M <&9 >/dev/null # so chunks are being kept
        kill -s "$signal" "$pid"
        status=0
        wait "$pid" || status=$?
        exec 9<&-
        [ "$status" -eq $((128 + $(kill -l "$signal"))) ]
        [ "$(ls -A store)" = kept ]
        [ "$(stat -c %a store/kept)" = 600 ]
        wisp-cpio -z1 --reuse store/kept manifest | cmp - plain.gz
        rm -r store
    done
    (umask 022 && wisp-cpio -z1 --reuse kept manifest >/dev/null)
    [ "$(stat -c %a kept)" = 600 ]
    (umask 022 && touch open)
    wisp-cpio -z1 --reuse open manifest >/dev/null
    [ "$(stat -c %a open)" = 600 ]
    chmod 666 open
    wisp-cpio -z1 --reuse open manifest >/dev/null
    [ "$(stat -c %a open)" = 600 ]
}

@test "another user's file is nothing for --reuse, and neither is standard output" {
    head -c 1M /dev/urandom >large
    echo 'file large large 0644 0 0' >manifest
    wisp-cpio -z1 manifest >plain.gz
    run -2 --separate-stderr sh -c 'wisp-cpio -z1 --reuse out manifest >out'
    [ "$stderr" = "wisp-cpio: --reuse: is standard output" ]
    [ ! -s out ]
    wisp-cpio -z1 --reuse /dev/null manifest >/dev/null
    [ "$(id -u)" -eq 0 ] || skip "needs root, to give a file away"
    : >theirs
    chown 65534 theirs
    wisp-cpio -z1 --reuse theirs manifest | cmp - plain.gz
    [ ! -s theirs ]
}

@test "where --reuse has no room for what it keeps, or another process has the file, it costs time only" {
    head -c 3M /dev/urandom >large
    echo 'file large large 0644 0 0' >manifest
    wisp-cpio -z1 manifest >plain.gz
    mkfifo pipe
    run -0 --separate-stderr bash -c 'cat pipe | cmp - plain.gz & ulimit -f 1000; wisp-cpio -z1 --reuse kept manifest >pipe; wait $!'
    [ -z "$stderr" ]
    [ "$(stat -c %s kept)" -le 1024000 ]
    wisp-cpio -z1 --reuse kept manifest | cmp - plain.gz
    cp kept good
    printf changed | dd of=large bs=1 conv=notrunc status=none
    wisp-cpio -z1 manifest >plain.gz
    run -0 --separate-stderr flock kept bash -c 'wisp-cpio -z1 --reuse kept manifest | cmp - plain.gz'
    [ -z "$stderr" ]
    cmp good kept
}

@test "zeros that a crash has left behind what --reuse keeps cost neither memory nor time" {
    unsanitized "sanitizers reserve terabytes of addresses"
    cat "$WISP_BIN/wisp-cpio" >large
    echo 'file large large 0644 0 0' >manifest
    wisp-cpio -z1 --threads 1 --reuse kept manifest >plain.gz
    for zeros in behind alone; do
        [ "$zeros" = behind ] || : >kept
        truncate -s +1G kept
        run -0 --separate-stderr bash -c 'ulimit -v 400000; wisp-cpio -z1 --threads 1 --reuse kept manifest | cmp - plain.gz'
        [ -z "$stderr" ]
        [ "$(stat -c %s kept)" -lt 20000000 ]
    done
    truncate -s 20G zeros
    run -1 --separate-stderr timeout 20 wisp-cpio -z1 --reuse zeros manifest
    [ "$stderr" = "wisp-cpio: zeros: is no file that --reuse has written" ]
}

@test "-z writes the same bytes whatever the number of threads, and every gunzip reads them" {
    write_tree
    wisp-cpio <manifest >archive
    wisp-cpio -z --threads 1 <manifest >one.gz
    for threads in 2 3 8; do
        wisp-cpio -z --threads "$threads" <manifest >many.gz
        cmp one.gz many.gz
    done
    wisp-cpio -z <manifest | cmp - one.gz
    taskset -c 0 wisp-cpio -z <manifest | cmp - one.gz
    gzip -dc one.gz | cmp - archive
    pigz -t one.gz
    libdeflate-gzip -t one.gz
    python3 -c 'import gzip, sys; sys.exit(gzip.decompress(open("one.gz", "rb").read()) != open("archive", "rb").read())'
    run -0 7z t one.gz
    [[ $output == *'Everything is Ok'* ]]
    # one member, which a kernel insists on: nothing is left when zlib has read the first
    python3 -c 'import zlib; d = zlib.decompressobj(31); d.decompress(open("one.gz", "rb").read()); assert d.eof and not d.unused_data'
}

@test "-z makes no more bytes than gzip -6 does of programs and modules" {
    write_tree
    sed -i '/noise/d' manifest
    wisp-cpio <manifest | gzip -n -6 >by-gzip
    wisp-cpio -z <manifest >by-wisp
    [ "$(wc -c <by-wisp)" -le "$(wc -c <by-gzip)" ]
}

@test "-z takes little memory whatever it packs" {
    unsanitized "their memory is the sanitizers'"
    truncate -s 1G large
    echo 'file /large large 0644 0 0' >manifest
    for threads in 1 8; do
        /usr/bin/env time -f %M -o peak wisp-cpio -z1 --threads "$threads" manifest >packed
        [ "$(tail -n 1 peak)" -lt 49152 ]
    done
    gzip -t packed
}

@test "the output does not depend on clock, zone, locale, umask, folder or file times" {
    unsanitized "faketime and the sanitizers' runtime wait for each other"
    write_sample
    wisp-cpio -z <manifest >first
    touch -d '2001-02-03' greeting
    mkdir elsewhere
    cp greeting empty large manifest elsewhere
    (cd elsewhere && umask 077 && LC_ALL=C.UTF-8 TZ=Asia/Tokyo faketime '2035-01-01' wisp-cpio -z <manifest >../second)
    cmp first second
}

@test "--list reads plain, gzipped, padded and concatenated archives" {
    write_sample
    wisp-cpio --mtime 5 <manifest >archive
    run -0 wisp-cpio --list archive
    [ "${#lines[@]}" -eq 14 ]
    [ "${lines[1]}" = "crw------- 1 0 0 5,1 1970-01-01T00:00:05Z dev/console" ]
    [ "${lines[5]}" = "-rws--x--x 1 1 2 0 1970-01-01T00:00:05Z etc/empty" ]
    [ "${lines[10]}" = "lrwxrwxrwx 1 0 0 12 1970-01-01T00:00:05Z etc/link -> ../etc/motd" ]
    [ "${lines[13]}" = "drwxrwxrwt 2 0 0 0 1970-01-01T00:00:05Z etc/deep" ]
    wisp-cpio -t archive >once
    { cat archive && gzip -n <archive && head -c 3 /dev/zero && gzip -n <archive; } >many.part
    # an uncompressed archive stands on a multiple of 4, the kernel's rule
    { cat many.part && head -c $(((4 - $(stat -c %s many.part) % 4) % 4)) /dev/zero && cat archive; } >many
    wisp-cpio -t <many >listed
    cat once once once once | cmp - listed
    find . -maxdepth 1 -name 'e*' | cpio --quiet -o -H newc >foreign
    wisp-cpio -t foreign | grep -q '[ /]empty$'
}

@test "--list refuses an archive cut at any byte" {
    printf '%s\n' 'dir /d 0755 0 0' 'slink /d/l target 0777 0 0' >manifest
    wisp-cpio <manifest >archive
    size=$(wisp-cpio <manifest | sed 's/TRAILER!!!.*//' | wc -c)
    step=${WISP_SANITIZED:+9} # those tools take a while to start
    for ((cut = 1; cut < size + 10; cut += ${step:-1})); do
        head -c "$cut" archive >part
        run -1 --separate-stderr wisp-cpio -t part
        [[ $stderr == "wisp-cpio: part: is cut in "* ]] || [[ $stderr == "wisp-cpio: part: has neither "* ]]
    done
    run -1 --separate-stderr wisp-cpio -t /dev/null
    [ "$stderr" = "wisp-cpio: /dev/null: is empty" ]
    wisp-cpio -z <manifest >packed
    size=$(wc -c <packed)
    for ((cut = 1; cut < size; cut += ${step:-1})); do
        head -c "$cut" packed >part
        run -1 --separate-stderr wisp-cpio -t part
        [ -n "$stderr" ]
    done
}

@test "--list says what else it met" {
    printf 'x' >part
    run -1 --separate-stderr wisp-cpio -t part
    [ "$stderr" = "wisp-cpio: part: has neither an archive nor padding, at byte 0" ]
    echo hello | xz >part
    run -1 --separate-stderr wisp-cpio -t part
    [ "$stderr" = "wisp-cpio: part: has a member compressed by xz, and only gzip is read here, at byte 0" ]
    echo hello | zstd -q >part
    run -1 --separate-stderr wisp-cpio -t part
    [ "$stderr" = "wisp-cpio: part: has a member compressed by zstd, and only gzip is read here, at byte 0" ]
    echo 'dir /d 0755 0 0' | wisp-cpio | sed 's/0000000000000001/000000000000000x/' >part
    run -1 --separate-stderr wisp-cpio -t part
    [ "$stderr" = "wisp-cpio: part: nlink at byte 112 is not hexadecimal" ] || [[ $stderr == *"is not hexadecimal" ]]
}

# refused LINE MESSAGE: as the second line of a manifest, LINE is refused with MESSAGE and nothing is written.
refused() {
    printf 'dir /d 0755 0 0\n%s\n' "$1" >manifest
    run -1 --separate-stderr wisp-cpio manifest
    echo "line: $1"
    echo "stderr: $stderr"
    [ "$stderr" = "wisp-cpio: manifest:2: $2" ]
    [ -z "$output" ]
}

@test "every bad line is refused with its number, its value and the limit, and nothing is written" {
    echo x >f
    long=$(head -c 256 /dev/zero | tr '\0' a)
    refused 'socket /run/x 0755 0 0' "unknown entry type 'socket'"
    refused 'dir' 'name is missing'
    refused 'dir /a' 'mode is missing'
    refused 'dir /a 0755' 'uid is missing'
    refused 'dir /a 0755 0' 'gid is missing'
    refused 'dir /a 0755 0 0 more' "has a word too many: 'more'"
    refused 'dir /a 0855 0 0' "mode '0855' is not an octal number from 0 to 7777"
    refused 'dir /a 0100755 0 0' "mode '0100755' is not an octal number from 0 to 7777"
    refused 'dir /a -1 0 0' "mode '-1' is not an octal number from 0 to 7777"
    refused 'dir /a 0755 -1 0' "uid '-1' is not a number from 0 to 4294967295"
    refused 'dir /a 0755 root 0' "uid 'root' is not a number from 0 to 4294967295"
    refused 'dir /a 0755 0 4294967296' "gid '4294967296' is not a number from 0 to 4294967295"
    refused 'dir /a/../b 0755 0 0' "path '/a/../b' has a part '..'"
    refused 'dir /a//b 0755 0 0' "path '/a//b' has an empty part"
    refused 'dir /a/ 0755 0 0' "path '/a/' has an empty part"
    refused 'dir ./a 0755 0 0' "path './a' has a part '.'"
    refused 'dir / 0755 0 0' "path '/' names nothing"
    refused 'dir /x/y 0755 0 0' "'x/y': folder 'x' is not listed before it"
    refused 'dir d 0700 0 0' "'d' is already listed on line 1"
    refused "dir /$long 0755 0 0" 'a part of the name of 256 bytes exceeds 255'
    refused 'dir /TRAILER!!! 0755 0 0' "name 'TRAILER!!!' would end the archive"
    refused 'file /f . 0644 0 0' '.: is not a regular file'
    refused 'file /f f 0644 0 0 d' "'d' is already listed on line 1"
    refused 'file /f f 0644 0 0 g/h' "'g/h': folder 'g' is not listed before it"
    refused 'nod /n 0600 0 0 x 1 2' "device type 'x' is neither c nor b"
    refused 'nod /n 0600 0 0 c 1' 'minor number is missing'
    refused 'slink /l' 'target is missing'
    refused "$(printf 'dir /a 0755 0 0\r')" "gid '0\\x0d' is not a number from 0 to 4294967295"
}

@test "a file that is not there is the system's fault, on its line" {
    echo 'file /f missing 0644 0 0' >manifest
    run -2 --separate-stderr wisp-cpio manifest
    [ "$stderr" = "wisp-cpio: manifest:1: missing: open: No such file or directory" ]
    [ -z "$output" ]
}

@test "a folder that is a file, a NUL byte and an endless line are refused" {
    echo x >f
    printf 'file /f f 0644 0 0\ndir /f/g 0755 0 0\n' >manifest
    run -1 --separate-stderr wisp-cpio manifest
    [ "$stderr" = "wisp-cpio: manifest:2: 'f/g': 'f' on line 1 is not a folder" ]
    printf 'dir /a\0b 0755 0 0\n' >manifest
    run -1 --separate-stderr wisp-cpio manifest
    [ "$stderr" = "wisp-cpio: manifest:1: has a NUL byte" ]
    run -1 --separate-stderr timeout 10 wisp-cpio /dev/zero
    [ "$stderr" = "wisp-cpio: /dev/zero:1: has a NUL byte" ] || [ "$stderr" = "wisp-cpio: /dev/zero:1: is longer than 16384 bytes" ]
}

@test "a file of 4 GiB is refused before the first byte, one byte less is taken" {
    truncate -s 4G big
    echo 'file /big big 0644 0 0' >manifest
    run -1 --separate-stderr wisp-cpio manifest
    [ "$stderr" = "wisp-cpio: manifest:1: size of 'big' 4294967296 exceeds 4294967295" ]
    [ -z "$output" ]
    truncate -s 4294967295 big
    [ "$(wisp-cpio manifest | head -c 62 | tail -c 8)" = FFFFFFFF ]
}

@test "a file that shrinks while it is read is an error, and the archive does not end" {
    head -c 8000000 /dev/zero >shrinking
    mkfifo blocked
    printf 'file /a shrinking 0644 0 0\n' >manifest
    # the manifest is held open until the file has changed: its size was taken when its line was read
    { cat manifest && sleep 0.5 && truncate -s 100 shrinking; } | { run -2 --separate-stderr wisp-cpio && printf '%s\n' "$stderr" >message; }
    [ "$(cat message)" = "wisp-cpio: shrinking: changed while it was read: was 8000000 bytes, is 100" ]
}

@test "a full disk, a closed output and a closed pipe are errors" {
    echo 'dir /d 0755 0 0' >manifest
    run -2 --separate-stderr sh -c 'wisp-cpio manifest >/dev/full'
    [ "$stderr" = "wisp-cpio: standard output: write: No space left on device" ]
    run -2 --separate-stderr sh -c 'wisp-cpio -z manifest >/dev/full'
    [ "$stderr" = "wisp-cpio: standard output: write: No space left on device" ]
    run -2 --separate-stderr bash -c 'ulimit -f 1; wisp-cpio --align 4096 manifest >archive'
    [ "$stderr" = "wisp-cpio: standard output: write: File too large" ]
    run -2 --separate-stderr sh -c 'wisp-cpio manifest >&-'
    [ "$stderr" = "wisp-cpio: standard output: write: Bad file descriptor" ]
    run -2 --separate-stderr sh -c 'wisp-cpio <&-'
    [ "$stderr" = "wisp-cpio: manifest: read: Bad file descriptor" ]
    truncate -s 9000000 large
    echo 'file /large large 0644 0 0' >manifest
    head -c 3000000 /dev/urandom >noise
    echo 'file /noise noise 0644 0 0' >packed.manifest
    for threads in 1 2 8; do
        run -2 --separate-stderr sh -c "wisp-cpio -z --threads $threads packed.manifest >/dev/full"
        [ "$stderr" = "wisp-cpio: standard output: write: No space left on device" ]
        run -2 --separate-stderr bash -c "set -o pipefail; wisp-cpio -z --threads $threads packed.manifest | head -c 10 >/dev/null"
        [ "$stderr" = "wisp-cpio: standard output: write: Broken pipe" ]
    done
    run --separate-stderr bash -c 'set -o pipefail; wisp-cpio manifest | head -c 10 >/dev/null'
    [ "$status" -eq 2 ]
    [ "$stderr" = "wisp-cpio: standard output: write: Broken pipe" ]
}

@test "a terminal is refused as output" {
    run -2 script -qec 'wisp-cpio /dev/null' /dev/null
    [ "${lines[0]//$'\r'/}" = "wisp-cpio: standard output: is a terminal, and the output is binary: redirect it or pipe it on" ]
}

@test "wrong options and operands are usage errors" {
    run -2 --separate-stderr wisp-cpio --frob
    [ "$stderr" = "wisp-cpio: --frob: unknown option, see wisp-cpio --help" ]
    run -2 --separate-stderr wisp-cpio -x
    [ "$stderr" = "wisp-cpio: -x: unknown option, see wisp-cpio --help" ]
    run -2 --separate-stderr wisp-cpio --mtime
    [ "$stderr" = "wisp-cpio: --mtime: needs a value" ]
    run -2 --separate-stderr wisp-cpio --mtime 4294967296 /dev/null
    [ "$stderr" = "wisp-cpio: --mtime: '4294967296' is not a number from 0 to 4294967295" ]
    run -2 --separate-stderr wisp-cpio -z0 /dev/null
    [ "$stderr" = "wisp-cpio: --gzip: '0' is not a number from 1 to 9" ]
    for threads in 0 9 two; do
        run -2 --separate-stderr wisp-cpio -z --threads "$threads" /dev/null
        [ "$stderr" = "wisp-cpio: --threads: '$threads' is not a number from 1 to 8" ]
    done
    for alignment in 0 4097 four; do
        run -2 --separate-stderr wisp-cpio --align "$alignment" /dev/null
        [ "$stderr" = "wisp-cpio: --align: '$alignment' is not a number from 1 to 4096" ]
    done
    run -2 --separate-stderr wisp-cpio --list --align 4
    [ "$stderr" = "wisp-cpio: --align: does not go with --list" ]
    run -2 --separate-stderr wisp-cpio --threads 2 /dev/null
    [ "$stderr" = "wisp-cpio: --threads: is for what --gzip compresses" ]
    run -2 --separate-stderr wisp-cpio --reuse kept /dev/null
    [ "$stderr" = "wisp-cpio: --reuse: is for what --gzip compresses" ]
    run -2 --separate-stderr wisp-cpio --list --reuse kept
    [ "$stderr" = "wisp-cpio: --reuse: does not go with --list" ]
    run -2 --separate-stderr wisp-cpio --list --threads 2
    [ "$stderr" = "wisp-cpio: --threads: does not go with --list" ]
    run -2 --separate-stderr wisp-cpio --list -z
    [ "$stderr" = "wisp-cpio: --gzip: does not go with --list" ]
    run -2 --separate-stderr wisp-cpio one two
    [ "$stderr" = "wisp-cpio: two: one FILE is enough" ]
    run -2 --separate-stderr env SOURCE_DATE_EPOCH=now wisp-cpio /dev/null
    [ "$stderr" = "wisp-cpio: SOURCE_DATE_EPOCH: 'now' is not a number of seconds from 0 to 4294967295" ]
    run -2 --separate-stderr wisp-cpio missing
    [ "$stderr" = "wisp-cpio: missing: open: No such file or directory" ]
    run -0 wisp-cpio --version
    [ "$output" = "wisp-cpio 0.1.0" ]
    run -0 wisp-cpio --help
    [[ ${lines[0]} == "usage: wisp-cpio "* ]]
}
