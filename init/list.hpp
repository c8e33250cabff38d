// A list without a heap: room for a known number of things. No system call.
#pragma once

#include <stddef.h>

namespace init {

template <class Thing, size_t capacity>
class List {
public:
    /// False when there is no room left.
    constexpr bool add(const Thing& thing) {
        if (size_ == capacity) return false;
        things_[size_++] = thing;
        return true;
    }

    constexpr size_t size() const { return size_; }
    constexpr const Thing& operator[](size_t i) const { return things_[i]; }
    constexpr const Thing* begin() const { return things_; }
    constexpr const Thing* end() const { return things_ + size_; }

private:
    Thing things_[capacity] = {};
    size_t size_ = 0;
};

} // namespace init
