load ../lib/boot
load ../lib/apk

# A small package in Alpine's layout, behind a file:// mirror: building takes a fraction of a second.
setup_file() {
    cd "$BATS_FILE_TMPDIR"
    make_test_key boards/keys test
    mkdir -p root/boot root/usr/share/kernel/virt root/lib/modules/6.0.0-0-virt/kernel mirror/v3.24/main/aarch64
    echo 6.0.0-0-virt >root/usr/share/kernel/virt/kernel.release
    { head -c 16 /dev/zero && printf '\0\0\10\0\0\0\0\0' && printf '\012\0\0\0\0\0\0\0' &&
        head -c 24 /dev/zero && printf 'ARMd' && head -c 524228 /dev/urandom; } >root/boot/vmlinuz-virt
    for i in $(seq 200); do head -c 2000 /dev/urandom >"root/lib/modules/6.0.0-0-virt/kernel/m$i.ko"; done
    make_apk mirror/v3.24/main/aarch64/linux-virt-6.0.0-r0.apk test.rsa linux-virt 6.0.0-r0 aarch64 root
    cat >boards/small.json <<J
{ "name": "small", "arch": "aarch64", "page_size": 4096, "network_interface": "eth0", "cmdline": "console=ttyAMA0",
  "kernel": { "source": "alpine", "branch": "v3.24", "package": "linux-virt", "version": "6.0.0-r0",
    "sha256": "$(sha256sum <mirror/v3.24/main/aarch64/linux-virt-6.0.0-r0.apk | cut -d ' ' -f 1)",
    "image": "boot/vmlinuz-virt", "release": "usr/share/kernel/virt/kernel.release" },
  "boot_config": ["kernel=Image", "initramfs initrd.img followkernel"], "qemu": {} }
J
    export WISP_ALPINE_MIRROR=file://$PWD/mirror
    XDG_CACHE_HOME=$PWD/cache wisp build -q --boards boards -t small -b "$services/hello-aarch64" -o expected
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    export XDG_CACHE_HOME=$PWD/cache WISP_ALPINE_MIRROR=file://$BATS_FILE_TMPDIR/mirror
    build=("$WISP_ROOT/wisp.sh" build -q --boards "$BATS_FILE_TMPDIR/boards" -t small -b "$services/hello-aarch64")
    results='initrd.img manifest.json sbom.spdx.json small.img vmlinuz'
}

# Their last words are their status, for they are called where errexit is off.
same_as_expected() { for file in $results; do cmp "$BATS_FILE_TMPDIR/expected/$file" "$1/$file" || return 1; done; }

# whole: what has a final name is whole, whatever else there is.
whole() {
    [ ! -d "$1" ] || for file in $results; do
        [ ! -e "$1/$file" ] || cmp "$BATS_FILE_TMPDIR/expected/$file" "$1/$file" || return 1
    done
}

