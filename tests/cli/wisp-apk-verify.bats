# wisp-apk as one who vouches: signatures, digests, indexes. The judges: openssl and bsdtar.
load ../lib/common
load ../lib/apk_fixture

@test "verify names key, digest, package and datahash of real packages" {
    run -0 wisp-apk verify --keys "$data/keys" -f "$baselayout"
    [ "$output" = "alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub sha1 alpine-baselayout-3.2.0-r23 $(
        bsdtar -xOf "$baselayout" .PKGINFO | sed -n 's/^datahash = //p')" ]
    run -0 wisp-apk verify --keys "$data/keys" -f "$pretend"
    [ "$output" = "melange.rsa.pub sha256 pretend-baselayout-1.0.0-r0 $(
        bsdtar -xOf "$pretend" .PKGINFO | sed -n 's/^datahash = //p')" ]
}

@test "packages signed over SHA-1, SHA-256 and SHA-512 verify, and openssl agrees" {
    fixture
    for kind in RSA:sha1 RSA256:sha256 RSA512:sha512; do
        make_apk "$kind.apk" maker.rsa p 1-r0 noarch root "${kind%:*}"
        run -0 wisp-apk verify --keys keys -f "$kind.apk"
        [[ $output == "maker.rsa.pub ${kind#*:} p-1-r0 "* ]]
        gzip -dc "$kind.apk.parts/signatures.tar.gz" | bsdtar -xOf - >signature
        openssl dgst "-${kind#*:}" -verify keys/maker.rsa.pub -signature signature "$kind.apk.parts/control.tar.gz"
    done
}

@test "what configures libcrypto on a machine has no say in what verifies" {
    printf '%s\n' 'openssl_conf = all' '[all]' 'providers = providers' '[providers]' 'null = null' '[null]' 'activate = 1' >none.cnf
    OPENSSL_CONF=none.cnf run -1 openssl dgst -sha256 none.cnf # there is nothing left that could
    OPENSSL_CONF=none.cnf run -0 wisp-apk verify --keys "$data/keys" -f "$baselayout"
    [[ $output == *" alpine-baselayout-3.2.0-r23 "* ]]
}

