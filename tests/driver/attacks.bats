# What takes too long under the sanitizers: every byte of an index, packages as large as a kernel's, archives that are
# larger than they look. The judge of the good ones: openssl.
load ../lib/common
load ../lib/apk_fixture

# flip FILE BYTE OUT: a copy with that byte changed.
flip() {
    local mask='\x5a'
    [ "$(od -An -tx1 -j "$2" -N 1 "$1")" != ' 5a' ] || mask='\xa5'
    cp "$1" "$3"
    printf "$mask" | dd of="$3" bs=1 seek="$2" conv=notrunc status=none
}

# part FILE FROM [TO]: the bytes from FROM up to TO.
part() { tail -c +$(($2 + 1)) "$1" | head -c $((${3:-$(wc -c <"$1")} - $2)); }

@test "openssl agrees that real packages and a real index are signed by the keys we say" {
    local file key digest
    while read -r file key digest; do
        mapfile -t members < <(grep -obUaP '\x1f\x8b\x08\x00' "$data/$file" | cut -d : -f 1)
        part "$data/$file" 0 "${members[1]}" | gzip -dc | bsdtar -xOf - >signature
        part "$data/$file" "${members[1]}" "${members[2]-}" >signed
        openssl dgst "-$digest" -verify "$data/keys/$key.rsa.pub" -signature signature signed
        [ -n "${members[2]-}" ] || continue
        run -0 wisp-apk verify --keys "$data/keys" -f "$data/$file"
        [[ $output == "$key.rsa.pub $digest "*" $(part "$data/$file" "${members[2]}" | sha256sum | cut -d ' ' -f 1)" ]]
    done <<'FILES'
alpine-baselayout-3.2.0-r23.apk alpine-devel@lists.alpinelinux.org-616ae350 sha1
pretend-baselayout-1.0.0-r0.apk melange sha256
APKINDEX.tar.gz alpine-devel@lists.alpinelinux.org-6165ee59 sha1
FILES
}

@test "an index with any one byte changed is refused, and prints nothing" {
    fixture
    make_index good.tar.gz maker.rsa linux.apk
    run -0 wisp-apk lookup --keys keys linux-test -f good.tar.gz
    size=$(wc -c <good.tar.gz)
    for ((at = 0; at < size; at++)); do
        flip good.tar.gz "$at" changed.tar.gz
        status=0
        wisp-apk lookup --keys keys linux-test -f changed.tar.gz >printed 2>said || status=$?
        [ "$status" -eq 1 ]
        [ ! -s printed ]
        grep -q '^wisp-apk: changed.tar.gz: ' said
    done
}

@test "a package as large as a kernel's is refused wherever a byte is changed, and nothing is published" {
    mkdir -p root/boot root/lib/modules/6 out
    head -c 30000000 /dev/urandom >root/boot/vmlinuz
    head -c 10000000 /dev/urandom >root/lib/modules/6/m.ko
    make_test_key keys maker
    make_apk good.apk maker.rsa linux 6-r0 aarch64 root
    wisp-apk extract --keys keys -C out boot/ lib/ -f good.apk
    cmp out/boot/vmlinuz root/boot/vmlinuz
    rm -r out/*
    size=$(wc -c <good.apk)
    signed=$(cat good.apk.parts/{signatures,control}.tar.gz | wc -c)
    for at in 0 10 300 $((signed - 9)) $((signed - 1)) "$signed" $((signed + 3)) $((signed + 9)) $((size - 9)) \
        $((size - 5)) $((size - 1)) $(shuf -i "$signed-$size" -n 12); do
        echo "byte $at"
        flip good.apk "$at" changed.apk
        run -1 --separate-stderr wisp-apk extract --keys keys -C out boot/ lib/ -f changed.apk
        [[ $stderr == "wisp-apk: changed.apk: "* ]]
        [ -z "$(ls -A out)" ]
    done
}

@test "sizes that lie or overflow are refused in a signed package, too" {
    fixture
    mkdir out
    echo contents >file
    for size in 18446744073709551615 9223372036854775807 1000000; do
        mkdir -p "$size.apk.parts"
        tar --format=posix --pax-option="size:=$size" -cf - file | apk_gzip >"$size.apk.parts/data.tar.gz"
        gzip -dc "$size.apk.parts/data.tar.gz" | grep -aq "size=$size"
        assemble_apk "$size.apk" maker.rsa p 1-r0 noarch
        refused 1 "$size.apk: 'file' has two sizes, 9 and $size" \
            wisp-apk extract --keys keys -C out file -f "$size.apk"
        refused 1 "$size.apk: 'file' has two sizes, 9 and $size" wisp-apk verify --keys keys -f "$size.apk"
    done
    [ -z "$(ls -A out)" ]
}

@test "a bomb that somebody trusted has signed is refused in bounded time and memory" {
    fixture
    mkdir -p bomb.apk.parts out
    truncate -s 1200M zeros
    tar -cf - zeros | gzip -9 >bomb.apk.parts/data.tar.gz
    assemble_apk bomb.apk maker.rsa bomb 1-r0 noarch
    [ "$(wc -c <bomb.apk)" -lt 1300000 ]
    ulimit_memory
    refused 1 "bomb.apk: expands more than 100-fold, to over 1073741824 bytes" \
        timeout 60 wisp-apk extract --keys keys -C out zeros -f bomb.apk
    [ -z "$(ls -A out)" ]
}

@test "a wanted folder with more files than any package has is refused in bounded time and memory" {
    fixture
    mkdir out
    : >empty
    seq 100001 | sed 's,.*,lib/modules/& type=file uid=0 gid=0 mode=644 contents=empty,' | attack many
    ulimit_memory
    refused 1 "many.apk: has more in the wanted folders than 100000 files or 8388608 bytes of names" \
        timeout 60 wisp-apk extract --keys keys -C out lib/modules/ -f many.apk
    [ -z "$(ls -A out)" ]
}
