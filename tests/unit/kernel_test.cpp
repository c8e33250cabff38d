#include "wisp/kernel.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>

#include "wisp/gzip.hpp"

using namespace wisp;

namespace {

using Contents = std::vector<std::uint8_t>;

const std::string temporary = std::filesystem::temp_directory_path().string();

Contents contents_of(std::string_view text) { return {text.begin(), text.end()}; }

template <class T>
requires(alignof(T) == 1 && std::is_trivially_copyable_v<T>) void put(Contents& bytes, std::size_t offset,
                                                                      const T& value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

void put(Contents& bytes, std::size_t offset, std::string_view text) {
    std::copy(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

/// An arm64 Image: header, at 64 a PE header with one section that ends with the file, a banner.
Contents image(std::uint64_t flags = 2, std::string_view banner = "Linux version 6.1.0-test (a@b) #7 SMP\n") {
    Contents bytes(5000);
    Arm64ImageHeader header;
    header.image_size = std::uint64_t{8192};
    header.flags = flags;
    header.magic = {'A', 'R', 'M', '\x64'};
    header.pe_offset = std::uint32_t{64};
    put(bytes, 0, header);
    put(bytes, 0, "MZ");
    put(bytes, 64, std::string_view("PE\0\0\x64\xaa\1", 7));
    put(bytes, 64 + 20, le16(std::uint16_t{0xa0}));
    put(bytes, 64 + 24 + 0xa0 + 16, le32(4000u)); // SizeOfRawData
    put(bytes, 64 + 24 + 0xa0 + 20, le32(1000u)); // PointerToRawData
    put(bytes, 3000, banner);
    return bytes;
}

Contents gzipped(const Contents& bytes) {
    MemorySink out;
    GzipSink gzip(out, 6);
    gzip.write(Bytes(bytes));
    gzip.finish();
    return out.bytes;
}

/// An EFI zboot file around a payload, with 100 bytes after it.
Contents zboot(std::string_view compression, const Contents& payload) {
    Contents bytes(256);
    put(bytes, 0, "MZ");
    put(bytes, 4, "zimg");
    put(bytes, 8, le32(256u));
    put(bytes, 12, le32(static_cast<std::uint32_t>(payload.size())));
    put(bytes, 24, compression);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    bytes.resize(bytes.size() + 100);
    return bytes;
}

/// A zstd frame of one raw block [RFC 8878, 3.1.1.2].
Contents zstd_of(const Contents& bytes) {
    Contents frame = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38};
    const std::size_t header = bytes.size() << 3 | 1;
    for (int shift = 0; shift < 24; shift += 8)
        frame.push_back(static_cast<std::uint8_t>(header >> shift & 0xff));
    frame.insert(frame.end(), bytes.begin(), bytes.end());
    return frame;
}

/// A bzImage of 3 setup sectors and 4096 bytes of protected-mode code.
Contents bzimage() {
    Contents bytes(4 * 512 + 4096);
    put(bytes, 0, "MZ");
    X86SetupHeader setup;
    setup.setup_sects = 3;
    setup.syssize = std::uint32_t{4096 / 16};
    setup.boot_flag = std::uint16_t{0xaa55};
    setup.header = {'H', 'd', 'r', 'S'};
    setup.version = std::uint16_t{0x20f};
    setup.kernel_version = std::uint16_t{0x300};
    setup.xloadflags = std::uint16_t{0x7f};
    put(bytes, X86SetupHeader::offset, setup);
    put(bytes, 0x500, "6.1.0-x86 (c@d) #9 SMP");
    return bytes;
}

struct Result {
    KernelInfo info;
    Contents raw;
};

Result read(const Contents& bytes) {
    MemoryInput in(bytes, "vmlinuz");
    MemorySink out;
    const KernelInfo info = read_kernel(in, out, temporary);
    return {info, out.bytes};
}

void check_refused(const Contents& bytes, const std::string& problem) {
    CHECK_THROWS_WITH(read(bytes), "vmlinuz: " + problem);
}

} // namespace

TEST_CASE("every form of an arm64 kernel gives the same Image and says the same") {
    const Contents raw = image();
    const auto [file, form] = GENERATE_COPY(table<Contents, KernelForm>({
        {raw, KernelForm::image},
        {gzipped(raw), KernelForm::gzip},
        {zboot("gzip", gzipped(raw)), KernelForm::zboot_gzip},
        {zboot("zstd", zstd_of(raw)), KernelForm::zboot_zstd},
        {zboot("zstd22", zstd_of(raw)), KernelForm::zboot_zstd},
    }));
    const Result result = read(file);
    CHECK(result.raw == raw);
    CHECK(result.info.form == form);
    CHECK(result.info.arch == "aarch64");
    CHECK(result.info.page_size == 4096);
    CHECK(result.info.version == "6.1.0-test (a@b) #7 SMP");
    CHECK(result.info.size == 5000);
}

TEST_CASE("bits 1 and 2 of the flags are the page size") {
    const auto [flags, size] = GENERATE(
        table<std::uint64_t, std::uint64_t>({{0, 0}, {2, 4096}, {4, 16384}, {6, 65536}, {0xa, 4096}}));
    CHECK(read(image(flags)).info.page_size == size);
}

TEST_CASE("the banner is the last text that is one") {
    CHECK(read(image(2, "Linux version %s (%s)\n")).info.version.empty());
    CHECK(read(image(2, "Linux version 6.1 without an end")).info.version ==
          "6.1 without an end"); // a NUL ends it
    CHECK(read(image(2, "Linux version 6.1 # SMP\n..Linux version 6.1 #2 SMP\n..Linux version x\n"))
              .info.version == "6.1 #2 SMP");
    CHECK(read(image(2, "Linux version " + std::string(1100, '1') + "\n")).info.version.empty());
}

TEST_CASE("a banner is found wherever blocks of the input end") {
    const std::string text = "....Linux version 6.6-x #1\n....";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        detail::BannerFinder finder;
        finder.see(as_bytes(text).first(cut));
        finder.see(as_bytes(text).subspan(cut));
        CHECK(finder.version() == "6.6-x #1");
    }
}

TEST_CASE("banners are found in pieces of any size") {
    const std::string longest = "7.0-" + std::string(990, 'x');
    const std::string text = "Linux version 6.6 #1\n" + std::string(1500, '.') + "Linux version %s\nLinux version " + longest +
                             "\n" + std::string(1100, '.') + "Linux versio" + std::string(30, '.');
    for (const std::size_t piece : {1u, 2u, 5u, 13u, 14u, 100u, 1023u, 1037u, 1038u, 1039u, 2000u, 10000u}) {
        CAPTURE(piece);
        detail::BannerFinder finder;
        for (Bytes left = as_bytes(text); !left.empty(); left = left.subspan(std::min(piece, left.size())))
            finder.see(left.first(std::min(piece, left.size())));
        CHECK(finder.version() == longest);
    }
}

TEST_CASE("a bzImage passes as it is") {
    const Contents file = bzimage();
    const Result result = read(file);
    CHECK(result.raw == file);
    CHECK(result.info.form == KernelForm::bzimage);
    CHECK(result.info.arch == "x86_64");
    CHECK(result.info.page_size == 4096);
    CHECK(result.info.version == "6.1.0-x86 (c@d) #9 SMP");
    CHECK(result.info.size == file.size());
}

TEST_CASE("a bzImage that cannot boot here is refused") {
    Contents file = bzimage();
    SECTION("cut") {
        file.pop_back();
        check_refused(file, "is cut: the bzImage has 6143 of 6144 bytes");
    }
    SECTION("32-bit") {
        put(file, 0x236, le16(std::uint16_t{0}));
        check_refused(file, "is an x86 kernel without a 64-bit entry point");
    }
    SECTION("no boot flag") {
        put(file, 0x1fe, le16(std::uint16_t{0}));
        check_refused(file, "has an x86 setup header without its boot flag");
    }
    SECTION("0 setup sectors mean 4") {
        file[X86SetupHeader::offset] = 0;
        check_refused(file, "is cut: the bzImage has 6144 of 6656 bytes");
    }
}

TEST_CASE("a bzImage without end is given up") {
    struct Endless : Input {
        Contents start = bzimage();
        std::string subject = "vmlinuz";
        std::size_t read_some(std::span<std::uint8_t> into) override {
            const std::size_t count = start.empty() ? into.size() : std::min(into.size(), start.size());
            if (!start.empty()) std::copy_n(start.begin(), count, into.begin());
            start.clear(); // it is shorter than what is read at first
            return count;
        }
        const std::string& name() const override { return subject; }
    } in;
    NullSink out;
    CHECK_THROWS_WITH(read_kernel(in, out, temporary), "vmlinuz: is a bzImage of 1073741824 bytes or more");
}

TEST_CASE("an arm64 Image that cannot be right is refused") {
    Contents file = image();
    SECTION("longer than it says") {
        put(file, 16, le64(std::uint64_t{4999}));
        check_refused(file, "is longer than its arm64 Image header says: 4999 bytes");
    }
    SECTION("larger than memory is") {
        put(file, 16, le64(std::uint64_t{1} << 40));
        check_refused(file,
                      "has an arm64 Image header that asks for 1099511627776 bytes, the limit is 1073741824");
    }
    SECTION("big-endian") { check_refused(image(3), "holds a big-endian arm64 Image"); }
    SECTION("a PE section table outside the first 64 KiB") {
        put(file, 64 + 6, le16(std::uint16_t{0xffff}));
        CHECK_THROWS_WITH(read(file), Catch::StartsWith("vmlinuz: PE section table at offset "));
    }
    SECTION("cut in its signatures") {
        put(file, 64 + 24 + 112 + 32, le32(5000u)); // the certificate table's place
        put(file, 64 + 24 + 112 + 36, le32(8u));    // and size
        check_refused(file, "is cut: the arm64 Image has 5000 of 5008 bytes");
    }
    SECTION("a PE header beyond what is looked at") {
        put(file, 60, le32(131072u));
        check_refused(file, "has a PE header at offset 131072, beyond the first 5000 bytes");
    }
    SECTION("no PE header is no promise") {
        put(file, 0, std::string_view("\0\0", 2));
        file.resize(100);
        CHECK(read(file).info.size == 100);
    }
}

TEST_CASE("an Image inside a wrapper is checked as well") {
    check_refused(gzipped(contents_of("no kernel at all")), "is cut in arm64 Image header: 16 of 64 bytes");
    check_refused(gzipped(Contents(64)), "holds no arm64 Image: is unknown data (it starts with 00000000)");
    check_refused(zboot("gzip", gzipped(gzipped(image()))), "holds no arm64 Image: is gzip-compressed");
    Contents riscv = image();
    put(riscv, 56, "RSC\x05");
    check_refused(zboot("gzip", gzipped(riscv)), "holds no arm64 Image: is a RISC-V kernel image");
}

TEST_CASE("a zboot header is taken at its word only where it fits") {
    Contents file = zboot("gzip", gzipped(image()));
    SECTION("other compressions, by their whole name") {
        put(file, 24, "lzma");
        check_refused(file, "is an EFI zboot image compressed with 'lzma', wisp knows gzip and zstd");
        put(file, 24, "gzip9");
        check_refused(file, "is an EFI zboot image compressed with 'gzip9', wisp knows gzip and zstd");
        put(file, 24, std::string_view(std::string(31, 'x') + '\0'));
        check_refused(file, "is an EFI zboot image compressed with '" + std::string(31, 'x') +
                                "', wisp knows gzip and zstd");
        put(file, 24, std::string_view(std::string(32, 'x')));
        check_refused(file, "has a zboot header whose compression name has no end");
    }
    SECTION("a payload of another compression") {
        put(file, 24, std::string_view("zstd\0", 5));
        check_refused(file, "has a zboot payload that is not zstd");
        check_refused(zboot("gzip", {}), "has a zboot payload that is not gzip");
    }
    SECTION("a payload inside the header") {
        put(file, 8, le32(63u));
        check_refused(file, "has a zboot payload at offset 63, inside the header's 64 bytes");
    }
    SECTION("a payload outside the file") {
        put(file, 8, le32(0xffffffffu));
        check_refused(file, "is cut in what comes before the zboot payload: " + std::to_string(file.size()) +
                                " of 4294967295 bytes");
    }
    SECTION("a payload that ends before its length") {
        Contents packed = zboot("gzip", gzipped(image()));
        packed.resize(packed.size() - 100); // ends with the payload, so that one byte more is not there
        put(packed, 12, le32(static_cast<std::uint32_t>(packed.size() - 255)));
        check_refused(packed, "is cut in the zboot payload: " + std::to_string(packed.size() - 256) + " of " +
                                  std::to_string(packed.size() - 255) + " bytes");
    }
    SECTION("a payload that is longer than the file") {
        Contents packed = zboot("zstd", zstd_of(image()));
        put(packed, 12, le32(0xffffffffu));
        check_refused(packed, "is cut in the zboot payload: " + std::to_string(packed.size() - 256) +
                                  " of 4294967295 bytes");
    }
}

TEST_CASE("a kernel cut at any byte is refused in every form") {
    const Contents raw = image();
    for (const Contents& file : {raw, gzipped(raw), zboot("gzip", gzipped(raw)), bzimage()}) {
        const std::size_t trailer =
            file.size() > 4 && file[4] == 'z' ? 100 : 0; // what follows a zboot payload
        for (std::size_t length = 0; length < file.size() - trailer; ++length) {
            const Contents cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length));
            try {
                read(cut);
                FAIL("accepted when cut to " << length << " of " << file.size());
            } catch (const Error&) {
            }
        }
    }
}

TEST_CASE("what is no kernel is named") {
    const std::string forms = ", not an arm64 Image (raw, gzip or EFI zboot) or an x86 bzImage";
    check_refused({}, "is empty" + forms);
    check_refused(contents_of("#!/bin/sh\n"), "is a script (#!/bin/sh)" + forms);
    check_refused(contents_of("\x7f"
                              "ELF\2\1"),
                  "is an ELF file" + forms);
    check_refused(contents_of("\x28\xb5\x2f\xfd"), "is zstd-compressed" + forms);
    check_refused(contents_of("MZ other"), "is a PE file (Windows or EFI)" + forms);
    Contents riscv(100);
    put(riscv, 56, "RSC\x05");
    check_refused(riscv, "is a RISC-V kernel image" + forms);
}
