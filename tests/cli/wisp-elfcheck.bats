load ../lib/common

# Judges: the compilers and linkers that make the subjects, readelf, modinfo, and the kernel that runs these tests.

relink16='link with -Wl,-z,max-page-size=16384'
static_ways='link it statically (C and C++: -static; Go: CGO_ENABLED=0; Rust: a -linux-musl target)'

# Programs without a library, for every machine, by clang and lld: bare MACHINE OUT [LINKER OPTION]...
bare() {
    local machine=$1 out=$2
    shift 2
    [ -e start.c ] || echo 'int word = 1; void _start(void) { for (;;) word++; }' >start.c
    clang "--target=$machine-linux-gnu" -O1 -ffreestanding -c -o "$out.o" start.c
    ld.lld "$@" -o "$out" "$out.o"
}

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    echo 'int main(void) { return 0; }' >main.c
    cc -static -o static main.c
    cc -static-pie -o static-pie main.c
    cc -o dynamic main.c
    cc -static -Wl,-z,execstack -o execstack main.c
    cc -shared -fPIC -o library.so main.c
    cc -c -o object.o main.c
}

subject() { cp "$BATS_FILE_TMPDIR/$1" .; }

# The number readelf gives for a field of its file header.
header() { readelf -hW "$2" | sed -n "s/^ *$1: *//p"; }

