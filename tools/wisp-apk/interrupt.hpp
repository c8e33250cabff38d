// Signals that end a program, taken only where it waits for input: whatever it has half done is undone by
// destructors, and what it does without waiting is never half done.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "wisp/error.hpp"
#include "wisp/input.hpp"
#include "wisp/signal_delay.hpp"

/// Reads a descriptor, and stops with an Error (system) when a signal comes.
class InterruptibleInput : public wisp::Input {
public:
    InterruptibleInput(const wisp::SignalDelay& signals, int fd, std::string_view name)
        : signals_(signals), fd_(fd), in_(fd, name) {}

    std::size_t read_some(std::span<std::uint8_t> into) override {
        if (signals_.wait_for(fd_, name())) throw wisp::Error(name(), "interrupted", wisp::Fault::system);
        return in_.read_some(into);
    }
    const std::string& name() const override { return in_.name(); }

private:
    const wisp::SignalDelay& signals_;
    int fd_;
    wisp::FdInput in_;
};
