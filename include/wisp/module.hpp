// Kernel modules: their names, their .modinfo, and how they are packed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/elf.hpp"
#include "wisp/error.hpp"
#include "wisp/path.hpp"
#include "wisp/seekable.hpp"
#include "wisp/spool.hpp"
#include "wisp/text.hpp"
#include "wisp/unpack.hpp"

namespace wisp {

/// The name the kernel knows a module by, of a file name or a name somebody typed: no folder, no ".ko", no
/// compression suffix, "_" for "-" [kmod; scripts/Makefile.lib, name-fix].
inline std::string module_name(std::string_view path) {
    std::string_view name = base_name(path);
    if (const auto suffix = name.find(".ko"); suffix != std::string_view::npos) name = name.substr(0, suffix);
    std::string normal(name);
    std::replace(normal.begin(), normal.end(), '-', '_');
    return normal;
}

/// A module's path without its compression suffix, or nothing when `path` is not a module's.
inline std::optional<std::string> module_path(std::string_view path) {
    for (const std::string_view suffix : {".gz", ".xz", ".zst"})
        if (path.ends_with(suffix)) {
            path.remove_suffix(suffix.size());
            break;
        }
    if (!path.ends_with(".ko") || base_name(path) == ".ko") return std::nullopt;
    return std::string(path);
}

/// The records of a module's .modinfo section: NUL-separated key=value [include/linux/moduleparam.h,
/// __MODULE_INFO].
class ModuleInfo {
public:
    /// Refuses what is not a relocatable ELF64 file with such a section.
    explicit ModuleInfo(const Seekable& file) {
        const auto section = elf::read_section(file, elf::read_relocatable(file), ".modinfo", size_limit);
        if (!section) refuse(file.name(), "has no .modinfo section: is not a kernel module");
        for (const std::string_view record : split(as_text(*section), '\0')) {
            if (record.empty()) continue; // padding
            if (record.find('=') == std::string_view::npos)
                refuse(file.name(), ".modinfo record '" + printable(record) + "' has no '='");
            records_.emplace_back(record);
        }
    }

    /// "key=value", in the order of the file.
    const std::vector<std::string>& records() const { return records_; }

    /// The values of all records with this key.
    std::vector<std::string_view> values(std::string_view key) const {
        std::vector<std::string_view> found;
        for (const std::string_view record : records_)
            if (record.size() > key.size() && record.starts_with(key) && record[key.size()] == '=')
                found.push_back(record.substr(key.size() + 1));
        return found;
    }

    /// The modules that must be loaded before this one, normalised.
    std::vector<std::string> depends() const {
        std::vector<std::string> names;
        for (const std::string_view list : values("depends"))
            for (const std::string_view name : split(list, ','))
                if (!name.empty()) names.push_back(module_name(name));
        return names;
    }

    /// The modules that should be loaded before this one where they exist: "pre: a b post: c"
    /// [modprobe.d(5)].
    std::vector<std::string> softdeps() const {
        std::vector<std::string> names;
        for (const std::string_view list : values("softdep")) {
            bool is_pre = false;
            for (const std::string_view word : split(list, ' '))
                if (word.ends_with(':'))
                    is_pre = word == "pre:";
                else if (is_pre && !word.empty())
                    names.push_back(module_name(word));
        }
        return names;
    }

    /// The kernel release a module is built for: the first word of vermagic, "" without one.
    std::string release() const {
        const auto magic = values("vermagic");
        return magic.empty() ? std::string() : std::string(split(magic.front(), ' ').front());
    }

private:
    static constexpr std::size_t size_limit =
        1 << 20; // the longest of a distribution kernel's are under 100 KiB

    std::vector<std::string> records_;
};

/// What a module may take unpacked; the largest of a distribution's are under 64 MiB.
inline constexpr std::uint64_t module_size_limit = 512 << 20;

/// What a module's file holds, unpacked, in a temporary file in the folder `temporary`.
inline Fd unpack_module(Input& file, const std::string& temporary) {
    UnpackInput in(file, temporary);
    PartInput bounded(in, module_size_limit);
    Fd unpacked = spool(bounded, temporary);
    if (bounded.left() == 0)
        refuse(file.name(), "unpacks to " + std::to_string(module_size_limit) + " bytes or more");
    return unpacked;
}

} // namespace wisp
