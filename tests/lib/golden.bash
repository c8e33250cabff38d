# Inputs for whole builds that are the same on every machine, byte for byte: programs, kernels and modules made here of
# numbers, by no compiler. Only the key that signs the package is new each time, and no image has it.

# le BYTES VALUE...: each value in little-endian.
le() {
    local bytes=$1 value i
    for value in "${@:2}"; do
        for ((i = 0; i < bytes; i++)); do
            # shellcheck disable=SC2059 # the format is the byte
            printf "\\x$(printf %02x $((value >> 8 * i & 255)))"
        done
    done
}

zeros() { head -c "$1" /dev/zero; }

# elf_ident: e_ident of a 64-bit little-endian file.
elf_ident() { printf '\177ELF\2\1\1' && zeros 9; }

# tiny_program MACHINE: a static program of one segment that exits with 0 [elf(5)]; the machine is 62 or 183.
tiny_program() {
    elf_ident
    le 2 2 "$1" && le 4 1 && le 8 0x4000b0 64 0 && le 4 0 && le 2 64 56 2 64 0 0
    le 4 1 5 && le 8 0 0x400000 0x400000 192 192 65536
    le 4 0x6474e551 6 && le 8 0 0 0 0 0 16 # PT_GNU_STACK
    case $1 in
        62) printf '\xb8\x3c\0\0\0\x31\xff\x0f\x05' && zeros 7 ;;
        183) le 4 0xd2800ba8 0xd2800000 0xd4000001 0 ;;
    esac
}

# tiny_module NAME DEPENDS RELEASE: a relocatable file with a .modinfo section and no code.
tiny_module() {
    local info="license=GPL|depends=$2|name=$1|vermagic=$3 SMP|" names='|.modinfo|.shstrtab|'
    local end=$((64 + ${#info} + ${#names}))
    elf_ident
    le 2 1 183 && le 4 1 && le 8 0 0 "$end" && le 4 0 && le 2 64 0 0 64 3 2
    printf %s "$info$names" | tr '|' '\0'
    zeros 64
    le 4 1 1 && le 8 2 0 64 "${#info}" && le 4 0 0 && le 8 1 0
    le 4 10 3 && le 8 0 0 $((64 + ${#info})) "${#names}" && le 4 0 0 && le 8 1 0
}

# arm64_kernel: an Image without an EFI stub, 4 KiB pages [booting.rst].
arm64_kernel() {
    zeros 16 && le 8 1048576 10 && zeros 24 && printf 'ARMd\0\0\0\0'
    printf 'Linux version 6.0.0-0-golden (wisp) #1 SMP\n'
    seq 60000 | tr '\n' ' '
}

# x86_kernel: a bzImage of one sector of setup [boot.rst].
x86_kernel() {
    zeros 497 && printf '\1' && zeros 2 && le 4 3125 && zeros 6 && printf '\x55\xaa\xeb\x6aHdrS\x0f\2'
    zeros 6 && printf '\x70\0' && zeros 1 && printf '\1' && zeros 36 && printf '\x7f\0' && zeros 56
    printf '6.0.0-golden (wisp) #1 SMP\0' && zeros 373
    seq 10000 19999 | tr -d '\n'
}

# golden_inputs FOLDER: programs, /init, a repository with one package, and two boards: one with all a card can have, its
# kernel in the package; one for QEMU, its kernel beside it.
golden_inputs() {
    local root=$1/root release=6.0.0-0-golden module
    local modules=$root/lib/modules/$release/kernel
    mkdir -p "$1/boards/extra" "$1/init" "$1/kernel" "$root/boot/dtbs" "$modules/net" "$modules/lib" \
        "$1/mirror/v0/main/aarch64" "$root/boot/overlays"
    tiny_program 183 | tee "$1/init/init-aarch64" >"$1/service-aarch64"
    tiny_program 62 | tee "$1/init/init-x86_64" >"$1/service-x86_64"
    x86_kernel >"$1/kernel/bzImage"
    arm64_kernel | gzip -n >"$root/boot/vmlinuz"
    tiny_module net-card bus,helper $release >"$modules/net/net-card.ko"
    tiny_module bus '' $release | gzip -n >"$modules/lib/bus.ko.gz"
    tiny_module helper bus $release >"$modules/lib/helper.ko"
    seq 3000 >"$root/boot/dtbs/board.dtb"
    for ((module = 0; module < 40; module++)); do
        seq $((module * 40)) >"$root/boot/overlays/a-longer-name,overlay-$module.dtbo"
    done
    seq 400 >"$1/boards/extra/extlinux.conf"
    (cd "$1" && make_test_key boards/keys golden)
    make_apk "$1/mirror/v0/main/aarch64/linux-golden-6.0.0-r0.apk" "$1/golden.rsa" linux-golden 6.0.0-r0 aarch64 "$root"
    cat >"$1/boards/golden-card.json" <<'J'
{ "name": "golden-card", "arch": "aarch64", "page_size": 4096, "network_interface": "eth0", "cmdline": "console=ttyAMA0",
  "kernel": { "source": "alpine", "branch": "v0", "package": "linux-golden", "version": "6.0.0-r0",
    "image": "boot/vmlinuz", "release": "6.0.0-0-golden" },
  "modules": ["net_card"], "dtb": ["boot/dtbs/board.dtb"], "overlays": "boot/overlays",
  "firmware": [{ "file": "extra/extlinux.conf", "dest": "extlinux/extlinux.conf" }],
  "boot_config": ["kernel=Image", "initramfs initrd.img followkernel"], "qemu": {} }
J
    cat >"$1/boards/golden-qemu.json" <<'J'
{ "name": "golden-qemu", "arch": "x86_64", "page_size": 4096, "network_interface": "eth0", "cmdline": "console=ttyS0",
  "kernel": { "source": "file", "path": "../kernel/bzImage" }, "qemu": {} }
J
}
