// Some of the examples of a field, which stand for all where reading all would take too long.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/data/dataset.h"

namespace gmc::runtime {

/// How many of `count` examples are looked at: up to 1000 from memory, or 16 that have to be read
/// or decoded: enough to show a wrong range or shape, and little enough to cost no time.
inline int64_t looked_at(int64_t count, bool in_memory) {
    return std::min<int64_t>(count, in_memory ? 1000 : 16);
}

/// Calls `visit` with `most` of the first `count` examples, those that `place` says. False where
/// one of them could not be read.
template <typename Place, typename Visit>
bool visit_some(const Field& field, int64_t count, int64_t most, const Place& place,
                const Visit& visit) {
    std::vector<float> example(static_cast<size_t>(field.elements()));
    bool all = true;
    for (int64_t i = 0; i < most; ++i) {
        try {
            field.read(place(i, most, count), example.data());
        } catch (const DataError&) {
            all = false;
            continue;
        }
        visit(example);
    }
    return all;
}

}  // namespace gmc::runtime
