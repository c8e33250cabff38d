#include "wisp/module_order.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace wisp;

namespace {

using Contents = std::vector<std::uint8_t>;
using Lines = std::vector<std::string>;

template <class T>
void put(Contents& bytes, std::size_t offset, const T& value) {
    static_assert(alignof(T) == 1);
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

constexpr std::size_t names_at = 64, modinfo_at = 96;

/// A module with three sections: none, .modinfo, and their names; the section headers come last.
Contents module_of(const std::string& modinfo) {
    Contents bytes(modinfo_at + modinfo.size() + 3 * sizeof(elf::Shdr));
    elf::Ehdr header;
    header.e_ident = {.ei_magic = elf::magic, .ei_class = 2, .ei_data = 1, .ei_version = 1};
    header.e_type = elf::et::rel;
    header.e_machine = elf::em::aarch64;
    header.e_shoff = std::uint64_t{modinfo_at + modinfo.size()};
    header.e_shentsize = std::uint16_t{64};
    header.e_shnum = std::uint16_t{3};
    header.e_shstrndx = std::uint16_t{2};
    put(bytes, 0, header);
    std::memcpy(bytes.data() + names_at, "\0.modinfo\0.shstrtab", 20);
    std::copy(modinfo.begin(), modinfo.end(), bytes.begin() + modinfo_at);
    elf::Shdr section;
    section.sh_name = std::uint32_t{1};
    section.sh_offset = std::uint64_t{modinfo_at};
    section.sh_size = std::uint64_t{modinfo.size()};
    put(bytes, header.e_shoff + 64, section);
    section.sh_name = std::uint32_t{10};
    section.sh_offset = std::uint64_t{names_at};
    section.sh_size = std::uint64_t{20};
    put(bytes, header.e_shoff + 128, section);
    return bytes;
}

/// The text with a NUL for every ';'.
std::string records(std::string text) {
    std::replace(text.begin(), text.end(), ';', '\0');
    return text;
}

Lines modinfo(const Contents& bytes) { return ModuleInfo(MemorySeekable(bytes, "m.ko")).records(); }

/// A folder of modules that is gone with the test.
class Folder {
public:
    Folder() {
        path = (std::filesystem::temp_directory_path() / "wisp-test-XXXXXX").string();
        REQUIRE(::mkdtemp(path.data()) != nullptr);
    }
    ~Folder() { std::filesystem::remove_all(path); }

    /// A module at kernel/NAME.ko.
    Folder& with(const std::string& name, const std::string& depends, const std::string& more = "") {
        const Contents bytes = module_of(records("depends=" + depends + ";vermagic=6.1 SMP;" + more));
        return file("kernel/" + name + ".ko", as_text(bytes));
    }
    Folder& file(const std::string& name, std::string_view contents) {
        std::filesystem::create_directories(std::filesystem::path(path + "/" + name).parent_path());
        std::ofstream(path + "/" + name, std::ios::binary) << contents;
        return *this;
    }

    std::string path;
};

Lines order(const Folder& folder, const Lines& wanted, const std::string& release = "") {
    const ModuleFolder files(folder.path);
    const ModuleTree tree(files, "");
    ModuleOrder order(tree, std::filesystem::temp_directory_path().string());
    for (const std::string& name : wanted) order.want(name);
    Lines names;
    for (const Module& module : order.resolve(release)) names.push_back(module.name);
    return names;
}

} // namespace

TEST_CASE("the records of .modinfo, in order, without padding") {
    const Contents bytes = module_of(
        records("license=GPL;;;depends=a,b-c;parm=x:a=b;depends=;softdep=ignored pre: d-e f post: g;"
                "vermagic=6.1.0-1 SMP mod_unload"));
    CHECK(modinfo(bytes) == Lines{"license=GPL", "depends=a,b-c", "parm=x:a=b", "depends=",
                                  "softdep=ignored pre: d-e f post: g", "vermagic=6.1.0-1 SMP mod_unload"});
    const ModuleInfo info{MemorySeekable(bytes, "m.ko")};
    CHECK(info.values("parm") == std::vector<std::string_view>{"x:a=b"});
    CHECK(info.values("par").empty());
    CHECK(info.depends() == Lines{"a", "b_c"});
    CHECK(info.softdeps() == Lines{"d_e", "f"});
    CHECK(info.release() == "6.1.0-1");
}

TEST_CASE("what is not a kernel module is refused with the reason") {
    Contents bytes = module_of("license=GPL");
    const std::size_t sections = bytes.size() - 192;
    std::string problem;
    SECTION("not ELF") { bytes[0] = 0, problem = "is not ELF"; }
    SECTION("32-bit") { bytes[4] = 1, problem = "is not 64-bit little-endian ELF"; }
    SECTION("a program") { bytes[16] = 2, problem = "has ELF type 2, a kernel module has 1"; }
    SECTION("another machine") {
        bytes[18] = 8;
        problem = "is for MIPS (8), wisp knows aarch64 (183), x86-64 (62) and RISC-V (243)";
    }
    SECTION("no section headers") { bytes[60] = 0, problem = "has no section headers"; }
    SECTION("other section headers") { bytes[58] = 40, problem = "has section headers of 40 bytes, not 64"; }
    SECTION("no names") { bytes[62] = 3, problem = "names section 3 of 3 as its section name table"; }
    SECTION("section headers outside") {
        put(bytes, 40, le64(~0ull));
        problem = "section header table at offset 18446744073709551615 needs 192 bytes, the file ends at " +
                  std::to_string(bytes.size());
    }
    SECTION("names outside") {
        put(bytes, sections + 128 + 24, le64(~0ull));
        put(bytes, sections + 64, le32(std::uint32_t{names_at + 2})); // with which the sum would wrap to the name
        problem = "has no .modinfo section: is not a kernel module";
    }
    SECTION("no .modinfo") {
        bytes[names_at + 1] = 'x', problem = "has no .modinfo section: is not a kernel module";
    }
    SECTION(".modinfo without contents") {
        put(bytes, sections + 64 + 4, le32(8u));
        problem = "has no .modinfo section: is not a kernel module";
    }
    SECTION(".modinfo outside") {
        put(bytes, sections + 64 + 24, le64(~0ull));
        problem = "section .modinfo at offset 18446744073709551615 needs 11 bytes, the file ends at " +
                  std::to_string(bytes.size());
    }
    SECTION(".modinfo too large to be true") {
        put(bytes, sections + 64 + 32, le64(1048577ull));
        problem = "section .modinfo is 1048577 bytes long, the limit is 1048576";
    }
    SECTION("a record that is none") {
        bytes[modinfo_at + 7] = 1, problem = ".modinfo record 'license\\x01GPL' has no '='";
    }
    CHECK_THROWS_WITH(modinfo(bytes), "m.ko: " + problem);
}

TEST_CASE("a module cut at any byte is refused") {
    const Contents whole = module_of("license=GPL");
    for (std::size_t length = 0; length < whole.size(); ++length)
        CHECK_THROWS_AS(modinfo({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)}), Error);
}

