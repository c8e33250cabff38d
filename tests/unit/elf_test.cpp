#include "wisp/elf_check.hpp"

#include <catch2/catch.hpp>
#include <cstring>

#include "wisp/magic.hpp"

using namespace wisp;

namespace {

constexpr std::uint32_t r = elf::pf::r, w = elf::pf::w, x = elf::pf::x;

/// A program made by hand: a header, the segments given, and zeros up to `size`.
struct Program {
    elf::Ehdr header{};
    std::vector<elf::Phdr> segments{};
    std::size_t size = 0x8000;

    Program() {
        header.e_ident = {.ei_magic = elf::magic, .ei_class = 2, .ei_data = 1, .ei_version = 1};
        header.e_type = elf::et::exec;
        header.e_machine = elf::em::aarch64;
        header.e_version = std::uint32_t{1};
        header.e_entry = std::uint64_t{0x400100};
        header.e_phoff = std::uint64_t{64};
        header.e_phentsize = std::uint16_t{56};
    }

    Program& load(std::uint32_t flags, std::uint64_t offset, std::uint64_t address, std::uint64_t file_size,
                  std::uint64_t memory_size) {
        segments.push_back(
            {elf::pt::load, flags, offset, address, address, file_size, memory_size, 0x10000ull});
        return *this;
    }
    Program& other(std::uint32_t type, std::uint32_t flags, std::uint64_t offset = 0,
                   std::uint64_t file_size = 0) {
        segments.push_back({type, flags, offset, 0ull, 0ull, file_size, file_size, 8ull});
        return *this;
    }

    std::vector<std::uint8_t> bytes() {
        std::vector<std::uint8_t> file(size);
        if (header.e_phnum == 0) header.e_phnum = static_cast<std::uint16_t>(segments.size());
        std::memcpy(file.data(), &header, sizeof header);
        for (std::size_t i = 0; i < segments.size(); ++i)
            std::memcpy(file.data() + 64 + i * sizeof(elf::Phdr), &segments[i], sizeof(elf::Phdr));
        return file;
    }
};

/// A good one: code and data on pages of their own, and a plain stack.
Program good() {
    return Program()
        .load(r | x, 0, 0x400000, 0x1000, 0x1000)
        .load(r | w, 0x4000, 0x414000, 0x100, 0x2000)
        .other(elf::pt::gnu_stack, r | w);
}

ElfReport report_of(const std::vector<std::uint8_t>& bytes, std::uint64_t page_size = 4096) {
    ElfDemand demand;
    demand.page_size = page_size;
    return check_elf(MemorySeekable(bytes, "svc"), demand);
}

using Lines = std::vector<std::string>;

Lines objections(Program program, std::uint64_t page_size = 4096) {
    return report_of(program.bytes(), page_size).objections;
}

const std::string relink16 = "; link with -Wl,-z,max-page-size=16384";

} // namespace

TEST_CASE("a good program has facts and nothing else") {
    const ElfReport report = report_of(good().bytes());
    CHECK(report.objections == Lines{});
    CHECK(report.warnings == Lines{});
    CHECK(report.facts ==
          "static program for aarch64 (183), entry 0x400100, 2 segments aligned to 65536, runs on "
          "4096-byte pages");
}

TEST_CASE("offset and address of a segment must agree modulo the page size") {
    // binfmt_elf.c maps the file from p_offset - (p_vaddr mod page): 4096 divides it, 16384 does not.
    const Program program = Program().load(r | x, 0x1000, 0x402000, 0x500, 0x500);
    Program entered = program;
    entered.header.e_entry = std::uint64_t{0x402000};
    CHECK(objections(entered, 4096) == Lines{});
    CHECK(objections(entered, 16384) ==
          Lines{"segment 0: offset 0x1000 and address 0x402000 differ modulo 16384, the "
                "page size, so the kernel cannot map it" +
                relink16});
    SECTION("p_align alone is no reason to refuse") {
        Program small = good();
        for (elf::Phdr& segment : small.segments) segment.p_align = std::uint64_t{8};
        CHECK(objections(small, 16384) == Lines{});
    }
    SECTION("a segment without file contents is not mapped from the file") {
        CHECK(objections(good().load(r | w, 0x1001, 0x500000, 0, 0x10), 16384) == Lines{});
    }
}

