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

HOST_ARCH := $(shell uname -m)
VERSION   := $(shell sed -n 's/.*version = "\(.*\)";/\1/p' include/wisp/version.hpp)
TOOLS     := $(patsubst tools/%/main.cpp,%,$(wildcard tools/*/main.cpp))
INIT_ARCHES := aarch64 x86_64
BOARDS    := $(wildcard boards/*.json)

WARNINGS  = -Wall -Wextra -Wconversion -Wshadow
FLAGS     = -std=c++20 $(WARNINGS) -Iinclude -MMD -MP $(CPPFLAGS) $(CXXFLAGS)
LIBS      = -lcrypto -lz
INIT_FLAGS = -std=c++20 $(WARNINGS) -Os -ffreestanding -nostdlib -static -fno-exceptions -fno-rtti \
             -fno-stack-protector -fno-asynchronous-unwind-tables -fno-pic -no-pie -fno-threadsafe-statics \
             -fno-builtin -Wl,-z,max-page-size=65536 -Wl,-z,noexecstack -Wl,--build-id=none -s

Q        := $(if $(V),,@)
say       = $(if $(V),,@printf '%-6s %s\n' '$(1)' '$(2)')

PROGRAMS  = $(TOOLS:%=$(BUILD)/bin/%)
INITS     = $(INIT_ARCHES:%=$(BUILD)/init/init-%)
UNIT_SRC := $(wildcard tests/unit/*.cpp)
UNIT_OBJ  = $(UNIT_SRC:%.cpp=$(BUILD)/%.o)

.PHONY: all tools init unit demo test install uninstall clean help
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

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this text
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

-include $(wildcard $(BUILD)/dep/*.d $(BUILD)/tests/unit/*.d)
