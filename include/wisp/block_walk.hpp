// The end of a deflate stream that a compressor has just written, made one that another stream can follow.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "wisp/deflate.hpp"
#include "wisp/error.hpp"
#include "wisp/le.hpp"
#include "wisp/view.hpp"

namespace wisp::deflate_data {

/// Where the last block of a stream begins and where it ends, in bits from the stream's first.
struct LastBlock {
    std::size_t begin = 0;
    std::size_t end = 0;
};

/// Finds the last block of a stream that a compressor has just written, by reading the words of every block and
/// nothing of what they mean: so it takes a tenth of the time that compressing took, a fifth at level 1.
class BlockWalk {
public:
    explicit BlockWalk(Bytes stream) : stream_(stream) {}

    /// Throws Error (system) where `stream` is no whole deflate stream.
    LastBlock last_block() {
        for (;;) {
            const std::size_t begin = at_;
            const bool last = take(1) != 0;
            skip_block(take(2));
            if (at_ > stream_.size() * 8) broken();
            if (last) return {begin, at_};
        }
    }

private:
    /// What a table says about the bits to come: how many of them to pass over, and what then stands there.
    struct Step {
        enum Then : std::uint8_t { literal, distance, end, nothing, look_up };

        std::uint8_t bits = 0;
        std::uint8_t word_bits = 0; // those of them that a table has to see: without extra bits at their end
        Then then = look_up;        // a word that is longer than the table is wide, or none
        std::uint8_t unused = 0;    // an index is quickly multiplied by four
    };

    /// More would make tables for which most blocks are too short, less would look up too many words.
    static constexpr unsigned table_bits = 10;
    using Table = std::array<Step, std::size_t{1} << table_bits>;

    /// The bits to come, held in a register: at least 56 after fill(), zeros behind the stream's end.
    class Ahead {
    public:
        explicit Ahead(const BlockWalk& walk) : stream_(walk.stream_), next_(walk.at_ / 8) {
            fill();
            pass(walk.at_ % 8);
        }

        std::uint64_t bits = 0; ///< what is above the bits that count is right or zero

        void fill() {
            bits |= word_at(stream_, next_) << count_;
            next_ += (63 - count_) / 8;
            count_ |= 56;
        }
        void pass(std::size_t count) {
            bits >>= count;
            count_ -= count;
        }
        /// Where they begin in the stream, in bits.
        std::size_t at() const { return next_ * 8 - count_; }

    private:
        Bytes stream_;
        std::size_t next_;      // the first byte of which not all bits count
        std::size_t count_ = 0; // bits that count
    };

    [[noreturn]] static void broken() { throw Error("deflate", "the compressor's output is none", Fault::system); }

    /// 64 bits from byte `at` of the stream; zeros follow it.
    static std::uint64_t word_at(Bytes stream, std::size_t at) {
        le64 word;
        if (at + sizeof word <= stream.size())
            std::memcpy(&word, &stream[at], sizeof word);
        else if (at < stream.size())
            std::memcpy(&word, &stream[at], stream.size() - at);
        return word;
    }

    std::uint64_t peek(std::size_t at) const { return word_at(stream_, at / 8) >> at % 8; }

    std::uint32_t take(unsigned count) {
        const auto value = static_cast<std::uint32_t>(peek(at_) & ((std::uint64_t{1} << count) - 1));
        at_ += count;
        return value;
    }

    /// Reads the words of a code whose longest has 7 bits.
    auto length_reader(const HuffmanCode& code) {
        struct Word {
            std::uint8_t symbol = 0, bits = 0;
        };
        std::array<Word, 128> table{};
        fill(table, code, [](std::size_t symbol, unsigned length) {
            return Word{static_cast<std::uint8_t>(symbol), static_cast<std::uint8_t>(length)};
        });
        return [this, table] {
            const Word word = table[peek(at_) % table.size()];
            at_ += word.bits;
            return word.bits == 0 ? -1 : int{word.symbol};
        };
    }

    void skip_block(std::uint32_t type) {
        if (type == 0) {
            at_ = (at_ + 7) / 8 * 8;
            const std::size_t length = take(16);
            at_ += 16 + length * 8;
        } else if (type == 1) {
            skip_words(fixed_code_lengths());
        } else {
            const auto lengths = read_code_lengths([this](unsigned count) { return take(count); },
                                                   [this](const HuffmanCode& code) { return length_reader(code); });
            if (!lengths) broken();
            skip_words(*lengths);
        }
    }

