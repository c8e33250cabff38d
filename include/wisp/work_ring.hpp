// Jobs that threads work on while their owner prepares the next and uses what is done, in order.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "wisp/processors.hpp"

namespace wisp {

/// Where the threads of a ring run: anywhere, or never where its owner does.
enum class Placement { anywhere, apart };

/// A ring of jobs. One thread owns it: fills a free job, submits it, and takes what is done in the order of
/// submission. Threads do the work in between, each on one job at a time; so memory is bounded by the number
/// of jobs and the order of results does not depend on the number of threads.
///
/// Destroying the ring gives up: jobs that nobody has begun are dropped, those that are worked on are waited for.
template <class Job>
class WorkRing {
public:
    /// `work` is called by any thread, for different jobs at the same time. What it throws comes out of oldest().
    /// A machine that has fewer threads to give gets by with them; with none, submit() does the work.
    /// Placement::apart is for one thread that is as busy as its owner.
    WorkRing(std::size_t threads, std::size_t jobs, std::function<void(Job&)> work,
             Placement placement = Placement::anywhere)
        : work_(std::move(work)), slots_(jobs) {
        if (placement == Placement::apart) split_.emplace();
        threads_.reserve(threads);
        try {
            while (threads_.size() < threads) threads_.emplace_back([this] { serve(); });
        } catch (const std::exception&) { // no thread, or no memory for one: there are as many as there are
        }
    }
    WorkRing(const WorkRing&) = delete;
    WorkRing& operator=(const WorkRing&) = delete;
    ~WorkRing() {
        {
            const std::lock_guard lock(mutex_);
            stopped_ = true;
        }
        submitted_more_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }

    /// No job is free before release() is called.
    bool is_full() const { return submitted_ - released_ == slots_.size(); }
    /// No job is left to be taken.
    bool is_empty() const { return submitted_ == released_; }

    /// The job to be submitted next; the ring is not full. It is as it was when it was released.
    Job& next() { return slot(submitted_).job; }

    /// Hands next() to the threads.
    void submit() {
        if (threads_.empty()) return run(slot(submitted_++));
        {
            const std::lock_guard lock(mutex_);
            ++submitted_;
        }
        submitted_more_.notify_one();
    }

    /// The job that was submitted first of those not released, when the work on it is done. Throws what the
    /// work threw. The ring is not empty.
    Job& oldest() {
        Slot& first = slot(released_);
        std::unique_lock lock(mutex_);
        done_more_.wait(lock, [&] { return first.done; });
        if (first.error) std::rethrow_exception(first.error);
        return first.job;
    }

    /// oldest() has been used and may be filled anew.
    void release() { slot(released_++).done = false; }

private:
    struct Slot {
        Job job{};
        bool done = false;
        std::exception_ptr error{};
    };

    Slot& slot(std::size_t number) { return slots_[number % slots_.size()]; }

    void run(Slot& slot) noexcept {
        try {
            work_(slot.job);
        } catch (...) {
            slot.error = std::current_exception();
        }
        {
            const std::lock_guard lock(mutex_);
            slot.done = true;
        }
        done_more_.notify_one();
    }

    void serve() {
        if (split_) split_->keep_apart();
        for (;;) {
            std::unique_lock lock(mutex_);
            submitted_more_.wait(lock, [&] { return stopped_ || begun_ != submitted_; });
            if (stopped_) return;
            Slot& mine = slot(begun_++);
            lock.unlock();
            run(mine);
        }
    }

    std::function<void(Job&)> work_;
    std::optional<ProcessorSplit> split_;
    std::vector<Slot> slots_;
    std::mutex mutex_; // for begun_, stopped_, every `done`, and submitted_, which the owner alone changes
    std::condition_variable submitted_more_, done_more_;
    std::size_t submitted_ = 0;
    std::size_t begun_ = 0;
    std::size_t released_ = 0;
    bool stopped_ = false;
    std::vector<std::thread> threads_;
};

} // namespace wisp
