# Alpine packages and repository indexes, made the way abuild makes them, by GNU tar, gzip and openssl.

# abuild takes pigz where there is one [abuild.in].
apk_gzip() {
    if command -v pigz >/dev/null; then pigz -n -9; else gzip -n -9; fi
}

# A tar as abuild writes it: pax, no owner, no times but the mtime. Operands go to tar.
apk_tar() {
    tar --format=posix --pax-option=delete=atime,delete=ctime --owner=root:0 --group=root:0 --mtime=@1700000000 \
        --sort=name --blocking-factor=1 -c "$@"
}

# Takes the end mark off: two records of zeros, and nothing else with a blocking factor of 1.
apk_cut() {
    head -c -1024
}

# make_test_key KEYDIR NAME: makes the private key NAME.rsa here and its public half KEYDIR/NAME.rsa.pub.
make_test_key() {
    mkdir -p "$1"
    openssl genrsa -out "$2.rsa" 2048 2>/dev/null
    openssl rsa -in "$2.rsa" -pubout -out "$1/$2.rsa.pub" 2>/dev/null
}

# sign_member KEY FILE [RSA|RSA256|RSA512]: the signature member for the gzip member FILE, on standard output.
sign_member() {
    local key=$1 file=$2 kind=${3:-RSA} folder
    local -A digests=([RSA]=sha1 [RSA256]=sha256 [RSA512]=sha512)
    folder=$(mktemp -d)
    openssl dgst "-${digests[$kind]}" -sign "$key" -out "$folder/.SIGN.$kind.$(basename "$key").pub" "$file"
    (cd "$folder" && apk_tar .SIGN.*) | apk_cut | apk_gzip
    rm -r "$folder"
}

# assemble_apk OUT KEY NAME VERSION ARCH [KIND]: a package around the data member OUT.parts/data.tar.gz. Lines in
# OUT.parts/pkginfo, if there are any, join its .PKGINFO; further files for the control member lie in OUT.parts/control.
# An empty KEY leaves it unsigned. What it is made of stays in OUT.parts.
assemble_apk() {
    local out=$1 key=$2 parts=$1.parts scripts
    mkdir -p "$parts/control"
    {
        printf 'pkgname = %s\npkgver = %s\narch = %s\nlicense = GPL-2.0-only\n' "$3" "$4" "$5"
        [ ! -f "$parts/pkginfo" ] || cat "$parts/pkginfo"
        printf 'datahash = %s\n' "$(sha256sum "$parts/data.tar.gz" | cut -d ' ' -f 1)"
    } >"$parts/control/.PKGINFO"
    mapfile -t scripts < <(find "$parts/control" -type f ! -name .PKGINFO -printf '%P\n' | sort)
    apk_tar -C "$parts/control" -- .PKGINFO "${scripts[@]}" | apk_cut | apk_gzip >"$parts/control.tar.gz"
    : >"$parts/signatures.tar.gz"
    [ -z "$key" ] || sign_member "$key" "$parts/control.tar.gz" "${6:-RSA}" >"$parts/signatures.tar.gz"
    cat "$parts/signatures.tar.gz" "$parts/control.tar.gz" "$parts/data.tar.gz" >"$out"
}

# make_apk OUT KEY NAME VERSION ARCH ROOT [KIND]: a package that installs what is in the folder ROOT.
make_apk() {
    mkdir -p "$1.parts"
    find "$6" -mindepth 1 -maxdepth 1 -printf '%P\0' | sort -z |
        apk_tar -C "$6" --null --verbatim-files-from --files-from=- | apk_gzip >"$1.parts/data.tar.gz"
    assemble_apk "$1" "$2" "$3" "$4" "$5" "${7:-RSA}"
}

# make_index OUT KEY APK...: a signed repository index of packages that make_apk made.
make_index() {
    local out=$1 key=$2 apk folder
    shift 2
    folder=$(mktemp -d)
    echo test >"$folder/DESCRIPTION"
    for apk; do
        printf 'C:Q1%s\n' "$(openssl dgst -sha1 -binary "$apk.parts/control.tar.gz" | openssl base64)"
        sed -n 's/^pkgname = /P:/p; s/^pkgver = /V:/p; s/^arch = /A:/p' "$apk.parts/control/.PKGINFO"
        printf 'S:%s\nT:a test\nL:GPL-2.0-only\no:test\n\n' "$(wc -c <"$apk")"
    done >"$folder/APKINDEX"
    (cd "$folder" && apk_tar DESCRIPTION APKINDEX) | apk_gzip >"$out.index"
    { sign_member "$key" "$out.index" && cat "$out.index"; } >"$out"
    rm -r "$folder" "$out.index"
}
