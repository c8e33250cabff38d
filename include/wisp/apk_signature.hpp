// Who vouches for an Alpine package or repository index: keys by name, signatures by file name.
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/digest.hpp"
#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/input.hpp"
#include "wisp/tar.hpp"
#include "wisp/text.hpp"
#include "wisp/view.hpp"

namespace wisp::apk {

/// A folder of trusted public keys; a key's name is its file's.
class Keyring {
public:
    /// Throws Error (system) when `folder` cannot be opened.
    explicit Keyring(std::string folder)
        : folder_(std::move(folder)), fd_(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        if (!fd_) fail_errno(folder_, "open");
    }

    const std::string& folder() const { return folder_; }

    /// The key of that name, or nothing. The name comes from whoever made the package, so one that is not
    /// plainly a file's name is nobody's. Throws Error when the file of that name is no RSA key in PEM or
    /// cannot be read.
    std::optional<RsaPublicKey> find(const std::string& name) const {
        if (name.empty() || name[0] == '.' ||
            name.find_first_of(std::string_view("/\0", 2)) != std::string::npos)
            return std::nullopt;
        const std::string path = folder_ + "/" + name;
        Fd fd(::openat(fd_.get(), name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)); // a FIFO does not block
        if (!fd && (errno == ENOENT || errno == ENAMETOOLONG)) return std::nullopt;
        if (!fd) fail_errno(path, "open");
        const auto pem = FdInput(std::move(fd), path).read_all(max_key_size);
        return RsaPublicKey(as_text(pem), path);
    }

private:
    static constexpr std::uint64_t max_key_size = 64 * 1024;

    std::string folder_;
    Fd fd_;
};

/// One signature, as found; nothing about it is checked.
struct Signature {
    DigestAlgorithm algorithm = DigestAlgorithm::sha1;
    std::string key{}; ///< file name of the public key
    std::vector<std::uint8_t> bytes{};
};

/// The key that has verified something, and over which digest.
struct Signer {
    std::string key{};
    DigestAlgorithm algorithm = DigestAlgorithm::sha1;
};

/// What a digest algorithm is called in records and messages: "sha1", "sha256", "sha512".
constexpr std::string_view name_of(DigestAlgorithm algorithm) {
    switch (algorithm) {
        case DigestAlgorithm::sha1: return "sha1";
        case DigestAlgorithm::sha256: return "sha256";
        case DigestAlgorithm::sha512: break;
    }
    return "sha512";
}

/// How every entry of a signature member is named.
inline constexpr std::string_view signature_prefix = ".SIGN.";

/// Everything a signature member holds.
struct Signatures {
    std::vector<Signature> known{};     ///< of supported kinds, the strongest digest first
    std::vector<std::string> ignored{}; ///< names of the others
};

/// What an entry named `path` is a signature by: `.SIGN.RSA256.key.pub` and its like [apk-tools
/// src/extract_v2.c]. Nothing for kinds that are not supported, DSA and the ones to come.
inline std::optional<Signature> parse_signature_name(std::string_view path) {
    struct Kind {
        std::string_view prefix;
        DigestAlgorithm algorithm;
    };
    static constexpr std::array<Kind, 3> kinds{{{".SIGN.RSA512.", DigestAlgorithm::sha512},
                                                {".SIGN.RSA256.", DigestAlgorithm::sha256},
                                                {".SIGN.RSA.", DigestAlgorithm::sha1}}};
    for (const Kind& kind : kinds)
        if (path.starts_with(kind.prefix))
            return Signature{.algorithm = kind.algorithm,
                             .key = std::string(path.substr(kind.prefix.size()))};
    return std::nullopt;
}

/// Reads the tar inside a signature member. Signatures of more than 64 KiB are ignored, as apk does; anything
/// that is not a signature, and an end mark, which would hide the package behind it from a tar reader, is
/// refused.
inline Signatures read_signatures(Input& tar) {
    constexpr std::uint64_t max_signature = 64 * 1024;
    Signatures found;
    TarReader archive(tar);
    while (const TarEntry* entry = archive.next()) {
        if (entry->type != TarType::file || !entry->path.starts_with(signature_prefix))
            refuse(archive.name(), "has '" + printable(entry->path) + "' among its signatures");
        auto signature = parse_signature_name(entry->path);
        if (signature && entry->size <= max_signature) {
            signature->bytes = archive.contents(max_signature);
            found.known.push_back(std::move(*signature));
        } else {
            found.ignored.push_back(entry->path);
        }
    }
    if (archive.has_end_mark()) refuse(archive.name(), "has an end mark after its signatures");
    std::stable_sort(found.known.begin(), found.known.end(),
                     [](const Signature& a, const Signature& b) { return a.algorithm > b.algorithm; });
    return found;
}

/// Finds a signature over `bytes` by a key that `keys` holds: one that matches is enough. Refuses under
/// `subject`, naming the keys that are missing or do not match.
inline Signer verify(const Signatures& signatures, Bytes bytes, const Keyring& keys,
                     std::string_view subject) {
    std::string mismatched, unknown;
    for (const Signature& signature : signatures.known) {
        const auto key = keys.find(signature.key);
        if (key && key->verifies(signature.algorithm, digest_of(signature.algorithm, bytes), signature.bytes))
            return {signature.key, signature.algorithm};
        std::string& list = key ? mismatched : unknown;
        list += (list.empty() ? "'" : ", '") + printable(signature.key) + "'";
    }
    if (!mismatched.empty()) refuse(subject, "does not match its signature by " + mismatched);
    if (!unknown.empty()) refuse(subject, "is signed by " + unknown + ", not by a key in " + keys.folder());
    for (const std::string& name : signatures.ignored)
        refuse(subject, "has no signature of a supported kind and size, only '" + printable(name) + "'");
    refuse(subject, "has no signature");
}

} // namespace wisp::apk
