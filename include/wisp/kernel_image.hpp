// The headers of kernel images, and a sink that checks an arm64 Image as it passes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/le.hpp"
#include "wisp/magic.hpp"
#include "wisp/sink.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// The forms distributions ship [arm64/booting.rst; drivers/firmware/efi/libstub/zboot-header.S; x86/boot.rst].
enum class KernelForm { image, gzip, zboot_gzip, zboot_zstd, bzimage };

constexpr std::string_view to_text(KernelForm form) {
    switch (form) {
        case KernelForm::image: return "image";
        case KernelForm::gzip: return "gzip";
        case KernelForm::zboot_gzip: return "zboot-gzip";
        case KernelForm::zboot_zstd: return "zboot-zstd";
        case KernelForm::bzimage: break;
    }
    return "bzimage";
}

/// What a kernel says of itself.
struct KernelInfo {
    KernelForm form = KernelForm::image;
    std::string arch{};          ///< "aarch64" or "x86_64"
    std::uint64_t page_size = 0; ///< in bytes; 0: not said
    std::string version{};  ///< from the release on: "6.1.0-50-cloud-arm64 (…) #1 SMP …"; "": not said
    std::uint64_t size = 0; ///< of the raw image, in bytes
};

/// [Documentation/arch/arm64/booting.rst, "Call the kernel image"]
struct Arm64ImageHeader {
    le32 code0;
    le32 code1;
    le64 text_offset;
    le64 image_size; ///< memory the kernel needs from its first byte on, its zeroed data included
    le64 flags;      ///< bit 0: big-endian; bits 1-2: page size
    le64 res2;
    le64 res3;
    le64 res4;
    std::array<char, 4> magic{};
    le32 pe_offset;
};
static_assert(sizeof(Arm64ImageHeader) == 64);

/// [drivers/firmware/efi/libstub/zboot-header.S]
struct ZbootHeader {
    std::array<char, 4> mz{};
    std::array<char, 4> zimg{};
    le32 payload_offset;
    le32 payload_size;
    le64 reserved;
    std::array<char, 32> compression{}; ///< NUL-terminated
    le32 linux_magic;                   ///< 0x818223cd since 6.2
    le32 pe_offset;
};
static_assert(sizeof(ZbootHeader) == 64);

/// The setup header of a bzImage, at 0x1f1 [Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"].
struct X86SetupHeader {
    static constexpr std::uint64_t offset = 0x1f1;

    std::uint8_t setup_sects = 0;
    le16 root_flags;
    le32 syssize; ///< of the protected-mode part, in 16-byte units
    le16 ram_size;
    le16 vid_mode;
    le16 root_dev;
    le16 boot_flag;
    le16 jump;
    std::array<char, 4> header{}; ///< "HdrS"
    le16 version;                 ///< of the boot protocol
    le32 realmode_swtch;
    le16 start_sys_seg;
    le16 kernel_version; ///< where the version text is, less 0x200; 0: nowhere
    std::array<std::uint8_t, 0x26> loader_fields{};
    le16 xloadflags; ///< bit 0: has a 64-bit entry point; since protocol 2.12
};
static_assert(sizeof(X86SetupHeader) == 0x238 - X86SetupHeader::offset);

namespace detail {

/// More than any kernel has. An arm64 one and its initrd must lie in one window of 32 GiB [arm64/booting.rst, "Call
/// the kernel image"].
inline constexpr std::uint64_t kernel_size_limit = 1 << 30;

/// How much of an image's start is kept: its headers, and of a bzImage the version text (setup_sects is a
/// byte, so all before the protected-mode part is under 128 KiB; the text comes with the first code).
inline constexpr std::size_t kernel_head_size = 64 * 1024;

/// Where the file contents of a PE image end, its sections' and its signatures', 0 when `head` starts no PE
/// image [PE format, "COFF File Header", "Optional Header Data Directories", "Section Table"]. A kernel with an
/// EFI stub is one, and only that tells that it was cut.
inline std::uint64_t pe_contents_end(const View& head, std::uint64_t pe_offset) {
    struct Coff {
        std::array<char, 4> signature{};
        le16 machine;
        le16 sections;
        le32 time, symbols, symbol_count;
        le16 optional_size;
        le16 characteristics;
    };
    struct Section {
        std::array<char, 8> name{};
        le32 virtual_size, virtual_address;
        le32 raw_size, raw_offset;
        std::array<std::uint8_t, 16> rest{};
    };
    struct Directory {
        le32 where, size; // the certificate table's is a place in the file, not in memory
    };
    static_assert(sizeof(Coff) == 24 && sizeof(Section) == 40);
    constexpr std::uint64_t directories = 112, certificates = 4; // in the optional header of PE32+
    if (as_text(head.cut(0, 2, "MZ magic")) != "MZ") return 0;
    if (pe_offset > head.size() - std::min<std::uint64_t>(head.size(), sizeof(Coff)))
        refuse(head.subject(), "has a PE header at offset " + std::to_string(pe_offset) + ", beyond the first " +
                                std::to_string(head.size()) + " bytes");
    const auto coff = head.read<Coff>(pe_offset, "PE header");
    if (std::string_view(coff.signature.data(), 4) != std::string_view("PE\0\0", 4)) return 0;
    const std::uint64_t table = pe_offset + sizeof(Coff) + coff.optional_size;
    std::uint64_t end = 0;
    for (std::uint64_t i = 0; i < coff.sections; ++i) {
        const auto section = head.read<Section>(table + i * sizeof(Section), "PE section table");
        end = std::max<std::uint64_t>(end, std::uint64_t{section.raw_offset} + section.raw_size);
    }
    const std::uint64_t before = directories + certificates * sizeof(Directory);
    if (coff.optional_size < before + sizeof(Directory)) return end;
    const auto found = head.read<Directory>(pe_offset + sizeof(Coff) + before, "PE data directories");
    return found.size == 0 ? end : std::max<std::uint64_t>(end, std::uint64_t{found.where} + found.size);
}

/// Finds the kernel's banner ("Linux version 6.1.0 (…) …\n") in passing bytes: the last one, since before it
/// an image has a stand-in without build number [init/version.c, version-timestamp.c].
class BannerFinder {
public:
    void see(Bytes bytes) {
        std::string_view text = as_text(bytes);
        if (!carry_.empty()) {
            // What began before these bytes ends among their first, or there are more to come.
            const std::size_t before = carry_.size();
            carry_.append(text.substr(0, words.size() + longest));
            const std::size_t done = search(carry_, before);
            if (done < before && text.size() <= words.size() + longest) {
                carry_.erase(0, done);
                return;
            }
        }
        carry_ = text.substr(search(text, text.size()));
    }

