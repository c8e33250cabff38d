# bats file_tags=slow
load ../lib/boot

# The very image file of a card, booted by firmware nobody here wrote. The board is tests/boards/card.json: the layout of
# the Pi's, with Debian's kernel and the file U-Boot looks for.
setup_file() {
    cd "$BATS_FILE_TMPDIR"
    wisp build -q --boards "$WISP_ROOT/tests/boards" -t card -b "$services/probe-aarch64" \
        --ip 10.0.2.15/24 --gateway 10.0.2.2
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    image=$BATS_FILE_TMPDIR/wisp-output/card.img
}

# firmware FILE OPTION...: a machine with that firmware, the image as a disk nobody can write to, and a network.
firmware() {
    local bios=$1
    shift
    port=$(free_port)
    low_port=0
    timeout 120 qemu-system-aarch64 -machine virt -cpu cortex-a76 -accel tcg -m 512 -nographic -no-reboot \
        -bios "$bios" -drive "if=none,id=sd,format=raw,readonly=on,file=$image" \
        -device virtio-blk-pci,drive=sd,bootindex=0 -netdev "user,id=net,hostfwd=tcp:127.0.0.1:$port-:8080" \
        -device virtio-net-pci,netdev=net,romfile= "$@" >console 2>&1 </dev/null 3>&- &
    machine=$!
}

@test "U-Boot boots the image to an HTTP answer" {
    firmware /usr/lib/u-boot/qemu_arm64/u-boot.bin
    answer "$port" >answer
    grep -aq 'Retrieving file: /initrd.img' console
    grep -qx 'pid: 1' answer
    grep -qx 'uid: 1000' answer
}

@test "EDK2 mounts the image and starts the kernel from it to an HTTP answer" {
    firmware /usr/share/qemu-efi-aarch64/QEMU_EFI.fd
    answer "$port" >answer
    grep -aq 'EFI stub: Loaded initrd from command line option' console
    grep -qx 'pid: 1' answer
}

@test "fsck.fat has nothing to complain of, and mtools copies every file back byte for byte" {
    tail -c +1048577 "$image" >volume
    fsck.fat -nv volume >report
    run -1 grep -iE 'warning|wrong|invalid|differ|error|bad|orphan|unused|reclaim' <(grep -v '^Checking' report)
    mkdir back
    mcopy -s -i volume :: back
    entry=$(cache_entry card)
    cmp "$entry/Image" back/Image
    cmp "$WISP_ROOT/tests/boards/extlinux.conf" back/extlinux/extlinux.conf
    printf 'arm_64bit=1\nkernel=Image\ninitramfs initrd.img followkernel\n' | cmp - back/config.txt
    printf 'loglevel=4 panic=-1 console=ttyAMA0\n' | cmp - back/cmdline.txt
    [ $(($(stat -c %s back/initrd.img) % 4)) -eq 0 ]
    gzip -dc back/initrd.img | cpio -t --quiet | grep -qx service/run
    [ "$(find back -type f | wc -l)" -eq 6 ]
}

@test "the same inputs give the same image, whatever the zone and the clock" {
    TZ=Asia/Tokyo faketime '2033-01-02' "$WISP_ROOT/wisp.sh" build -q --boards "$WISP_ROOT/tests/boards" -t card \
        -b "$services/probe-aarch64" --ip 10.0.2.15/24 --gateway 10.0.2.2
    cmp "$image" wisp-output/card.img
    cmp "$BATS_FILE_TMPDIR/wisp-output/manifest.json" wisp-output/manifest.json
}
