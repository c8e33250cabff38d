// Which processors threads run on.
#pragma once

#ifdef __linux__
#include <sched.h>
#endif

namespace wisp {

/// Keeps two threads that hand work to each other on different processors. A scheduler wakes a thread beside the one that
/// wakes it unless it sees an idle processor, and in a virtual machine it may see none: one that is idle has been given back
/// to the host. Both threads then share one processor, in step, and take the sum of their times.
///
/// The processors that the first thread may use are dealt out in turn: each half is still the scheduler's to choose from, and
/// has large ones where there are large and small. Where there is one processor, or another system than Linux, nothing is
/// done.
class ProcessorSplit {
public:
    /// From here on the calling thread keeps to its half, the one it is in now, until the object is destroyed, which is its
    /// to do.
    ProcessorSplit() {
#ifdef __linux__
        if (::sched_getaffinity(0, sizeof all_, &all_) != 0) return; // more processors than a set has room for
        const int here = ::sched_getcpu();
        if (here < 0 || CPU_COUNT(&all_) < 2) return;
        CPU_ZERO(&own_);
        CPU_ZERO(&other_);
        for (int i = 0, met = 0; i < CPU_SETSIZE; ++i)
            if (const int processor = (here + i) % CPU_SETSIZE; CPU_ISSET(processor, &all_))
                CPU_SET(processor, met++ % 2 == 0 ? &own_ : &other_);
        split_ = keep_to(own_);
#endif
    }
    ProcessorSplit(const ProcessorSplit&) = delete;
    ProcessorSplit& operator=(const ProcessorSplit&) = delete;
    ~ProcessorSplit() {
#ifdef __linux__
        if (split_) keep_to(all_);
#endif
    }

    /// The calling thread, which is the other one, keeps to the other half.
    void keep_apart() const {
#ifdef __linux__
        if (split_) keep_to(other_);
#endif
    }

private:
#ifdef __linux__
    static bool keep_to(const cpu_set_t& processors) {
        return ::sched_setaffinity(0, sizeof processors, &processors) == 0;
    }

    cpu_set_t all_, own_, other_;
    bool split_ = false;
#endif
};

} // namespace wisp
