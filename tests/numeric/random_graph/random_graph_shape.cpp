// How random graphs grow by ops that move elements, by reductions and by contractions.
#include <algorithm>
#include <cmath>

#include "tests/numeric/random_graph/random_graph_maker.h"

namespace gmc::tests {
namespace {

using ir::ValueId;

/// A value with at least one axis; there always is one.
ValueId any_ranked(GraphMaker& g) {
    return g.any([&](ValueId v) { return !g.shape(v).empty(); });
}

/// A random subset of the axes, in increasing order, never empty.
std::vector<int64_t> random_axes(GraphMaker& g, int64_t rank) {
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis < rank; ++axis)
        if (g.random.chance(0.5)) axes.push_back(axis);
    if (axes.empty()) axes.push_back(g.random.integer(0, rank - 1));
    return axes;
}

/// Bounds of a sum of `terms` products of elements of a and b.
bool grow_products(GraphMaker& g, ValueId value, int64_t terms, ValueId a, ValueId b) {
    const Facts f = g.facts(a), h = g.facts(b);
    const double count = static_cast<double>(terms), size = count * f.size() * h.size();
    return g.keep(value,
                  {-size, size, count * (f.size() * h.error + h.size() * f.error) + size, false});
}

/// A window that fits, over one or two spatial axes; everything else is random.
struct RandomConv {
    ir::ConvWindow window;
    ir::Shape x, w, y;
    int64_t products_per_output = 0, products_per_weight = 0;
};

/// The size of the input is drawn last, at least as large as the window spans, so every draw is a
/// valid convolution.
RandomConv random_conv(GraphMaker& g) {
    RandomConv c;
    c.window.groups = g.random.chance(0.7) ? 1 : 2;
    c.x = {g.random.integer(1, 2)};
    c.y = {c.x[0]};
    const int64_t most = g.is_large() ? 20 : 2;
    const int64_t spatial = g.random.integer(1, 2),
                  channels = c.window.groups * g.random.integer(1, most),
                  filters = c.window.groups * g.random.integer(1, most + 1);
    for (int64_t axis = 0; axis < spatial; ++axis) {
        const int64_t kernel = g.random.integer(1, 3), dilation = g.random.integer(1, 2);
        const int64_t span = dilation * (kernel - 1) + 1;
        const int64_t before = g.random.integer(0, kernel - 1),
                      after = g.random.integer(0, kernel - 1);
        const int64_t stride = g.random.integer(1, 2);
        const int64_t size =
            std::max<int64_t>(1, span - before - after) + g.random.integer(0, g.is_large() ? 9 : 2);
        c.window.strides.push_back(stride);
        c.window.dilations.push_back(dilation);
        c.window.pads_begin.push_back(before);
        c.window.pads_end.push_back(after);
        c.x.push_back(size);
        c.w.push_back(kernel);
        c.y.push_back((size + before + after - span) / stride + 1);
    }
    c.products_per_output = product(c.w) * std::max(channels, filters) / c.window.groups;
    c.products_per_weight = product(c.y);
    c.x.push_back(channels);
    c.w.push_back(channels / c.window.groups);
    c.w.push_back(filters);
    c.y.push_back(filters);
    return c;
}

// ---- shape ----

bool grow_shaped(GraphMaker& g, const ir::Broadcast&) {
    const ValueId x = g.any([&](ValueId v) {
        return 3 * product(g.shape(v)) <= g.most_elements() && g.shape(v).size() < 4;
    });
    if (x == ir::kNone) return false;
    ir::Broadcast op;
    ir::Shape wanted;
    const ir::Shape shape = g.shape(x);
    for (int64_t size : shape) {
        if (g.random.chance(0.4)) wanted.push_back(g.random.integer(1, g.is_large() ? 20 : 3));
        op.dims.push_back(static_cast<int64_t>(wanted.size()));
        wanted.push_back(size);
    }
    if (wanted.size() == g.shape(x).size()) wanted.push_back(g.random.integer(1, 3));
    if (product(wanted) > 3 * g.most_elements()) return false;
    g.moved(g.b.emit_typed(op, {x}, ir::f32(wanted)), x);
    return true;
}

bool grow_shaped(GraphMaker& g, const ir::Concat&) {
    const ValueId a = any_ranked(g);
    const ir::Concat op{g.random.integer(0, static_cast<int64_t>(g.shape(a).size()) - 1)};
    std::vector<ValueId> operands{a};
    while (operands.size() < 3 && g.random.chance(0.7)) {
        ir::Shape shape = g.shape(a);
        shape[op.axis] = g.random.integer(1, 3);
        operands.push_back(g.like(shape));
    }
    Facts all = g.facts(a);
    int64_t elements = 0;
    for (ValueId v : operands) {
        const Facts f = g.facts(v);
        all = {std::fmin(all.low, f.low), std::fmax(all.high, f.high),
               std::fmax(all.error, f.error), all.exact && f.exact};
        elements += product(g.shape(v));
    }
    return elements <= 3 * g.most_elements() && g.keep(g.b.emit(op, operands), all);
}

bool grow_shaped(GraphMaker& g, const ir::Pack&) {
    std::vector<ValueId> operands{any_ranked(g)};
    while (operands.size() < 3 && g.random.chance(0.7)) operands.push_back(any_ranked(g));
    Facts all = g.facts(operands[0]);
    all.low = std::fmin(all.low, 0), all.high = std::fmax(all.high, 0);
    int64_t elements = 0;
    for (ValueId v : operands) {
        const Facts f = g.facts(v);
        all = {std::fmin(all.low, f.low), std::fmax(all.high, f.high),
               std::fmax(all.error, f.error), all.exact && f.exact};
        elements += ir::packed_size(product(g.shape(v)));
    }
    return elements <= 3 * g.most_elements() && g.keep(g.b.emit(ir::Pack{}, operands), all);
}

bool grow_shaped(GraphMaker& g, const ir::Pad&) {
    const ValueId x = any_ranked(g);
    ir::Pad op;
    ir::Shape wanted = g.shape(x);
    const bool gaps = g.random.chance(0.2);
    for (int64_t& size : wanted) {
        op.low.push_back(g.random.chance(0.3) ? 1 : 0);
        op.high.push_back(g.random.chance(0.3) ? g.random.integer(1, 2) : 0);
        if (gaps) op.interior.push_back(g.random.integer(0, 2));
        size += op.low.back() + op.high.back() + (gaps ? op.interior.back() * (size - 1) : 0);
    }
    if (product(wanted) > 3 * g.most_elements()) return false;
    const Facts f = g.facts(x);
    return g.keep(g.b.emit(op, {x}), {std::fmin(f.low, 0), std::fmax(f.high, 0), f.error, f.exact});
}

bool grow_shaped(GraphMaker& g, const ir::Reshape& op) {
    const ValueId x = g.any();
    ir::Shape wanted;
    int64_t left = product(g.shape(x));
    while (left > 1 && wanted.size() < 4) {
        int64_t factor = g.random.integer(1, left);
        while (left % factor != 0) --factor;
        wanted.push_back(factor);
        left /= factor;
    }
    if (left > 1 || g.random.chance(0.2)) wanted.push_back(left);
    g.moved(g.b.emit_typed(op, {x}, ir::f32(wanted)), x);
    return true;
}

bool grow_shaped(GraphMaker& g, const ir::Slice&) {
    const ValueId x = any_ranked(g);
    ir::Slice op;
    const ir::Shape shape = g.shape(x);
    for (int64_t size : shape) {
        op.starts.push_back(g.random.chance(0.5) ? 0 : g.random.integer(0, size - 1));
        op.limits.push_back(g.random.chance(0.5) ? size
                                                 : g.random.integer(op.starts.back() + 1, size));
    }
    if (g.random.chance(0.3))
        for (size_t i = 0; i < shape.size(); ++i) op.strides.push_back(g.random.integer(1, 3));
    g.moved(g.b.emit(op, {x}), x);
    return true;
}

bool grow_shaped(GraphMaker& g, const ir::Transpose&) {
    const ValueId x = any_ranked(g);
    ir::Transpose op{ir::all_axes(static_cast<int64_t>(g.shape(x).size()))};
    g.random.shuffle(op.permutation);
    g.moved(g.b.emit(op, {x}), x);
    return true;
}

// ---- reductions ----

bool grow_shaped(GraphMaker& g, const ir::ReduceMax&) {
    const ValueId x = any_ranked(g);
    g.moved(g.b.emit(ir::ReduceMax{random_axes(g, static_cast<int64_t>(g.shape(x).size()))}, {x}),
            x);
    return true;
}

bool grow_shaped(GraphMaker& g, const ir::ReduceSum&) {
    const ValueId x = any_ranked(g);
    const ValueId y =
        g.b.emit(ir::ReduceSum{random_axes(g, static_cast<int64_t>(g.shape(x).size()))}, {x});
    const Facts f = g.facts(x);
    const double count = static_cast<double>(product(g.shape(x)) / product(g.shape(y)));
    return g.keep(y, {count * f.low, count * f.high, count * (f.error + f.size()), false});
}

bool grow_shaped(GraphMaker& g, const ir::AllGather&) {
    const ValueId x = any_ranked(g);
    const int64_t shards = g.shape(x)[0];
    if (g.is_step() || shards > 16 || (shards & (shards - 1)) != 0) return false;
    g.moved(g.b.emit(ir::AllGather{shards}, {x}), x);
    return true;
}

/// Shards of one process: some axis of 4, 2 or 1 entries comes first.
bool grow_shaped(GraphMaker& g, const ir::AllReduce&) {
    const ValueId x = any_ranked(g);
    const int64_t shards = g.shape(x)[0];
    if (g.is_step() || shards > 16 || (shards & (shards - 1)) != 0) return false;
    const Facts f = g.facts(x);
    const auto count = static_cast<double>(shards);
    return g.keep(g.b.emit(ir::AllReduce{shards}, {x}),
                  {count * f.low, count * f.high, count * (f.error + f.size()), false});
}

/// A flat value of up to three buckets, of which one process has all, or two have some.
ValueId any_buffer(GraphMaker& g, SharedBuffer& buffer) {
    const ValueId x = any_ranked(g);
    int64_t numbers = 1;
    for (const int64_t size : g.shape(x)) numbers *= size;
    while (buffer.ends.size() < 2 && g.random.chance(0.5))
        buffer.ends.push_back((buffer.ends.empty() ? 0 : buffer.ends[0]) +
                              g.random.integer(1, 2 * kRangeStep));
    while (!buffer.ends.empty() && buffer.ends.back() >= numbers) buffer.ends.pop_back();
    buffer.ends.push_back(numbers);
    buffer.processes = 2;
    if (!buffer.is_right()) buffer.processes = 1;
    buffer.rank = g.random.integer(0, buffer.processes - 1);
    return g.moved(g.b.reshape(x, {numbers}), x);
}

bool grow_shaped(GraphMaker& g, ir::GatherParts op) {
    if (g.is_step()) return false;
    const ValueId x = any_buffer(g, op);
    Facts f = g.facts(x);
    f.low = std::fmin(f.low, 0), f.high = std::fmax(f.high, 0);
    const ValueId own = g.b.emit(ir::OwnPart{op}, {x});
    return g.keep(g.b.emit(op, {own}), f);
}

bool grow_shaped(GraphMaker& g, ir::OwnPart op) {
    if (g.is_step()) return false;
    const ValueId x = any_buffer(g, op);
    const Facts f = g.facts(x);
    return g.keep(g.b.emit(op, {x}), f);
}

/// Shards of one process: their sum is x.
bool grow_shaped(GraphMaker& g, ir::ReduceScatter op) {
    if (g.is_step()) return false;
    const ValueId x = any_buffer(g, op);
    const Facts f = g.facts(x);
    return g.keep(g.b.emit(op, {x}), f);
}

// ---- contractions ----

bool grow_shaped(GraphMaker& g, const ir::Conv&) {
    const RandomConv c = random_conv(g);
    const ValueId x = g.like(c.x), w = g.like(c.w);
    return grow_products(g, g.b.emit(ir::Conv{c.window}, {x, w}), c.products_per_output, x, w);
}

bool grow_shaped(GraphMaker& g, const ir::ConvBackwardData&) {
    const RandomConv c = random_conv(g);
    const ValueId y = g.like(c.y), w = g.like(c.w);
    const ValueId x = g.b.emit_typed(ir::ConvBackwardData{c.window}, {y, w}, ir::f32(c.x));
    return grow_products(g, x, c.products_per_output, y, w);
}

bool grow_shaped(GraphMaker& g, const ir::ConvBackwardWeights&) {
    const RandomConv c = random_conv(g);
    const ValueId x = g.like(c.x), y = g.like(c.y);
    const ValueId w = g.b.emit_typed(ir::ConvBackwardWeights{c.window}, {x, y}, ir::f32(c.w));
    return grow_products(g, w, c.products_per_weight, x, y);
}

bool grow_shaped(GraphMaker& g, const ir::Matmul&) {
    const ir::Matmul op{g.random.chance(0.5), g.random.chance(0.5)};
    const int64_t most = g.is_large() ? 40 : 6;
    const int64_t m = g.random.integer(1, most), k = g.random.integer(1, most),
                  n = g.random.integer(1, most);
    ir::Shape left = op.transpose_a ? ir::Shape{k, m} : ir::Shape{m, k};
    ir::Shape right = op.transpose_b ? ir::Shape{n, k} : ir::Shape{k, n};
    // Several products, sometimes along two axes.
    while (left.size() < 4 && g.random.chance(0.3)) {
        const int64_t count = g.random.integer(1, 5);
        left.insert(left.begin(), count);
        right.insert(right.begin(), count);
    }
    const ValueId a = g.like(left), b = g.like(right);
    return grow_products(g, g.b.emit(op, {a, b}), k, a, b);
}

bool grow_shaped(GraphMaker& g, const ir::Attention&) {
    const int64_t most = g.is_large() ? 40 : 4;
    const auto size = [&](int64_t limit) { return g.random.integer(1, limit); };
    const int64_t n = size(3), t = size(most), s = size(most), h = size(3), d = size(most),
                  e = size(most);
    ir::Attention op;
    op.scale = 1.0 / static_cast<double>(d);
    std::vector<ValueId> operands = {g.like({n, t, h, d}), g.like({n, s, h, d}),
                                     g.like({n, s, h, e})};
    const ir::Shape scores = {n, h, t, s};
    if (g.random.chance(0.5)) {
        ir::Shape mask;
        for (int64_t axis = 0; axis < 4; ++axis)
            if (axis == 3 || g.random.chance(0.5)) {
                op.mask_dims.push_back(axis);
                mask.push_back(scores[static_cast<size_t>(axis)]);
            }
        operands.push_back(g.like(mask));
    }
    const Facts q = g.facts(operands[0]), k = g.facts(operands[1]), v = g.facts(operands[2]);
    const Facts mask = op.mask_dims.empty() ? Facts{0, 0} : g.facts(operands[3]);
    const double scores_size = q.size() * k.size() + mask.size();
    const double scores_error = q.size() * k.error + k.size() * q.error + mask.error +
                                static_cast<double>(d + 2) * scores_size;
    if (scores_error > 1e5) return false;
    // Of a weight relatively: twice that of the scores, and that of the sum.
    const double error = v.size() * (2 * scores_error + 2 * static_cast<double>(s) + 20) + v.error;
    return g.keep(g.b.emit(op, operands), {-v.size(), v.size(), error, false});
}

// ---- made by passes, not by hand ----

bool grow_shaped(GraphMaker&, const ir::AttentionGradient&) { return false; }  // of `attention`

bool grow_shaped(GraphMaker&, const ir::Scan&) { return false; }   // tests/numeric/scan
bool grow_shaped(GraphMaker&, const ir::Fused&) { return false; }  // fuse_elementwise makes them
bool grow_shaped(GraphMaker&, const ir::Gradient&) {
    return false;
}  // RandomGraphOptions::gradients

/// For ops of other kinds, which `grow` handles.
template <typename Op>
bool grow_shaped(GraphMaker&, const Op&) requires(Op::kInfo.has(ir::kElementwise) ||
                                                  Op::kInfo.has(ir::kGenerator) ||
                                                  Op::kInfo.has(ir::kRuntimeScalar)) {
    return false;
}
bool grow_shaped(GraphMaker&, const std::monostate&) { return false; }

}  // namespace

bool grow_other(GraphMaker& g, const ir::OpVariant& op) {
    return std::visit([&](const auto& o) { return grow_shaped(g, o); }, op);
}

}  // namespace gmc::tests
