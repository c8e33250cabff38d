// The gzip members of an Alpine package or repository index, one at a time [apk-tools doc/apk-v2.5.scd].
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/ahead.hpp"
#include "wisp/apk_signature.hpp"
#include "wisp/digest.hpp"
#include "wisp/digest_input.hpp"
#include "wisp/error.hpp"
#include "wisp/gunzip.hpp"
#include "wisp/gzip_audit.hpp"
#include "wisp/input.hpp"
#include "wisp/sink.hpp"
#include "wisp/tar.hpp"
#include "wisp/unpack.hpp"
#include "wisp/view.hpp"

namespace wisp::apk {

/// A whole gzip member as it was stored. What it expands to is made anew when it is wanted.
class Member {
public:
    Member(std::vector<std::uint8_t> bytes, std::uint64_t expanded_size, std::string_view name)
        : bytes_(std::move(bytes)), expanded_size_(expanded_size), name_(name) {}

    Bytes bytes() const { return bytes_; }
    std::uint64_t expanded_size() const { return expanded_size_; }

    /// Calls `use` with what the member expands to, as an Input.
    template <class Use>
    void unpack(Use use) const {
        MemoryInput packed(bytes_, name_);
        GunzipInput gunzip(packed);
        gunzip.next_member();
        use(static_cast<Input&>(gunzip));
    }

private:
    std::vector<std::uint8_t> bytes_;
    std::uint64_t expanded_size_;
    std::string name_;
};

/// Whether to inflate ahead of the reader, on another thread. Only for inputs that do not keep one waiting: giving up
/// waits for what is being read.
enum class Pace { step_by_step, ahead };

/// Calls `use` with `in`, which another thread reads ahead of it with Pace::ahead. Returns what `use` returns.
template <class Use>
auto at_pace(Pace pace, Input& in, const Use& use) {
    if (pace == Pace::step_by_step) return use(in);
    AheadInput ahead(in);
    return use(static_cast<Input&>(ahead));
}

/// Reads members in order. Those that say who vouches for what are held, so that nothing in them is parsed
/// before it is vouched for; what they vouch for comes last and streams.
class MemberReader {
public:
    explicit MemberReader(Input& in) : in_(in), gunzip_(in, [this](Bytes bytes) { stored_->write(bytes); }) {}

    const std::string& name() const { return gunzip_.name(); }

    /// Holds the next member; nothing at the end of the input. One that takes or expands to more than `limit`
    /// bytes is refused; `what` begins the refusal.
    std::optional<Member> hold(std::uint64_t limit, std::string_view what) {
        const std::string problem = std::string(what) + " has more than " + std::to_string(limit) + " bytes";
        HeldSink held(limit, name(), problem);
        stored_ = &held;
        if (!gunzip_.next_member()) return std::nullopt;
        std::array<std::uint8_t, 16 * 1024> block;
        std::uint64_t size = 0;
        while (const std::size_t count = gunzip_.read_some(block))
            if ((size += count) > limit) refuse(name(), problem);
        return Member(std::move(held.bytes), size, name());
    }

    /// Calls `use` with what the last member, called `what`, expands to, and returns the SHA-256 of the member as it is stored;
    /// nothing at the end of the input. With Pace::ahead the input is read, digested and inflated by other threads. Where
    /// `use` returns that it has had enough, what follows is not unpacked. Otherwise anything behind the member is refused.
    template <class Use>
    std::optional<std::vector<std::uint8_t>> last(Pace pace, std::string_view what, Use use) {
        PeekInput rest(gunzip_.give_back(), in_);
        DigestInput digest(DigestAlgorithm::sha256, rest);
        const bool is_there = at_pace(pace, digest, [&](Input& stored) {
            GunzipInput gunzip(stored, {}, gunzip_.consumed());
            if (!gunzip.next_member()) return false;
            BoundedGunzip unpacked(gunzip);
            if (at_pace(pace, unpacked, use))
                gunzip.take_rest();
            else
                expect_end(gunzip, what);
            return true;
        });
        return is_there ? std::optional(digest.digest()) : std::nullopt;
    }

    /// Refuses anything that follows the last member, called `what`.
    void expect_end(std::string_view what) { expect_end(gunzip_, what); }

private:
    /// Collects up to `limit` bytes.
    class HeldSink : public Sink {
    public:
        HeldSink(std::uint64_t limit, std::string_view subject, std::string_view problem)
            : limit_(limit), subject_(subject), problem_(problem) {}

        std::vector<std::uint8_t> bytes;

    private:
        void append(Bytes more) override {
            if (more.size() > limit_ - bytes.size()) refuse(subject_, problem_);
            bytes.insert(bytes.end(), more.begin(), more.end());
        }

        std::uint64_t limit_;
        std::string_view subject_;
        std::string_view problem_;
    };

    void expect_end(GunzipInput& gunzip, std::string_view what) const {
        if (gunzip.next_member())
            refuse(name(), "has another gzip member after its " + std::string(what) + ", at byte " +
                               std::to_string(gunzip.consumed()));
    }

    Input& in_;
    Sink* stored_ = nullptr;
    GunzipInput gunzip_;
};

/// Most that a signature member may hold. One signature has a few hundred bytes.
inline constexpr std::uint64_t max_signature_member = 128 * 1024;

/// The path of the first entry of the tar in `member`, "" where there is none.
inline std::string first_path(const Member& member) {
    std::string path;
    member.unpack([&](Input& tar) {
        TarReader archive(tar);
        if (const TarEntry* entry = archive.next()) path = entry->path;
    });
    return path;
}

/// Verifies that the signature member `signatures` has a signature over `bytes`, the whole member that
/// follows it, by a key in `keys`, and that none of its own bytes could have been changed unnoticed.
inline Signer verify_member(const Member& signatures, Bytes bytes, const Keyring& keys,
                            std::string_view subject) {
    if (signatures.expanded_size() > max_signature_member)
        refuse(subject, "signature member has more than " + std::to_string(max_signature_member) + " bytes");
    std::vector<std::uint8_t> plain;
    signatures.unpack([&](Input& tar) { plain = tar.read_all(max_signature_member); });
    MemoryInput tar(plain, subject);
    const Signer signer = verify(read_signatures(tar), bytes, keys, subject);
    audit_signature_member(signatures.bytes(), plain, bytes, subject);
    return signer;
}

} // namespace wisp::apk
