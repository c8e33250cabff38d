load ../lib/boot
load ../lib/apk
load ../lib/golden

# The Pi 5's card, from a package in the layout of Alpine's linux-rpi: a raw Image under the name vmlinuz, the device
# tree beside it, the whole overlays folder (369 of them in a current one), and an index that says which version is the
# newest, since the profile's pin is the user's to make.
setup_file() {
    cd "$BATS_FILE_TMPDIR"
    make_test_key boards/keys test
    cp "$WISP_ROOT"/boards/pi[45].json boards
    mkdir -p root/boot/overlays root/usr/share/kernel/rpi root/lib/modules/6.18.44-0-rpi/kernel/net/ipv6 mirror/v3.24/main/aarch64
    echo 6.18.44-0-rpi >root/usr/share/kernel/rpi/kernel.release
    tiny_module ipv6 '' 6.18.44-0-rpi | xz --check=crc32 >root/lib/modules/6.18.44-0-rpi/kernel/net/ipv6/ipv6.ko.xz
    { head -c 16 /dev/zero && printf '\0\0\10\0\0\0\0\0\012\0\0\0\0\0\0\0' && head -c 24 /dev/zero && printf 'ARMd' &&
        head -c 524228 /dev/urandom; } >root/boot/vmlinuz-rpi
    printf '\320\015\376\355 the device tree' >root/boot/bcm2712-rpi-5-b.dtb
    printf '\320\015\376\355 that of the 4' >root/boot/bcm2711-rpi-4-b.dtb
    for i in $(seq 366); do echo "overlay $i" >"root/boot/overlays/vc4-kms-v3d-with-a-long-name-$i.dtbo"; done
    echo map >root/boot/overlays/overlay_map.dtb
    echo d0 >root/boot/overlays/bcm2712d0.dtbo
    echo 'read me' >root/boot/overlays/README
    make_apk linux-rpi-6.18.44-r0.apk test.rsa linux-rpi 6.18.44-r0 aarch64 root
    mkdir -p bootloader/boot
    for file in start4.elf fixup4.dat start.elf bootcode.bin; do echo "$file" >"bootloader/boot/$file"; done
    make_apk raspberrypi-bootloader-1.20260521-r0.apk test.rsa raspberrypi-bootloader 1.20260521-r0 aarch64 bootloader
    make_index mirror/v3.24/main/aarch64/APKINDEX.tar.gz test.rsa linux-rpi-6.18.44-r0.apk \
        raspberrypi-bootloader-1.20260521-r0.apk
    mv ./*.apk mirror/v3.24/main/aarch64
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    export XDG_CACHE_HOME=$PWD/cache WISP_ALPINE_MIRROR=file://$BATS_FILE_TMPDIR/mirror
}

@test "pi5's card has kernel, device tree, every overlay and what the firmware reads, and fsck.fat finds no fault" {
    wisp build -q --allow-unpinned --boards "$BATS_FILE_TMPDIR/boards" -t pi5 -b "$services/hello-aarch64" \
        --ip 192.168.1.100/24 --gateway 192.168.1.1
    [ "$(find wisp-output -type f | wc -l)" -eq 3 ] # the image, manifest.json and sbom.spdx.json
    tail -c +1048577 wisp-output/pi5.img >volume
    fsck.fat -nv volume >report
    run -1 grep -iE 'warning|wrong|invalid|differ|error|bad|orphan|unused|reclaim' <(grep -v '^Checking' report)
    mkdir back
    mcopy -s -i volume :: back
    diff -r "$BATS_FILE_TMPDIR/root/boot/overlays" back/overlays
    cmp "$BATS_FILE_TMPDIR/root/boot/vmlinuz-rpi" back/Image
    cmp "$BATS_FILE_TMPDIR/root/boot/bcm2712-rpi-5-b.dtb" back/bcm2712-rpi-5-b.dtb
    printf '%s\n' Image bcm2712-rpi-5-b.dtb cmdline.txt config.txt initrd.img overlays | cmp - <(ls back)
    # [Raspberry Pi documentation, config.txt, initramfs; rpi-eeprom issue 673] one initramfs line without '=', one line of command line with the serial console last, no UART moved
    grep -qx 'initramfs initrd.img followkernel' back/config.txt
    run -1 grep enable_uart back/config.txt
    [ "$(wc -l <back/cmdline.txt)" -eq 1 ]
    grep -qE 'panic=[1-9][0-9]*.* console=serial0,115200$' back/cmdline.txt
    [ $(($(wc -c <back/initrd.img) % 4)) -eq 0 ]
    7z l wisp-output/pi5.img >listing
    [ "$(grep -c '\.dtbo$' <(7z l volume))" -eq 367 ]
}

@test "the kernel's file may lie on the card under another name, too" {
    mkdir boards
    cp -R "$BATS_FILE_TMPDIR/boards/keys" boards
    jq '.firmware = [{ "path": "boot/vmlinuz-rpi", "dest": "kernel8.img" }]' "$WISP_ROOT/boards/pi5.json" >boards/pi5.json
    wisp build -q --allow-unpinned --boards boards -t pi5 -b "$services/hello-aarch64" --ip 192.168.1.100/24
    for name in Image kernel8.img; do
        wisp-fat32 --cat "$name" wisp-output/pi5.img | cmp - "$BATS_FILE_TMPDIR/root/boot/vmlinuz-rpi"
    done
}

@test "pi4's card has that and its firmware out of the bootloader's package, and fsck.fat finds no fault" {
    wisp build -q --allow-unpinned --boards "$BATS_FILE_TMPDIR/boards" -t pi4 -b "$services/hello-aarch64" \
        --ip 192.168.1.100/24 --gateway 192.168.1.1
    tail -c +1048577 wisp-output/pi4.img >volume
    fsck.fat -nv volume >report
    run -1 grep -iE 'warning|wrong|invalid|differ|error|bad|orphan|unused|reclaim' <(grep -v '^Checking' report)
    mkdir back
    mcopy -s -i volume :: back
    diff -r "$BATS_FILE_TMPDIR/root/boot/overlays" back/overlays
    cmp "$BATS_FILE_TMPDIR/root/boot/bcm2711-rpi-4-b.dtb" back/bcm2711-rpi-4-b.dtb
    printf '%s\n' Image bcm2711-rpi-4-b.dtb cmdline.txt config.txt fixup4.dat initrd.img overlays start4.elf | cmp - <(ls back)
    grep -qx start4.elf back/start4.elf
    printf 'arm_64bit=1\nkernel=Image\ninitramfs initrd.img followkernel\n[pi4]\nenable_uart=1\n' | cmp - back/config.txt
    grep -qF '"origin": "raspberrypi-bootloader"' wisp-output/manifest.json
    wisp audit wisp-output/pi4.img >/dev/null
}

@test "the SPDX project's own validator accepts what a build writes beside its image" {
    need_pyspdxtools
    wisp build -q --allow-unpinned --boards "$BATS_FILE_TMPDIR/boards" -t pi4 -b "$services/hello-aarch64" --ip dhcp
    [ -z "$(pyspdxtools -i wisp-output/sbom.spdx.json)" ]
    [ "$(jq '[.files[].fileName] | map(select(startswith("./pi4.img/"))) | length' wisp-output/sbom.spdx.json)" -eq \
        "$(wisp-fat32 --list wisp-output/pi4.img | grep -c '^-')" ]
}

@test "inspect shows the card" {
    wisp build -q --allow-unpinned --boards "$BATS_FILE_TMPDIR/boards" -t pi5 -b "$services/hello-aarch64" --ip 192.168.1.100/24
    wisp inspect wisp-output/pi5.img >report
    grep -q '^          kernel: image, aarch64, pages of 4096 bytes' report
    grep -q '^          -rwxr-xr-x 1 0 0 [0-9]* 1970-01-01T00:00:00Z service/run$' report
    [ "$(grep -c '^file    overlays/' report)" -eq 369 ]
    wisp inspect --json wisp-output/pi5.img | jq -e 'any(.files[].kernel.page_size; . == 4096)'
}

@test "a device tree the package does not have is named" {
    mkdir boards
    cp -R "$BATS_FILE_TMPDIR/boards/keys" boards
    sed 's/bcm2712-rpi-5-b/bcm2712-rpi-6-b/' "$WISP_ROOT/boards/pi5.json" >boards/pi5.json
    run -1 --separate-stderr wisp build -q --allow-unpinned --boards boards -t pi5 -b "$services/hello-aarch64" --ip 192.168.1.100/24
    [ "$stderr" = "wisp: pi5: no package of its kernel has boot/bcm2712-rpi-6-b.dtb" ]
    [ ! -e wisp-output ]
}