# readelf's account of each PT_LOAD, in decimal: number, offset, address, size in the file, size in memory, alignment.
loads() {
    local n=0 type offset address _ file memory rest
    while read -r type offset address _ file memory rest; do
        [[ $offset == 0x* ]] || continue
        [ "$type" != LOAD ] || echo $n $((offset)) $((address)) $((file)) $((memory)) $((${rest##* }))
        n=$((n + 1))
    done < <(readelf -lW "$1")
}

@test "a static program is accepted, its facts are readelf's, and it runs" {
    subject static
    ./static
    run -0 --separate-stderr wisp-elfcheck static
    align=$(loads static | cut -d ' ' -f 6 | sort -n | tail -n 1)
    count=$(loads static | wc -l)
    case $(uname -m) in
        x86_64) machine='x86-64 (62)' ;;
        aarch64) machine='aarch64 (183)' ;;
    esac
    [ "$output" = "static: static program for $machine, entry $(header 'Entry point address' static), $count segments aligned to $align, runs on 4096-byte pages" ]
    [ -z "$stderr" ]
}

@test "a static-pie is accepted and runs, with and without DF_1_PIE" {
    subject static-pie
    ./static-pie
    readelf -dW static-pie | grep -q 'FLAGS_1.*PIE'
    run -0 wisp-elfcheck static-pie
    [[ $output == "static-pie: static-pie program for "* ]]
    bare aarch64 old -pie --no-dynamic-linker
    run -0 wisp-elfcheck --arch aarch64 --page-size 65536 old
    [[ $output == "old: static-pie program for aarch64 (183), entry $(header 'Entry point address' old), "*"runs on 65536-byte pages" ]]
}

@test "what Go and the cross compiler make for aarch64 is accepted for every page size" {
    printf 'package main\nfunc main() {}\n' >main.go
    GOCACHE=$WISP_BUILD/go GO111MODULE=off CGO_ENABLED=0 GOARCH=arm64 go build -o go main.go
    aarch64-linux-gnu-gcc -static -o gcc "$BATS_FILE_TMPDIR/main.c"
    bare aarch64 lld
    for size in 4096 16384 65536; do
        for program in go gcc lld; do
            run -0 --separate-stderr wisp-elfcheck --arch aarch64 --page-size "$size" "$program"
            [[ $output == "$program: static program for aarch64 (183), "*", runs on $size-byte pages" ]]
        done
    done
}

@test "a dynamic program is refused by interpreter and libraries, with the way out" {
    subject dynamic
    interpreter=$(readelf -lW dynamic | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
    library=$(readelf -dW dynamic | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    run -1 --separate-stderr wisp-elfcheck dynamic
    [ "$stderr" = "wisp-elfcheck: dynamic: is dynamically linked: it wants the interpreter $interpreter and $library, and an image has no libraries; $static_ways" ]
    [ -z "$output" ]
}

@test "an object, a shared object, a script, an archive and text are named" {
    subject object.o
    subject library.so
    printf '#!/bin/sh\nexit 0\n' >script
    ar rcs archive.a object.o
    echo words >words
    gzip -c words >words.gz
    : >empty
    while read -r file what; do
        run -1 --separate-stderr wisp-elfcheck "$file"
        [ "$stderr" = "wisp-elfcheck: $file: $what" ]
        [ -z "$output" ]
    done <<'E'
object.o is a relocatable object (.o, .ko), not a program: link it
library.so is a shared object, not a program
script is a script (#!/bin/sh), not an ELF program
archive.a is an ar archive, not an ELF program
words is text, not an ELF program
words.gz is gzip-compressed, not an ELF program
empty is empty, not an ELF program
E
}

@test "a program for another machine is refused with both names" {
    bare x86_64 amd64
    bare riscv64 riscv
    bare i386 i386 -m elf_i386
    bare armv7a arm
    run -1 --separate-stderr wisp-elfcheck --arch aarch64 amd64
    [ "$stderr" = "wisp-elfcheck: amd64: is for x86-64 (62), the board runs aarch64 (183); build it for that (C and C++: aarch64-linux-gnu-g++ -static; Go: GOARCH=arm64)" ]
    run -1 --separate-stderr wisp-elfcheck --arch x86_64 riscv
    [ "$stderr" = "wisp-elfcheck: riscv: is for RISC-V (243), the board runs x86-64 (62); build it for that (C and C++: x86_64-linux-gnu-g++ -static; Go: GOARCH=amd64)" ]
    run -0 wisp-elfcheck --arch riscv64 riscv
    run -1 --separate-stderr wisp-elfcheck --arch aarch64 arm
    [ "${stderr_lines[0]}" = "wisp-elfcheck: arm: is a 32-bit program, the board runs 64-bit ones" ]
    [ "${stderr_lines[1]}" = "wisp-elfcheck: arm: is for ARM (40), the board runs aarch64 (183); build it for that (C and C++: aarch64-linux-gnu-g++ -static; Go: GOARCH=arm64)" ]
    [ "${#stderr_lines[@]}" -eq 2 ]
    run -1 --separate-stderr wisp-elfcheck i386
    [ "${stderr_lines[1]}" = "wisp-elfcheck: i386: is for i386 (3), boards run aarch64 (183), x86-64 (62) or RISC-V (243)" ]
}

@test "a layout for 4 KiB pages is refused for 16 KiB ones: every fault, and a relink cures it" {
    bare aarch64 small -z max-page-size=4096 # lld: text follows in the file, a page further in memory
    run -0 wisp-elfcheck --arch aarch64 small
    run -1 --separate-stderr wisp-elfcheck --arch aarch64 --page-size 16384 small
    # one line for each segment whose offset and address differ modulo 16384
    expected=$(loads small | while read -r n offset address _; do
        [ $(((offset - address) % 16384)) -eq 0 ] || echo "$n"
    done)
    [ -n "$expected" ]
    found=$(printf '%s\n' "$stderr" | sed -n "s/^wisp-elfcheck: small: segment \([0-9]*\): offset 0x[0-9a-f]* and address 0x[0-9a-f]* differ modulo 16384, the page size, so the kernel cannot map it; $relink16\$/\1/p")
    [ "$found" = "$expected" ]
    [[ $stderr == *" share the 16384-byte page at 0x"*", where the second replaces the first, which loses its contents; $relink16"* ]]
    bare aarch64 large -z max-page-size=16384
    run -0 wisp-elfcheck --arch aarch64 --page-size 16384 large
}

@test "GNU ld's text and data in one 16 KiB page: the exact segments, the page and the remedy" {
    aarch64-linux-gnu-gcc -static -Wl,-z,max-page-size=4096 -o small "$BATS_FILE_TMPDIR/main.c"
    run -0 wisp-elfcheck --page-size 4096 small
    mapfile -t places < <(loads small | while read -r _ _ address _ memory _; do
        printf '0x%x-0x%x\n' "$address" $((address + memory))
    done)
    page=$(printf '0x%x' $((${places[1]%-*} / 16384 * 16384)))
    run -1 --separate-stderr wisp-elfcheck --page-size 16384 small
    [ "$stderr" = "wisp-elfcheck: small: segments 0 (R-X, ${places[0]}) and 1 (RW-, ${places[1]}) share the 16384-byte page at $page, where the second replaces the first, which loses execute permission; $relink16" ]
}

# A program that exits with 0 only if its constants, its variables and its zeros are what they should be, laid out by
# hand: laid OUT MAX-PAGE-SIZE SEGMENT=ADDRESS... with r (constants), x (code), w (variables), z (zeros), v (variables
# and zeros behind them), s (more variables), in the order of the table; addresses in halves of a page.
laid() {
    local out=$1 page=$2 names flags sections=
    shift 2
    for segment in "$@"; do
        case $segment in
            r=*) flags=4 names='*(.rodata*)' ;;
            x=*) flags=5 names='*(.text*)' ;;
            z=*) flags=6 names='*(.bss*)' ;;
            v=*) flags=6 names='*(.data) *(.bss*)' ;;
            s=*) flags=6 names='*(.more)' ;;
            *) flags=6 names='*(.data)' ;;
        esac
        echo "${segment%=*} PT_LOAD FLAGS($flags);" >>"$out.headers"
        sections="$sections .${segment%=*}x $((host_page / 2 * ${segment#*=})) : { $names } :${segment%=*}"
    done
    echo "ENTRY(_start) PHDRS { $(cat "$out.headers") stack PT_GNU_STACK FLAGS(6); }
        SECTIONS { $sections /DISCARD/ : { *(.comment) *(.note*) *(.eh_frame) } }" >"$out.ld"
    ld -z max-page-size="$page" -T "$out.ld" -o "$out" live.o
}

