load ../lib/boot

# Profiles whose kernel is a local file: no network, no distribution. "local" is a machine of QEMU's, "card" has a card.
local_boards() {
    mkdir -p boards kernel
    { printf 'MZ' && head -c 14 /dev/zero && printf '\0\0\1\0\0\0\0\0' && printf '\012\0\0\0\0\0\0\0' &&
        head -c 24 /dev/zero && printf 'ARMd' && head -c 65476 /dev/zero; } >kernel/Image
    echo firmware >boards/start.elf
    common='"arch": "aarch64", "page_size": 4096, "network_interface": "eth0", "cmdline": "console=ttyAMA0",
        "kernel": { "source": "file", "path": "../kernel/Image" }'
    printf '{ "name": "local", %s, "qemu": {} }\n' "$common" >boards/local.json
    printf '{ "name": "card", %s, "boot_config": ["kernel=Image", "initramfs initrd.img followkernel"], "firmware": [{"file": "start.elf", "dest": "fw/start.elf"}] }\n' \
        "$common" >boards/card.json
}

build() { wisp build -q --boards boards -t "$1" -b "$services/hello-aarch64" --ip 10.1.2.3/24 -o "$1"; }

@test "audit holds every output of a build to its record, for QEMU and for a card" {
    local_boards
    for target in local card; do
        SOURCE_DATE_EPOCH=1700000000 build "$target"
        for result in "$target"/*; do
            case $result in *.json) continue ;; esac # the records themselves
            run -0 wisp audit "$result"
            [[ "$output" == "$result: clean, $(wc -c <"$result") bytes in "* ]]
        done
    done
    [ -f local/vmlinuz ]
    [ -f local/initrd.img ]
    [ -f card/card.img ]
}

@test "a byte that differs is put down to its owner, in all that is not contents and in what is" {
    local_boards
    build card
    was=$(od -An -v -t x1 -j 1048589 -N 1 card/card.img | tr -d ' ')
    printf x | dd of=card/card.img bs=1 seek=1048589 conv=notrunc status=none
    run -1 --separate-stderr wisp audit card/card.img
    [ "$stderr" = "wisp-audit: card/card.img: byte 1048589: differs in boot sector: is 78, must be $was" ]
    build local
    before=$(sha256sum <local/vmlinuz)
    printf x | dd of=local/vmlinuz bs=1 seek=700 conv=notrunc status=none
    after=$(sha256sum <local/vmlinuz)
    run -1 --separate-stderr wisp audit local/vmlinuz
    [ "$stderr" = "wisp-audit: local/vmlinuz: bytes 0 to $(($(wc -c <local/vmlinuz) - 1)): differ in file 'vmlinuz': sha256 is ${after%% *}, the record says ${before%% *}" ]
}
