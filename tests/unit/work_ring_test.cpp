// A ring of jobs whose machine has little memory. The memory of all unit tests is had by what stands here.
#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>

#include "wisp/work_ring.hpp"

namespace {

/// How many more pieces of memory this thread gets; below 0 as many as it likes.
thread_local int pieces_left = -1;

/// Memory is short while it lives.
struct ShortMemory {
    explicit ShortMemory(int pieces) { pieces_left = pieces; }
    ShortMemory(const ShortMemory&) = delete;
    ShortMemory& operator=(const ShortMemory&) = delete;
    ~ShortMemory() { pieces_left = -1; }
};

/// Doubles the numbers below 10 by a ring that was made with `pieces` pieces of memory; false where that is too little
/// for a ring.
bool doubles(int pieces) {
    std::optional<wisp::WorkRing<int>> ring;
    try {
        const ShortMemory memory(pieces);
        ring.emplace(4, 3, [](int& job) { job *= 2; });
    } catch (const std::bad_alloc&) {
        return false;
    }
    for (int number = 0; number < 10; ++number) {
        ring->next() = number;
        ring->submit();
        CHECK(ring->oldest() == 2 * number);
        ring->release();
    }
    return true;
}

} // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
    if (pieces_left == 0) throw std::bad_alloc();
    if (pieces_left > 0) --pieces_left;
    if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return std::malloc(size > 0 ? size : 1);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE("a ring gets by with the threads there is memory for") {
    int made = 0;
    for (int pieces = 0; pieces < 10; ++pieces) made += doubles(pieces) ? 1 : 0;
    CHECK(made > 4); // with no thread, with some, with all
    CHECK(made < 10);
}
