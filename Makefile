# wisp: one static binary becomes a bootable machine. `make help` says what there is to make.

# Compiler and flags. CXXFLAGS and LDFLAGS are the user's and come last, so they win.
CXX       = g++
CXXFLAGS  = -O2 -g
# After CXXFLAGS, for the unit tests: optimising them further costs more than it saves.
UNIT_CXXFLAGS = -O1 -g1
CPPFLAGS  =
LDFLAGS   =
# Where everything that is built goes; two configurations need two of these.
BUILD     = build
# Where `make install` puts things; DESTDIR is put in front for packagers.
PREFIX    = /usr/local
DESTDIR   =
# V=1 prints whole commands.
V         =
# The compilers of /init, one per architecture. Any g++ or clang++ that targets Linux will do.
INIT_CXX_x86_64  = $(if $(filter x86_64,$(HOST_ARCH)),$(CXX),x86_64-linux-gnu-g++)
INIT_CXX_aarch64 = $(if $(filter aarch64 arm64,$(HOST_ARCH)),$(CXX),aarch64-linux-gnu-g++)

# One name for one folder: what depends on what is written down under it.
override BUILD := $(BUILD:$(CURDIR)/%=%)
# Where this is Linux, the host compiler makes its own architecture's programs.
HOST_ARCH := $(if $(filter Linux,$(shell uname -s)),$(shell uname -m))
VERSION   := $(shell sed -n 's/.*version = "\(.*\)";/\1/p' include/wisp/version.hpp)
TOOLS     := $(patsubst tools/%/main.cpp,%,$(wildcard tools/*/main.cpp))
INIT_ARCHES := aarch64 x86_64
BOARDS    := $(wildcard boards/*.json)
MANUALS   := tools/wisp.1 $(wildcard tools/*/*.1)

WARNINGS  = -Wall -Wextra -Wconversion -Wshadow
FLAGS     = -std=c++20 $(WARNINGS) -Iinclude -MMD -MP $(ISAL) $(CPPFLAGS) $(CXXFLAGS)
# -DWISP_ISAL where the compiler and its linker find ISA-L, which inflates faster than zlib; ISAL= asks for zlib.
ISAL     := $(shell echo 'int main() {}' | $(CXX) $(CPPFLAGS) $(CXXFLAGS) -x c++ -include isa-l/igzip_lib.h - \
                -o /dev/null $(LDFLAGS) -lisal 2>/dev/null && echo -DWISP_ISAL)
LIBS      = -lcrypto -lz -ldeflate $(if $(ISAL),-lisal) -pthread
# A third less time to start, where the platform has them as archives.
LIBS     += $(if $(filter Linux,$(shell uname -s)),-static-libstdc++ -static-libgcc)
# 64 KiB between segments: the same file runs on kernels of 4, 16 and 64 KiB pages. Nothing in it is relocated or unwound.
INIT_FLAGS = -std=c++20 $(WARNINGS) -fomit-frame-pointer -ffreestanding -nostdlib -static -fno-pic \
             -fno-exceptions -fno-rtti -fno-stack-protector -fno-unwind-tables -fno-asynchronous-unwind-tables \
             -fno-threadsafe-statics -fno-builtin -fno-ident -fmerge-all-constants -Wl,-z,max-page-size=65536 \
             -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,-z,noexecstack -Wl,--build-id=none -s
# Shorter code: 32 KiB is all /init may have. It is one translation unit, and a compiler makes more of it when told so;
# everything in it is within the 1 MiB that one instruction of aarch64 reaches.
INIT_SMALL = $(if $(findstring clang,$(shell $(1) --version 2>/dev/null)),-Oz -flto -fuse-ld=lld,-Os -fwhole-program)
INIT_FLAGS_x86_64 = $(call INIT_SMALL,$(INIT_CXX_x86_64))
INIT_FLAGS_aarch64 = $(call INIT_SMALL,$(INIT_CXX_aarch64)) -mcmodel=tiny

Q        := $(if $(V),,@)
say       = $(if $(V),,@printf '%-6s %s\n' '$(1)' '$(2)')

PROGRAMS  = $(TOOLS:%=$(BUILD)/bin/%)
INITS     = $(INIT_ARCHES:%=$(BUILD)/init/init-%)
UNIT_SRC := $(wildcard tests/unit/*.cpp)
UNIT_OBJ  = $(UNIT_SRC:%.cpp=$(BUILD)/%.o)

.PHONY: all tools init unit demo test sanitized reproduce bench instructions judges services fuzzers install uninstall clean help
.DELETE_ON_ERROR:

all: tools init ## the tools and both inits

tools: $(PROGRAMS)

init: $(INITS)

$(BUILD)/bin/%: tools/%/main.cpp $(BUILD)/flags
	$(call say,CXX,$@)
	@mkdir -p $(@D) $(BUILD)/dep
	$(Q)$(CXX) $(FLAGS) -MF $(BUILD)/dep/$*.d -o $@ $< $(LDFLAGS) $(LIBS)

$(BUILD)/init/init-%: init/main.cpp $(wildcard init/*.hpp) $(BUILD)/flags
	$(call say,INIT,$@)
	@mkdir -p $(@D)
	$(Q)$(INIT_CXX_$*) $(INIT_FLAGS) $(INIT_FLAGS_$*) -o $@ $<

$(BUILD)/tests/unit/%.o: tests/unit/%.cpp $(BUILD)/flags
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(FLAGS) $(UNIT_CXXFLAGS) -I. -c -o $@ $<

$(BUILD)/tests/unit/run: $(UNIT_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CXX) $(FLAGS) -o $@ $^ $(LDFLAGS) $(LIBS)

unit: $(BUILD)/tests/unit/run

# Changes when the flags do, so changed flags rebuild everything.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CXX) $(FLAGS) $(LDFLAGS) $(LIBS) $(INIT_CXX_x86_64) $(INIT_CXX_aarch64) $(INIT_FLAGS)' | \
	    cmp -s - $@ || echo '$(CXX) $(FLAGS) $(LDFLAGS) $(LIBS) $(INIT_CXX_x86_64) $(INIT_CXX_aarch64) $(INIT_FLAGS)' >$@
FORCE:

# ---- the demo --------------------------------------------------------------------------------------------------

demo: ## set up, build, boot a service in QEMU and print its HTTP answer
	@.ci/setup demo
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/services/hello-aarch64
	@WISP_BIN=$(abspath $(BUILD))/bin WISP_INIT=$(abspath $(BUILD))/init examples/demo $(BUILD)/services/hello-aarch64

# ---- tests -----------------------------------------------------------------------------------------------------

SERVICES = $(addprefix $(BUILD)/services/,hello-aarch64 hello-x86_64 probe-aarch64 probe-aarch64-pie probe-x86_64 \
             probe-go-aarch64 ends-aarch64 ends-x86_64 witness-aarch64 witness-x86_64 escape-aarch64 escape-x86_64 \
             stopwatch-aarch64 stopwatch-x86_64 minimal-aarch64 minimal-x86_64 netup rogue-dhcpd)

test: ## set up and run every test
	@.ci/setup test
	@$(MAKE) --no-print-directory -j2 all unit sanitized judges services fuzzers $(BUILD)/bench/race
	@AARCH64_CC='$(INIT_CXX_aarch64)' tests/run $(BUILD)

# What is made with sanitizers.
SANITIZED = tools unit

sanitized: ## the tools and unit tests once more, by clang++ with ASan and UBSan and with zlib, in BUILD/san
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/san CXX=clang++ ISAL= \
	    CXXFLAGS='-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all' $(SANITIZED)

# The tools by each compiler and level, by which no byte of what they make may differ; /init is the same for all.
VARIANTS = g++-O0 clang++-O0 clang++-O2 aarch64-O2
SYSROOT  = $(abspath $(BUILD))/sysroot-arm64/usr
# Static, so that they run without aarch64's libraries; ISA-L's is not to be had so. The linker warns of what a static
# libcrypto might look up at run time, and wisp never has it do.
AARCH64_TOOLS = CXX=aarch64-linux-gnu-g++ ISAL= CXXFLAGS='-O2 -isystem $(SYSROOT)/include/aarch64-linux-gnu -isystem \
                  $(SYSROOT)/include' LDFLAGS='-static -L$(SYSROOT)/lib/aarch64-linux-gnu'

reproduce: ## build all targets by other builds of the tools and in other surroundings: the same bytes
	@.ci/setup test
	@$(MAKE) --no-print-directory -j2 all services sanitized SANITIZED=tools $(VARIANTS:%=variant-%)
	@tests/reproduce $(BUILD)

variant-aarch64-O2: $(BUILD)/sysroot-arm64
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/variants/aarch64-O2 $(AARCH64_TOOLS) tools

variant-%:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/variants/$* CXX=$(firstword $(subst -, ,$*)) \
	    CXXFLAGS=-$(lastword $(subst -, ,$*)) tools

$(BUILD)/sysroot-arm64: tests/unpack-debs
	$(call say,FETCH,$@)
	$(Q)$< arm64 - $@ libdeflate-dev libssl-dev zlib1g-dev
	$(Q)touch $@

judges: $(BUILD)/judges/gen_init_cpio $(BUILD)/judges/spdx-tools

# Debian has the validator of SPDX documents in no release yet; all it needs but these two is in this one. A suite that
# moves may be out of reach or have moved on, and what has no judge then says so when it skips.
$(BUILD)/judges/spdx-tools: tests/unpack-debs
	$(call say,FETCH,$@)
	@mkdir -p $(@D)
	$(Q)$< all sid $(abspath $@) python3-spdx-tools python3-beartype || mkdir -p $@

$(BUILD)/judges/gen_init_cpio: tests/judges/gen_init_cpio
	$(call say,JUDGE,$@)
	@mkdir -p $(@D)
	$(Q)$< $(abspath $@)

fuzzers: $(patsubst tests/fuzz/%.cpp,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.cpp))

$(BUILD)/fuzz/%: tests/fuzz/%.cpp $(BUILD)/flags
	$(call say,FUZZ,$@)
	@mkdir -p $(@D) $(BUILD)/dep
	$(Q)clang++ $(filter-out -DWISP_ISAL,$(FLAGS)) -O1 -g1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I. \
	    -MF $(BUILD)/dep/$*.d -o $@ $< $(LDFLAGS) $(filter-out -lisal,$(LIBS))

services: $(SERVICES)

$(BUILD)/services/hello-%: examples/hello.cpp
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(INIT_CXX_$*) -std=c++20 -O2 -static -s -o $@ $<

$(BUILD)/services/probe-%-pie: tests/services/probe.cpp
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(INIT_CXX_$*) -std=c++20 -O2 -static-pie -s -o $@ $<

$(BUILD)/services/probe-go-%: tests/services/probe.go
	$(call say,GO,$@)
	@mkdir -p $(@D)
	$(Q)CGO_ENABLED=0 GOARCH=$(subst aarch64,arm64,$(subst x86_64,amd64,$*)) GOFLAGS=-mod=mod GO111MODULE=off \
	    GOCACHE=$(abspath $(BUILD))/go go build -trimpath -ldflags '-s -w' -o $@ $<

# The network part of /init for the host, flags and all.
$(BUILD)/services/netup: tests/services/netup.cpp $(wildcard init/*.hpp) $(BUILD)/flags
	$(call say,INIT,$@)
	@mkdir -p $(@D)
	$(Q)$(INIT_CXX_$(HOST_ARCH)) $(INIT_FLAGS) $(INIT_FLAGS_$(HOST_ARCH)) -I. -o $@ $<

$(BUILD)/services/rogue-dhcpd: tests/services/rogue-dhcpd.cpp init/dhcp_message.hpp
	$(call say,CXX,$@)
	@mkdir -p $(@D) $(BUILD)/dep
	$(Q)$(CXX) $(FLAGS) -I. -MF $(BUILD)/dep/rogue-dhcpd.d -o $@ $<

define service # NAME: tests/services/NAME.cpp, static
$$(BUILD)/services/$(1)-%: tests/services/$(1).cpp
	$$(call say,CXX,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(INIT_CXX_$$*) -std=c++20 $$(WARNINGS) -O2 -static -s -o $$@ $$<
endef
$(foreach name,ends probe witness escape stopwatch minimal,$(eval $(call service,$(name))))

# ---- benchmarks ------------------------------------------------------------------------------------------------

bench: ## measure beside the tools people use today: a table, and BUILD/bench/results.json; SHORT=1: under two minutes
	@.ci/setup bench
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/services/hello-aarch64 $(BUILD)/bench/race $(BUILD)/bench/minimal-init
	@AARCH64_CC='$(INIT_CXX_aarch64)' bench/run $(if $(SHORT),--short) $(BUILD)

instructions: ## compare the tools' instruction counts with bench/instructions.txt; RECORD=1 writes it
	@.ci/setup bench
	@$(MAKE) --no-print-directory -j2 tools
	@bench/instructions $(if $(RECORD),--record) $(BUILD)

$(BUILD)/bench/race: bench/race.cpp $(BUILD)/flags
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(FLAGS) -MF $(BUILD)/dep/race.d -o $@ $< $(LDFLAGS)

$(BUILD)/bench/minimal-init: bench/minimal_init.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(INIT_CXX_aarch64) -x c -Os -Wall -Wextra -ffreestanding -nostdlib -static -fno-stack-protector \
	    -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,max-page-size=4096 -s -o $@ $<

# ---- installing ------------------------------------------------------------------------------------------------

install: all ## into PREFIX
	install -d '$(DESTDIR)$(PREFIX)'/bin '$(DESTDIR)$(PREFIX)'/lib/wisp '$(DESTDIR)$(PREFIX)'/share/wisp/boards/keys \
	    '$(DESTDIR)$(PREFIX)'/share/man/man1 '$(DESTDIR)$(PREFIX)'/include/wisp
	install -m 755 $(PROGRAMS) '$(DESTDIR)$(PREFIX)'/bin
	install -m 755 wisp.sh '$(DESTDIR)$(PREFIX)'/bin/wisp
	install -m 755 $(INITS) '$(DESTDIR)$(PREFIX)'/lib/wisp
	install -m 644 $(BOARDS) '$(DESTDIR)$(PREFIX)'/share/wisp/boards
	install -m 644 boards/keys/* '$(DESTDIR)$(PREFIX)'/share/wisp/boards/keys
	install -m 644 $(MANUALS) '$(DESTDIR)$(PREFIX)'/share/man/man1
	install -m 644 include/wisp/*.hpp '$(DESTDIR)$(PREFIX)'/include/wisp

uninstall: ## what install put there
	rm -f $(TOOLS:%='$(DESTDIR)$(PREFIX)'/bin/%) '$(DESTDIR)$(PREFIX)'/bin/wisp
	rm -f $(addprefix '$(DESTDIR)$(PREFIX)'/share/man/man1/,$(notdir $(MANUALS)))
	rm -f $(addprefix '$(DESTDIR)$(PREFIX)'/share/wisp/,$(BOARDS) $(wildcard boards/keys/*))
	rm -f $(INIT_ARCHES:%='$(DESTDIR)$(PREFIX)'/lib/wisp/init-%)
	rm -f $(addprefix '$(DESTDIR)$(PREFIX)'/,$(wildcard include/wisp/*.hpp))
	-cd '$(DESTDIR)$(PREFIX)' && rmdir share/wisp/boards/keys share/wisp/boards share/wisp lib/wisp include/wisp

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this text
	@echo 'targets:'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1 \2/p' Makefile | awk '{ name = $$1; sub(/ *[a-z]+ /, ""); printf "  %-14s%s\n", name, $$0 }'
	@echo 'variables:'
	@sed -n '/^# Compiler/,/^HOST_ARCH/{/^[A-Z]/!d;/^HOST_ARCH/d;s/ *=.*//;s/^/  /p;}' Makefile

-include $(wildcard $(BUILD)/dep/*.d $(BUILD)/tests/unit/*.d)