@test "the kernel that runs this test runs what is accepted, and not what is refused" {
    cat >live.c <<'E'
volatile int word = 7;
volatile int more __attribute__((section(".more"))) = 9;
volatile int zeros[64];
const int constant __attribute__((section(".rodata"))) = 5;
static void leave(long status) {
#if defined(__x86_64__)
    __asm__ volatile("syscall" : : "a"(60), "D"(status));
#else
    register long x0 __asm__("x0") = status;
    register long x8 __asm__("x8") = 93;
    __asm__ volatile("svc 0" : : "r"(x0), "r"(x8));
#endif
}
void _start(void) {
    if (*(const volatile int *)&constant != 5 || ++word != 8 || ++more != 10) leave(1);
    for (int i = 0; i < 64; i++)
        if (zeros[i] != 0) leave(2);
    leave(0);
    for (;;) continue;
}
E
    cc -O1 -ffreestanding -fno-stack-protector -fno-pic -c live.c
    host_page=$(getconf PAGESIZE)
    # each its own page; constants before code, before variables; variables after variables
    laid apart "$host_page" r=2048 x=2050 w=2052 s=2054 z=2056
    laid gains "$host_page" r=2048 x=2049 w=2052 s=2054 z=2056
    laid writes "$host_page" x=2048 r=2050 w=2051 s=2054 z=2056
    laid same "$host_page" r=2048 x=2050 w=2052 s=2053 z=2056
    for program in apart gains writes same; do
        run -0 wisp-elfcheck --page-size "$host_page" "$program"
        "./$program"
    done
    # code loses its right to run, variables theirs to be written, variables their bytes, zeros theirs
    laid code "$host_page" r=2048 x=2050 w=2051 s=2054 z=2056
    laid variables "$host_page" r=2048 w=2050 x=2051 s=2054 z=2056
    laid bytes "$host_page" r=2048 x=2050 w=2052 z=2053 s=2056
    laid dirty "$host_page" r=2048 x=2050 v=2052 s=2053
    # ld writes such zeros out: make the segment's file size that of the variable, and the file's bytes behind it not zero
    poke() { printf "$1" | dd of=dirty bs=1 seek="$2" conv=notrunc status=none; }
    poke '\4\0' $((64 + 2 * 56 + 32))
    poke '\x7f' $(($(loads dirty | sed -n '3s/^[0-9]* \([0-9]*\) .*/\1/p') + 64))
    laid shifted 256 r=2048 x=2050 w=2053 s=2056 z=2058
    while read -r program what; do
        run -1 --separate-stderr wisp-elfcheck --page-size "$host_page" "$program"
        [[ $stderr == "wisp-elfcheck: $program: segment"*"$what"*"; link with -Wl,-z,max-page-size=$host_page" ]]
        run "./$program"
        [ "$status" -ne 0 ]
    done <<'E'
code which loses execute permission
variables which loses write permission
bytes which loses its contents
dirty which loses the zeros after its contents
shifted differ modulo
E
}

