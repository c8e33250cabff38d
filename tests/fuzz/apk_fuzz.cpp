// Any bytes as a package, as an index and as a tar: read or refused, in bounds. Build with clang++
// -fsanitize=fuzzer.
#include "wisp/apk.hpp"
#include "wisp/apk_index.hpp"
#include "wisp/selection.hpp"

namespace {

template <class Read>
void attempt(wisp::Bytes bytes, Read read) {
    wisp::MemoryInput in(bytes, "fuzz");
    try {
        read(in);
    } catch (const wisp::Error&) {
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const wisp::Bytes bytes(data, size);
    wisp::Selection wanted;
    wanted.add("etc/");
    wanted.add("hello");
    const auto visit = [&](wisp::TarReader& archive, const wisp::TarEntry& entry) {
        wisp::NullSink nowhere;
        if (std::string path; wanted.takes(entry, "fuzz", path))
            wisp::apk::copy_checked(archive, entry, nowhere);
    };
    attempt(bytes, [&](wisp::Input& in) { wisp::apk::read_archive(in, visit); });
    attempt(bytes, [&](wisp::Input& in) { wisp::apk::PackageReader(in, nullptr).read(visit); });
    attempt(bytes, [&](wisp::Input& in) { wisp::apk::visit_entries(in, visit); });
    attempt(bytes, [&](wisp::Input& in) { wisp::apk::read_signatures(in); });
    wisp::apk::IndexSink index("a", "fuzz");
    attempt(bytes, [&](wisp::Input& in) { in.copy_all(index), index.finish(); });
    const std::size_t half = size / 2;
    if (half > 0) wisp::DeflateAudit(bytes.first(half), bytes.subspan(half), true).run();
    return 0;
}