# milliseconds COMMAND...: how long it takes.
milliseconds() {
    local start=$EPOCHREALTIME
    "$@"
    echo $(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
}

# whole_entries: each entry of the cache that has its final name is what a build that nobody disturbed makes.
whole_entries() {
    local entry
    for entry in $(find cache -name inputs -printf '%h\n' 2>/dev/null | grep -v '/\.wisp\.'); do
        diff -r "$entry" "$BATS_FILE_TMPDIR/$entry"
    done
}

# Half of the runs have to fetch and unpack, half find the kernel in the cache; none finds its work done already.
@test "killed at 200 moments, a build leaves nothing that looks finished, and the next one is right" {
    local killed=0 status
    local -a lasts
    cp "$services/hello-aarch64" .
    build+=(-b hello-aarch64)
    lasts[0]=$(milliseconds "${build[@]}")
    touch hello-aarch64
    lasts[1]=$(milliseconds "${build[@]}")
    for ((i = 0; i < 200; i++)); do
        [ $((i % 2)) -ne 0 ] || rm -rf cache
        touch hello-aarch64
        setsid "${build[@]}" 3>&- &
        victim=$!
        sleep "$(printf '%d.%03d' 0 $((RANDOM % (lasts[i % 2] < 999 ? lasts[i % 2] : 999))))"
        kill -KILL -- "-$victim" 2>/dev/null || :
        status=0
        wait "$victim" 2>/dev/null || status=$?
        [ "$status" -ne 137 ] || killed=$((killed + 1))
        whole wisp-output
        whole_entries
        [ $((i % 20)) -ne 19 ] || { "${build[@]}" && same_as_expected wisp-output && rm -rf wisp-output; }
    done
    echo "$killed were killed in the middle" # how many that is depends on what else the machine does
    [ "$killed" -ge 40 ]
    "${build[@]}"
    same_as_expected wisp-output
}

@test "a build that is interrupted clears up behind itself" {
    for ((i = 0; i < 8; i++)); do
        setsid "${build[@]}" -o out 3>&- &
        victim=$!
        sleep "0.$(printf '%03d' $((RANDOM % 250)))"
        kill -TERM -- "-$victim" 2>/dev/null || :
        wait "$victim" || :
        [ -z "$(find cache out -name '.wisp*' 2>/dev/null)" ]
        rm -rf cache out
    done
}

# The moment that the test before meets once in hundreds: the folder is there, and nobody has been told its name.
@test "a build that is interrupted as soon as it has made a folder, whichever, clears up behind itself" {
    mkdir fake
    for program in mkdir mktemp; do
        printf '#!/bin/sh\nread -r left <%s\necho $((left - 1)) >%s\nmade=$(%s "$@") || exit\n[ "$left" -ne 1 ] || kill -TERM 0\necho "$made"\n' \
            "'$PWD/left'" "'$PWD/left'" "$(command -v "$program")" >"fake/$program"
        chmod +x "fake/$program"
    done
    local status=143 number
    for ((number = 1; status == 143; number++)); do
        rm -rf cache out
        echo "$number" >left
        status=0
        PATH=$PWD/fake:$PATH setsid -w "${build[@]}" -o out 3>&- || status=$?
        [ -z "$(find cache out -name '.wisp*' 2>/dev/null)" ]
    done
    [ "$status" -eq 0 ] # there was no further folder to make
    [ "$number" -gt 4 ]
    same_as_expected out
}

@test "builds at the same time, into one cache and one folder, all succeed and agree" {
    for i in 1 2 3 4 5 6; do
        "${build[@]}" -o "out$((i % 3))" 3>&- &
        pids[i]=$!
    done
    for i in 1 2 3 4 5 6; do wait "${pids[i]}"; done
    for i in 0 1 2; do same_as_expected "out$i"; done
    [ "$(find cache -name inputs | wc -l)" -eq 1 ]
    [ -z "$(find cache out0 out1 out2 -name '.wisp*')" ]
}

@test "a profile that changes does not meet the old entry" {
    "${build[@]}"
    cp -R "$BATS_FILE_TMPDIR/boards" boards
    sed -i 's/"qemu": {}/"modules": ["nothing"], "qemu": {}/' boards/small.json
    run -1 --separate-stderr wisp build -q --boards boards -t small -b "$services/hello-aarch64" -o other
    [[ "$stderr" == "wisp-kernel: "*nothing* ]]
    [ ! -e other/vmlinuz ]
    "${build[@]}"
    same_as_expected wisp-output
}

# sweep SCRIPT: SCRIPT in a mount namespace for disks of more and more KiB, until one is large enough; it mounts "small" at
# $kilobytes and ends with 0 once the build succeeds, with 1 when it failed as it should, with 3 otherwise.
sweep() {
    local kilobytes status=1 failures=0
    local namespace=(unshare -m)
    [ "$(id -u)" -eq 0 ] || namespace+=(-r) # everybody is root enough in a namespace of their own
    "${namespace[@]}" true 2>/dev/null || skip "no mount namespaces may be made here"
    mkdir -p small
    for ((kilobytes = 32; status == 1 && kilobytes < 16000; kilobytes += 96)); do
        status=0
        kilobytes=$kilobytes "${namespace[@]}" bash -c "small() { mount -t tmpfs -o size=\${kilobytes}k tmpfs small; }; $1" - \
            "${build[@]}" 2>stderr || status=$?
        [ "$status" -ne 1 ] || { failures=$((failures + 1)) && clear_refusal; }
    done
    echo "$failures sizes were too small, the last was $kilobytes KiB: $status $(cat stderr)"
    [ "$status" -eq 0 ]
    [ "$failures" -ge 10 ]
}

# clear_refusal: what a build said names the trouble, once.
clear_refusal() {
    grep -qE 'No space left on device|cannot be written: is the disk full.$' stderr && [ "$(wc -l <stderr)" -eq 1 ] ||
        { cat stderr && false; }
}

@test "the output's disk full at any point: a clear error, and the old output stays" {
    "${build[@]}" -o new
    "${build[@]}" -o old --ip 10.9.8.7/16
    export -f same_as_expected
    export results BATS_FILE_TMPDIR
    # shellcheck disable=SC2016 # for the shell in there
    sweep 'kilobytes=$((kilobytes + $(du -sk old | cut -f 1))) && small && cp --sparse=always old/* small || exit 3
        if "$@" -o small; then same_as_expected small || exit 3; exit 0; fi
        diff -r old small && [ -z "$(find small -name ".wisp*")" ] || exit 3
        exit 1'
}

@test "the cache's disk full at any point: a clear error, and no entry" {
    export -f same_as_expected
    export results BATS_FILE_TMPDIR
    # shellcheck disable=SC2016
    sweep 'small && export XDG_CACHE_HOME=$PWD/small || exit 3
        if "$@"; then same_as_expected wisp-output || exit 3; exit 0; fi
        [ ! -e wisp-output/vmlinuz ] && [ -z "$(find small -type f)" ] || exit 3
        exit 1'
}

@test "the results and the record are made at the same time, and either may fail: one line, its status, no result" {
    mkdir tools && cp "$WISP_BIN"/wisp-* tools
    export WISP_BIN=$PWD/tools
    "${build[@]}" -o good
    for command in cpio:-z1 fat32:--sha256 board:record; do
        tool=${command%:*}
        mv tools/wisp-$tool tools/real
        printf '#!/bin/sh\n[ "$1" != %s ] || { echo "wisp-%s: it is so" >&2 && exit 7; }\nexec "%s/tools/real" "$@"\n' \
            "${command#*:}" "$tool" "$PWD" >tools/wisp-$tool
        chmod +x tools/wisp-$tool
        run -7 --separate-stderr "${build[@]}" -o bad
        [ "$stderr" = "wisp-$tool: it is so" ]
        [ -z "$(ls -A bad)" ]
        rm tools/wisp-$tool
        run -2 --separate-stderr "${build[@]}" -o bad
        [ "$stderr" = "wisp: wisp-$tool: is not built: run make" ]
        [ -z "$(ls -A bad)" ]
        mv tools/real tools/wisp-$tool
    done
    # a record that fails without a word, as where there is no room for one
    mv tools/wisp-board tools/real
    printf '#!/bin/sh\n[ "$1" != record ] || exit 7\nexec "%s/tools/real" "$@"\n' "$PWD" >tools/wisp-board
    chmod +x tools/wisp-board
    run -7 --separate-stderr "${build[@]}" -o bad
    [ "$stderr" = "wisp: bad: the record of the build cannot be written" ]
    [ -z "$(ls -A bad)" ]
    mv tools/real tools/wisp-board
    "${build[@]}" -o bad
    same_as_expected bad
}

@test "a service that changes is compressed anew where it changed, and nowhere is it seen" {
    cp "$services/hello-aarch64" service
    head -c 1500000 /dev/urandom >>service # several chunks
    build=("$WISP_ROOT/wisp.sh" build -q --boards "$BATS_FILE_TMPDIR/boards" -t small -b service)
    "${build[@]}"
    chunks=$XDG_CACHE_HOME/wisp/.known/small/chunks
    for change in 'echo >>service' 'printf x | dd of=service bs=1 seek=700000 conv=notrunc status=none' 'echo garbage | dd of=$chunks bs=1 seek=12 conv=notrunc status=none' \
        'printf x | dd of=$chunks bs=1 seek=400000 conv=notrunc status=none' ': >$chunks' 'rm $chunks' 'rm $chunks && mkdir $chunks'; do
        eval "$change"
        echo >>service
        "${build[@]}"
        XDG_CACHE_HOME=$PWD/fresh "${build[@]}" -o anew
        diff -r wisp-output anew
        rm -rf anew
    done
}

@test "where nothing can be kept of a build it is made all the same" {
    "${build[@]}"
    for change in ': >"$known"' 'mkdir "$known" && : >"$known/small"' 'mkdir -p "$known/small/chunks"'; do
        known=$XDG_CACHE_HOME/wisp/.known
        rm -rf "$known" wisp-output
        eval "$change"
        run -0 --separate-stderr "${build[@]}"
        [ -z "$stderr" ]
        same_as_expected wisp-output
    done
}

@test "a cache entry that was damaged is noticed and made anew" {
    "${build[@]}"
    entry=$(cache_entry small)
    for damage in 'printf x | dd of=$entry/Image bs=1 seek=3000 conv=notrunc status=none' ': >$entry/Image' 'rm $entry/Image' \
        'rm $entry/kernel.info' 'rm $entry/SHA256SUMS'; do
        rm -rf wisp-output
        eval "$damage"
        run -0 --separate-stderr "${build[@]}"
        [ "$stderr" = "wisp: $entry: is damaged, and is made anew" ]
        same_as_expected wisp-output
    done
}

# unchanged_since FOLDER STAT: its files are those that stat listed.
unchanged_since() { [ "$(stat -c '%n %i %z' "$1"/*)" = "$2" ]; }

@test "with nothing changed nothing is written, and it says so" {
    "${build[@]}"
    before=$(stat -c '%n %i %z' wisp-output/*)
    run -0 --separate-stderr "${build[@]/-q/--json}"
    [ "${stderr_lines[0]}" = "wisp: wisp-output/vmlinuz is up to date" ]
    [ "${stderr_lines[2]}" = "wisp: wisp-output/small.img is up to date" ]
    unchanged_since wisp-output "$before"
    same_as_expected wisp-output
}

@test "whatever a build depends on makes it build again" {
    mkdir mine tools init
    cp "$services/hello-aarch64" mine
    cp "$WISP_BIN"/wisp-* tools
    cp "$WISP_BUILD"/init/init-aarch64 init
    cp -R "$BATS_FILE_TMPDIR/boards" boards
    echo 1 >file
    export WISP_BIN=$PWD/tools WISP_INIT=$PWD/init
    build=("$WISP_ROOT/wisp.sh" build -q --boards boards -t small -b mine/hello-aarch64 --file file:/srv/file)
    "${build[@]}"
    "${build[@]}" >again
    entry=$(cache_entry small)
    for change in 'echo 2 >file' 'touch mine/hello-aarch64' 'cp -p init/init-aarch64 i && mv i init/init-aarch64' \
        'cp -p tools/wisp-cpio t && mv t tools/wisp-cpio' 'touch $entry/Image' 'rm wisp-output/small.img' \
        'printf x >>wisp-output/initrd.img' 'rm wisp-output/manifest.json' 'sed -i s/ttyAMA0/ttyS0/ boards/small.json' \
        'build+=(--arg a)' 'export SOURCE_DATE_EPOCH=1700000000'; do
        before=$(stat -c '%n %i %z' wisp-output/*)
        "${build[@]}"
        unchanged_since wisp-output "$before"
        eval "$change"
        "${build[@]}"
        run ! unchanged_since wisp-output "$before"
        [ -s wisp-output/small.img ]
    done
    run -0 wisp audit wisp-output/small.img
}

@test "two configurations in turn, into two folders, are both up to date" {
    "${build[@]}" -o one
    "${build[@]}" -o two --hostname two
    before=$(stat -c '%n %i %z' one/* two/*)
    "${build[@]}" -o one
    "${build[@]}" -o two --hostname two
    [ "$(stat -c '%n %i %z' one/* two/*)" = "$before" ]
    # the same folder for both: what is there is the other's
    "${build[@]}" -o one --hostname two
    cmp one/initrd.img two/initrd.img
    "${build[@]}" -o one
    same_as_expected one
}

@test "damage that the file system does not know of is not recorded as right: audit finds it" {
    "${build[@]}"
    entry=$(cache_entry small)
    printf X | dd of="$entry/Image" bs=1 seek=3000 conv=notrunc status=none
    # A disk that forgets tells nobody: the list of what the files are says what it would have said.
    index=cache/wisp/.known/small/${entry##*/}
    mkdir -p "${index%/*}"
    wisp-cache look --record none "$entry" >"$index"
    run -0 --separate-stderr "${build[@]}" -o other
    [ -z "$stderr" ]
    run ! cmp "$BATS_FILE_TMPDIR/expected/vmlinuz" other/vmlinuz
    run -1 --separate-stderr wisp audit other/vmlinuz
    [[ "$stderr" == *"differ in file 'vmlinuz': sha256 is $(sha256sum <other/vmlinuz | cut -d ' ' -f 1), the record says $(
        sha256sum <"$BATS_FILE_TMPDIR/expected/vmlinuz" | cut -d ' ' -f 1)" ]]
    run -1 --separate-stderr wisp audit other/small.img
    [[ "$stderr" == *"differ in file 'Image': sha256 is "* ]]
}

@test "several builds that find an entry damaged all succeed, and one that reads a whole one keeps it" {
    "${build[@]}"
    entry=$(cache_entry small)
    for ((round = 0; round < 5; round++)); do
        printf X$round | dd of="$entry/Image" bs=1 seek=3000 conv=notrunc status=none
        pids=()
        for number in 1 2 3 4; do
            "${build[@]}" -o "out$number" --hostname "h$round" 2>"messages$number" &
            pids+=($!)
        done
        for pid in "${pids[@]}"; do wait "$pid"; done
        for number in 1 2 3 4; do
            cmp "out$number/small.img" out1/small.img
            run -0 wisp audit "out$number/small.img"
            [ -z "$(grep -v 'is damaged, and is made anew$' "messages$number")" ]
        done
        whole_entries
    done
    [ -z "$(find cache -name '.wisp*')" ]
}

@test "a damaged entry is not used offline either" {
    "${build[@]}"
    entry=$(cache_entry small)
    printf x | dd of="$entry/Image" bs=1 seek=3000 conv=notrunc status=none
    run -1 --separate-stderr "${build[@]}" --offline -o other
    [ "${stderr_lines[1]}" = "wisp: small: its kernel is not in the cache, and --offline forbids to fetch it: wisp.sh fetch --target small" ]
    [ ! -e other ]
}

@test "manifest.json names every file of the card and of the initrd" {
    "${build[@]}"
    {
        wisp-fat32 --list wisp-output/small.img | sed -n 's,^- [0-9]* [^ ]* ,small.img/,p'
        wisp-cpio --list wisp-output/initrd.img | sed -n 's,^-[^Z]*Z ,initrd.img/,p'
    } | sort >listed
    jq -r '.files[].path' wisp-output/manifest.json | sort | cmp - listed
    jq -r '.files[] | "\(.sha256)  \(.path)"' wisp-output/manifest.json | sed -n 's,small.img/Image,wisp-output/vmlinuz,p' | sha256sum --quiet -c
}
