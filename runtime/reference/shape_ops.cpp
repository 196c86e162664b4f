// The reference of ops that move elements, and of reductions. Each op is a walk over one tensor and
// a rule that says which position of the other belongs to it: gather() walks the result, scatter()
// the operand.
#include "runtime/reference/shape_ops.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/support/check.h"
#include "runtime/reference/index.h"

namespace gmc::runtime {
namespace {

/// y[i] = x[source(i)] for every position i of y.
template <typename Source>
void gather(const ReferenceTensor& x, ReferenceTensor& y, Source&& source) {
    Index i(y.type.shape.size());
    size_t position = 0;
    do y.data[position++] = x.data[offset(source(i), x.type.shape)];
    while (next(i, y.type.shape));
}

/// y[target(i)] = x[i] for every position i of x.
template <typename Target>
void scatter(const ReferenceTensor& x, ReferenceTensor& y, Target&& target) {
    Index i(x.type.shape.size());
    size_t position = 0;
    do y.data[offset(target(i), y.type.shape)] = x.data[position++];
    while (next(i, x.type.shape));
}

/// Folds all elements of x that differ only in `axes` into one element of y: y = fold(y, x).
template <typename Fold>
void reduce(const ReferenceTensor& x, const std::vector<int64_t>& axes, double start,
            ReferenceTensor& y, Fold&& fold) {
    std::fill(y.data.begin(), y.data.end(), start);
    Index i(x.type.shape.size());
    size_t position = 0;
    do {
        Index kept;
        for (int64_t axis = 0; axis < x.type.rank(); ++axis)
            if (std::find(axes.begin(), axes.end(), axis) == axes.end()) kept.push_back(i[axis]);
        double& total = y.data[offset(kept, y.type.shape)];
        total = fold(total, x.data[position++]);
    } while (next(i, x.type.shape));
}

}  // namespace

void reference(const ir::Broadcast& op, ReferenceContext& c) {
    gather(c.operand(0), c.result(), [&](const Index& i) {
        Index source;
        for (int64_t axis : op.dims) source.push_back(i[axis]);
        return source;
    });
}

void reference(const ir::Concat& op, ReferenceContext& c) {
    int64_t start = 0;
    for (size_t k = 0; k < c.operand_count(); ++k) {
        scatter(c.operand(k), c.result(), [&](Index i) {
            i[op.axis] += start;
            return i;
        });
        start += c.operand(k).type.shape[op.axis];
    }
}

void reference(const ir::Pack&, ReferenceContext& c) {
    // The result starts as zeros.
    auto to = c.result().data.begin();
    for (size_t k = 0; k < c.operand_count(); ++k) {
        const auto& from = c.operand(k).data;
        std::copy(from.begin(), from.end(), to);
        to += ir::packed_size(static_cast<int64_t>(from.size()));
    }
}

void reference(const ir::Pad& op, ReferenceContext& c) {
    // The result starts as zeros.
    scatter(c.operand(0), c.result(), [&](Index i) {
        for (size_t axis = 0; axis < i.size(); ++axis)
            i[axis] = op.low[axis] + i[axis] * (op.gap(axis) + 1);
        return i;
    });
}

void reference(const ir::Reshape&, ReferenceContext& c) { c.result().data = c.operand(0).data; }

void reference(const ir::Slice& op, ReferenceContext& c) {
    gather(c.operand(0), c.result(), [&](Index i) {
        for (size_t axis = 0; axis < i.size(); ++axis)
            i[axis] = op.starts[axis] + i[axis] * op.stride(axis);
        return i;
    });
}

void reference(const ir::Transpose& op, ReferenceContext& c) {
    gather(c.operand(0), c.result(), [&](const Index& i) {
        Index source(i.size());
        for (size_t axis = 0; axis < i.size(); ++axis) source[op.permutation[axis]] = i[axis];
        return source;
    });
}

void reference(const ir::ReduceMax& op, ReferenceContext& c) {
    reduce(c.operand(0), op.axes, -std::numeric_limits<double>::infinity(), c.result(),
           [](double a, double b) { return std::isnan(b) || b > a ? b : a; });
}

/// One process has all shards: a module for one of several is computed by fast kernels only.
void reference(const ir::AllGather&, ReferenceContext& c) { c.result().data = c.operand(0).data; }
void reference(const ir::AllReduce&, ReferenceContext& c) { c.result().data = c.operand(0).data; }

/// The part of a flat buffer.
static void take_part(const SharedBuffer& buffer, ReferenceContext& c) {
    auto to = c.result().data.begin();
    for (const NumberRange& range : buffer.own())
        to = std::copy_n(c.operand(0).data.begin() + range.begin, range.count(), to);
}

void reference(const ir::GatherParts& op, ReferenceContext& c) {
    std::fill(c.result().data.begin(), c.result().data.end(), 0);
    auto from = c.operand(0).data.begin();
    for (const NumberRange& range : op.own()) {
        std::copy_n(from, range.count(), c.result().data.begin() + range.begin);
        from += range.count();
    }
}

void reference(const ir::OwnPart& op, ReferenceContext& c) { take_part(op, c); }
void reference(const ir::ReduceScatter& op, ReferenceContext& c) { take_part(op, c); }

void reference(const ir::ReduceSum& op, ReferenceContext& c) {
    reduce(c.operand(0), op.axes, 0, c.result(), [](double a, double b) { return a + b; });
}

}  // namespace gmc::runtime
