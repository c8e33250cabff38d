// What the driver, wisp.sh, says of itself: its options are those that wisp-board reads.
#pragma once

#include <string_view>

namespace wisp {

inline constexpr std::string_view driver_usage = R"(usage: wisp.sh COMMAND [OPTION]...

commands:
  build      make what the target boots: kernel and initrd, or the image of a card
  run        build, then boot it in QEMU; ends when the machine ends
  validate   check the service and the configuration, build nothing
  fetch      fill the cache with the target's kernel, for later or for --offline
  pin        write the newest versions and their SHA-256 into your copy of
             the target's profile
  targets    list the boards there are
  inspect [--json] FILE
             show what is in an image or an initrd
  audit [--manifest FILE] [--name OUTPUT] [--json] FILE
             hold every byte of an output to its manifest.json, name the owner of what differs
  help, version

what to build:
  -t, --target NAME          the board
  -b, --binary FILE          the service: one static ELF program
  -o, --output FOLDER        where the results go (wisp-output)
  -f, --config FILE          take options from a wisp.json; those given here win
      --boards FOLDER        further board profiles, may be repeated

what the service finds (* may be repeated):
    * --arg TEXT             an argument
    * --env NAME=VALUE       a variable of its environment
    * --file SOURCE:/PATH[:MODE]
                             a file in the initrd (mode 0644)
      --user UID[:GID]       whom it runs as (1000:1000)
    * --tmpfs /PATH:SIZE     memory it may write to: bytes, or K, M or G of them
      --hostname NAME        (the target's name)
    * --ip ADDRESS/PREFIX    its address, one of each family; or dhcp (QEMU targets: 10.0.2.15/24)
    * --gateway ADDRESS      its default route, one of each family
    * --dns ADDRESS          its resolvers, at most three (the gateways; with dhcp the lease's)
      --wait-link SECONDS    how long to wait for a cable before starting all the same (10)
    * --sysctl KEY=VALUE     a setting of the kernel
    * --cap NAME[,NAME]...   capabilities it has: net_raw, sys_time ...
    * --relax NAME[,NAME]... hardening to leave out: hidepid, sysfs, rootfs, modules, kexec,
                             dmesg, kptr, bpf, sysrq, userns, ptrace, perf, keyring, io_uring,
                             seccomp
      --watchdog SECONDS     arm the watchdog, which the board must have, and give it to the service

run:
    * --port [ADDRESS:]HOST:GUEST
                             forward a port (18080:8080); HOST 0 is a free one, which is printed
    * --expect URL[=STATUS]  wait for that answer, and end with 0 when it came; the first
                             answer counts: another status ends with 1
      --timeout SECONDS      end the machine then, with status 124
      --console FILE         where the machine's console goes (standard output)
      --json                 print what happened as JSON; the console goes to standard error then,
                             unless --console names a file
      --accel NAME           auto, kvm, hvf or tcg (auto)

      --offline              never touch the network
      --allow-unpinned       take what the profile has no version or SHA-256 of
  -q, --quiet                say nothing but errors
  -v, --verbose              show the command of each step

environment: XDG_CACHE_HOME, XDG_CONFIG_HOME, TMPDIR, SOURCE_DATE_EPOCH, WISP_BOARDS, WISP_ALPINE_MIRROR
)";

} // namespace wisp