@test "an executable stack, a missing stack header and writable code are warnings" {
    subject execstack
    run -0 --separate-stderr wisp-elfcheck execstack
    [ "$stderr" = "wisp-elfcheck: execstack: warning: asks for an executable stack; link with -Wl,-z,noexecstack" ]
    [[ $output == "execstack: static program for "* ]]
    bare aarch64 writable --omagic -z nognustack
    run -0 --separate-stderr wisp-elfcheck writable
    [ "${stderr_lines[0]}" = "wisp-elfcheck: writable: warning: has no PT_GNU_STACK segment: the kernel's default decides whether its stack is executable" ]
    [[ ${stderr_lines[1]} == "wisp-elfcheck: writable: warning: segment 0 (RWX, 0x"*") is writable and executable" ]]
    [ "${#stderr_lines[@]}" -eq 2 ]
}

@test "jemalloc is a warning on pages over 4 KiB only" {
    echo 'const char *words(void) { return "<jemalloc>: Unsupported system page size\n"; } void _start(void) { words(); }' >start.c
    bare aarch64 allocator
    run -0 --separate-stderr wisp-elfcheck allocator
    [ -z "$stderr" ]
    run -0 --separate-stderr wisp-elfcheck --page-size 16384 allocator
    [ "$stderr" = 'wisp-elfcheck: allocator: warning: contains jemalloc, which aborts ("Unsupported system page size") unless it was built for pages of 16384 bytes or more' ]
}

@test "standard input, a pipe and the middle of a file are read as a file is" {
    subject static
    facts=$(wisp-elfcheck static)
    [ "$(wisp-elfcheck <static)" = "standard input${facts#static}" ]
    [ "$(cat static | wisp-elfcheck -)" = "standard input${facts#static}" ]
    { echo skipped && cat static; } >offset
    [ "$({ read -r _ && wisp-elfcheck; } <offset)" = "standard input${facts#static}" ]
    run -1 --separate-stderr bash -c 'yes | wisp-elfcheck' # has no end, and needs none
    [ "$stderr" = "wisp-elfcheck: standard input: is text, not an ELF program" ]
}

@test "a program of 4 GiB does not fit an initrd" {
    subject static
    truncate -s 4294967295 static
    run -0 wisp-elfcheck static
    truncate -s 4294967296 static
    run -1 --separate-stderr wisp-elfcheck static
    [ "$stderr" = "wisp-elfcheck: static: is 4294967296 bytes long, an initrd takes at most 4294967295" ]
}

@test "a program cut anywhere is refused, and never a crash" {
    bare aarch64 whole -s
    # cut before the end of its last segment; section headers after that are nobody's business
    end=$(loads whole | while read -r _ offset _ file _; do echo $((offset + file)); done | sort -n | tail -n 1)
    for ((length = 0; length < end; length += length < 400 ? 3 : 97)); do
        head -c "$length" whole >cut
        status=0
        wisp-elfcheck cut >output 2>message || status=$?
        [ "$status" -eq 1 ]
        [ ! -s output ]
        grep -q '^wisp-elfcheck: cut: is ' message || grep -q '^wisp-elfcheck: cut: segment ' message
    done
    head -c "$end" whole >cut
    run -0 wisp-elfcheck cut
}

# A module that says of itself what the arguments are.
module() {
    for record in "$@"; do
        printf '__attribute__((section(".modinfo"), used)) static const char r%d[] = "%s";\n' "$((n += 1))" "$record"
    done >module.c
    aarch64-linux-gnu-gcc -c -o "$1.ko" module.c
}

@test "--modinfo prints what readelf and modinfo read, packed or not" {
    n=0
    module license=GPL 'description=A driver: x=y' depends=a,b-c 'vermagic=6.1.0-1 SMP' 'alias=virtio:d00000001v*'
    mv license=GPL.ko driver.ko
    wisp-elfcheck --modinfo driver.ko >ours
    readelf -p .modinfo driver.ko | sed -n 's/^  \[ *[0-9a-f]*\]  //p' >theirs
    [ -s theirs ]
    cmp theirs ours
    modinfo=$(PATH=$PATH:/usr/sbin:/sbin command -v modinfo)
    [ "$(sed -n 's/^depends=//p' ours)" = "$("$modinfo" -F depends ./driver.ko)" ]
    [ "$(sed -n 's/^description=//p' ours)" = "$("$modinfo" -F description ./driver.ko)" ]
    gzip -k driver.ko && xz -k driver.ko && zstd -qk driver.ko
    for packed in driver.ko.gz driver.ko.xz driver.ko.zst; do
        wisp-elfcheck --modinfo "$packed" | cmp ours -
        wisp-elfcheck --modinfo <"$packed" | cmp ours -
    done
}

