# What the tests of wisp-apk share: Alpine's own data, and a package of ours.
load ../lib/apk

# shellcheck disable=SC2034 # the tests use them
{
    data=$WISP_ROOT/tests/data/apk
    baselayout=$data/alpine-baselayout-3.2.0-r23.apk
    pretend=$data/pretend-baselayout-1.0.0-r0.apk
    unsigned=$data/replaces-0.0.1-r0.apk
    index=$data/APKINDEX.tar.gz
}

# A key and a small package signed with it, made once.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    make_test_key keys maker
    local long
    long=lib/modules/6.1-test/$(printf 'long%.0s' {1..30})
    mkdir -p root/boot root/etc "root/$long"
    head -c 300000 /dev/urandom >root/boot/vmlinuz
    echo module >"root/$long/a.ko"
    printf '#!/bin/sh\n' >root/etc/script
    chmod 755 root/etc/script
    ln -s ../boot/vmlinuz root/etc/link
    ln root/boot/vmlinuz root/boot/vmlinuz.hard
    make_apk linux.apk maker.rsa linux-test 6.1-r0 aarch64 root
}

# refused STATUS MESSAGE COMMAND...: the command ends so, with that line alone on standard error.
refused() {
    local status_wanted=$1 message=$2
    shift 2
    run "-$status_wanted" --separate-stderr "$@"
    [ "$stderr" = "wisp-apk: $message" ]
    [ -z "$output" ]
}

# From here on no program may have more than 48 MiB. Sanitizers need terabytes, and none of them. What threads only reserve,
# 8 MiB of stack and 64 MiB of heap each, is not to count.
ulimit_memory() {
    ! grep -q __asan_init "$WISP_BIN/wisp-apk" || return 0
    export MALLOC_ARENA_MAX=1
    ulimit -s 512
    ulimit -v 49152
}

# Brings what setup_file made into the test's own folder.
fixture() {
    ln -sfn "$BATS_FILE_TMPDIR"/* .
}

# attack NAME: a signed package NAME.apk whose data member is what bsdtar makes of an mtree manifest on
# standard input.
attack() {
    mkdir -p "$1.apk.parts"
    { echo '#mtree' && cat; } >"$1.mtree"
    bsdtar --format=pax -cf - "@$1.mtree" | apk_gzip >"$1.apk.parts/data.tar.gz"
    assemble_apk "$1.apk" maker.rsa attack 1-r0 noarch
}
