# wisp-apk as a reader of archives, and as a tool like all others. The judges: bsdtar and GNU tar.
load ../lib/common
load ../lib/apk_fixture

@test "list prints what bsdtar lists, of packages, an index, tar and tar.gz" {
    fixture
    tar -cf plain.tar -C root .
    gzip -c plain.tar >plain.tar.gz
    for archive in "$baselayout" "$pretend" "$unsigned" "$index" linux.apk plain.tar plain.tar.gz; do
        wisp-apk list <"$archive" >listed
        bsdtar -tf "$archive" >expected
        cmp listed expected
        wisp-apk list -f "$archive" | cmp - expected
    done
}

@test "info prints .PKGINFO as bsdtar extracts it" {
    for archive in "$baselayout" "$pretend" "$unsigned"; do
        wisp-apk info <"$archive" >printed
        bsdtar -xOf "$archive" .PKGINFO | cmp - printed
    done
}

@test "cat prints one file, also through a pipe and from plain tar" {
    fixture
    wisp-apk cat boot/vmlinuz <linux.apk | cmp - root/boot/vmlinuz
    wisp-apk cat --keys keys boot/vmlinuz <linux.apk | cmp - root/boot/vmlinuz
    tar -cf plain.tar -C root .
    wisp-apk cat boot/vmlinuz <plain.tar | cmp - root/boot/vmlinuz
    wisp-apk cat ./boot/vmlinuz -f plain.tar | cmp - root/boot/vmlinuz
}

@test "names and contents survive every format GNU tar writes" {
    fixture
    mkdir wide
    printf 'x' >"wide/$(printf 'n%.0s' {1..200})"
    ln -s "$(printf 't%.0s' {1..200})" wide/link
    for format in ustar gnu oldgnu posix v7; do
        operands=(-C "$PWD/root" boot)
        case $format in gnu | posix) operands+=(-C "$PWD/wide" .) ;; esac
        tar --format="$format" -cf "$format.tar" "${operands[@]}"
        wisp-apk list <"$format.tar" >listed
        tar -tf "$format.tar" | cmp - listed
        wisp-apk cat boot/vmlinuz <"$format.tar" | cmp - root/boot/vmlinuz
    done
}

@test "a size of 8 GiB, which needs base 256 or pax, is understood" {
    truncate -s 8G big
    echo small >small
    for format in gnu posix; do
        tar --format="$format" -cf - big small | head -c 1048576 >start
        run -1 --separate-stderr wisp-apk list -f start
        [[ $stderr == "wisp-apk: start: is cut in the contents of 'big', 858888"*" bytes early" ]]
    done
}

@test "what is no package is called by its name" {
    fixture
    tar -cf plain.tar -C root etc
    gzip -n plain.tar -c >plain.tar.gz
    refused 1 "plain.tar: is a plain tar, not an Alpine package" wisp-apk verify --keys keys -f plain.tar
    refused 1 "plain.tar.gz: is not an Alpine package: it starts with 'etc/'" wisp-apk info -f plain.tar.gz
    refused 1 "$index: is a repository index, not a package" wisp-apk verify --keys "$data/keys" -f "$index"
    for letter in . d c; do
        printf 'ADB%s0123456789' "$letter" >v3.apk
        for command in list info 'verify --keys keys' 'extract x' 'cat x' 'lookup --keys keys p'; do
            # shellcheck disable=SC2086 # a command and its options
            refused 1 "v3.apk: is an Alpine package or index of format version 3 (ADB); supported is version 2" \
                wisp-apk $command -f v3.apk
        done
    done
    echo text >text
    refused 1 "text: is text, neither an Alpine package nor a tar" wisp-apk list -f text
    refused 1 "standard input: is empty" wisp-apk list </dev/null
}