TEST_CASE("segments that share a page: what the later one takes from the earlier one") {
    struct Case {
        std::uint32_t first_flags, second_flags;
        std::uint64_t first_memory, second_offset, second_file;
        std::string lost; // "" for nothing
    };
    // The first segment is 0x1000 bytes at 0x400000 from offset 0; the second starts at 0x402000.
    const auto one = GENERATE(values<Case>({
        {r | x, r | w, 0x1000, 0x2000, 0x100, "execute permission"},
        {r | x, r, 0x1000, 0x2000, 0x100, "execute permission"},
        {r | w, r | x, 0x1000, 0x2000, 0x100, "write permission"},
        {r, x, 0x1000, 0x2000, 0x100, "read permission"},
        {r, r | x, 0x1000, 0x2000, 0x100, ""}, // gains what it does not need
        {r, r | w, 0x1000, 0x2000, 0x100, ""},
        {r | w, r | w, 0x1000, 0x2000, 0x100, ""},             // the same bytes, the same rights
        {r | w, r | w, 0x1000, 0x6000, 0x100, "its contents"}, // other bytes of the file
        {r | w, r | w, 0x1000, 0x2000, 0, "its contents"},     // zeros
        {r | w, r | w, 0x1800, 0x2000, 0x100, "the zeros after its contents"}, // the file's bytes instead
    }));
    Program program = Program().load(one.first_flags, 0, 0x400000, 0x1000, one.first_memory);
    program.load(one.second_flags, one.second_offset, 0x402000, one.second_file, 0x100);
    program.load(r | x, 0x4000, 0x404000, 0x100, 0x100);
    program.header.e_entry = std::uint64_t{0x404000};
    CAPTURE(one.first_flags, one.second_flags, one.second_offset, one.lost);
    CHECK(objections(program, 4096) == Lines{});
    const Lines found = objections(program, 16384);
    REQUIRE(found.size() == (one.lost.empty() ? 0 : 1));
    if (!one.lost.empty())
        CHECK_THAT(found[0],
                   Catch::EndsWith(" share the 16384-byte page at 0x400000, where the second replaces the "
                                   "first, which loses " +
                                   one.lost + relink16));
}

TEST_CASE("zeros under a segment of zeros stay zeros") {
    Program program = good();
    program.load(r | w, 0x4000, 0x424000, 0x10, 0x5000).load(r | w, 0, 0x42a000, 0, 0x100);
    CHECK(objections(program, 16384) ==
          Lines{}); // the shared page at 0x428000 holds only the first one's zeros
}

TEST_CASE("segments that only touch share nothing") {
    Program pages =
        Program().load(r | x, 0, 0x400000, 0x4000, 0x4000).load(r | w, 0x4000, 0x404000, 0x100, 0x100);
    CHECK(objections(pages, 16384) == Lines{}); // the border of a page
    Program bytes = good().load(r | w, 0x6000, 0x416000, 0x100, 0x100);
    bytes.segments[1].p_filesz = std::uint64_t{0x2000};
    CHECK(objections(bytes, 16384) == Lines{}); // a border within one
}

TEST_CASE("a segment of no size maps nothing, wherever it is") {
    CHECK(objections(good().load(x, 0, 0, 0, 0), 16384) == Lines{});
}