@test "a helper's status is had, also where the caller ignores its own children's" {
    n=0
    module license=GPL
    mv license=GPL.ko driver.ko
    wisp-elfcheck --modinfo driver.ko >ours
    xz driver.ko
    run -0 --separate-stderr bash -c "trap '' CHLD; exec wisp-elfcheck --modinfo driver.ko.xz"
    [ -z "$stderr" ]
    [ "$output" = "$(cat ours)" ]
}

@test "--modinfo prints a record a line, whatever is in it" {
    n=0
    module 'parm=two\nlines\033[2J'
    mv parm*.ko odd.ko
    [ "$(wisp-elfcheck --modinfo odd.ko)" = 'parm=two\x0alines\x1b[2J' ]
}

@test "--modinfo refuses what is no module, and a missing helper is named" {
    subject static
    subject object.o
    : >empty
    run -1 --separate-stderr wisp-elfcheck --modinfo static
    [ "$stderr" = "wisp-elfcheck: static: has ELF type 2, a kernel module has 1" ]
    run -1 --separate-stderr wisp-elfcheck --modinfo object.o
    [ "$stderr" = "wisp-elfcheck: object.o: has no .modinfo section: is not a kernel module" ]
    run -1 --separate-stderr wisp-elfcheck --modinfo empty
    [ "$stderr" = "wisp-elfcheck: empty: ELF header at offset 0 needs 64 bytes, the file ends at 0" ]
    xz -k object.o
    elfcheck=$(command -v wisp-elfcheck)
    run -2 --separate-stderr env PATH=/nonexistent "$elfcheck" --modinfo object.o.xz
    [ "$stderr" = "wisp-elfcheck: object.o.xz: is packed with xz, and the program xz is not here: install xz-utils" ]
    head -c 100 object.o.xz >cut.xz
    run -1 --separate-stderr wisp-elfcheck --modinfo cut.xz
    [ "$stderr" = "wisp-elfcheck: cut.xz: is damaged: xz cannot unpack it (exit status 1)" ]
}

@test "a full disk and closed streams are errors" {
    subject static
    run -2 --separate-stderr sh -c 'wisp-elfcheck static >/dev/full'
    [ "$stderr" = "wisp-elfcheck: standard output: write: No space left on device" ]
    run -2 --separate-stderr sh -c 'wisp-elfcheck static >&-'
    [ "$stderr" = "wisp-elfcheck: standard output: write: Bad file descriptor" ]
    run -2 --separate-stderr sh -c 'wisp-elfcheck <&-'
    [ "$stderr" = "wisp-elfcheck: standard input: read: Bad file descriptor" ]
    run -2 --separate-stderr sh -c 'TMPDIR=/nonexistent; export TMPDIR; cat static | wisp-elfcheck'
    [[ $stderr == "wisp-elfcheck: /nonexistent/wisp-"*": create a temporary file: No such file or directory" ]]
}

@test "wrong options and operands are usage errors" {
    run -2 --separate-stderr wisp-elfcheck --frob
    [ "$stderr" = "wisp-elfcheck: --frob: unknown option, see wisp-elfcheck --help" ]
    run -2 --separate-stderr wisp-elfcheck --arch arm64 /dev/null
    [ "$stderr" = "wisp-elfcheck: --arch: 'arm64' is none of aarch64, x86_64, riscv64" ]
    for size in 0 4095 8192 32768 4096k ''; do
        run -2 --separate-stderr wisp-elfcheck --page-size "$size" /dev/null
        [ "$stderr" = "wisp-elfcheck: --page-size: '$size' is none of 4096, 16384, 65536" ]
    done
    run -2 --separate-stderr wisp-elfcheck --modinfo --arch aarch64 /dev/null
    [ "$stderr" = "wisp-elfcheck: --arch: does not go with --modinfo" ]
    run -2 --separate-stderr wisp-elfcheck one two
    [ "$stderr" = "wisp-elfcheck: two: one FILE is enough" ]
    run -2 --separate-stderr wisp-elfcheck missing
    [ "$stderr" = "wisp-elfcheck: missing: open: No such file or directory" ]
    run -2 --separate-stderr wisp-elfcheck .
    [ "$stderr" = "wisp-elfcheck: .: open: Is a directory" ]
    run -0 wisp-elfcheck --version
    [ "$output" = "wisp-elfcheck 0.1.0" ]
    run -0 wisp-elfcheck --help
    [[ ${lines[0]} == "usage: wisp-elfcheck "* ]]
}
