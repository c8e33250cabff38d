# bats file_tags=slow
load ../lib/boot
load ../lib/debian

@test "raspi3b's image boots in QEMU's raspi3b machine, over its USB network" {
    mkdir -p boards firmware
    cp "$WISP_ROOT/boards/raspi3b.json" boards
    for file in bootcode.bin start.elf fixup.dat; do
        echo "the real one is on the network: $file" >"firmware/$file"
        sum=$(sha256sum <"firmware/$file" | cut -d ' ' -f 1)
        sed -i "s,\"https://[^\"]*/$file\",\"file://$PWD/firmware/$file\"\, \"sha256\": \"$sum\"," boards/raspi3b.json
    done
    boot raspi3b "$services/probe-aarch64" --boards boards
    answer "$port" >answer
    grep -qx 'pid: 1' answer
    grep -qx 'uid: 1000' answer
    # kernel and initrd of this machine are those on the card
    wisp-fat32 --cat Image wisp-output/raspi3b.img | cmp - wisp-output/vmlinuz
    wisp-fat32 --cat initrd.img wisp-output/raspi3b.img | cmp - wisp-output/initrd.img
    wisp-fat32 --cat start.elf wisp-output/raspi3b.img | cmp - firmware/start.elf
}

@test "a 16 KiB kernel boots, and what wisp-elfcheck accepts for it runs on it" {
    pages_board
    wisp-elfcheck --arch aarch64 --page-size 16384 "$services/probe-aarch64"
    boot pages "$services/probe-aarch64" --boards "$BATS_FILE_TMPDIR/boards" --allow-unpinned
    answer "$port" >answer
    grep -qx 'page size: 16384' answer
    grep -qx 'pid: 1' answer
}

@test "what wisp-elfcheck refuses for 16 KiB pages dies on them, and runs on 4 KiB pages" {
    [ -f "$BATS_FILE_TMPDIR/boards/pages.json" ] || pages_board
    cat >service.c <<'C'
#include <stdio.h>
#include <unistd.h>
int counter = 7, zeros[40000];
int main(void) { printf("alive: %d %d\n", counter, zeros[9]); fflush(stdout); return pause(); }
C
    aarch64-linux-gnu-gcc -static -Wl,-z,max-page-size=4096 -o incongruent service.c
    clang --target=aarch64-linux-gnu -static -fuse-ld=lld -Wl,-z,max-page-size=4096 \
        -Wl,-z,separate-loadable-segments -o shared service.c
    run -1 --separate-stderr wisp-elfcheck --page-size 16384 incongruent
    [[ "$stderr" == *"differ modulo 16384"* ]]
    run -1 --separate-stderr wisp-elfcheck --page-size 16384 shared
    [[ "$stderr" == *"share the 16384-byte page"* ]]
    [[ "$stderr" != *"differ modulo"* ]]
    wisp build -q --boards "$BATS_FILE_TMPDIR/boards" --allow-unpinned -t pages -b "$services/hello-aarch64"
    for program in incongruent shared; do
        wisp-elfcheck --page-size 4096 "$program"
        run -1 wisp build -q --boards "$BATS_FILE_TMPDIR/boards" -t pages -b "$program" -o refused
        # the check is right to refuse it: smuggled past the check, it dies
        swap_service wisp-output/initrd.img "$program" >initrd.img
        timeout 90 wisp-qemu --board "$BATS_FILE_TMPDIR/boards/pages.json" --kernel wisp-output/vmlinuz \
            --initrd initrd.img --accel tcg >console 2>&1 </dev/null &
        machine=$!
        died 90
        run -1 grep -q alive console
        grep -q 'Attempted to kill init! exitcode=0x0000000b' console
        # and it is only the pages: with 4 KiB it lives
        boot qemu-debian "./$program" -o "four-$program"
        for ((i = 0; i < 200; i++)); do grep -q '^alive: 7 0' console && break || sleep 0.1; done
        grep -q '^alive: 7 0' console
        stop_machine
    done
}

# swap_service INITRD PROGRAM: that initrd with another program in the place of its service: a later archive wins.
swap_service() {
    cat "$1"
    printf 'dir /service 0755 0 0\nfile /service/run %s 0755 0 0\n' "$2" | wisp-cpio -z
}
