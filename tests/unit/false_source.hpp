// A source that writes another number of bytes than it has announced.
#pragma once

#include <cstdint>
#include <string_view>

#include "wisp/source.hpp"

class FalseSource : public wisp::Source {
public:
    FalseSource(std::uint64_t announced, std::string_view contents) : announced_(announced), contents_(contents) {}
    std::uint64_t size() const override { return announced_; }
    void copy_to(wisp::Sink& out) const override { out.write(contents_); }

private:
    std::uint64_t announced_;
    std::string_view contents_;
};