TEST_CASE("segments ascend and do not overlap") {
    Program descending = good();
    std::swap(descending.segments[0], descending.segments[1]);
    CHECK(objections(descending) ==
          Lines{"segments 0 (RW-, 0x414000-0x416000) and 1 (R-X, 0x400000-0x401000) are not in "
                "ascending order of address"});
    Program overlapping = good();
    overlapping.segments[1].p_vaddr = std::uint64_t{0x400800};
    overlapping.segments[1].p_offset = std::uint64_t{0x4800};
    CHECK(objections(overlapping) ==
          Lines{"segments 0 (R-X, 0x400000-0x401000) and 1 (RW-, 0x400800-0x402800) overlap"});
}

TEST_CASE("a program has no place where nobody may map anything") {
    const auto at = [](std::uint64_t address) {
        Program program = Program().load(r | x, 0, address, 0x1000, 0x1000);
        program.header.e_entry = address;
        return program;
    };
    CHECK(objections(at(0x10000)) == Lines{});
    CHECK(objections(at(0xf000)) == Lines{"segment 0 (R-X, 0xf000-0x10000) begins below 0x10000, where unprivileged "
                                          "programs may map nothing"});
    CHECK(objections(at(0xffff'ffff'f000)) == Lines{});
    CHECK(objections(at(0x1'0000'0000'0000)) == Lines{"segment 0 (R-X, 0x1000000000000-0x1000000001000) ends beyond "
                                                      "0x1000000000000, where user addresses end"});
    Program other = at(0x7fff'ffff'f000);
    other.header.e_machine = elf::em::x86_64;
    CHECK(objections(other) == Lines{});
    other = at(0x8000'0000'0000);
    other.header.e_machine = elf::em::x86_64;
    CHECK(objections(other) == Lines{"segment 0 (R-X, 0x800000000000-0x800000001000) ends beyond 0x800000000000, where "
                                     "user addresses end"});
}

TEST_CASE("a segment that makes no sense is named") {
    Program far = good().load(r, 0, 0xffffffffffffff00, 0, 0x200);
    CHECK(objections(far) ==
          Lines{"segment 3: address 0xffffffffffffff00 with size 0x200 lies beyond every user "
                "address space"});
    Program sum = good().load(r, 0, 0x500000, 0, 0xffffffffffffffff);
    CHECK(objections(sum) ==
          Lines{"segment 3: address 0x500000 with size 0xffffffffffffffff lies beyond every user "
                "address space"});
    Program small = good().load(r, 0, 0x500000, 0x100, 0x10);
    CHECK(objections(small) == Lines{"segment 3: file size 256 exceeds memory size 16"});
    Program past = good().load(r, 0x7000, 0x507000, 0x1001, 0x1001);
    CHECK(objections(past) ==
          Lines{"segment 3: offset 28672 with size 4097 lies past the end of the file at 32768"});
    Program wrapping = good().load(r, 0xfffffffffffff000, 0x507000, 0x1000, 0x1000);
    CHECK(objections(wrapping) ==
          Lines{"segment 3: offset 18446744073709547520 with size 4096 lies past the end of the "
                "file at 32768"});
}

TEST_CASE("the entry lies in the contents of an executable segment") {
    for (const std::uint64_t entry : {0x0ull, 0x3fffffull, 0x401000ull, 0x414000ull}) {
        Program program = good();
        program.header.e_entry = entry;
        CHECK(objections(program) ==
              Lines{"entry " + detail::hex_number(entry) + " lies in no executable segment"});
    }
}

TEST_CASE("the header's own objections") {
    Program program = good();
    elf::Ehdr& h = program.header;
    SECTION("class, byte order and machine are told together") {
        h.e_ident.ei_class = 1;
        h.e_ident.ei_data = 2;
        h.e_machine = std::uint16_t{43 << 8};
        CHECK(objections(program) ==
              Lines{"is a 32-bit program, the board runs 64-bit ones",
                    "is big-endian, the board runs little-endian",
                    "is for SPARC V9 (43), boards run aarch64 (183), x86-64 (62) or RISC-V (243)"});
    }
    SECTION("class and byte order that do not exist") {
        h.e_ident.ei_class = 3;
        h.e_ident.ei_data = 0;
        CHECK(objections(program) == Lines{"has ELF class 3, neither 32-bit (1) nor 64-bit (2)",
                                           "has ELF data encoding 0, neither 1 nor 2"});
    }
    SECTION("version and system") {
        h.e_version = std::uint32_t{7};
        h.e_ident.ei_osabi = 9;
        CHECK(objections(program) ==
              Lines{"has ELF version 7, not 1", "is for another system than Linux (OSABI 9)"});
    }
    SECTION("GNU's own OSABI is Linux") {
        h.e_ident.ei_osabi = 3;
        CHECK(objections(program) == Lines{});
    }
    SECTION("kinds of file") {
        h.e_type = elf::et::rel;
        CHECK(objections(program) == Lines{"is a relocatable object (.o, .ko), not a program: link it"});
        h.e_type = elf::et::core;
        CHECK(objections(program) == Lines{"is a core dump, not a program"});
        h.e_type = std::uint16_t{0};
        CHECK(objections(program) == Lines{"has ELF type 0, a program has 2 (EXEC) or 3 (DYN)"});
    }
    SECTION("the program header table") {
        h.e_phentsize = std::uint16_t{32};
        CHECK(objections(program) == Lines{"has program headers of 32 bytes, not 56"});
        h.e_phentsize = std::uint16_t{56};
        h.e_phnum = std::uint16_t{74}; // 74 * 56 > 4096, binfmt_elf.c load_elf_phdrs
        CHECK(objections(program) == Lines{"has 74 program headers, the kernel takes at most 73"});
        h.e_phnum = std::uint16_t{2};
        h.e_phoff = std::uint64_t{32700};
        CHECK(objections(program) ==
              Lines{"is cut in its program headers: offset 32700 with size 112 lies past the end "
                    "of the file at 32768"});
        h.e_phoff = std::uint64_t{0xffffffffffffffff};
        CHECK(objections(program) ==
              Lines{"is cut in its program headers: offset 18446744073709551615 with size 112 "
                    "lies past the end of the file at 32768"});
    }
    SECTION("no headers, no segment") {
        CHECK(objections(Program()) == Lines{"has no program headers"});
        CHECK(objections(Program().other(elf::pt::gnu_stack, r)) ==
              Lines{"has no PT_LOAD segment: there is nothing to run",
                    "entry 0x400100 lies in no executable segment"});
    }
}

TEST_CASE("a wanted machine is named with the one found") {
    const auto bytes = good().bytes();
    const ElfReport report = check_elf(MemorySeekable(bytes, "svc"), {.machine = elf::em::x86_64});
    CHECK(report.objections == Lines{"is for aarch64 (183), the board runs x86-64 (62); build it for that "
                                     "(C and C++: x86_64-linux-gnu-g++ -static; Go: GOARCH=amd64)"});
}

TEST_CASE("doubts are warnings") {
    Program program = good();
    program.segments[0].p_flags = r | w | x;
    program.segments[2].p_flags = r | w | x;
    CHECK(report_of(program.bytes()).warnings ==
          Lines{"asks for an executable stack; link with -Wl,-z,noexecstack",
                "segment 0 (RWX, 0x400000-0x401000) is writable and executable"});
    program.segments.pop_back();
    program.header.e_phnum = std::uint16_t{0};
    CHECK(report_of(program.bytes()).warnings[0] ==
          "has no PT_GNU_STACK segment: the kernel's default decides whether its stack is executable");
}

TEST_CASE("jemalloc's words are found wherever they are loaded from, and matter only with large pages") {
    const std::string words = "Unsupported system page size";
    // The search reads blocks that overlap by one byte less than the words have, from a segment's first byte
    // on.
    constexpr std::size_t start = 0x10000, length = 2 * block_size;
    const std::size_t at = start + GENERATE(values<std::size_t>({0, block_size - 28, block_size - 27,
                                                                 block_size - 1, block_size, length - 28}));
    Program program = good().load(r, start, 0x500000, length, length);
    program.size = start + length + words.size();
    auto bytes = program.bytes();
    std::copy(words.begin(), words.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
    CAPTURE(at);
    CHECK(report_of(bytes, 4096).warnings == Lines{});
    CHECK(report_of(bytes, 16384).warnings == Lines{"contains jemalloc, which aborts (\"Unsupported system "
                                                    "page size\") unless it was built for pages of "
                                                    "16384 bytes or more"});
    bytes[at] ^= 1;
    CHECK(report_of(bytes, 16384).warnings == Lines{});
}

TEST_CASE("jemalloc's words outside of what is loaded, as in debugging information, are nothing") {
    Program program = good();
    program.size = 0x5000;
    auto bytes = program.bytes();
    // One byte short of them belongs to the second segment.
    std::ranges::copy(std::string_view("Unsupported system page size"), bytes.begin() + 0x4100 - 27);
    CHECK(report_of(bytes, 16384).warnings == Lines{});
}

namespace {

/// A dynamic section at 0x1000, and names at 0x1800 (address 0x401800): "", "libz.so.1", "libc.so".
std::vector<std::uint8_t> with_dynamic(Program program, const std::vector<elf::Dyn>& entries,
                                       const std::string& interpreter = "") {
    program.segments[0].p_filesz = program.segments[0].p_memsz = std::uint64_t{0x2000};
    program.other(elf::pt::dynamic, r, 0x1000, entries.size() * 16);
    if (!interpreter.empty()) program.other(elf::pt::interp, r, 0x1400, interpreter.size() + 1);
    auto bytes = program.bytes();
    for (std::size_t i = 0; i < entries.size(); ++i)
        std::memcpy(bytes.data() + 0x1000 + i * 16, &entries[i], 16);
    std::memcpy(bytes.data() + 0x1400, interpreter.c_str(), interpreter.size() + 1);
    std::memcpy(bytes.data() + 0x1800, "\0libz.so.1\0libc.so", 19);
    return bytes;
}

elf::Dyn dyn(std::uint64_t tag, std::uint64_t value) { return {tag, value}; }

const elf::Dyn strtab = dyn(elf::dt::strtab, 0x401800);

std::string dynamic_words(const std::string& wants) {
    return "is dynamically linked: it wants " + wants +
           ", and an image has no libraries; link it statically (C and C++: -static; Go: CGO_ENABLED=0; "
           "Rust: a "
           "-linux-musl target)";
}

Program pie(std::uint64_t entry) {
    Program program = good();
    program.header.e_type = elf::et::dyn;
    program.header.e_entry = entry;
    return program;
}

} // namespace

TEST_CASE("a program that wants an interpreter or libraries is refused by their names") {
    using elf::dt::needed;
    CHECK(report_of(with_dynamic(good(), {strtab, dyn(needed, 1), dyn(needed, 11)})).objections ==
          Lines{dynamic_words("libz.so.1, libc.so")});
    CHECK(report_of(with_dynamic(good(), {dyn(needed, 11), strtab}, "/lib/ld-musl.so")).objections ==
          Lines{dynamic_words("the interpreter /lib/ld-musl.so and libc.so")});
    CHECK(report_of(with_dynamic(good(), {}, "/lib/ld\n.so")).objections ==
          Lines{dynamic_words("the interpreter /lib/ld\\x0a.so")});
    Program outside =
        good().load(r, 0x7000, 0x507000, 0x10000, 0x10000); // has the names, past the file's end
    CHECK(report_of(with_dynamic(outside, {dyn(elf::dt::strtab, 0x507000), dyn(needed, 1)}))
              .objections.back() == dynamic_words("(unreadable name)"));
    CHECK(report_of(with_dynamic(good(), {strtab, dyn(needed, ~0ull)})).objections ==
          Lines{dynamic_words("(unreadable name)")});
    CHECK(report_of(with_dynamic(good(), std::vector<elf::Dyn>(11, dyn(needed, 1))))
              .objections[0]
              .find(" and 3 more, and an image has no libraries") != std::string::npos);
    CHECK(report_of(with_dynamic(good(), {dyn(elf::dt::null, 0), dyn(needed, 1)})).objections == Lines{});
}

TEST_CASE("a static-pie is a program, a shared object is none") {
    using elf::dt::flags_1, elf::dt::soname;
    CHECK(report_of(with_dynamic(pie(0x400100), {dyn(flags_1, elf::df_1::pie)}))
              .facts.starts_with("static-pie program"));
    CHECK(report_of(with_dynamic(pie(0x400100), {})).objections == Lines{}); // a linker before 2018
    const Lines shared = {"is a shared object, not a program"};
    CHECK(report_of(with_dynamic(pie(0), {})).objections == shared);
    CHECK(report_of(with_dynamic(pie(0x400100), {dyn(soname, 1)})).objections == shared);
    CHECK(report_of(with_dynamic(pie(0), {dyn(flags_1, elf::df_1::pie)})).objections ==
          Lines{"entry 0x0 lies in no executable segment"});
}

TEST_CASE("tables outside the file, or too large to be true, are objections") {
    CHECK(objections(good().other(elf::pt::dynamic, r, 0x7ff8, 16)) ==
          Lines{"segment 3: offset 32760 with size 16 lies past the end of the file at 32768"});
    Program most = good().other(elf::pt::dynamic, r, 0x2000, 4096 * 16);
    most.size = 0x20000;
    CHECK(objections(most) == Lines{});
    Program large = good().other(elf::pt::dynamic, r, 0, 4097 * 16);
    large.size = 0x20000;
    CHECK(objections(large) == Lines{"has 4097 dynamic entries, the limit is 4096"});
    CHECK(objections(good().other(elf::pt::interp, r, 0x8000, 16)) ==
          Lines{"segment 3: offset 32768 with size 16 lies past the end of the file at 32768",
                dynamic_words("the interpreter (unreadable name)")});
}

TEST_CASE("a program cut at any byte is refused, and never read past its end") {
    Program program = good();
    program.size = 0x4100; // ends with its data
    const auto whole = program.bytes();
    REQUIRE(report_of(whole).objections == Lines{});
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const std::vector<std::uint8_t> cut(whole.begin(),
                                            whole.begin() + static_cast<std::ptrdiff_t>(length));
        if (report_of(cut).objections.empty()) FAIL("accepted when cut to " << length);
    }
    const std::vector<std::uint8_t> head(whole.begin(), whole.begin() + 63);
    CHECK(report_of(head).objections == Lines{"is cut in its ELF header: 63 of 64 bytes"});
}

TEST_CASE("what is not ELF is named") {
    const auto [bytes, name] = GENERATE(table<std::string, std::string>({
        {"", "empty"},
        {"#!/bin/sh -e\necho\n", "a script (#!/bin/sh -e)"},
        {"#!\x1b[2J\r\n", "a script (#!\\x1b[2J)"},
        {"!<arch>\nx", "an ar archive"},
        {"\x1f\x8b\x08", "gzip-compressed"},
        {"\xfd"
         "7zXZ",
         "xz-compressed"},
        {"\x28\xb5\x2f\xfd", "zstd-compressed"},
        {"PK\x03\x04", "a zip archive"},
        {"MZ\x90", "a PE file (Windows or EFI)"},
        {"\xcf\xfa\xed\xfe", "a Mach-O file (macOS)"},
        {"just words\n", "text"},
        {"\x01\x02\x03\x04\x05", "unknown data (it starts with 01020304)"},
    }));
    CHECK(contents_name(as_bytes(bytes)) == name);
    const std::vector<std::uint8_t> file(bytes.begin(), bytes.end());
    CHECK(report_of(file).objections == Lines{"is " + name + ", not an ELF program"});
}
