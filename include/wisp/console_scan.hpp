// What a guest's serial console tells of its boot and its end: bytes in, events out.
//
// The console has two writers. The kernel writes whole lines, but begins wherever the service's last byte
// stands, so a panic is looked for anywhere in a line. The service writes what it likes: lines that look like
// the kernel's are believed, and harm nobody but the service that forges them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "wisp/text.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// One thing that a line on the console says.
struct ConsoleEvent {
    enum class Kind {
        kernel,     ///< the kernel's clock stood at `value` microseconds
        unpacking,  ///< the kernel says in `text` why it could not unpack the initrd
        init,       ///< the kernel starts /init
        service,    ///< init becomes the service
        complaint,  ///< init says in `text` why it does not
        init_ended, ///< PID 1 has ended; `value` is the kernel's exit code
        panic,      ///< the kernel gave up for another reason, `text`
    };

    Kind kind;
    std::uint64_t value = 0;
    std::string text{};

    bool operator==(const ConsoleEvent&) const = default;
};

/// How PID 1 ended, from the kernel's exit code [wait(2); kernel/exit.c prints it as a wait status].
struct GuestExit {
    unsigned status = 0; ///< what it exited with
    unsigned signal = 0; ///< or the signal that killed it, in Linux' numbers; 0 for none

    static GuestExit of(std::uint64_t code) {
        const auto signal = static_cast<unsigned>(code & 0x7f);
        return {signal == 0 ? static_cast<unsigned>(code >> 8 & 0xff) : 0, signal};
    }
    /// As a shell tells it: 128 + n for signal n.
    unsigned shell_status() const { return signal == 0 ? status : 128 + signal; }
};

/// Finds the events in a console's bytes, however they are cut into pieces and whatever lies between. Memory is
/// bounded: of a line longer than `longest_line` only its end is looked at, for a panic.
class ConsoleScanner {
public:
    using Handler = std::function<void(const ConsoleEvent&)>;

    static constexpr std::size_t longest_line = 2048;

    explicit ConsoleScanner(Handler on_event) : on_event_(std::move(on_event)) {}

    void feed(Bytes bytes) {
        std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        for (auto end = rest.find_first_of("\r\n"); end != rest.npos; end = rest.find_first_of("\r\n")) {
            append(rest.substr(0, end));
            end_line();
            rest.remove_prefix(end + 1);
        }
        append(rest);
    }

    /// No more bytes will come: what has no line end yet is a line.
    void finish() { end_line(); }

private:
    using Kind = ConsoleEvent::Kind;

    static constexpr std::size_t kept_of_clipped = longest_line / 2;

    void append(std::string_view piece) {
        clipped_ = clipped_ || line_.size() + piece.size() > longest_line;
        if (piece.size() > kept_of_clipped && clipped_) {
            line_.clear();
            piece.remove_prefix(piece.size() - kept_of_clipped);
        }
        line_ += piece;
        if (line_.size() > longest_line) line_.erase(0, line_.size() - kept_of_clipped);
    }

    void end_line() {
        const std::string_view line(line_);
        // How much more than that is still there depends on how the bytes were cut.
        look_at(clipped_ ? line.substr(line.size() - kept_of_clipped) : line);
        line_.clear();
        clipped_ = false;
    }

    void look_at(std::string_view line) {
        if (look_for_panic(line) || clipped_ || service_started_) return;
        constexpr std::string_view unpacking_failed = "Initramfs unpacking failed: "; // [kernel init/initramfs.c]
        const auto text = without_time(line);
        if (text.starts_with(unpacking_failed)) tell(Kind::unpacking, 0, text.substr(unpacking_failed.size()));
        if (text.starts_with("Run /init as init process")) tell(Kind::init);
        if (line == "wisp: starting /service/run") {
            service_started_ = true;
            tell(Kind::service);
        } else if (line.starts_with("wisp: ")) {
            tell(Kind::complaint, 0, line);
        }
    }

    bool look_for_panic(std::string_view line) {
        constexpr std::string_view mark = "Kernel panic - not syncing: ";
        constexpr std::string_view of_init = "Attempted to kill init! exitcode=0x";
        const auto at = line.find(mark);
        if (at == line.npos) return false;
        const std::string_view why = line.substr(at + mark.size());
        const auto code = why.starts_with(of_init)
                              ? parse_unsigned(why.substr(of_init.size(), 8), 16, UINT32_MAX)
                              : std::nullopt;
        code ? tell(Kind::init_ended, *code) : tell(Kind::panic, 0, why);
        return true;
    }

    /// The line behind the kernel's clock, "[    1.234567] " with, in some kernels, the caller in brackets. One
    /// without a clock is the kernel's if it is the first that every kernel says.
    std::string_view without_time(std::string_view line) {
        const auto dot = line.find('.');
        const auto close = line.find(']');
        if (!line.starts_with('[') || close == line.npos || dot > close) {
            if (line.starts_with("Linux version ")) tell(Kind::kernel, 0);
            return line;
        }
        const auto digits = line.find_first_not_of(' ', 1);
        const auto seconds = parse_unsigned(line.substr(digits, dot - digits), 10, UINT32_MAX);
        const auto micros = parse_unsigned(line.substr(dot + 1, close - dot - 1), 10, 999999);
        if (!seconds || !micros || close - dot - 1 != 6) return line;
        tell(Kind::kernel, *seconds * 1000000 + *micros);
        line.remove_prefix(close + 1);
        if (line.starts_with('[') && line.find(']') != line.npos) line.remove_prefix(line.find(']') + 1);
        if (line.starts_with(' ')) line.remove_prefix(1);
        return line;
    }

    void tell(Kind kind, std::uint64_t value = 0, std::string_view text = {}) {
        on_event_({kind, value, printable(text.substr(0, 256))});
    }

    Handler on_event_;
    std::string line_;
    bool clipped_ = false;
    bool service_started_ = false;
};

} // namespace wisp
