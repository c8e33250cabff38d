# What `make reproduce` does at length, as far as it needs no further builds of the tools; and that it would tell.
load ../lib/boot

@test "images of fixed inputs have the golden hashes, in every surrounding" {
    run -0 "$WISP_ROOT/tests/reproduce" --short "$(dirname "$WISP_BIN")"
    [ "${lines[0]}" = "ok the golden hashes" ]
    [[ "${lines[-1]}" == *" reproduced, 0 did not" ]]
}

@test "tools that let the clock into an image are found out" {
    mkdir -p build/bin build/cache
    for tool in "$WISP_BIN"/wisp-*; do ln -s "$tool" build/bin; done
    rm build/bin/wisp-cpio
    printf '#!/bin/sh\n"%s" "$@" && case $* in *manifest*) date +%%N ;; esac\n' "$WISP_BIN/wisp-cpio" >build/bin/wisp-cpio
    chmod 755 build/bin/wisp-cpio
    run -1 "$WISP_ROOT/tests/reproduce" --short build
    [ "${lines[0]}" != "ok the golden hashes" ]
    grep -qx 'not ok the golden hashes' <<<"$output"
    grep -qx 'not ok once more' <<<"$output"
    run -1 grep -x 'ok one processor' <<<"$output"
}
