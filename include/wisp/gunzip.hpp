// gzip [RFC 1952] in: an input that decompresses member by member.
#pragma once

#include <libdeflate.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/inflate.hpp"
#include "wisp/input.hpp"

namespace wisp {

/// Decompresses gzip members one at a time, and never looks past one unasked: a package's members are signed
/// and hashed apart, so their boundaries matter. read_some() returns 0 at the end of a member; next_member()
/// goes on.
class GunzipInput : public Input {
public:
    /// Sees the compressed bytes of the member being read, in order, header and trailer included, each once.
    using Tap = std::function<void(Bytes)>;

    /// `start` bytes have come before `in`, which refusals count.
    explicit GunzipInput(Input& in, Tap tap = {}, std::uint64_t start = 0)
        : in_(in), tap_(std::move(tap)), consumed_(start) {}

    const std::string& name() const override { return in_.name(); }

    /// Starts the next member, or says false where the input ends. Throws Error (input) when what follows is
    /// not a gzip member, or when the present one has not been read to its end.
    bool next_member() {
        if (in_member_) refuse(name(), "has a gzip member that was not read to its end");
        if (ahead_.empty() && !refill()) return false;
        if (ahead_[0] != 0x1f)
            refuse(name(), "has something that is not gzip at byte " + std::to_string(consumed()));
        member_ = consumed_;
        in_member_ = true;
        return true;
    }

    /// Uses up zeros behind a member, and says whether the input ends there. gzip(1) ignores zeros at the end, too: what was
    /// copied from a partition or a tape has them. Throws Error (input) when something follows them.
    bool ends_in_zeros() {
        if (in_member_) return false;
        const std::uint64_t start = consumed_;
        while (!ahead_.empty() || refill()) {
            const auto other = std::find_if(ahead_.begin(), ahead_.end(), [](std::uint8_t byte) { return byte != 0; });
            const auto zeros = static_cast<std::size_t>(other - ahead_.begin());
            use(ahead_.first(zeros));
            ahead_ = ahead_.subspan(zeros);
            if (ahead_.empty()) continue;
            if (consumed_ == start) return false;
            refuse(name(), "has something behind zeros at byte " + std::to_string(consumed()));
        }
        return true;
    }

    std::size_t read_some(std::span<std::uint8_t> into) override {
        if (!in_member_ || into.empty()) return 0;
        if (consumed_ == member_) read_header();
        std::span<std::uint8_t> room = into;
        while (in_member_ && room.size() == into.size()) step(room);
        return into.size() - room.size();
    }

    /// Between two members: gives back what has been read of the input and not been used, for somebody else to go on with.
    std::vector<std::uint8_t> give_back() {
        const Bytes unused = std::exchange(ahead_, {});
        return {unused.begin(), unused.end()};
    }

    /// Takes the rest of the input as it is: the tap sees it, and nothing of it is unpacked or looked at.
    void take_rest() {
        in_member_ = false;
        do use(std::exchange(ahead_, {}));
        while (refill());
    }

    /// Compressed bytes used so far, all members together.
    std::uint64_t consumed() const { return consumed_; }

private:
    /// FLG [RFC 1952, 2.3.1].
    enum Flag : std::uint8_t { has_checksum = 2, has_extra = 4, has_name = 8, has_comment = 16, reserved = 0xe0 };

    bool refill() {
        ahead_ = in_.borrow_some(block_);
        return !ahead_.empty();
    }

    void refill_member() {
        if (!refill())
            refuse(name(), "is cut inside a gzip member at compressed byte " + std::to_string(consumed()));
    }

    [[noreturn]] void damaged(std::string_view how) const {
        refuse(name(), "is damaged gzip at byte " + std::to_string(consumed()) + ": " + std::string(how));
    }

    /// Counts and shows what has been taken from what lies ahead.
    void use(Bytes taken) {
        consumed_ += taken.size();
        if (tap_ && !taken.empty()) tap_(taken);
    }

    std::uint8_t next_byte() {
        if (ahead_.empty()) refill_member();
        const Bytes taken = ahead_.first(1);
        ahead_ = ahead_.subspan(1);
        use(taken);
        checksum_ = libdeflate_crc32(checksum_, taken.data(), taken.size());
        return taken[0];
    }

    std::uint32_t next_number(unsigned bytes) {
        std::uint32_t number = 0;
        for (unsigned i = 0; i < bytes; ++i) number |= std::uint32_t{next_byte()} << 8 * i;
        return number;
    }

