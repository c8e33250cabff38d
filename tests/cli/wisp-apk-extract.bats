# wisp-apk extract: what it writes, what it leaves behind, and archives that attack it. The judge: bsdtar.
load ../lib/common
load ../lib/apk_fixture

@test "extract writes the files asked for, byte for byte, with two modes and nothing else" {
    fixture
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
    fixture
    mkdir -p work/etc
    echo old >victim
    ln -s ../../victim work/etc/script
    (cd work && wisp-apk extract etc/script <../linux.apk)
    [ ! -L work/etc/script ]
    cmp work/etc/script root/etc/script
    [ "$(cat victim)" = old ]
}

@test "extract does not follow a symbolic link that is already there" {
    fixture
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

@test "--if-present takes what is there, and still refuses what is no regular file" {
    fixture
    mkdir out
    wisp-apk extract --if-present -C out boot/vmlinuz boot/absent etc/absent/ -f linux.apk
    [ "$(cd out && find . -type f)" = ./boot/vmlinuz ]
    refused 1 "linux.apk: 'etc/link' is a symbolic link to '../boot/vmlinuz', not a regular file" \
        wisp-apk extract --if-present -C out etc/link -f linux.apk
    refused 2 '--if-present: means nothing to list' wisp-apk list --if-present -f linux.apk
}

@test "what is not there, or is no regular file, is refused by name" {
    fixture
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
    fixture
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

@test "with keys, what follows the last wanted file is hashed and not unpacked" {
    mkdir -p root/a root/b out twice.apk.parts broken.apk.parts
    echo early >root/a/early
    echo last >root/a/last
    head -c 3000000 /dev/urandom >root/b/large
    make_test_key keys maker
    make_apk good.apk maker.rsa p 1-r0 noarch root
    # Whoever signs damage vouches for it: behind what is wanted it is not met, before that it is.
    size=$(wc -c <good.apk.parts/data.tar.gz)
    { head -c $((size - 1000000)) good.apk.parts/data.tar.gz && head -c 1000000 /dev/zero; } >broken.apk.parts/data.tar.gz
    assemble_apk broken.apk maker.rsa p 1-r0 noarch
    run -1 gzip -t broken.apk.parts/data.tar.gz
    wisp-apk extract --keys keys -C out a/last a/early -f broken.apk
    wisp-apk extract --keys keys -C out .PKGINFO <broken.apk
    cmp out/a/early root/a/early
    cmp out/a/last root/a/last
    cmp out/.PKGINFO broken.apk.parts/control/.PKGINFO
    rm -r out/a out/.PKGINFO
    for wanted in '' '--keys keys --if-present a/absent' '--keys keys a/' '--keys keys b/large'; do
        # shellcheck disable=SC2086 # options and operands
        run -1 --separate-stderr wisp-apk extract $wanted -C out a/early -f broken.apk
        [[ $stderr == "wisp-apk: broken.apk: "* ]]
        [ -z "$(ls -A out)" ]
    done
    # What nobody signed is refused, wherever it is: a bit changed, a byte less, a byte or a member more.
    hash() { printf '%s' "$1.apk: data member has SHA-256 $(tail -c +$(($(cat good.apk.parts/{signatures,control}.tar.gz | wc -c) + 1)) "$1.apk" |
        sha256sum | cut -d ' ' -f 1), but .PKGINFO says $(sha256sum good.apk.parts/data.tar.gz | cut -d ' ' -f 1)"; }
    size=$(wc -c <good.apk)
    { head -c $((size - 1000)) good.apk && printf X && tail -c 999 good.apk; } >flipped.apk
    ! cmp -s good.apk flipped.apk || { head -c $((size - 1000)) good.apk && printf Y && tail -c 999 good.apk; } >flipped.apk
    head -c $((size - 1)) good.apk >cut.apk
    { cat good.apk && printf '\0'; } >longer.apk
    cat good.apk good.apk.parts/data.tar.gz >member.apk
    for name in flipped cut longer member; do
        refused 1 "$(hash $name)" wisp-apk extract --keys keys -C out a/early a/last -f $name.apk
        refused 1 "$(hash $name)" wisp-apk extract --keys keys -C out .PKGINFO -f $name.apk
        run -1 wisp-apk extract --keys keys -C out a/early a/last < <(cat $name.apk)
        [ -z "$(ls -A out)" ]
    done
    # The pin and the report are of the whole input.
    run -0 wisp-apk extract --keys keys --report --sha256 "$(sha256sum good.apk | cut -d ' ' -f 1)" -C out a/early -f good.apk
    [ "${lines[-2]}" = "sha256=$(sha256sum good.apk | cut -d ' ' -f 1)" ]
    [ "${lines[-1]}" = "size=$size" ]
}

@test "control characters in a name are refused, wanted or not, and list shows them" {
    mkdir out && make_test_key keys maker
    local name
    for name in $'over\nlays' $'e\e[2J' $'d\x7f'; do
        rm -rf root && mkdir -p root/boot/overlays && echo x >root/boot/overlays/a && echo x >"root/boot/overlays/$name"
        make_apk odd.apk maker.rsa odd 1-r0 noarch root
        shown=$(wisp-apk list -f odd.apk | grep 'x0a\|x1b\|x7f')
        for wanted in boot/ boot/overlays/a; do
            refused 1 "odd.apk: path '$shown' has a control character" wisp-apk extract -C out $wanted -f odd.apk
            [ -z "$(ls -A out)" ]
        done
        refused 1 "odd.apk: path '$shown' has a control character" wisp-apk verify --keys keys -f odd.apk
    done
    [ "$shown" = 'boot/overlays/d\x7f' ]
}

@test "a signal in the middle of an extraction leaves nothing, and kills" {
    mkdir out root root/folder
    head -c 3000000 /dev/urandom >root/folder/large
    make_apk large.apk '' large 1-r0 noarch root
    for wanted in folder/large '--tar out/tar folder/'; do
        for signal in INT TERM HUP; do
            rm -f pipe
            mkfifo pipe
            # shellcheck disable=SC2086 # options and an operand
            env --default-signal wisp-apk extract -C out $wanted <pipe 2>stderr &
            pid=$!
            exec 9>pipe
            head -c 2500000 large.apk >&9
            half_done() { find -L "/proc/$pid/fd" -type f -size +1000k 2>/dev/null; } # one of them has no name
            for _ in {1..500}; do
                [ -z "$(half_done)" ] || break
                sleep 0.02
            done
            [ -n "$(half_done)" ]
            kill -s "$signal" "$pid"
            status=0
            wait "$pid" || status=$?
            exec 9>&-
            [ "$status" -eq $((128 + $(kill -l "$signal"))) ]
            [ -z "$(ls -A out)" ]
        done
    done
}

# A package with names and modes of all kinds; the tree itself is in varied.
varied() {
    local long
    long=$(printf 'long%.0s' {1..20})
    mkdir -p "varied/lib/$long/$long/$long" varied/etc varied/boot
    for size in 0 1 511 512 513 300000; do head -c "$size" /dev/urandom >"varied/lib/$size"; done
    for length in 91 95 96 97 100 101 151 152; do # around what fits into a header, alone and behind a prefix
        echo "$length" >"varied/lib/$(printf "%0${length}d" 0)"
        echo "$length" >"varied/lib/$long/$(printf "%0${length}d" 0)"
    done
    echo deep >"varied/lib/$long/$long/$long/module.ko"
    echo blank >'varied/lib/with a blank'
    printf 'accent' >"varied/lib/$(printf '\303\251t\303\251')"
    for mode in 755 700 644 600 4755 666; do echo $mode >varied/etc/$mode && chmod $mode varied/etc/$mode; done
    ln -s ../lib varied/etc/link
    echo kernel >varied/boot/vmlinuz
    make_test_key keys maker
    make_apk varied.apk maker.rsa varied 1-r0 noarch varied
}

@test "descriptors that the caller left open are none of extract's business, however many" {
    fixture
    mkdir out
    mkfifo never
    cat >many.py <<'END'
import os, sys
for descriptor in range(3, 4000): os.dup2(0, descriptor)
os.execvp(sys.argv[1], sys.argv[1:])
END
    ulimit -n 4096 # an fd_set has room for 1024
    run -0 --separate-stderr python3 many.py wisp-apk extract -C out -f linux.apk boot/vmlinuz <>never
    [ -z "$output$stderr" ]
    cmp out/boot/vmlinuz root/boot/vmlinuz
}

@test "--tar puts folders into one tar, which tar and bsdtar unpack to what extract writes without it" {
    varied
    mkdir plain files gnu bsd
    wisp-apk extract --keys keys -C plain lib/ etc/ boot/vmlinuz etc/644 -f varied.apk
    (umask 077 && wisp-apk extract --keys keys -C files --tar new.tar lib/ etc/ boot/vmlinuz etc/644 -f varied.apk)
    [ "$(stat -c %a new.tar)" = 600 ]
    [ "$(cd files && find . -type f | sort)" = $'./boot/vmlinuz\n./etc/644' ]
    cp -r files/. gnu
    cp -r files/. bsd
    tar -C gnu -xf new.tar
    bsdtar -C bsd -xf new.tar
    executables() { (cd "$1" && find . -type f -perm /111 | sort); }
    for tree in gnu bsd; do
        diff -r plain $tree
        [ "$(executables plain)" = "$(executables $tree)" ]
    done
    [ "$(executables plain)" = $'./etc/4755\n./etc/700\n./etc/755' ]
    # the order is the package's, nothing is there of owners and times, and the end is marked
    bsdtar -tf new.tar | cmp - <(bsdtar -tf varied.apk | grep -E '^(lib|etc)/.*[^/]$' | grep -vxE 'etc/(link|644)')
    tar -tvf new.tar --numeric-owner --full-time >listed
    [ "$(awk '{ print $1, $2, $4, $5 }' listed | sort -u)" = "-rw------- 0/0 1970-01-01 00:00:00
-rw-r--r-- 0/0 1970-01-01 00:00:00
-rw-rw-rw- 0/0 1970-01-01 00:00:00
-rwx------ 0/0 1970-01-01 00:00:00
-rwxr-xr-x 0/0 1970-01-01 00:00:00" ]
    tail -c 1024 new.tar | cmp - <(head -c 1024 /dev/zero)
    wisp-apk list -f new.tar | cmp - <(tar --quoting-style=literal -tf new.tar)
    mkdir again
    wisp-apk extract --keys keys -C again --tar again.tar lib/ etc/ boot/vmlinuz etc/644 <varied.apk
    cmp new.tar again.tar
}

@test "what goes into the tar is checked as everything else, and nothing is left of what is refused" {
    fixture
    mkdir out tars
    into_tar=(wisp-apk extract --keys keys -C out --tar tars/new.tar)
    printf hello >hello
    for folder in first/boot second/boot sums; do mkdir -p $folder && cp hello $folder/kernel; done
    sum=$(sha1sum hello | cut -d ' ' -f 1)
    wrong=${sum//[0-9a-f]/0}
    tar --format=posix --pax-option="APK-TOOLS.checksum.SHA1:=$wrong" -cf wrong.tar sums
    refused 1 "wrong.tar: 'sums/kernel' has SHA-1 $sum, but the archive says $wrong" \
        wisp-apk extract -C out --tar tars/new.tar sums/ -f wrong.tar
    mkdir twice.apk.parts
    { apk_tar -C first boot/kernel | apk_cut && apk_tar -C second boot/kernel; } | apk_gzip >twice.apk.parts/data.tar.gz
    assemble_apk twice.apk maker.rsa twice 1-r0 noarch
    refused 1 "twice.apk: has 'boot/kernel' twice" "${into_tar[@]}" boot/ -f twice.apk
    attack link-first <<EOF
etc type=link link=$PWD/target uid=0 gid=0 mode=777
etc/evil type=file uid=0 gid=0 mode=644 contents=hello
EOF
    refused 1 "link-first.apk: has 'etc/evil' in 'etc', which is a symbolic link" "${into_tar[@]}" etc/ -f link-first.apk
    tar -P --transform='s,^hello$,lib/../../hello,' -cf climb.tar hello
    refused 1 "climb.tar: path 'lib/../../hello' has a part '..'" wisp-apk extract -C out --tar tars/new.tar lib/ -f climb.tar
    refused 1 "linux.apk: has no 'boot/absent', 'absent/'" "${into_tar[@]}" boot/absent absent/ lib/ -f linux.apk
    mkdir -p full/etc/script
    refused 2 "full/etc/script: is a folder" \
        wisp-apk extract -C full --tar tars/new.tar etc/script lib/ -f linux.apk
    size=$(wc -c <linux.apk)
    for cut in 1 9 2000; do
        run -1 "${into_tar[@]}" boot/vmlinuz lib/ < <(head -c $((size - cut)) linux.apk)
        [ -z "$(find out tars -mindepth 1)" ]
    done
    echo old >tars/new.tar
    run -1 "${into_tar[@]}" boot/vmlinuz lib/ < <(head -c $((size - 9)) linux.apk)
    [ "$(ls -A tars)" = new.tar ]
    [ "$(cat tars/new.tar)" = old ]
    [ -z "$(ls -A out)" ]
    "${into_tar[@]}" boot/vmlinuz lib/ <linux.apk
    [ "$(tar -tf tars/new.tar)" = "$(cd root && find lib -name a.ko)" ]
    [ "$(ls -A tars)" = new.tar ]
}

@test "--tar wants a folder and a place, and with --if-present something to put in" {
    fixture
    mkdir out place
    refused 2 "--tar: is for what is in folders: no PATH ends in '/'" wisp-apk extract --tar new.tar boot/vmlinuz -f linux.apk
    refused 2 '--tar: means nothing to list' wisp-apk list --tar new.tar -f linux.apk
    refused 2 'place: is a folder' wisp-apk extract -C out --tar place boot/vmlinuz lib/ -f linux.apk
    refused 2 'absent/new.tar: create: No such file or directory' \
        wisp-apk extract -C out --tar absent/new.tar boot/vmlinuz lib/ -f linux.apk
    [ -z "$(find out place -mindepth 1)" ]
    wisp-apk extract --if-present -C out --tar new.tar etc/script absent/ -f linux.apk
    [ "$(cd out && find . -type f)" = ./etc/script ]
    [ -z "$(find . -maxdepth 1 -name '*new.tar*')" ]
    wisp-apk extract --if-present -C out --tar new.tar absent/ lib/ -f linux.apk
    [ "$(tar -tf new.tar)" = "$(cd root && find lib -name a.ko)" ]
    # a folder of nothing but a link is there, and so is its tar
    attack link-only <<EOF
etc type=dir uid=0 gid=0 mode=755
etc/link type=link link=target uid=0 gid=0 mode=777
EOF
    wisp-apk extract -C out --tar empty.tar etc/ -f link-only.apk
    [ "$(wc -c <empty.tar)" = 1024 ]
    [ -z "$(tar -tf empty.tar)" ]
}

@test "per-file checksums of abuild's are checked, with or without keys" {
    mkdir out
    printf hello >hello
    sum=$(sha1sum hello | cut -d ' ' -f 1)
    tar --format=posix --pax-option="APK-TOOLS.checksum.SHA1:=$sum" -cf good.tar hello
    grep -aq "APK-TOOLS.checksum.SHA1=$sum" good.tar
    wisp-apk extract -C out hello <good.tar
    cmp out/hello hello
    wrong=${sum//[0-9a-f]/0}
    tar --format=posix --pax-option="APK-TOOLS.checksum.SHA1:=$wrong" -cf wrong.tar hello
    refused 1 "wrong.tar: 'hello' has SHA-1 $sum, but the archive says $wrong" wisp-apk extract -C out hello -f wrong.tar
    refused 1 "wrong.tar: 'hello' has SHA-1 $sum, but the archive says $wrong" wisp-apk cat hello -f wrong.tar
}

@test "absolute paths and paths that climb are refused, wanted or not" {
    fixture
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
    fixture
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
            refused 1 "$apk: has 'etc/evil' in 'etc', which is a symbolic link" wisp-apk extract -C out $path -f $apk
        done
        refused 1 "$apk: has 'etc/evil' in 'etc', which is a symbolic link" \
            wisp-apk extract --keys keys -C out etc/ -f $apk
    done
    refused 1 "link-first.apk: has 'etc/evil' in 'etc', which is a symbolic link" \
        wisp-apk extract --keys keys -C out etc/evil -f link-first.apk
    [ -z "$(ls -A out)$(ls -A target)" ]
    wisp-apk extract --keys keys -C out etc/evil -f file-first.apk # and the link behind it is not looked at
    cmp out/etc/evil evil
    [ ! -L out/etc ]
}

@test "hard links out of the archive, devices and duplicates are refused" {
    fixture
    mkdir out
    echo one >one
    ln one two
    tar -P --transform='flags=h;s,^one$,../../etc/shadow,' -cf hard.tar one two
    bsdtar -tvf hard.tar | grep -q 'two link to ../../etc/shadow$'
    for path in one two; do
        refused 1 "hard.tar: path '../../etc/shadow' has a part '..'" wisp-apk extract -C out $path -f hard.tar
    done
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
    mkdir -p first/boot second/boot twice.apk.parts
    echo one >first/boot/kernel
    echo two >second/boot/kernel
    { apk_tar -C first boot/kernel | apk_cut && apk_tar -C second boot/kernel; } | apk_gzip >twice.apk.parts/data.tar.gz
    assemble_apk twice.apk maker.rsa twice 1-r0 noarch
    for path in boot/kernel boot/; do
        refused 1 "twice.apk: has 'boot/kernel' twice" wisp-apk extract -C out $path -f twice.apk
    done
    refused 1 "twice.apk: has 'boot/kernel' twice" wisp-apk extract --keys keys -C out boot/ -f twice.apk
    refused 1 "twice.apk: has 'boot/kernel' twice" wisp-apk cat boot/kernel -f twice.apk
    [ -z "$(ls -A out)" ]
}

@test "names with escape sequences do not reach the terminal" {
    touch "$(printf 'a\033[2Jb')"
    tar -cf escape.tar a*
    run -0 wisp-apk list -f escape.tar
    [ "$output" = 'a\x1b[2Jb' ]
    refused 1 "escape.tar: path 'a\x1b[2Jb' has a control character" wisp-apk cat b -f escape.tar
}

@test "a bomb is refused in bounded time and memory" {
    # 64 KiB that expand to 64 MiB, 40 times: a file of 2.5 GiB.
    truncate -s 2560M zeros
    mkdir out
    head -c 64M /dev/zero | gzip -9 >part.gz
    { tar -cf - zeros | head -c 512 | gzip && for _ in {1..40}; do cat part.gz; done; head -c 1024 /dev/zero | gzip; } >bomb.tar.gz
    [ "$(wc -c <bomb.tar.gz)" -lt 3000000 ]
    ulimit_memory
    refused 1 "bomb.tar.gz: expands more than 100-fold, to over 1073741824 bytes" \
        timeout 60 wisp-apk extract -C out zeros -f bomb.tar.gz
    [ -z "$(ls -A out)" ]
}

@test "a folder of a million entries is refused in bounded time and memory" {
    # A thousand empty files, a thousand times: after the first of them come duplicates, which nobody asked for.
    mkdir many out
    (cd many && touch {1..1000})
    apk_tar -C many . | apk_cut | gzip >part.gz
    { for _ in {1..1001}; do cat part.gz; done; head -c 1024 /dev/zero | gzip; } >many.tar.gz
    ulimit_memory
    refused 1 "many.tar.gz: has more than 1000000 entries" timeout 60 wisp-apk extract -C out absent -f many.tar.gz
}
