# What every bats file starts from: the tools that were built come first in PATH, the work happens in the test's own
# folder, and nothing of the caller's locale, clock or configuration is left.
bats_require_minimum_version 1.5.0

WISP_ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
WISP_BUILD=${WISP_BUILD:-$WISP_ROOT/build}
WISP_BIN=${WISP_BIN:-$WISP_BUILD/bin}
PATH=$WISP_BIN:$PATH
export WISP_ROOT WISP_BUILD WISP_BIN PATH
export LC_ALL=C TZ=UTC
unset SOURCE_DATE_EPOCH XDG_CACHE_HOME NO_COLOR

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# unsanitized WHY: skips a test that tools built with sanitizers cannot take.
unsanitized() { [ -z "${WISP_SANITIZED-}" ] || skip "$1"; }

# pyspdxtools ARGUMENT...: the SPDX project's own validator.
pyspdxtools() {
    PYTHONPATH=$WISP_JUDGES/spdx-tools/usr/lib/python3/dist-packages /usr/bin/python3 \
        "$WISP_JUDGES/spdx-tools/usr/bin/pyspdxtools" "$@" 2>&1
}

# need_pyspdxtools: skips a test that stands on it where make could not get it.
need_pyspdxtools() {
    [ -e "$WISP_JUDGES/spdx-tools/usr/bin/pyspdxtools" ] || skip "Debian's moving suite did not yield python3-spdx-tools"
}