TEST_CASE("the name of a module") {
    CHECK(module_name("kernel/net/nf-x_y.ko.zst") == "nf_x_y");
    CHECK(module_name("virtio-net") == "virtio_net");
    CHECK(module_path("a/b.ko.gz") == "a/b.ko");
    CHECK(module_path("a/b.ko") == "a/b.ko");
    CHECK_FALSE(module_path("a/b.ko.bz2"));
    CHECK_FALSE(module_path("a/.ko"));
    CHECK_FALSE(module_path("modules.dep"));
}

TEST_CASE("dependencies come first, in a stable order, each once") {
    Folder folder;
    folder.with("top", "left,right").with("left", "base").with("right", "low-base,base").with("base", "");
    folder.with("low_base", "").with("other", "");
    CHECK(order(folder, {"top"}) == Lines{"base", "left", "low_base", "right", "top"});
    CHECK(order(folder, {"other", "right", "top", "other"}) ==
          Lines{"other", "low_base", "base", "right", "left", "top"});
    CHECK(order(folder, {"low-base"}) == Lines{"low_base"});
    CHECK(order(folder, {"kernel/low_base.ko"}) == Lines{"low_base"});
    CHECK(order(folder, {}).empty());
}

TEST_CASE("built-in modules are skipped, wanted or needed") {
    Folder folder;
    folder.with("top", "inside,also-inside")
        .file("modules.builtin", "kernel/inside.ko\nkernel/also_inside.ko\n");
    CHECK(order(folder, {"top", "inside", "kernel/x/inside.ko"}) == Lines{"top"});
}

