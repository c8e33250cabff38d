# Debian's packages as the machine's mirror has them now, by apt's own lists, which moving suites change under our feet.
# Each suite and architecture has a state folder of its own in BATS_FILE_TMPDIR.

# debian SUITE ARCHITECTURE PROGRAM ARGUMENT...: one of apt's programs, about that suite.
debian() {
    local state=$BATS_FILE_TMPDIR/apt-$1-$2 suite=$1 mirror
    local -a options=(-q -o "APT::Architecture=$2" -o "APT::Architectures::=$2" -o "Dir::State=$state"
        -o "Dir::State::lists=$state/lists" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state"
        -o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=- -o "APT::Sandbox::User=$(id -un)")
    if [ ! -d "$state" ]; then
        mkdir -p "$state/lists/partial" "$state/archives/partial"
        : >"$state/status"
        # shellcheck disable=SC2016 # apt's own format
        mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
            sed -n '/^Debian Debian /{s///p;q;}')
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$state/sources.list"
        apt-get "${options[@]}" update >"$state/log" 2>&1
    fi
    "$3" "${options[@]}" "${@:4}"
}

# newest_package SUITE ARCHITECTURE NAME-PATTERN: the last package of that suite whose name matches.
newest_package() {
    debian "$1" "$2" apt-cache pkgnames | grep -xE "$3" | sort -V | tail -n 1
}

# A board with a kernel of 16 KiB pages: the newest of the suite, since the older ones go away.
pages_board() {
    local package
    package=$(newest_package trixie arm64 'linux-image-[0-9.]+\+deb13-arm64-16k')
    [ -n "$package" ]
    mkdir -p "$BATS_FILE_TMPDIR/boards"
    cat >"$BATS_FILE_TMPDIR/boards/pages.json" <<J
{ "name": "pages", "arch": "aarch64", "page_size": 16384, "network_interface": "eth0",
  "kernel": { "source": "debian", "suite": "trixie", "package": "$package",
    "image": "boot/vmlinuz-{release}", "release": "${package#linux-image-}" },
  "modules": ["virtio_pci", "virtio_net"], "cmdline": "loglevel=4 panic=-1 console=ttyAMA0", "qemu": {} }
J
}