@test "what the command line gets wrong is said, with status 2" {
    fixture
    refused 2 "command: is missing, see wisp-apk --help" wisp-apk
    refused 2 "frobnicate: unknown command, see wisp-apk --help" wisp-apk frobnicate
    refused 2 "--frobnicate: unknown option, see wisp-apk --help" wisp-apk list --frobnicate
    refused 2 "verify: needs --keys DIR" wisp-apk verify -f linux.apk
    refused 2 "lookup: needs --keys DIR" wisp-apk lookup p
    refused 2 "lookup: needs one PACKAGE" wisp-apk lookup --keys keys
    refused 2 "'../p': is not the name of a package" wisp-apk lookup --keys keys ../p
    refused 2 "extract: which PATH?" wisp-apk extract -f linux.apk
    refused 2 "cat: needs one PATH" wisp-apk cat -f linux.apk
    refused 1 "linux.apk: 'boot' is a folder" wisp-apk cat ./boot -f linux.apk
    refused 2 "'boot/': is not the path of a file inside an archive" wisp-apk cat boot/ -f linux.apk
    refused 2 "linux.apk: list takes no operand; a file is named by -f" wisp-apk list linux.apk
    refused 2 "--report: means nothing to list" wisp-apk list --report -f linux.apk
    refused 2 "--newest: means nothing to list" wisp-apk list --newest -f linux.apk
    refused 2 "--directory: means nothing to cat" wisp-apk cat -C . boot/vmlinuz -f linux.apk
    refused 2 "absent: open: No such file or directory" wisp-apk list -f absent
    refused 2 "keys: open: Is a directory" wisp-apk list -f keys
}

@test "a full disk and a closed output are not successes" {
    fixture
    for command in list info 'cat boot/vmlinuz' 'verify --keys keys'; do
        run -2 --separate-stderr sh -c "wisp-apk $command -f linux.apk >/dev/full"
        [ "$stderr" = "wisp-apk: standard output: write: No space left on device" ]
        run -2 --separate-stderr sh -c "wisp-apk $command -f linux.apk >&-"
        [ "$stderr" = "wisp-apk: standard output: write: Bad file descriptor" ]
    done
    run -2 --separate-stderr sh -c "wisp-apk lookup --keys '$data/keys' git -f '$index' >/dev/full"
    [ "$stderr" = "wisp-apk: standard output: write: No space left on device" ]
    run -2 --separate-stderr sh -c 'wisp-apk list <&-'
    [ "$stderr" = "wisp-apk: standard input: read: Bad file descriptor" ]
}

@test "a package cut at any byte is refused by every command, which prints nothing" {
    size=$(wc -c <"$unsigned")
    for ((cut = 1; cut < size; cut += 37)); do
        head -c "$cut" "$unsigned" >cut.apk
        for command in list info 'cat hello' 'extract hello'; do
            # shellcheck disable=SC2086 # a command and its options
            run -1 --separate-stderr wisp-apk $command -f cut.apk
            [ -z "$output" ]
            [[ $stderr == "wisp-apk: cut.apk: "* ]]
            [ ! -e hello ]
        done
    done
}

@test "a terminal gets text and no binary" {
    fixture
    run -0 script -qec "wisp-apk cat etc/script -f linux.apk" /dev/null
    [ "$output" = $'#!/bin/sh\r' ]
    run -2 script -qec "wisp-apk cat boot/vmlinuz -f linux.apk" /dev/null
    [ "$output" = $'wisp-apk: standard output: is a terminal, and the output is binary: redirect it or pipe it on\r' ]
}

@test "a large package is read in little memory" {
    mkdir -p root/boot out
    head -c 20000000 /dev/urandom >root/boot/a
    cat root/boot/a root/boot/a root/boot/a >root/boot/b
    make_test_key keys maker
    make_apk large.apk maker.rsa large 1-r0 noarch root
    ulimit_memory
    wisp-apk extract --keys keys -C out boot/ -f large.apk
    cmp out/boot/b root/boot/b
}