    /// [RFC 1952, 2.3]. All that is optional is passed over.
    void read_header() {
        constexpr std::uint8_t deflate = 8;
        checksum_ = 0;
        next_byte(); // it has been looked at
        if (next_byte() != 0x8b) damaged("the second byte of its header is wrong");
        if (const auto method = next_byte(); method != deflate)
            damaged("compression method " + std::to_string(method) + ", known is only deflate");
        const std::uint8_t flags = next_byte();
        if ((flags & reserved) != 0) damaged("reserved header flags are set");
        next_number(4); // time
        next_number(2); // effort, operating system
        if ((flags & has_extra) != 0)
            for (std::uint32_t left = next_number(2); left > 0; --left) next_byte();
        for (const Flag text : {has_name, has_comment})
            while ((flags & text) != 0 && next_byte() != 0) {
            }
        const std::uint32_t found = checksum_ & 0xffff;
        if ((flags & has_checksum) != 0 && next_number(2) != found) damaged("incorrect header check");
        inflater_.reset();
        checksum_ = size_ = 0;
    }

    void step(std::span<std::uint8_t>& room) {
        const Bytes before = ahead_;
        const std::span<std::uint8_t> empty = room;
        const auto outcome = inflater_.run(ahead_, room);
        use(before.first(before.size() - ahead_.size()));
        const std::size_t made = empty.size() - room.size();
        checksum_ = libdeflate_crc32(checksum_, empty.data(), made);
        size_ += static_cast<std::uint32_t>(made); // modulo 2^32 by definition
        const bool stuck = made == 0 && !before.empty() && ahead_.size() == before.size();
        if (outcome == Inflater::Outcome::damaged || (outcome == Inflater::Outcome::going_on && stuck))
            refuse(name(), "has damaged deflate data in the gzip member at byte " + std::to_string(member_));
        if (outcome == Inflater::Outcome::ended)
            read_trailer();
        else if (made == 0 && ahead_.empty())
            refill_member();
    }

    /// [RFC 1952, 2.3.1]. The inflater may have taken the first bytes of it.
    void read_trailer() {
        const std::uint32_t checksum = checksum_;
        Bytes taken = inflater_.surplus();
        consumed_ -= taken.size();
        if (trailer_number(taken) != checksum) damaged("incorrect data check");
        if (trailer_number(taken) != size_) damaged("incorrect length check");
        in_member_ = false;
    }

    std::uint32_t trailer_number(Bytes& taken) {
        const auto count = static_cast<unsigned>(std::min<std::size_t>(taken.size(), 4));
        std::uint32_t number = 0;
        for (unsigned i = 0; i < count; ++i) number |= std::uint32_t{taken[i]} << 8 * i;
        taken = taken.subspan(count);
        consumed_ += count;
        return count == 4 ? number : number | next_number(4 - count) << 8 * count;
    }

    Input& in_;
    Tap tap_;
    Block block_;
    Bytes ahead_; // of what the input has given, what has not been taken
    Inflater inflater_;
    std::uint64_t consumed_;
    std::uint64_t member_ = 0; // where it begins
    std::uint32_t checksum_ = 0;
    std::uint32_t size_ = 0;
    bool in_member_ = false;
};

/// The decompressed bytes of one member, or of all that are left, with an end to what a bomb can cost:
/// deflate can grow 1032-fold, so a few megabytes would keep a reader busy for hours.
class BoundedGunzip : public Input {
public:
    enum class Scope { one_member, all_members, all_members_and_zeros };

    /// As apko's for the data of a package.
    static constexpr std::uint64_t default_limit = 16ull << 30;
    /// As much as a kernel package can need, at any ratio; what is larger must not have grown by more than
    /// max_ratio.
    static constexpr std::uint64_t trusted_size = 1ull << 30;
    static constexpr std::uint64_t max_ratio = 100;

    /// next_member() has been called. Reading more than `limit` bytes is refused.
    explicit BoundedGunzip(GunzipInput& gunzip, Scope scope = Scope::one_member,
                           std::uint64_t limit = default_limit)
        : gunzip_(gunzip), scope_(scope), limit_(limit), start_(gunzip.consumed()) {}

    std::size_t read_some(std::span<std::uint8_t> into) override {
        std::size_t count = gunzip_.read_some(into);
        while (count == 0 && is_at_next_member()) count = gunzip_.read_some(into);
        size_ += count;
        if (size_ > limit_) refuse(name(), "expands to more than " + std::to_string(limit_) + " bytes");
        if (size_ > trusted_size && size_ / max_ratio > gunzip_.consumed() - start_)
            refuse(name(), "expands more than " + std::to_string(max_ratio) + "-fold, to over " +
                               std::to_string(trusted_size) + " bytes");
        return count;
    }
    const std::string& name() const override { return gunzip_.name(); }

private:
    bool is_at_next_member() {
        if (scope_ == Scope::one_member) return false;
        if (scope_ == Scope::all_members_and_zeros && gunzip_.ends_in_zeros()) return false;
        return gunzip_.next_member();
    }

    GunzipInput& gunzip_;
    Scope scope_;
    std::uint64_t limit_;
    std::uint64_t start_;
    std::uint64_t size_ = 0;
};

} // namespace wisp
