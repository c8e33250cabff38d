# What must hold of the tree itself.
load ../lib/common

warnings=(-std=c++20 -Wall -Wextra -Wconversion -Wshadow -Werror)

headers() { (cd "$WISP_ROOT/include" && find wisp -name '*.hpp' | sort); }

# Both compilers take the same standard library, so what a header forgets to include one of them misses as well as two.
@test "every header compiles by itself" {
    compile() { echo "#include \"$1\"" | clang++ "${@:2}" -x c++ -fsyntax-only -; }
    export -f compile
    headers | xargs -P 2 -I HEADER bash -c 'compile "$@"' - HEADER "${warnings[@]}" -I"$WISP_ROOT/include" \
        -Wno-pragma-once-outside-header
}

@test "two translation units that include every header compile under both compilers, and link" {
    headers | sed 's/.*/#include "&"/' >one.cpp
    { cat one.cpp && echo 'int main() {}'; } >two.cpp
    clang++ "${warnings[@]}" -I"$WISP_ROOT/include" -fsyntax-only one.cpp
    g++ "${warnings[@]}" -I"$WISP_ROOT/include" -o both one.cpp two.cpp -lcrypto -lz -ldeflate -pthread
    ./both
}

@test "only tool.hpp prints, exits or reads the environment" {
    run grep -lE '\b(printf|fprintf|puts|fputs|exit|_Exit|abort|getenv|perror)\(|<iostream>' -r "$WISP_ROOT/include"
    [ "$output" = "$WISP_ROOT/include/wisp/tool.hpp" ]
}

@test "the library does not include the tools, init or the tests" {
    run -1 grep -rnE '#include "(\.\.|tools|init|tests)' "$WISP_ROOT/include"
    run -1 grep -rnE '#include "wisp/' "$WISP_ROOT/init"
}

@test "/init has at most 32 KiB, by g++ and by clang++, without a warning" {
    for compiler in g++ clang++; do
        case $compiler in
            g++) set -- ;;
            *) set -- INIT_CXX_aarch64='clang++ --target=aarch64-linux-gnu' INIT_CXX_x86_64='clang++ --target=x86_64-linux-gnu' ;;
        esac
        [ -z "$(make -s -C "$WISP_ROOT" BUILD="$PWD/$compiler" "$@" init 2>&1 >/dev/null)" ]
        for init in "$compiler"/init/init-*; do [ "$(stat -c %s "$init")" -le 32768 ]; done
    done
    [ "$(echo */init/init-* | wc -w)" -eq 4 ]
}

@test "every tool answers --help and --version, and has a manual page that man reads without a warning" {
    for main in "$WISP_ROOT"/tools/*/main.cpp; do
        tool=$(basename "$(dirname "$main")")
        run -0 "$tool" --version
        [ "$output" = "$tool $(sed -n 's/.*version = "\(.*\)";/\1/p' "$WISP_ROOT/include/wisp/version.hpp")" ]
        run -0 "$tool" --help
        [[ ${lines[0]} == "usage: $tool "* ]]
        page=$WISP_ROOT/tools/$tool/$tool.1
        [ -z "$(mandoc -T lint -W warning "$page" 2>&1)" ]
        # every option that --help names is in the page
        for option in $(grep -oE -- '--[a-z][a-z0-9-]+' <<<"$output" | sort -u); do
            sed 's/\\-/-/g' "$page" | grep -qE -- "Fl -${option#--}( |\$)" || { echo "$tool.1: $option" && false; }
        done
    done
    mandoc -T lint -W error "$WISP_ROOT"/tools/*.1 "$WISP_ROOT"/tools/*/*.1
}

@test "shellcheck has nothing to say" {
    cd "$WISP_ROOT"
    shellcheck wisp.sh .ci/setup .ci/run tests/judges/* examples/demo tests/lib/injector tests/run tests/unpack-debs bench/peer
    shellcheck -x tests/reproduce bench/data bench/run bench/boot bench/instructions
    # bats stops at a cd that fails; its variables and functions cross files
    shellcheck -S warning -s bash -x -e SC2154,SC2030,SC2031,SC2034,SC2164,SC2238,SC2120 tests/*/*.bats tests/lib/*.bash
}

@test "the README's library example compiles and writes an initrd that GNU cpio reads" {
    sed -n '/^```cpp/,/^```/p' "$WISP_ROOT/README.md" | sed '/^```/d' >example.cpp
    [ "$(wc -l <example.cpp)" -lt 30 ]
    g++ "${warnings[@]}" -I"$WISP_ROOT/include" -o example example.cpp -lcrypto -lz -ldeflate -pthread
    echo service >service
    ./example service >initrd.img
    gzip -dc initrd.img | cpio -t --quiet >list
    grep -qx init list
}

@test "no registry's host name, no path of a machine, nothing left to do, no source that is not to be had" {
    cd "$WISP_ROOT"
    run -1 git grep -nE '(deb|snapshot|security|ftp)\.debian\.org|registry\.npmjs|/work/(main|shared)|[" =]/root/' -- . ':!tests/house/house.bats'
    run -1 git grep -nwE 'TODO|FIXME|XXX' -- . ':!tests/house/house.bats' ':!LICENSE'
    run -1 git grep -nwE 'SPEC|FACTS' -- . ':!tests/house/house.bats'
}

@test "install puts everything in its place, the installed wisp works, and uninstall leaves nothing" {
    make -s -C "$WISP_ROOT" install PREFIX=/usr DESTDIR="$PWD/stage" BUILD="$WISP_BUILD"
    run -0 ./stage/usr/bin/wisp version
    run -0 ./stage/usr/bin/wisp targets
    [[ $output == *qemu-debian* ]]
    [ -f stage/usr/share/man/man1/wisp-cpio.1 ]
    [ -f stage/usr/share/man/man1/wisp.1 ]
    [ -f stage/usr/include/wisp/cpio.hpp ]
    make -s -C "$WISP_ROOT" uninstall PREFIX=/usr DESTDIR="$PWD/stage" BUILD="$WISP_BUILD"
    [ -z "$(find stage -type f)" ]
}

@test "building and testing leave no untracked file" {
    git -C "$WISP_ROOT" status --porcelain --untracked-files=all --ignored >status
    run -1 grep -E '^(\?\?|!!)' <(grep -vE '^!! (build|wisp-output)/' status)
}
