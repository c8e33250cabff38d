// A ring of jobs: where memory is short, and where its threads run. The memory of all unit tests is had by what stands here.
#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>

#ifdef __linux__
#include <sched.h>
#endif

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

#ifdef __linux__

namespace {

cpu_set_t processors() {
    cpu_set_t set;
    REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
    return set;
}

void use(const cpu_set_t& set) { REQUIRE(sched_setaffinity(0, sizeof set, &set) == 0); }

/// Those that the one thread of a ring may use.
cpu_set_t those_of_worker(wisp::WorkRing<cpu_set_t>& ring) {
    ring.submit();
    return ring.oldest();
}

void ask(cpu_set_t& set) { sched_getaffinity(0, sizeof set, &set); }

} // namespace

TEST_CASE("a thread that is kept apart has the processors its owner has not, for as long as there is a ring") {
    const cpu_set_t all = processors();
    {
        wisp::WorkRing<cpu_set_t> ring(1, 1, ask, wisp::Placement::apart);
        const cpu_set_t worker = those_of_worker(ring), owner = processors();
        cpu_set_t both, shared;
        CPU_OR(&both, &worker, &owner);
        CPU_AND(&shared, &worker, &owner);
        CHECK(CPU_EQUAL(&both, &all));
        CHECK(CPU_COUNT(&shared) == (CPU_COUNT(&all) > 1 ? 0 : 1));
    }
    cpu_set_t after = processors();
    CHECK(CPU_EQUAL(&after, &all));
}

TEST_CASE("where there is one processor, or nobody asks for it, nobody is kept apart") {
    const cpu_set_t all = processors();
    {
        wisp::WorkRing<cpu_set_t> ring(1, 1, ask);
        const cpu_set_t worker = those_of_worker(ring), owner = processors();
        CHECK(CPU_EQUAL(&worker, &all));
        CHECK(CPU_EQUAL(&owner, &all));
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    use(one);
    {
        wisp::WorkRing<cpu_set_t> ring(1, 1, ask, wisp::Placement::apart);
        const cpu_set_t worker = those_of_worker(ring), owner = processors();
        CHECK(CPU_EQUAL(&worker, &one));
        CHECK(CPU_EQUAL(&owner, &one));
    }
    use(all);
}

#endif
