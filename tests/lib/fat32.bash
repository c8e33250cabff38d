# What the wisp-fat32 tests share. The judges are fsck.fat, mtools, 7-Zip and mkfs.fat.
export MTOOLSRC=/dev/null
PATH=$PATH:/usr/sbin:/sbin

# manifest_of FOLDER: a manifest of all that is in it, without the folder itself.
manifest_of() {
    find "$1" -mindepth 1 \( -type d -printf 'dir %P 0755 0 0\n' -o -type f -printf "file %P $1/%P 0644 0 0\n" \) |
        LC_ALL=C sort -k2,2
}

# is_clean VOLUME: fsck.fat says nothing but its name and its count. Its status alone is no proof: it is 0 for a wrong
# checksum of a long name.
is_clean() {
    fsck.fat -n "$1" >fsck.out 2>&1
    cat fsck.out
    [ "$(wc -l <fsck.out)" -eq 2 ]
    grep -q '^fsck.fat ' fsck.out
    grep -Eq "^$1: [0-9]+ files, [0-9]+/[0-9]+ clusters$" fsck.out
}

# volume_of IMAGE VOLUME: the partition that starts at 1 MiB as a file of its own.
volume_of() {
    dd if="$1" of="$2" bs=1M skip=1 conv=sparse status=none
}

# holds IMAGE FOLDER: mtools and 7-Zip find in the image's partition what is in the folder, and nothing else.
holds() {
    rm -rf by-mtools by-7z volume
    volume_of "$1" volume
    is_clean volume
    mkdir by-mtools
    LC_ALL=C.UTF-8 mcopy -s -n -Q -i "$1@@1M" '::*' by-mtools
    diff -r "$2" by-mtools
    holds_by_7z volume "$2"
}

holds_by_7z() {
    rm -rf by-7z
    LC_ALL=C.UTF-8 7z x -tfat -y -oby-7z "$1" >7z.out || { cat 7z.out; return 1; }
    diff -r "$2" by-7z
}

# number FILE OFFSET BYTES: a little-endian number.
number() {
    od -An -v -t "u$3" -j "$2" -N "$3" --endian=little "$1" | tr -d ' '
}

# patch FILE OFFSET BYTE...: overwrites bytes given in hexadecimal.
patch() {
    local file=$1 at=$2
    shift 2
    printf %b "$(printf '\\x%s' "$@")" | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
}

# in_pieces IMAGE KIB [lost]: a volume that size with one file, in every other cluster; or those clusters and no file.
# Prints how many they are.
in_pieces() {
    mkfs.fat -C -F 32 -s 1 -f 1 "$1" "$2" >/dev/null
    python3 - "$@" <<'P'
import array, struct, sys

with open(sys.argv[1], "r+b") as volume:
    boot = volume.read(512)
    reserved, fats = struct.unpack_from("<HB", boot, 14)
    sectors, fat_sectors = struct.unpack_from("<II", boot, 32)
    data = reserved + fats * fat_sectors
    taken = range(3, sectors - data + 2, 2)
    fat = array.array("I", bytes(4 * (sectors - data + 2)))
    fat[:3] = array.array("I", [0x0FFFFFF8, 0x0FFFFFFF, 0x0FFFFFFF])
    for cluster in taken:
        fat[cluster] = cluster + 2
    fat[taken[-1]] = 0x0FFFFFFF
    if sys.byteorder == "big":
        fat.byteswap()
    volume.seek(reserved * 512)
    volume.write(fat)
    if len(sys.argv) < 4:
        volume.seek(data * 512)
        volume.write(struct.pack("<11sB8xHHHHI", b"PIECES  BIN", 0x20, taken[0] >> 16, 0, 0, taken[0] & 0xFFFF, len(taken) * 512))
print(len(taken))
P
}
