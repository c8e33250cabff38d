// Any bytes as a console, an HTTP answer and QEMU's monitor: the same is found however they are cut, in bounds. Build
// with clang++ -fsanitize=fuzzer.
#include <vector>

#include "wisp/console_scan.hpp"
#include "wisp/http.hpp"
#include "wisp/qmp.hpp"

namespace {

/// The events of the console, in pieces of `piece` bytes.
std::vector<wisp::ConsoleEvent> events_of(wisp::Bytes bytes, std::size_t piece) {
    std::vector<wisp::ConsoleEvent> events;
    wisp::ConsoleScanner scanner([&](const wisp::ConsoleEvent& event) { events.push_back(event); });
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size())))
        scanner.feed(bytes.first(std::min(piece, bytes.size())));
    scanner.finish();
    return events;
}

wisp::HttpStatusReader answer_of(wisp::Bytes bytes, std::size_t piece) {
    wisp::HttpStatusReader reader;
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size())))
        reader.feed(bytes.first(std::min(piece, bytes.size())));
    return reader;
}

void speak_to_qemu(std::string_view bytes) {
    wisp::QmpSession session({{wisp::loopback_address, 0, 80}});
    try {
        session.feed(bytes);
    } catch (const wisp::Error&) {
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = data[0] % 64 + 1;
    const wisp::Bytes bytes = wisp::Bytes(data, size).subspan(1);
    if (events_of(bytes, piece) != events_of(bytes, size)) __builtin_trap();
    const wisp::HttpStatusReader whole = answer_of(bytes, size), cut = answer_of(bytes, piece);
    if (whole.state() != cut.state() || whole.status() != cut.status()) __builtin_trap();
    speak_to_qemu({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return 0;
}
