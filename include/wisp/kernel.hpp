// Kernel images: which form one has, what it says of itself, and the raw image inside.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "wisp/error.hpp"
#include "wisp/gzip_head.hpp"
#include "wisp/input.hpp"
#include "wisp/kernel_image.hpp"
#include "wisp/magic.hpp"
#include "wisp/sink.hpp"
#include "wisp/text.hpp"
#include "wisp/unpack.hpp"
#include "wisp/view.hpp"

namespace wisp {

namespace detail {

inline bool has_at(Bytes head, std::size_t offset, std::string_view magic) {
    return head.size() > offset && as_text(head).substr(offset).starts_with(magic);
}

inline bool is_bzimage(Bytes head) { return has_at(head, 0x202, "HdrS"); }
inline bool is_zboot(Bytes head) { return has_at(head, 0, "MZ") && has_at(head, 4, "zimg"); }
inline bool is_arm64_image(Bytes head) { return has_at(head, 0x38, "ARM\x64"); }

inline KernelInfo read_arm64_image(Input& in, Sink& out, KernelForm form) {
    Arm64ImageSink image(out, in.name());
    in.copy_all(image);
    image.finish();
    return image.info(form);
}

/// The version text of a bzImage, "" where its header does not say.
inline std::string bzimage_version(const X86SetupHeader& setup, Bytes head) {
    if (setup.kernel_version == 0) return {};
    const std::size_t at = std::size_t{setup.kernel_version} + 0x200;
    if (at >= head.size()) return {};
    const std::string_view text = as_text(head).substr(at, 1024);
    return std::string(text.substr(0, text.find('\0')));
}

inline KernelInfo read_bzimage(PeekInput& in, Sink& out) {
    const Bytes head = in.head();
    const auto setup = View(in.name(), head).read<X86SetupHeader>(X86SetupHeader::offset, "x86 setup header");
    if (setup.boot_flag != 0xaa55) refuse(in.name(), "has an x86 setup header without its boot flag");
    if (setup.version < 0x20c || (setup.xloadflags & 1) == 0)
        refuse(in.name(), "is an x86 kernel without a 64-bit entry point");
    KernelInfo info{KernelForm::bzimage, "x86_64", 4096, bzimage_version(setup, head), 0};
    const std::uint64_t before = out.position();
    PartInput bounded(in, kernel_size_limit);
    bounded.copy_all(out);
    if (bounded.left() == 0)
        refuse(in.name(), "is a bzImage of " + std::to_string(kernel_size_limit) + " bytes or more");
    info.size = out.position() - before;
    const std::uint64_t sectors = setup.setup_sects == 0 ? 4 : setup.setup_sects; // [boot.rst, setup_sects]
    const std::uint64_t pe_offset = View(in.name(), head).read<le32>(0x3c, "PE header's offset");
    const std::uint64_t promised = std::max((sectors + 1) * 512 + std::uint64_t{setup.syssize} * 16,
                                            pe_contents_end(View(in.name(), head), pe_offset));
    if (info.size < promised)
        refuse(in.name(), "is cut: the bzImage has " + std::to_string(info.size) + " of " +
                              std::to_string(promised) + " bytes");
    return info;
}

/// The compression of a zboot image. Kernels before 6.2 name zstd by the make rule that made it, zstd22.
inline KernelForm zboot_form(const ZbootHeader& header, std::string_view name) {
    const std::string_view field(header.compression.data(), header.compression.size());
    const std::string_view compression = field.substr(0, field.find('\0'));
    if (compression.size() == field.size())
        refuse(name, "has a zboot header whose compression name has no end");
    if (compression == "gzip") return KernelForm::zboot_gzip;
    if (compression == "zstd" || compression == "zstd22") return KernelForm::zboot_zstd;
    refuse(name, "is an EFI zboot image compressed with '" + printable(compression) +
                     "', wisp knows gzip and zstd");
}

inline KernelInfo read_zboot(PeekInput& in, Sink& out, const std::string& temporary) {
    const auto header = View(in.name(), in.head()).read<ZbootHeader>(0, "zboot header");
    const KernelForm form = zboot_form(header, in.name());
    if (header.payload_offset < sizeof(ZbootHeader))
        refuse(in.name(), "has a zboot payload at offset " + std::to_string(header.payload_offset) +
                              ", inside the header's 64 bytes");
    NullSink nowhere;
    in.copy_exactly(nowhere, header.payload_offset, "what comes before the zboot payload");
    PartInput payload(in, header.payload_size);
    PeekInput start(payload, 4);
    if (packing_of(start.head()) != (form == KernelForm::zboot_gzip ? Packing::gzip : Packing::zstd))
        refuse(in.name(), "has a zboot payload that is not " + std::string(to_text(form).substr(6)));
    UnpackInput unpacked(start, temporary);
    const auto insist_on_all = [&] {
        if (payload.left() > 0)
            refuse(in.name(),
                   "is cut in the zboot payload: " + std::to_string(header.payload_size - payload.left()) +
                       " of " + std::to_string(header.payload_size) + " bytes");
    };
    if (form == KernelForm::zboot_zstd) insist_on_all(); // the helper has been given what there is
    const KernelInfo info = read_arm64_image(unpacked, out, form);
    insist_on_all();
    PartInput after(in, kernel_size_limit); // section padding, signatures
    after.copy_all(nowhere);
    if (after.left() == 0)
        refuse(in.name(), "goes on for " + std::to_string(kernel_size_limit) + " bytes or more after its zboot payload");
    return info;
}

} // namespace detail

/// Whether bytes that start with `head` are a kernel in one of the forms, by their first bytes.
inline bool looks_like_kernel(Bytes head) {
    return detail::is_bzimage(head) || detail::is_zboot(head) || detail::is_arm64_image(head) ||
           detail::is_arm64_image(gunzip_head(head, sizeof(Arm64ImageHeader)));
}

/// Reads a kernel image in any of the forms to its end, writes the raw image inside (of a bzImage, the file
/// as it is) to `out`, and tells what it is. What is wrong may show only at the end: `out` is complete when
/// this returns. `temporary` is a folder for what a helper must unpack. Everything but those forms, and what
/// is cut, is refused.
inline KernelInfo read_kernel(Input& in, Sink& out, const std::string& temporary) {
    PeekInput peek(in, detail::kernel_head_size);
    if (detail::is_bzimage(peek.head())) return detail::read_bzimage(peek, out);
    if (detail::is_zboot(peek.head())) return detail::read_zboot(peek, out, temporary);
    if (detail::is_arm64_image(peek.head())) return detail::read_arm64_image(peek, out, KernelForm::image);
    if (packing_of(peek.head()) == Packing::gzip) {
        GunzipAllInput unpacked(peek);
        return detail::read_arm64_image(unpacked, out, KernelForm::gzip);
    }
    refuse(in.name(), "is " + contents_name(peek.head()) +
                          ", not an arm64 Image (raw, gzip or EFI zboot) or an x86 bzImage");
}

} // namespace wisp
