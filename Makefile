# wisp: one static binary becomes a bootable machine. `make help` says what there is to make.

# Compiler and flags. CXXFLAGS and LDFLAGS are the user's and come last, so they win.
CXX       = g++
CXXFLAGS  = -O2 -g
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

# Where this is Linux, the host compiler makes its own architecture's programs.
HOST_ARCH := $(if $(filter Linux,$(shell uname -s)),$(shell uname -m))
VERSION   := $(shell sed -n 's/.*version = "\(.*\)";/\1/p' include/wisp/version.hpp)
TOOLS     := $(patsubst tools/%/main.cpp,%,$(wildcard tools/*/main.cpp))
INIT_ARCHES := aarch64 x86_64
BOARDS    := $(wildcard boards/*.json)
MANUALS   := tools/wisp.1 $(wildcard tools/*/*.1)

WARNINGS  = -Wall -Wextra -Wconversion -Wshadow
FLAGS     = -std=c++20 $(WARNINGS) -Iinclude -MMD -MP $(CPPFLAGS) $(CXXFLAGS)
LIBS      = -lcrypto -lz
# A third less time to start, where the platform has them as archives.
LIBS     += $(if $(filter Linux,$(shell uname -s)),-static-libstdc++ -static-libgcc)
# 64 KiB between segments: the same file runs on kernels of 4, 16 and 64 KiB pages. Nothing in it is relocated or unwound.
INIT_FLAGS = -std=c++20 $(WARNINGS) -Os -ffreestanding -nostdlib -static -fno-pic -fno-exceptions -fno-rtti \
             -fno-stack-protector -fno-unwind-tables -fno-asynchronous-unwind-tables -fno-threadsafe-statics \
             -fno-builtin -Wl,-z,max-page-size=65536 -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,-z,noexecstack \
             -Wl,--build-id=none -s

Q        := $(if $(V),,@)
say       = $(if $(V),,@printf '%-6s %s\n' '$(1)' '$(2)')

PROGRAMS  = $(TOOLS:%=$(BUILD)/bin/%)
INITS     = $(INIT_ARCHES:%=$(BUILD)/init/init-%)
UNIT_SRC := $(wildcard tests/unit/*.cpp)
UNIT_OBJ  = $(UNIT_SRC:%.cpp=$(BUILD)/%.o)

.PHONY: all tools init unit demo test sanitized reproduce judges services install uninstall clean help
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
	$(Q)$(INIT_CXX_$*) $(INIT_FLAGS) -o $@ $<

$(BUILD)/tests/unit/%.o: tests/unit/%.cpp $(BUILD)/flags
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(FLAGS) -I. -c -o $@ $<

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
             probe-go-aarch64)

test: ## set up and run every test
	@.ci/setup test
	@$(MAKE) --no-print-directory -j2 all unit sanitized judges services
	@tests/run $(BUILD)

sanitized: ## the tools and unit tests once more, by clang++ with ASan and UBSan, in BUILD/san
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/san CXX=clang++ \
	    CXXFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' tools unit

# The tools by each compiler and level, by which no byte of what they make may differ; /init is the same for all.
VARIANTS = g++-O0 clang++-O0 clang++-O2 aarch64-O2
SYSROOT  = $(abspath $(BUILD))/sysroot-arm64/usr
AARCH64_TOOLS = CXX=aarch64-linux-gnu-g++ CXXFLAGS='-O2 -isystem $(SYSROOT)/include/aarch64-linux-gnu -isystem \
                  $(SYSROOT)/include' LDFLAGS='-static -L$(SYSROOT)/lib/aarch64-linux-gnu -Wl,--no-warnings'

reproduce: ## build all targets by other builds of the tools and in other surroundings: the same bytes
	@.ci/setup test
	@$(MAKE) --no-print-directory -j2 all services $(VARIANTS:%=variant-%)
	@tests/reproduce $(BUILD)

variant-aarch64-O2: $(BUILD)/sysroot-arm64
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/variants/aarch64-O2 $(AARCH64_TOOLS) tools

variant-%:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/variants/$* CXX=$(firstword $(subst -, ,$*)) \
	    CXXFLAGS=-$(lastword $(subst -, ,$*)) tools

$(BUILD)/sysroot-arm64: tests/sysroot
	$(call say,FETCH,$@)
	$(Q)$< arm64 $@

judges: $(BUILD)/judges/gen_init_cpio

$(BUILD)/judges/gen_init_cpio: tests/judges/gen_init_cpio
	$(call say,JUDGE,$@)
	@mkdir -p $(@D)
	$(Q)$< $(abspath $@)

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

$(BUILD)/services/probe-%: tests/services/probe.cpp
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(INIT_CXX_$*) -std=c++20 -O2 -static -s -o $@ $<

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
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1 \2/p' Makefile | awk '{ name = $$1; sub(/ *[a-z]+ /, ""); printf "  %-12s%s\n", name, $$0 }'
	@echo 'variables:'
	@sed -n '/^# Compiler/,/^HOST_ARCH/{/^[A-Z]/!d;/^HOST_ARCH/d;s/ *=.*//;s/^/  /p;}' Makefile

-include $(wildcard $(BUILD)/dep/*.d $(BUILD)/tests/unit/*.d)
