# wisp-apk. The judges: bsdtar, GNU tar and openssl.
load ../lib/common
load ../lib/apk

data=$WISP_ROOT/tests/data/apk
baselayout=$data/alpine-baselayout-3.2.0-r23.apk
pretend=$data/pretend-baselayout-1.0.0-r0.apk
unsigned=$data/replaces-0.0.1-r0.apk
index=$data/APKINDEX.tar.gz

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

linux() {
    ln -sfn "$BATS_FILE_TMPDIR"/* .
}

# --- reading -----------------------------------------------------------------------------------------------------

@test "list prints what bsdtar lists, of packages, an index, tar and tar.gz" {
    linux
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
        wisp-apk info <"$archive" >info
        bsdtar -xOf "$archive" .PKGINFO | cmp - info
    done
}

@test "cat prints one file, also through a pipe and from plain tar" {
    linux
    wisp-apk cat boot/vmlinuz <linux.apk | cmp - root/boot/vmlinuz
    wisp-apk cat --keys keys boot/vmlinuz <linux.apk | cmp - root/boot/vmlinuz
    tar -cf plain.tar -C root .
    wisp-apk cat boot/vmlinuz <plain.tar | cmp - root/boot/vmlinuz
    wisp-apk cat ./boot/vmlinuz -f plain.tar | cmp - root/boot/vmlinuz
}

@test "names and contents survive every format GNU tar writes" {
    linux
    mkdir wide
    printf 'x' >"wide/$(printf 'n%.0s' {1..200})"
    ln -s "$(printf 't%.0s' {1..200})" wide/link
    for format in ustar gnu oldgnu posix v7; do
        operands=(-C root boot)
        [ "$format" != gnu ] || operands+=(-C ../wide .)
        [ "$format" != posix ] || operands+=(-C ../wide .)
        tar --format="$format" -cf "$format.tar" "${operands[@]}"
        wisp-apk list <"$format.tar" >listed
        tar -tf "$format.tar" | cmp - listed
        wisp-apk cat boot/vmlinuz <"$format.tar" | cmp - root/boot/vmlinuz
    done
}

@test "a file of 8 GiB, whose size needs base 256 or pax, is passed over" {
    truncate -s 8G big
    echo small >small
    for format in gnu posix; do
        tar --format="$format" -cf - big small | head -c 1048576 >head
        wisp-apk list <head >listed 2>stderr || true
        grep -q "contents of 'big'" stderr
    done
}

# --- verifying ---------------------------------------------------------------------------------------------------

@test "verify names key, digest, package and datahash of real packages" {
    run -0 wisp-apk verify --keys "$data/keys" -f "$baselayout"
    [ "$output" = "alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub sha1 alpine-baselayout-3.2.0-r23 $(
        bsdtar -xOf "$baselayout" .PKGINFO | sed -n 's/^datahash = //p')" ]
    run -0 wisp-apk verify --keys "$data/keys" -f "$pretend"
    [ "$output" = "melange.rsa.pub sha256 pretend-baselayout-1.0.0-r0 $(
        bsdtar -xOf "$pretend" .PKGINFO | sed -n 's/^datahash = //p')" ]
}

@test "packages signed over SHA-1, SHA-256 and SHA-512 verify, and openssl agrees" {
    linux
    for kind in RSA:sha1 RSA256:sha256 RSA512:sha512; do
        make_apk "$kind.apk" maker.rsa p 1-r0 noarch root "${kind%:*}"
        run -0 wisp-apk verify --keys keys -f "$kind.apk"
        [[ $output == "maker.rsa.pub ${kind#*:} p-1-r0 "* ]]
        gzip -dc "$kind.apk.parts/signatures.tar.gz" | bsdtar -xOf - >signature
        openssl dgst "-${kind#*:}" -verify keys/maker.rsa.pub -signature signature "$kind.apk.parts/control.tar.gz"
    done
}

@test "the report has what a build needs, of verify and of extract" {
    linux
    cat >expected <<EOF
name=linux-test
version=6.1-r0
arch=aarch64
license=GPL-2.0-only
key=maker.rsa.pub
digest=sha1
datahash=$(sha256sum linux.apk.parts/data.tar.gz | cut -d ' ' -f 1)
checksum=Q1$(openssl dgst -sha1 -binary linux.apk.parts/control.tar.gz | openssl base64)
sha256=$(sha256sum linux.apk | cut -d ' ' -f 1)
size=$(wc -c <linux.apk)
EOF
    wisp-apk verify --report --keys keys <linux.apk | cmp - expected
    mkdir out
    wisp-apk extract --report --keys keys -C out etc/ <linux.apk | cmp - expected
    tar -cf plain.tar -C root etc/script
    run -0 wisp-apk extract --report -C out etc/script -f plain.tar
    [ "$output" = "sha256=$(sha256sum plain.tar | cut -d ' ' -f 1)
size=$(wc -c <plain.tar)" ]
}

@test "the pin holds for the whole input, and nothing comes out otherwise" {
    linux
    mkdir out
    pin=$(sha256sum linux.apk | cut -d ' ' -f 1)
    wisp-apk extract --keys keys --sha256 "$pin" -C out etc/script <linux.apk
    cmp out/etc/script root/etc/script
    rm -r out/etc
    other=${pin//[0-9a-f]/0}
    refused 1 "linux.apk: has SHA-256 $pin, not $other" \
        wisp-apk extract --keys keys --sha256 "$other" -C out etc/script -f linux.apk
    [ -z "$(ls -A out)" ]
    refused 2 "--sha256: 'abc' is not 64 lower-case hexadecimal digits" \
        wisp-apk extract --sha256 abc -C out etc/script -f linux.apk
}

@test "a signature that does not hold is refused, whichever way" {
    linux
    make_test_key keys other
    refused 1 "standard input: is not signed" wisp-apk verify --keys keys <"$unsigned"
    mkdir none
    refused 1 "linux.apk: is signed by 'maker.rsa.pub', not by a key in none" wisp-apk verify --keys none -f linux.apk
    mkdir swapped
    cp keys/other.rsa.pub swapped/maker.rsa.pub
    refused 1 "linux.apk: does not match its signature by 'maker.rsa.pub'" wisp-apk verify --keys swapped -f linux.apk
    refused 2 "absent: open: No such file or directory" wisp-apk verify --keys absent -f linux.apk
    echo nonsense >none/maker.rsa.pub
    refused 1 "none/maker.rsa.pub: is not a public key in PEM" wisp-apk verify --keys none -f linux.apk
}

@test "one trusted signature among several is enough, and unknown kinds are passed over" {
    linux
    make_test_key elsewhere other
    cp linux.apk.parts/control.tar.gz linux.apk.parts/data.tar.gz .
    mkdir signatures
    openssl dgst -sha1 -sign other.rsa -out signatures/.SIGN.RSA.other.rsa.pub control.tar.gz
    openssl dgst -sha256 -sign maker.rsa -out signatures/.SIGN.RSA256.maker.rsa.pub control.tar.gz
    echo unknown >signatures/.SIGN.NEW.maker.rsa.pub
    head -c 70000 /dev/zero >signatures/.SIGN.RSA512.maker.rsa.pub
    apk_tar -C signatures .SIGN.NEW.maker.rsa.pub .SIGN.RSA.other.rsa.pub .SIGN.RSA256.maker.rsa.pub \
        .SIGN.RSA512.maker.rsa.pub | apk_cut | apk_gzip >signatures.tar.gz
    cat signatures.tar.gz control.tar.gz data.tar.gz >many.apk
    run -0 wisp-apk verify --keys keys -f many.apk
    [[ $output == "maker.rsa.pub sha256 "* ]]

    apk_tar -C signatures .SIGN.NEW.maker.rsa.pub | apk_cut | apk_gzip >signatures.tar.gz
    cat signatures.tar.gz control.tar.gz data.tar.gz >new.apk
    refused 1 "new.apk: has no signature of a supported kind, only '.SIGN.NEW.maker.rsa.pub'" \
        wisp-apk verify --keys keys -f new.apk
}

@test "a package without datahash, or with a wrong one, is refused although it is signed" {
    linux
    for line in '' "datahash = $(printf '0%.0s' {1..64})" 'datahash = short'; do
        mkdir -p control
        printf 'pkgname = p\npkgver = 1\n%s\n' "$line" >control/.PKGINFO
        apk_tar -C control .PKGINFO | apk_cut | apk_gzip >control.tar.gz
        { sign_member maker.rsa control.tar.gz && cat control.tar.gz linux.apk.parts/data.tar.gz; } >"p${#line}.apk"
    done
    hash=$(sha256sum linux.apk.parts/data.tar.gz | cut -d ' ' -f 1)
    refused 1 "p0.apk: .PKGINFO has no datahash" wisp-apk verify --keys keys -f p0.apk
    refused 1 "p75.apk: data member has SHA-256 $hash, but .PKGINFO says $(printf '0%.0s' {1..64})" \
        wisp-apk verify --keys keys -f p75.apk
    refused 1 "p16.apk: .PKGINFO has datahash 'short', not a SHA-256" wisp-apk verify --keys keys -f p16.apk
}

@test "members that are missing, too many or too long are refused" {
    linux
    parts=linux.apk.parts
    cat $parts/signatures.tar.gz $parts/control.tar.gz >no-data.apk
    refused 1 "no-data.apk: is cut after its control member" wisp-apk verify --keys keys -f no-data.apk
    refused 1 "standard input: is cut after its signatures" wisp-apk verify --keys keys <$parts/signatures.tar.gz
    cat linux.apk $parts/data.tar.gz >four.apk
    refused 1 "four.apk: has another gzip member after its data member, at byte $(wc -c <linux.apk)" \
        wisp-apk verify --keys keys -f four.apk
    { cat linux.apk && echo garbage; } >garbage.apk
    refused 1 "garbage.apk: has something that is not gzip at byte $(wc -c <linux.apk)" \
        wisp-apk verify --keys keys -f garbage.apk
    refused 1 "garbage.apk: has something that is not gzip at byte $(wc -c <linux.apk)" wisp-apk list -f garbage.apk

    apk_tar -C root etc | apk_cut | apk_gzip >cut.tar.gz
    mkdir cut.apk.parts
    cp cut.tar.gz cut.apk.parts/data.tar.gz
    assemble_apk cut.apk maker.rsa p 1-r0 noarch
    refused 1 "cut.apk: is cut: its data member has no end mark" wisp-apk verify --keys keys -f cut.apk
    refused 1 "cut.apk: is cut: it has no end mark" wisp-apk list -f cut.apk

    { apk_tar -C root etc && echo hidden; } | apk_gzip >cut.apk.parts/data.tar.gz
    assemble_apk cut.apk maker.rsa p 1-r0 noarch
    run -1 --separate-stderr wisp-apk verify --keys keys -f cut.apk
    [[ $stderr == "wisp-apk: cut.apk: is cut in the tar record at byte "* ]]

    apk_tar -C $parts/control .PKGINFO | apk_gzip >control.tar.gz
    { sign_member maker.rsa control.tar.gz && cat control.tar.gz $parts/data.tar.gz; } >marked.apk
    refused 1 "marked.apk: has an end mark in its control member, where tar would stop reading" \
        wisp-apk verify --keys keys -f marked.apk
}

@test "the control member has exactly one .PKGINFO and a bounded size" {
    linux
    mkdir control
    cp linux.apk.parts/control/.PKGINFO control
    { apk_tar -C control .PKGINFO | apk_cut && apk_tar -C control .PKGINFO | apk_cut; } | apk_gzip >control.tar.gz
    { sign_member maker.rsa control.tar.gz && cat control.tar.gz linux.apk.parts/data.tar.gz; } >twice.apk
    refused 1 "twice.apk: has .PKGINFO twice" wisp-apk verify --keys keys -f twice.apk
    echo x >control/.post-install
    apk_tar -C control .post-install | apk_cut | apk_gzip >control.tar.gz
    { sign_member maker.rsa control.tar.gz && cat control.tar.gz linux.apk.parts/data.tar.gz; } >none.apk
    refused 1 "none.apk: has no .PKGINFO in its control member" wisp-apk verify --keys keys -f none.apk
    truncate -s 20M control/.post-install
    apk_tar -C control .PKGINFO .post-install | apk_cut | apk_gzip >control.tar.gz
    { sign_member maker.rsa control.tar.gz && cat control.tar.gz linux.apk.parts/data.tar.gz; } >bomb.apk
    refused 1 "bomb.apk: control member has more than 10485760 bytes" wisp-apk verify --keys keys -f bomb.apk
}

@test "the bytes around a signature, which no signature covers, have to be as the compressor left them" {
    linux
    parts=linux.apk.parts
    gzip -dc $parts/signatures.tar.gz >signatures.tar
    cp signatures.tar named
    gzip -9 named
    cat named.gz $parts/control.tar.gz $parts/data.tar.gz >named.apk
    refused 1 "named.apk: signature member has optional gzip header fields, which no signature covers" \
        wisp-apk verify --keys keys -f named.apk
    gzip -6 -n <signatures.tar >quick.gz
    cat quick.gz $parts/control.tar.gz $parts/data.tar.gz >quick.apk
    refused 1 "quick.apk: signature member has another gzip header than the member it signs: XFL 0 OS 3, not 2 and 3" \
        wisp-apk verify --keys keys -f quick.apk
    { head -c 4 $parts/signatures.tar.gz && printf '\1\0\0\0' && tail -c +9 $parts/signatures.tar.gz; } >timed.gz
    cat timed.gz $parts/control.tar.gz $parts/data.tar.gz >timed.apk
    refused 1 "timed.apk: signature member has gzip time 1, not that of the member it signs" \
        wisp-apk verify --keys keys -f timed.apk
    { apk_tar -C root etc/script && cat; } <signatures.tar | gzip -n -9 >hiding.gz
    cat hiding.gz $parts/control.tar.gz $parts/data.tar.gz >hiding.apk
    refused 1 "hiding.apk: is not an Alpine package: it starts with 'etc/script'" wisp-apk verify --keys keys -f hiding.apk
    { cat signatures.tar && apk_tar -C root etc/script | apk_cut; } | gzip -n -9 >guest.gz
    cat guest.gz $parts/control.tar.gz $parts/data.tar.gz >guest.apk
    refused 1 "guest.apk: has 'etc/script' among its signatures" wisp-apk verify --keys keys -f guest.apk
    { cat signatures.tar && head -c 1024 /dev/zero; } | gzip -n -9 >marked.gz
    cat marked.gz $parts/control.tar.gz $parts/data.tar.gz >marked.apk
    refused 1 "marked.apk: has an end mark after its signatures" wisp-apk verify --keys keys -f marked.apk
}

@test "what is no package is called by its name" {
    linux
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

# --- extracting --------------------------------------------------------------------------------------------------

@test "extract writes the files asked for, byte for byte, with two modes and nothing else" {
    linux
    mkdir out
    (umask 077 && wisp-apk extract --keys keys -C out boot/vmlinuz etc/script lib/ <linux.apk)
    cmp out/boot/vmlinuz root/boot/vmlinuz
    (cd out && find . -type f -printf '%p %m\n' | sort) >found
    cat >expected <<EOF
./boot/vmlinuz 644
./etc/script 755
./$(cd root && find lib -name a.ko) 644
EOF
    cmp found expected
    [ "$(find out -mindepth 1 -type d -printf '%m\n' | sort -u)" = 755 ]
    run -0 wisp-apk extract -C out boot/vmlinuz <linux.apk
    [ -z "$output" ]
}

@test "extract works in the working directory, replaces files, and leaves a link's target alone" {
    linux
    mkdir -p work/etc
    echo old >victim
    ln -s ../../victim work/etc/script
    (cd work && wisp-apk extract etc/script <../linux.apk)
    [ ! -L work/etc/script ]
    cmp work/etc/script root/etc/script
    [ "$(cat victim)" = old ]
}

@test "extract does not follow a symbolic link that is already there" {
    linux
    mkdir out elsewhere
    ln -s ../elsewhere out/etc
    refused 2 "out/etc: is no folder, and symbolic links are not followed" wisp-apk extract -C out etc/script -f linux.apk
    [ -z "$(ls -A elsewhere)" ]
    [ "$(ls -A out)" = etc ]
    mkdir -p full/etc/script
    refused 2 "full/etc/script: is a folder" wisp-apk extract -C full boot/vmlinuz etc/script -f linux.apk
    [ "$(ls -A full)" = etc ]
    refused 2 "absent: open: No such file or directory" wisp-apk extract -C absent boot/vmlinuz -f linux.apk
}

@test "what is not there, or is no regular file, is refused by name" {
    linux
    mkdir out
    refused 1 "linux.apk: has no 'boot/absent', 'etc/absent/'" \
        wisp-apk extract -C out boot/vmlinuz boot/absent etc/absent/ -f linux.apk
    refused 1 "linux.apk: 'etc/link' is a symbolic link to '../boot/vmlinuz', not a regular file" \
        wisp-apk extract -C out etc/link -f linux.apk
    refused 1 "linux.apk: 'boot/vmlinuz.hard' is a hard link to 'boot/vmlinuz', not a regular file" \
        wisp-apk extract -C out boot/vmlinuz.hard -f linux.apk
    refused 1 "linux.apk: 'boot' is a folder; 'boot/' would take what is in it" wisp-apk extract -C out boot -f linux.apk
    refused 1 "linux.apk: 'etc/link' is a symbolic link to '../boot/vmlinuz', not a regular file" \
        wisp-apk cat etc/link -f linux.apk
    [ -z "$(ls -A out)" ]
    wisp-apk extract -C out etc/ -f linux.apk
    [ "$(ls -A out/etc)" = script ]
}

@test "nothing is left of an extraction that is cut or changed late" {
    linux
    mkdir out
    size=$(wc -c <linux.apk)
    for cut in 1 9 100 2000; do
        run -1 wisp-apk extract -C out boot/vmlinuz < <(head -c $((size - cut)) linux.apk)
        [ -z "$(ls -A out)" ]
        run -1 wisp-apk extract --keys keys -C out boot/vmlinuz < <(head -c $((size - cut)) linux.apk)
        [ -z "$(ls -A out)" ]
    done
    for ((at = 0; at < size; at += size / 40)); do
        { head -c "$at" linux.apk && printf '\x5a' && tail -c +$((at + 2)) linux.apk; } >changed.apk
        cmp -s linux.apk changed.apk || run -1 wisp-apk extract --keys keys -C out boot/vmlinuz -f changed.apk
        [ -z "$(ls -A out)" ]
    done
}

@test "a signal in the middle of an extraction leaves nothing, and kills" {
    linux
    mkdir out
    for signal in INT TERM HUP; do
        mkfifo "pipe$signal"
        env --default-signal wisp-apk extract -C out boot/vmlinuz <"pipe$signal" 2>stderr &
        pid=$!
        exec 9>"pipe$signal"
        head -c 200000 linux.apk >&9
        for _ in {1..100}; do
            [ -z "$(find out -name 0 -size +100k)" ] || break
            sleep 0.02
        done
        [ -n "$(ls -A out)" ]
        kill -s "$signal" "$pid"
        status=0
        wait "$pid" || status=$?
        exec 9>&-
        [ "$status" -eq $((128 + $(kill -l "$signal"))) ]
        [ -z "$(ls -A out)" ]
    done
}

@test "per-file checksums of abuild's are checked, with or without keys" {
    mkdir out
    printf hello >hello
    sum=$(sha1sum hello | cut -d ' ' -f 1)
    apk_tar --pax-option="APK-TOOLS.checksum.SHA1:=$sum" hello >good.tar
    bsdtar -tf good.tar
    wisp-apk extract -C out hello <good.tar
    cmp out/hello hello
    wrong=${sum//[0-9a-f]/0}
    apk_tar --pax-option="APK-TOOLS.checksum.SHA1:=$wrong" hello >wrong.tar
    refused 1 "wrong.tar: 'hello' has SHA-1 $sum, but the archive says $wrong" wisp-apk extract -C out hello -f wrong.tar
    refused 1 "wrong.tar: 'hello' has SHA-1 $sum, but the archive says $wrong" wisp-apk cat hello -f wrong.tar
}

# --- archives that attack ----------------------------------------------------------------------------------------

# attack NAME TAR-OPERANDS...: a signed package NAME.apk whose data member is what bsdtar makes of an mtree manifest on
# standard input.
attack() {
    mkdir -p "$1.apk.parts"
    { echo '#mtree' && cat; } >"$1.mtree"
    bsdtar --format=pax -cf - "@$1.mtree" | apk_gzip >"$1.apk.parts/data.tar.gz"
    assemble_apk "$1.apk" maker.rsa attack 1-r0 noarch
}

@test "absolute paths and paths that climb are refused, wanted or not" {
    linux
    mkdir out
    echo evil >evil
    tar -P --transform='s,^evil$,/tmp/evil,' -cf absolute.tar evil
    tar -P --transform='s,^evil$,a/../../evil,' -cf climb.tar evil
    for command in 'extract -C out' cat; do
        # shellcheck disable=SC2086 # a command and its options
        refused 1 "absolute.tar: has the absolute path '/tmp/evil'" wisp-apk $command tmp/evil -f absolute.tar
        # shellcheck disable=SC2086
        refused 1 "climb.tar: path 'a/../../evil' has a part '..'" wisp-apk $command evil -f climb.tar
    done
    mkdir climb.apk.parts
    apk_gzip <climb.tar >climb.apk.parts/data.tar.gz
    assemble_apk climb.apk maker.rsa p 1-r0 noarch
    refused 1 "climb.apk: path 'a/../../evil' has a part '..'" wisp-apk verify --keys keys -f climb.apk
    refused 2 "'../evil': is not a path inside an archive" wisp-apk extract -C out ../evil -f climb.tar
    [ -z "$(ls -A out)" ]
    [ ! -e /tmp/evil ]
}

@test "a file through a symbolic link of the archive is refused, in either order" {
    linux
    mkdir out target
    echo evil >evil
    attack link-first <<EOF
etc type=link link=$PWD/target uid=0 gid=0 mode=777
etc/evil type=file uid=0 gid=0 mode=644 contents=evil
EOF
    attack file-first <<EOF
etc/evil type=file uid=0 gid=0 mode=644 contents=evil
etc type=link link=$PWD/target uid=0 gid=0 mode=777
EOF
    bsdtar -tf link-first.apk | grep -qx etc/evil
    for apk in link-first.apk file-first.apk; do
        for path in etc/evil etc/; do
            refused 1 "$apk: has 'etc/evil' in 'etc', which is a symbolic link" \
                wisp-apk extract --keys keys -C out $path -f $apk
        done
    done
    [ -z "$(ls -A out target)" ]
}

@test "hard links out of the archive, devices and duplicates are refused" {
    linux
    mkdir out
    echo one >one
    echo two >two
    tar -P --transform='flags=hr;s,^link$,boot/link,;s,^one$,../../etc/shadow,' -cf hard.tar one two 2>/dev/null
    ln one link
    tar -P --sort=name --transform='s,^one$,../one,' -cf hard.tar link one
    bsdtar -tvf hard.tar
    refused 1 "hard.tar: path '../one' has a part '..'" wisp-apk extract -C out link -f hard.tar
    attack device <<EOF
dev/null type=char device=native,1,3 uid=0 gid=0 mode=666
dev/disk type=block device=native,8,0 uid=0 gid=0 mode=660
dev/pipe type=fifo uid=0 gid=0 mode=660
EOF
    refused 1 "device.apk: 'dev/null' is a device, not a regular file" \
        wisp-apk extract --keys keys -C out dev/null -f device.apk
    refused 1 "device.apk: 'dev/pipe' is a pipe, not a regular file" \
        wisp-apk extract --keys keys -C out dev/pipe -f device.apk
    wisp-apk extract --keys keys -C out dev/ -f device.apk
    attack twice <<EOF
boot/kernel type=file uid=0 gid=0 mode=644 contents=one
boot/kernel type=file uid=0 gid=0 mode=644 contents=two
EOF
    for path in boot/kernel boot/; do
        refused 1 "twice.apk: has 'boot/kernel' twice" wisp-apk extract --keys keys -C out $path -f twice.apk
    done
    refused 1 "twice.apk: has 'boot/kernel' twice" wisp-apk cat boot/kernel -f twice.apk
    [ -z "$(ls -A out)" ]
}

@test "names with escape sequences do not reach the terminal" {
    touch "$(printf 'a\033[2Jb')"
    tar -cf escape.tar a*
    run -0 wisp-apk list -f escape.tar
    [ "$output" = 'a\x1b[2Jb' ]
    refused 1 "escape.tar: has no 'b'" wisp-apk cat b -f escape.tar
}

@test "a bomb is refused in bounded time and memory" {
    # 3 GiB of zeros in 3 MB
    truncate -s 3G zeros
    tar -cf - zeros | gzip -1 >bomb.tar.gz
    mkdir out
    run -1 --separate-stderr timeout 60 wisp-apk list -f bomb.tar.gz
    [ "$stderr" = "wisp-apk: bomb.tar.gz: expands more than 100-fold, to over 1073741824 bytes" ]
    ulimit -v 200000
    refused 1 "bomb.tar.gz: expands more than 100-fold, to over 1073741824 bytes" \
        timeout 60 wisp-apk extract -C out absent -f bomb.tar.gz
    [ -z "$(ls -A out)" ]
}

# --- looking up --------------------------------------------------------------------------------------------------

@test "lookup finds a package in Alpine's own index, with the checksum that is there" {
    run -0 wisp-apk lookup --keys "$data/keys" git <"$index"
    bsdtar -xOf "$index" APKINDEX | awk -v RS= '/\nP:git\n/' >record
    field() { sed -n "s/^$1://p" record; }
    [ "$output" = "$(field V) $(field S) $(field C) $(field A) git-$(field V).apk" ]
}

@test "lookup leads to the package that verifies" {
    linux
    make_apk other.apk maker.rsa other 2-r0 aarch64 root/etc
    make_index APKINDEX.tar.gz maker.rsa other.apk linux.apk
    run -0 wisp-apk lookup --keys keys linux-test -f APKINDEX.tar.gz
    checksum=$(wisp-apk verify --report --keys keys -f linux.apk | sed -n 's/^checksum=//p')
    [ "$output" = "6.1-r0 $(wc -c <linux.apk) $checksum aarch64 linux-test-6.1-r0.apk" ]
    refused 1 "APKINDEX.tar.gz: has no package 'absent'" wisp-apk lookup --keys keys absent -f APKINDEX.tar.gz
    bsdtar -xOf APKINDEX.tar.gz APKINDEX >/dev/null
}

@test "an index that is unsigned, untrusted, cut or continued is refused" {
    linux
    make_index APKINDEX.tar.gz maker.rsa linux.apk
    mkdir none
    refused 1 "APKINDEX.tar.gz: is signed by 'maker.rsa.pub', not by a key in none" \
        wisp-apk lookup --keys none linux-test -f APKINDEX.tar.gz
    echo text >APKINDEX
    tar -czf unsigned.tar.gz APKINDEX
    refused 1 "unsigned.tar.gz: is not signed" wisp-apk lookup --keys keys p -f unsigned.tar.gz
    refused 1 "linux.apk: has another gzip member after its index, at byte $(
        cat linux.apk.parts/{signatures,control}.tar.gz | wc -c)" wisp-apk lookup --keys keys p -f linux.apk
    cat linux.apk.parts/{signatures,control}.tar.gz >package.tar.gz
    refused 1 "package.tar.gz: is not a repository index: it has no APKINDEX" \
        wisp-apk lookup --keys keys p -f package.tar.gz
    refused 1 "standard input: is cut after its signatures" \
        wisp-apk lookup --keys keys p <linux.apk.parts/signatures.tar.gz
    tar -cf plain.tar APKINDEX
    refused 1 "plain.tar: is a plain tar, not a repository index" wisp-apk lookup --keys keys p -f plain.tar
}

# --- like every tool ---------------------------------------------------------------------------------------------

@test "what the command line gets wrong is said, with status 2" {
    linux
    refused 2 "wisp-apk: which command? See wisp-apk --help" wisp-apk
    refused 2 "frobnicate: unknown command, see wisp-apk --help" wisp-apk frobnicate
    refused 2 "--frobnicate: unknown option, see wisp-apk --help" wisp-apk list --frobnicate
    refused 2 "verify: needs --keys DIR" wisp-apk verify -f linux.apk
    refused 2 "lookup: needs --keys DIR" wisp-apk lookup p
    refused 2 "lookup: needs one PACKAGE" wisp-apk lookup --keys keys
    refused 2 "'../p': is not the name of a package" wisp-apk lookup --keys keys ../p
    refused 2 "extract: which PATH?" wisp-apk extract -f linux.apk
    refused 2 "cat: needs one PATH" wisp-apk cat -f linux.apk
    refused 2 "'boot/': is not the path of a file inside an archive" wisp-apk cat boot/ -f linux.apk
    refused 2 "linux.apk: list takes no operand; a file is named by -f" wisp-apk list linux.apk
    refused 2 "--report: means nothing to list" wisp-apk list --report -f linux.apk
    refused 2 "--directory: means nothing to cat" wisp-apk cat -C . boot/vmlinuz -f linux.apk
    refused 2 "absent: open: No such file or directory" wisp-apk list -f absent
    refused 2 "keys: open: Is a directory" wisp-apk list -f keys
}

@test "a full disk and a closed output are not successes" {
    linux
    for command in list info 'cat boot/vmlinuz' 'verify --keys keys'; do
        run -2 --separate-stderr sh -c "wisp-apk $command -f linux.apk >/dev/full"
        [ "$stderr" = "wisp-apk: standard output: write: No space left on device" ]
        run -2 --separate-stderr sh -c "wisp-apk $command -f linux.apk >&-"
        [ "$stderr" = "wisp-apk: standard output: write: Bad file descriptor" ]
    done
    run -2 --separate-stderr sh -c 'wisp-apk lookup --keys "$1" git -f "$2" >/dev/full' sh "$data/keys" "$index"
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
    linux
    run -0 script -qec "wisp-apk cat etc/script -f linux.apk" /dev/null
    [ "$output" = $'#!/bin/sh\r' ]
    run -2 script -qec "wisp-apk cat boot/vmlinuz -f linux.apk" /dev/null
    [ "$output" = $'wisp-apk: standard output: is a terminal, and the output is binary: redirect it or pipe it on\r' ]
}

@test "a large package is read in little memory" {
    mkdir -p root/boot
    head -c 20000000 /dev/urandom >root/boot/a
    cat root/boot/a root/boot/a root/boot/a >root/boot/b
    make_test_key keys maker
    APK_LEVEL=1 make_apk large.apk maker.rsa large 1-r0 noarch root
    mkdir out
    env time -f %M -o memory wisp-apk extract --keys keys -C out boot/ -f large.apk 2>/dev/null ||
        skip "no time(1) here"
    cmp out/boot/b root/boot/b
    [ "$(cat memory)" -lt 49152 ]
}
