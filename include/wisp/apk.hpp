// Alpine packages, version 2: three gzip members (signatures, control, data) and the chain between them: a
// trusted key signs the control member, whose .PKGINFO has the SHA-256 of the data member [apk-tools
// doc/apk-v2.5.scd].
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/ahead.hpp"
#include "wisp/apk_members.hpp"
#include "wisp/apk_signature.hpp"
#include "wisp/digest.hpp"
#include "wisp/error.hpp"
#include "wisp/gunzip.hpp"
#include "wisp/input.hpp"
#include "wisp/magic.hpp"
#include "wisp/names.hpp"
#include "wisp/pkginfo.hpp"
#include "wisp/sink.hpp"
#include "wisp/tar.hpp"
#include "wisp/text.hpp"
#include "wisp/unpack.hpp"
#include "wisp/view.hpp"

namespace wisp::apk {

/// Sees the entries of an archive in order, and may take the contents of each from the reader.
using EntryVisitor = std::function<void(TarReader& archive, const TarEntry& entry)>;

/// Whether all that is wanted of an archive has been seen; asked before each entry. Without one there is never enough.
using Enough = std::function<bool()>;

/// What is known of a package that has been read whole and found in order.
struct Package {
    PkgInfo info{};
    std::string name{};
    std::string version{};
    std::string data_hash{}; ///< SHA-256 of the data member, in hexadecimal
    std::string checksum{}; ///< of the control member, as a repository index has it: "Q1" and SHA-1 in base64
    std::optional<Signer> signer{}; ///< nothing when no keyring was asked
};

/// What an input is, by its first bytes.
enum class Container { gzip, tar };

/// Looks at the first bytes of an input. Everything but gzip and tar is refused by name, APK v3 above all: it
/// starts with "ADB" and a letter for its compression [apk-tools src/adb.h].
inline Container container_of(const PeekInput& in) {
    const Bytes head = in.head();
    if (as_text(head).starts_with("ADB"))
        refuse(in.name(), "is an Alpine package or index of format version 3 (ADB); supported is version 2");
    if (as_text(head).starts_with("\x1f\x8b")) return Container::gzip;
    if (may_be_tar(head)) return Container::tar;
    refuse(in.name(),
           "is " + contents_name(head) + (head.empty() ? "" : ", neither an Alpine package nor a tar"));
}

/// "Q1" and the SHA-1 of a control member in base64 [apk-tools src/blob.c].
inline std::string control_checksum(Bytes control) {
    const auto sha1 = digest_of(DigestAlgorithm::sha1, control);
    std::array<unsigned char, 32> base64{}; // 20 bytes make 28 characters and a NUL
    EVP_EncodeBlock(base64.data(), sha1.data(), static_cast<int>(sha1.size()));
    return "Q1" + std::string(reinterpret_cast<const char*>(base64.data()));
}

/// How far an archive has been read: to its end mark, to an end without one, or to where there was enough of it.
enum class End { marked, missing, not_reached };

/// Shows `visit` every entry of the tar in `tar`, until there is `enough`.
inline End visit_entries(Input& tar, const EntryVisitor& visit, const Enough& enough = {}) {
    TarReader archive(tar);
    while (!enough || !enough()) {
        const TarEntry* const entry = archive.next();
        if (!entry) return archive.has_end_mark() ? End::marked : End::missing;
        visit(archive, *entry);
    }
    return End::not_reached;
}

/// Moves the contents of `entry`, which the reader stands at, to `out`. Where the archive says what their
/// SHA-1 is, as abuild's do for every file, another one is refused.
inline void copy_checked(TarReader& archive, const TarEntry& entry, Sink& out) {
    if (entry.sha1.empty()) return archive.copy_contents(out);
    DigestSink checked(DigestAlgorithm::sha1, out);
    archive.copy_contents(checked);
    if (const auto found = hex(checked.digest()); found != entry.sha1)
        refuse(archive.name(), "'" + printable(entry.path) + "' has SHA-1 " + found +
                                   ", but the archive says " + printable(entry.sha1));
}

/// Reads any tar, plain or gzipped, to its end; a package too, whose members are one tar when joined. Checks
/// the form and no signature. An archive without end mark is refused as cut, but only after the last entry
/// has been shown.
inline void read_archive(Input& in, const EntryVisitor& visit) {
    PeekInput peeked(in, tar_record_size);
    End end = End::missing;
    if (container_of(peeked) == Container::gzip) {
        GunzipInput gunzip(peeked);
        gunzip.next_member();
        BoundedGunzip tar(gunzip, BoundedGunzip::Scope::all_members);
        end = visit_entries(tar, visit);
    } else {
        end = visit_entries(peeked, visit);
    }
    if (end == End::missing) refuse(in.name(), "is cut: it has no end mark");
}

/// Reads a package from front to back, once.
class PackageReader {
public:
    static constexpr std::uint64_t max_control = 10 << 20; // as apko's
    static constexpr std::uint64_t max_pkginfo = 1 << 20;