    /// All after "Linux version "; "" when none has been seen.
    const std::string& version() const { return version_; }

private:
    static constexpr std::string_view words = "Linux version ";
    static constexpr std::size_t longest = 1024;

    /// Takes the banners of `text` that begin before `limit`. Returns where one begins whose end is not there, or else
    /// where one may begin.
    std::size_t search(std::string_view text, std::size_t limit) {
        std::size_t at = text.find(words);
        for (; at < limit; at = text.find(words, at + words.size())) {
            const std::size_t end = text.find_first_of(std::string_view("\n\0", 2), at);
            if (end == std::string_view::npos && text.size() - at < longest) return at;
            take(text, at + words.size(), end);
        }
        return text.size() - std::min(text.size(), words.size() - 1);
    }

    /// Format strings and other people's texts have no digit there, or no end.
    void take(std::string_view text, std::size_t begin, std::size_t end) {
        if (end == std::string_view::npos || end - begin > longest || end == begin) return;
        if (text[begin] >= '0' && text[begin] <= '9') version_ = text.substr(begin, end - begin);
    }

    std::string carry_; // what has been seen of a banner, or may be
    std::string version_;
};

/// Passes an arm64 Image on and checks it on the way: its header as soon as it is there, its length against
/// what the header allows with every block, and against what its PE header promises at the end.
class Arm64ImageSink : public Sink {
public:
    Arm64ImageSink(Sink& out, std::string_view name) : out_(out), name_(name) {}

    KernelInfo info(KernelForm form) const {
        const std::uint64_t pages =
            Arm64ImageHeader(header_).flags >> 1 & 3; // 1: 4 KiB, 2: 16 KiB, 3: 64 KiB
        return {form, "aarch64", pages == 0 ? 0 : std::uint64_t{1024} << 2 * pages, banner_.version(),
                position()};
    }

private:
    void append(Bytes bytes) override {
        if (head_.size() < kernel_head_size) {
            const Bytes part = bytes.first(std::min(bytes.size(), kernel_head_size - head_.size()));
            head_.insert(head_.end(), part.begin(), part.end());
            if (!known_ && head_.size() >= sizeof(Arm64ImageHeader)) check_header();
        }
        if (known_ &&
            bytes.size() > header_.image_size - std::min<std::uint64_t>(position(), header_.image_size))
            refuse(name_, "is longer than its arm64 Image header says: " +
                              std::to_string(header_.image_size) + " bytes");
        banner_.see(bytes);
        out_.write(bytes);
    }

    void check_header() {
        header_ = View(name_, head_).read<Arm64ImageHeader>(0, "arm64 Image header");
        known_ = true;
        if (std::string_view(header_.magic.data(), 4) != "ARM\x64")
            refuse(name_, "holds no arm64 Image: is " + contents_name(head_));
        if ((header_.flags & 1) != 0) refuse(name_, "holds a big-endian arm64 Image");
        if (header_.image_size > kernel_size_limit)
            refuse(name_, "has an arm64 Image header that asks for " + std::to_string(header_.image_size) +
                              " bytes, the limit is " + std::to_string(kernel_size_limit));
    }

    void end() override {
        if (!known_)
            refuse(name_, "is cut in arm64 Image header: " + std::to_string(head_.size()) + " of 64 bytes");
        const std::uint64_t promised = pe_contents_end(View(name_, head_), header_.pe_offset);
        if (position() < promised)
            refuse(name_, "is cut: the arm64 Image has " + std::to_string(position()) + " of " +
                              std::to_string(promised) + " bytes");
    }

    Sink& out_;
    std::string name_;
    std::vector<std::uint8_t> head_;
    Arm64ImageHeader header_{};
    bool known_ = false;
    BannerFinder banner_;
};

} // namespace detail

} // namespace wisp