    void skip_words(const CodeLengths& lengths) {
        const std::array codes{HuffmanCode(lengths.literals), HuffmanCode(lengths.distances)};
        fill(tables_[Step::literal], codes[Step::literal], &literal_step);
        fill(tables_[Step::distance], codes[Step::distance], &distance_step);
        join_steps();
        // Which table comes next is looked up and not branched on: no processor could foretell it. A step takes 28
        // bits at most and looks at 15, so 56 bits are enough for two.
        Ahead ahead(*this);
        for (Step step = make_step(0, 0, Step::literal); ahead.at() < stream_.size() * 8;) {
            ahead.fill();
            for (int i = 0; i < 2; ++i) {
                const Step::Then here = step.then;
                step = tables_[here][ahead.bits % tables_[here].size()];
                if (step.then == Step::look_up)
                    step = here == Step::literal ? look_up(codes[here], ahead.bits, &literal_step)
                                                 : look_up(codes[here], ahead.bits, &distance_step);
                ahead.pass(step.bits);
                if (step.then >= Step::end) break;
            }
            if (step.then == Step::nothing) break;
            if (step.then == Step::end) {
                at_ = ahead.at();
                return;
            }
        }
        broken();
    }

    static Step make_step(unsigned length, unsigned extra_bits, Step::Then then) {
        return {static_cast<std::uint8_t>(length + extra_bits), static_cast<std::uint8_t>(length), then};
    }

    static Step literal_step(std::size_t symbol, unsigned length) {
        if (symbol < end_of_block) return make_step(length, 0, Step::literal);
        if (symbol == end_of_block) return make_step(length, 0, Step::end);
        const std::size_t code = symbol - end_of_block - 1;
        if (code >= length_codes) return make_step(0, 0, Step::nothing);
        return make_step(length, length_extra_bits(code), Step::distance);
    }

    static Step distance_step(std::size_t code, unsigned length) {
        if (code >= distance_codes) return make_step(0, 0, Step::nothing);
        return make_step(length, distance_extra_bits(code), Step::literal);
    }

    /// A word that is longer than the table is wide, or none.
    template <class MakeStep>
    static Step look_up(const HuffmanCode& code, std::uint64_t ahead, MakeStep step) {
        unsigned length = 0;
        const int symbol = code.decode([&] { return static_cast<std::uint32_t>(ahead >> length++ & 1); });
        return symbol < 0 ? make_step(0, 0, Step::nothing) : step(static_cast<std::size_t>(symbol), length);
    }

    /// Enters every word that fits under all bits that may follow it: a table for words of one bit, written twice, is one
    /// for words of two, and so on. Elsewhere the table is as if new.
    template <class Cell, std::size_t size, class MakeCell>
    static void fill(std::array<Cell, size>& table, const HuffmanCode& code, MakeCell make_cell) {
        std::size_t filled = 1;
        const auto fill_up_to = [&](std::size_t end) {
            for (; filled < end; filled *= 2) std::copy_n(table.data(), filled, table.data() + filled);
        };
        table[0] = Cell{};
        code.each_word(std::countr_zero(size), [&](std::size_t symbol, std::size_t word, unsigned length) {
            fill_up_to(std::size_t{1} << length);
            table[word] = make_cell(symbol, length);
        });
        fill_up_to(size);
    }

    /// Lets a step that begins at a literal or length pass over what follows, too, as long as the table sees the words.
    void join_steps() {
        const Table single = tables_[Step::literal];
        for (std::size_t index = 0; index < single.size(); ++index) {
            Step& step = tables_[Step::literal][index];
            const auto join = [&](const Table& table) {
                const Step following = table[index >> step.bits];
                if (following.then == Step::look_up || step.bits + following.word_bits > table_bits) return false;
                step.bits = static_cast<std::uint8_t>(step.bits + following.bits);
                step.then = following.then;
                return true;
            };
            while (step.then == Step::literal && join(single)) {}
            if (step.then == Step::distance && step.bits < table_bits) join(tables_[Step::distance]);
        }
    }

    Bytes stream_;
    std::size_t at_ = 0; // in bits
    std::array<Table, 2> tables_{};
};

/// The most that make_continuable() appends.
inline constexpr std::size_t max_continuation = 5;

/// Makes a whole stream one that another can follow at the next byte: its last block says that it is not the last, and
/// an empty stored block takes the rest of its last byte [3.2.4]. The stream is the first `size` bytes of `buffer`,
/// which has room for max_continuation more. Returns the new size.
inline std::size_t make_continuable(std::span<std::uint8_t> buffer, std::size_t size) {
    const LastBlock last = BlockWalk(buffer.first(size)).last_block();
    buffer[last.begin / 8] = static_cast<std::uint8_t>(buffer[last.begin / 8] & ~(1u << last.begin % 8));
    if (last.end % 8 == 0) return size;
    constexpr unsigned header_bits = 3;
    if (last.end % 8 + header_bits > 8) buffer[size++] = 0;
    for (const std::uint8_t byte : std::array<std::uint8_t, 4>{0x00, 0x00, 0xff, 0xff}) buffer[size++] = byte;
    return size;
}

} // namespace wisp::deflate_data