    /// Without `keys` signatures are not looked at. `pace` is about the data member.
    PackageReader(Input& in, const Keyring* keys, Pace pace = Pace::step_by_step)
        : peeked_(in, tar_record_size), keys_(keys), pace_(pace) {}

    /// Shows `visit` the entries of the control and then of the data member. Returns only when the whole
    /// package has been read and all that is checked holds; what `visit` has seen is not to be used before.
    /// Throws Error (input).
    ///
    /// With keys, what follows in the data member once there is `enough` is hashed and not unpacked: the signature vouches
    /// for every byte to the end of the input.
    Package read(const EntryVisitor& visit, const Enough& enough = {}) {
        if (container_of(peeked_) == Container::tar) refuse(name(), "is a plain tar, not an Alpine package");
        MemberReader members(peeked_);
        const Member control = vouched_control(members);
        read_info(control);
        control.unpack([&](Input& tar) { visit_entries(tar, visit); });
        read_data(members, visit, keys_ ? enough : Enough());
        return std::move(package_);
    }

private:
    const std::string& name() const { return peeked_.name(); }

    /// The control member, after its signature has been found good if there are keys to ask.
    Member vouched_control(MemberReader& members) {
        auto first = members.hold(max_control, "is not an Alpine package: its first gzip member");
        const std::string path = first_path(first.value());
        if (!path.starts_with(signature_prefix)) {
            if (path != ".PKGINFO")
                refuse(name(), "is not an Alpine package: it starts with '" + printable(path) + "'");
            if (keys_) refuse(name(), "is not signed");
            return std::move(*first);
        }
        auto control = members.hold(max_control, "control member");
        if (!control) refuse(name(), "is cut after its signatures");
        if (keys_) package_.signer = verify_member(*first, control->bytes(), *keys_, name());
        return std::move(*control);
    }

    void read_info(const Member& control) {
        std::optional<std::string> text;
        control.unpack([&](Input& tar) { text = find_info(tar); });
        if (!text) refuse(name(), "has no .PKGINFO in its control member");
        package_.info = PkgInfo(std::move(*text));
        package_.name = package_.info.one("pkgname", name());
        package_.version = package_.info.one("pkgver", name());
        package_.data_hash = package_.info.one("datahash", name());
        package_.checksum = control_checksum(control.bytes());
        if (!is_sha256(package_.data_hash))
            refuse(name(), ".PKGINFO has datahash '" + printable(package_.data_hash) + "', not a SHA-256");
    }

    std::optional<std::string> find_info(Input& tar) {
        std::optional<std::string> text;
        TarReader archive(tar);
        while (const TarEntry* entry = archive.next()) {
            if (entry->path == "APKINDEX") refuse(name(), "is a repository index, not a package");
            if (entry->path != ".PKGINFO") continue;
            if (text) refuse(name(), "has .PKGINFO twice");
            const auto bytes = archive.contents(max_pkginfo);
            text = as_text(bytes);
        }
        if (archive.has_end_mark())
            refuse(name(), "has an end mark in its control member, where tar would stop reading");
        return text;
    }

    void read_data(MemberReader& members, const EntryVisitor& visit, const Enough& enough) {
        const auto digest = members.last(pace_, "data member", [&](Input& tar) {
            const End end = visit_entries(tar, visit, enough);
            if (end == End::missing) refuse(name(), "is cut: its data member has no end mark");
            return end == End::not_reached;
        });
        if (!digest) refuse(name(), "is cut after its control member");
        if (const auto found = hex(*digest); found != package_.data_hash)
            refuse(name(), "data member has SHA-256 " + found + ", but .PKGINFO says " + package_.data_hash);
    }

    PeekInput peeked_;
    const Keyring* keys_;
    Pace pace_;
    Package package_;
};

} // namespace wisp::apk