@test "the report has what a build needs, of verify and of extract" {
    fixture
    mkdir dated.apk.parts
    echo 'builddate = 1750000000' >dated.apk.parts/pkginfo
    make_apk dated.apk maker.rsa linux-test 6.1-r0 aarch64 root/
    cat >expected <<EOF
name=linux-test
version=6.1-r0
arch=aarch64
license=GPL-2.0-only
builddate=1750000000
key=maker.rsa.pub
digest=sha1
datahash=$(sha256sum dated.apk.parts/data.tar.gz | cut -d ' ' -f 1)
checksum=Q1$(openssl dgst -sha1 -binary dated.apk.parts/control.tar.gz | openssl base64)
sha256=$(sha256sum dated.apk | cut -d ' ' -f 1)
size=$(wc -c <dated.apk)
EOF
    wisp-apk verify --report --keys keys <dated.apk | cmp - expected
    mkdir out
    wisp-apk extract --report --keys keys -C out etc/ <dated.apk | cmp - expected
    wisp-apk verify --report --keys keys <linux.apk >dateless
    diff <(sed -n 's/=.*//p' expected | grep -vx builddate) <(sed -n 's/=.*//p' dateless)
    tar -cf plain.tar -C root boot/vmlinuz etc/script # digests are of what is passed over, too
    run -0 wisp-apk extract --report -C out etc/script -f plain.tar
    [ "$output" = "sha256=$(sha256sum plain.tar | cut -d ' ' -f 1)
size=$(wc -c <plain.tar)" ]
}

@test "the pin holds for the whole input, and nothing comes out otherwise" {
    fixture
    mkdir out
    pin=$(sha256sum linux.apk | cut -d ' ' -f 1)
    wisp-apk extract --keys keys --sha256 "$pin" -C out etc/script <linux.apk
    cmp out/etc/script root/etc/script
    rm -r out/etc
    other=${pin//[0-9a-f]/0}
    refused 1 "linux.apk: has SHA-256 $pin, not $other" \
        wisp-apk extract --keys keys --sha256 "$other" -C out etc/script -f linux.apk
    [ -z "$(ls -A out)" ]
    tar -cf plain.tar -C root boot/vmlinuz etc/script
    wisp-apk list --sha256 "$(sha256sum plain.tar | cut -d ' ' -f 1)" -f plain.tar
    refused 1 "plain.tar: has SHA-256 $(sha256sum plain.tar | cut -d ' ' -f 1), not $other" \
        wisp-apk list --sha256 "$other" -f plain.tar
    refused 2 "--sha256: 'abc' is not 64 lower-case hexadecimal digits" \
        wisp-apk extract --sha256 abc -C out etc/script -f linux.apk
}

@test "a signature that does not hold is refused, whichever way" {
    fixture
    make_test_key spare other
    refused 1 "standard input: is not signed" wisp-apk verify --keys keys <"$unsigned"
    mkdir none
    refused 1 "linux.apk: is signed by 'maker.rsa.pub', not by a key in none" wisp-apk verify --keys none -f linux.apk
    mkdir swapped
    cp spare/other.rsa.pub swapped/maker.rsa.pub
    refused 1 "linux.apk: does not match its signature by 'maker.rsa.pub'" wisp-apk verify --keys swapped -f linux.apk
    refused 2 "absent: open: No such file or directory" wisp-apk verify --keys absent -f linux.apk
    echo nonsense >none/maker.rsa.pub
    refused 1 "none/maker.rsa.pub: is not a public key in PEM" wisp-apk verify --keys none -f linux.apk
}

# encoded INFO PADDING-BYTES [TYPE [GARBAGE]]: what RSA is to sign, 256 bytes: type, padding, a zero, the hexadecimal
# DigestInfo and the garbage [RFC 8017, 9.2].
encoded() {
    local padding=ff hex
    [ "${3:-01}" = 01 ] || padding=aa
    hex=00${3:-01}$(printf "%0.s$padding" $(seq "$2"))00$1${4-}
    # shellcheck disable=SC2059 # the format is all there is
    printf "$(sed 's/../\\x&/g' <<<"$hex")"
}

@test "a signature holds one DigestInfo and nothing else, and openssl agrees" {
    fixture
    cp linux.apk.parts/control.tar.gz linux.apk.parts/data.tar.gz .
    sha1=$(sha1sum <control.tar.gz | cut -d ' ' -f 1) sha256=$(sha256sum <control.tar.gz | cut -d ' ' -f 1)
    as_sha1=3021300906052b0e03021a05000414 as_sha256=3031300d060960864801650304020105000420
    garbage=$(printf '%0200d' 0)
    good=0
    for case in "$as_sha1$sha1 218" "$as_sha256$sha256 202" "$as_sha1$sha1 118 01 $garbage" "$as_sha1$sha1 218 02" "$sha1 233" \
        "301f300706052b0e03021a0414$sha1 220" "$as_sha1${sha1%??}ff 218" "${as_sha1}${sha1}00 217" "$as_sha256$sha1 214"; do
        # shellcheck disable=SC2086 # the case's words
        encoded $case >block
        [ "$(wc -c <block)" -eq 256 ]
        # signing without padding is what openssl calls decrypting without it
        openssl pkeyutl -decrypt -inkey maker.rsa -pkeyopt rsa_padding_mode:none -in block -out .SIGN.RSA.maker.rsa.pub
        { apk_tar .SIGN.RSA.maker.rsa.pub | apk_cut | apk_gzip && cat control.tar.gz data.tar.gz; } >forged.apk
        if openssl dgst -sha1 -verify keys/maker.rsa.pub -signature .SIGN.RSA.maker.rsa.pub control.tar.gz >/dev/null 2>&1; then
            run -0 wisp-apk verify --keys keys -f forged.apk
            good=$((good + 1))
        else
            refused 1 "forged.apk: does not match its signature by 'maker.rsa.pub'" wisp-apk verify --keys keys -f forged.apk
        fi
    done
    [ "$good" -eq 1 ]
    head -c 255 .SIGN.RSA.maker.rsa.pub >short
    mv short .SIGN.RSA.maker.rsa.pub
    { apk_tar .SIGN.RSA.maker.rsa.pub | apk_cut | apk_gzip && cat control.tar.gz data.tar.gz; } >forged.apk
    refused 1 "forged.apk: does not match its signature by 'maker.rsa.pub'" wisp-apk verify --keys keys -f forged.apk
}

@test "one trusted signature among several is enough, and unknown kinds are passed over" {
    fixture
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
    refused 1 "new.apk: has no signature of a supported kind and size, only '.SIGN.NEW.maker.rsa.pub'" \
        wisp-apk verify --keys keys -f new.apk

    apk_tar -C signatures .SIGN.RSA512.maker.rsa.pub | apk_cut | apk_gzip >signatures.tar.gz
    cat signatures.tar.gz control.tar.gz data.tar.gz >long.apk
    refused 1 "long.apk: has no signature of a supported kind and size, only '.SIGN.RSA512.maker.rsa.pub'" \
        wisp-apk verify --keys keys -f long.apk
}

@test "a package without datahash, or with a wrong one, is refused although it is signed" {
    fixture
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
    fixture
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
    fixture
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
    fixture
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

@test "lookup finds a package in Alpine's own index, with the checksum that is there" {
    run -0 wisp-apk lookup --keys "$data/keys" git <"$index"
    bsdtar -xOf "$index" APKINDEX | awk -v RS= '/\nP:git\n/' >record
    field() { sed -n "s/^$1://p" record; }
    [ "$output" = "$(field V) $(field S) $(field C) $(field A) git-$(field V).apk" ]
}

@test "lookup --newest prints the newest of several builds, wherever it stands in the index" {
    fixture
    for version in 6.0.9-r1 6.0.10-r0 6.0.10_rc1-r3; do make_apk "$version.apk" maker.rsa p "$version" noarch root; done
    make_index APKINDEX.tar.gz maker.rsa 6.0.9-r1.apk 6.0.10-r0.apk 6.0.10_rc1-r3.apk
    run -0 wisp-apk lookup --keys keys p -f APKINDEX.tar.gz
    [ "$(printf '%s\n' "${lines[@]%% *}" | tr '\n' ' ')" = "6.0.9-r1 6.0.10-r0 6.0.10_rc1-r3 " ]
    second=${lines[1]}
    run -0 wisp-apk lookup --newest --keys keys p -f APKINDEX.tar.gz
    [ "$output" = "$second" ]
}

@test "lookup leads to the package that verifies" {
    fixture
    make_apk other.apk maker.rsa other 2-r0 aarch64 root/etc
    make_index APKINDEX.tar.gz maker.rsa other.apk linux.apk
    run -0 wisp-apk lookup --keys keys linux-test -f APKINDEX.tar.gz
    checksum=$(wisp-apk verify --report --keys keys -f linux.apk | sed -n 's/^checksum=//p')
    [ "$output" = "6.1-r0 $(wc -c <linux.apk) $checksum aarch64 linux-test-6.1-r0.apk" ]
    refused 1 "APKINDEX.tar.gz: has no package 'absent'" wisp-apk lookup --keys keys absent -f APKINDEX.tar.gz
    bsdtar -xOf APKINDEX.tar.gz APKINDEX >/dev/null
}

@test "an index that is unsigned, untrusted, cut or continued is refused" {
    fixture
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