TEST_CASE("missing ones and cycles are named") {
    Folder folder;
    folder.with("top", "gone").with("a", "b").with("b", "c").with("c", "b").with("self", "self");
    CHECK_THROWS_WITH(order(folder, {"top"}),
                      folder.path + ": module top needs gone, which is neither here nor built in");
    CHECK_THROWS_WITH(order(folder, {"a"}), folder.path + ": modules need each other: b -> c -> b");
    CHECK_THROWS_WITH(order(folder, {"self"}), folder.path + ": modules need each other: self -> self");
    CHECK_THROWS_WITH(order(folder, {"nothing"}),
                      folder.path + ": has no module nothing, and none is built in");
    CHECK_THROWS_WITH(order(folder, {"kernel/x/top.ko"}), folder.path + ": has no module kernel/x/top.ko");
    CHECK_THROWS_WITH(order(folder, {"../top.ko"}), folder.path + ": path '../top.ko' has a part '..'");
}

TEST_CASE("a soft dependency is followed where it exists and closes no cycle") {
    Folder folder;
    folder.with("net", "", "softdep=pre: phy gone;").with("phy", "phylib").with("phylib", "");
    CHECK(order(folder, {"net"}) == Lines{"phylib", "phy", "net"});
    // x would like y, y needs z, z needs x: y cannot come before x
    folder.with("x", "", "softdep=pre: y;").with("y", "z").with("z", "x");
    CHECK(order(folder, {"x"}) == Lines{"x"});
    CHECK(order(folder, {"y"}) == Lines{"x", "z", "y"});
}

TEST_CASE("two files that claim one name") {
    Folder folder;
    folder.with("twin", "").with("sub/twin", "").with("top", "twin");
    const std::string both = folder.path + ": has module twin twice: kernel/sub/twin.ko and kernel/twin.ko";
    CHECK_THROWS_WITH(order(folder, {"twin"}), both);
    CHECK_THROWS_WITH(order(folder, {"top"}), both);
    CHECK(order(folder, {"kernel/sub/twin.ko", "top"}) == Lines{"twin", "top"}); // a path decides
    CHECK_THROWS_WITH(order(folder, {"kernel/sub/twin.ko", "kernel/twin.ko"}),
                      folder.path + ": module twin is wanted twice: kernel/sub/twin.ko and kernel/twin.ko");
    const ModuleFolder files(folder.path);
    const ModuleTree before(files, "");
    CHECK_THROWS_WITH(before.find("twin"), both);
    const Contents updated = module_of(records("vermagic=6.1 SMP"));
    folder.file("updates/twin.ko", as_text(updated));
    CHECK(ModuleTree(files, "").find("twin") == "updates/twin.ko");
}

TEST_CASE("modules of one kernel release only") {
    Folder folder;
    folder.with("old", "");
    const Contents bytes = module_of(records("depends=old;vermagic=6.2 SMP"));
    folder.file("kernel/young.ko", as_text(bytes));
    CHECK(order(folder, {"old"}, "6.1") == Lines{"old"});
    CHECK_THROWS_WITH(order(folder, {"old"}, "6.3"), "kernel/old.ko: is built for kernel 6.1, not 6.3");
    CHECK_THROWS_WITH(order(folder, {"young"}), "kernel/young.ko: is built for kernel 6.2, not 6.1");
    const Contents nameless = module_of(records("license=GPL"));
    folder.file("kernel/nameless.ko", as_text(nameless));
    CHECK_THROWS_WITH(order(folder, {"nameless"}), "kernel/nameless.ko: does not say which kernel it is built for");
}

TEST_CASE("a chain of hundreds of modules is refused, not followed down") {
    Folder folder;
    for (int i = 0; i < 300; ++i) folder.with("m" + std::to_string(i), "m" + std::to_string(i + 1));
    CHECK_THROWS_WITH(order(folder, {"m0"}), folder.path + ": module m0 needs a chain of over 256 modules");
}

TEST_CASE("only files with a module's name count, and no symbolic link is followed") {
    Folder folder;
    folder.with("real", "").file("kernel/evil\n.ko", "").file("kernel/x.ko.bak", "");
    std::filesystem::create_symlink("real.ko", folder.path + "/kernel/linked.ko");
    std::filesystem::create_directory_symlink("kernel", folder.path + "/again");
    const ModuleFolder files(folder.path);
    const ModuleTree tree(files, "");
    CHECK(tree.find("real") == "kernel/real.ko");
    CHECK_FALSE(tree.find("linked"));
    CHECK_FALSE(tree.find("evil\n"));
    CHECK_FALSE(tree.find("x"));
}

TEST_CASE("a folder that is not there is an error of the system") {
    try {
        ModuleTree(ModuleFolder("/nonexistent"), "");
        FAIL("was listed");
    } catch (const Error& error) {
        CHECK(std::string(error.what()) == "/nonexistent: list: No such file or directory");
        CHECK(error.fault == Fault::system);
    }
}
