// Prints the speed of loop and copy kernels on loop bodies that occur in training: time of the
// fastest run, bytes of operands and results per second, nanoseconds per element of the iteration
// space. Then, for OpInfo::cost, what each element-wise op takes in additions: lines `cost NAME`.
// Usage: loop_bench [repetitions] [name prefix]
#include <fmt/format.h>
#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "compiler/ir/builder.h"
#include "runtime/kernels/copy.h"
#include "runtime/kernels/loop/loop.h"
#include "runtime/threads/float_mode.h"
#include "runtime/threads/thread_count.h"

using namespace gmc;  // NOLINT: a small program

namespace {

int repetitions = 50;
std::string wanted;

/// A function of one op, and memory for its values.
struct Bench {
    ir::Module module;
    ir::Builder builder;
    std::vector<ir::ValueId> inputs;
    std::vector<hwy::AlignedFreeUniquePtr<float[]>> memory;

    Bench() : module(with_function()), builder(module, module.functions[0]) {}
    static ir::Module with_function() {
        ir::Module m;
        m.functions.emplace_back();
        return m;
    }
    ir::Function& function() { return module.functions[0]; }

    ir::ValueId input(const ir::Shape& shape) {
        inputs.push_back(function().add_value("x", ir::f32(shape)));
        return inputs.back();
    }

    void fuse(const ir::Shape& space, std::vector<ir::ValueId> results) {
        ir::Operation fused;
        fused.op = ir::Fused{space};
        fused.body = std::move(function().operations);
        fused.operands = inputs;
        fused.results = std::move(results);
        function().operations = {std::move(fused)};
    }

    float* allocate(ir::ValueId value) {
        const auto count = static_cast<size_t>(function().type(value).elements());
        memory.push_back(hwy::AllocateAligned<float>(count));
        for (size_t i = 0; i < count; ++i)
            memory.back()[i] = static_cast<float>(i * 7919 % 1000) * 0.002f - 0.9f;
        return memory.back().get();
    }

    using Maker = std::unique_ptr<runtime::Kernel> (*)(const ir::Function&, const ir::Operation&,
                                                       const runtime::Buffers&);
    using Pairs = std::vector<std::pair<ir::ValueId, ir::ValueId>>;
    /// Prints a line. `in_place` has pairs (result, operand) that share memory.
    void run(const std::string& name, const ir::Shape& space, const Pairs& in_place = {},
             Maker make = &runtime::make_loop_kernel) {
        if (name.compare(0, wanted.size(), wanted) != 0) return;
        int64_t bytes = 0;
        const double best = seconds(in_place, make, bytes);
        const auto elements = static_cast<double>(ir::f32(space).elements());
        fmt::print("{:36} {:18} {:9.1f} us {:7.2f} GB/s {:7.3f} ns/element\n", name,
                   ir::to_string(space), best * 1e6, static_cast<double>(bytes) / best * 1e-9,
                   best * 1e9 / elements);
    }

    /// The time of the fastest run. `bytes` becomes the size of operands and results.
    double seconds(const Pairs& in_place, Maker make, int64_t& bytes) {
        const ir::Operation& operation = function().operations.back();
        runtime::Buffers buffers(function().values.size());
        bytes = 0;
        for (ir::ValueId id : inputs)
            buffers.set(id, allocate(id)), bytes += function().type(id).bytes();
        for (ir::ValueId id : operation.results) {
            bytes += function().type(id).bytes();
            const auto pair = std::find_if(in_place.begin(), in_place.end(),
                                           [&](auto& p) { return p.first == id; });
            buffers.set(id, pair != in_place.end() ? buffers.data(pair->second) : allocate(id));
        }
        const auto kernel = make(function(), operation, buffers);
        double best = 1e9;
        for (int i = 0; i < repetitions; ++i) {
            const auto begin = std::chrono::steady_clock::now();
            kernel->run({.seed = 1, .call = static_cast<uint32_t>(i)});
            best = std::min(
                best,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        }
        return best;
    }
};

ir::ValueId per_channel(Bench& b, const ir::Shape& shape) {
    return b.builder.broadcast(b.input({shape.back()}), {static_cast<int64_t>(shape.size()) - 1},
                               shape);
}

void copy_bandwidth(int64_t elements) {
    Bench b;
    b.builder.emit(ir::StopGradient{}, {b.input({elements})});
    b.run("copy", {elements});
}

void bias_leaky_relu(const ir::Shape& shape) {
    Bench b;
    const ir::ValueId x = b.input(shape);
    b.fuse(shape, {b.builder.emit(ir::LeakyRelu{0.2}, {b.builder.add(x, per_channel(b, shape))})});
    b.run("leaky_relu(x + bias)", shape);
}

void batch_norm_moments(const ir::Shape& shape) {
    Bench b;
    const ir::ValueId x = b.input(shape);
    const auto axes = ir::all_axes(static_cast<int64_t>(shape.size()) - 1);
    const ir::ValueId sum = b.builder.reduce_sum(x, axes),
                      squares = b.builder.reduce_sum(b.builder.mul(x, x), axes);
    b.fuse(shape, {sum, squares});
    b.run("batch norm moments", shape);
}

void batch_norm_apply(const ir::Shape& shape) {
    Bench b;
    const ir::ValueId x = b.input(shape), mean = per_channel(b, shape),
                      variance = per_channel(b, shape);
    const ir::ValueId scale = per_channel(b, shape), offset = per_channel(b, shape);
    const ir::ValueId deviation =
        b.builder.emit(ir::Sqrt{}, {b.builder.offset(b.builder.mul(variance, variance), 1e-5)});
    const ir::ValueId normal = b.builder.div(b.builder.sub(x, mean), deviation);
    const ir::ValueId y = b.builder.add(b.builder.mul(normal, scale), offset);
    b.fuse(shape, {b.builder.emit(ir::LeakyRelu{0.0}, {y})});
    b.run("batch norm apply, relu", shape);
}

void batch_norm_gradient(const ir::Shape& shape) {
    Bench b;
    const ir::ValueId x = b.input(shape), g = b.input(shape), mean = per_channel(b, shape),
                      deviation = per_channel(b, shape);
    const auto axes = ir::all_axes(static_cast<int64_t>(shape.size()) - 1);
    const ir::ValueId normal = b.builder.div(b.builder.sub(x, mean), deviation);
    const ir::ValueId offset = b.builder.reduce_sum(g, axes),
                      scale = b.builder.reduce_sum(b.builder.mul(g, normal), axes);
    b.fuse(shape, {offset, scale});
    b.run("batch norm gradient sums", shape);
}

void dropout(const ir::Shape& shape) {
    Bench b;
    const ir::ValueId x = b.input(shape),
                      u = b.builder.emit_typed(ir::RandomUniform{1}, {}, ir::f32(shape));
    const ir::ValueId keep = b.builder.emit(ir::Greater{}, {u, b.builder.constant(0.3, shape)});
    b.fuse(shape, {b.builder.mul(b.builder.scale(x, 1 / 0.7), keep)});
    b.run("dropout", shape);
}

void generator(const std::string& name, const ir::OpVariant& op, const ir::Shape& shape) {
    Bench b;
    b.builder.emit_typed(op, {}, ir::f32(shape));
    b.run(name, shape);
}

void adam(const ir::Shape& shape) {
    Bench b;
    ir::Builder& k = b.builder;
    const ir::ValueId p = b.input(shape), m = b.input(shape), v = b.input(shape),
                      g = b.input(shape);
    const ir::ValueId rate = k.splat(b.input({}), shape);
    const ir::ValueId m_new = k.add(k.scale(m, 0.9), k.scale(g, 0.1));
    const ir::ValueId v_new = k.add(k.scale(v, 0.999), k.scale(k.mul(g, g), 0.001));
    const ir::ValueId root = k.offset(k.emit(ir::Sqrt{}, {v_new}), 1e-8);
    const ir::ValueId p_new = k.sub(p, k.div(k.mul(rate, m_new), root));
    b.fuse(shape, {p_new, m_new, v_new});
    b.run("Adam", shape, {{p_new, p}, {m_new, m}, {v_new, v}});
}

/// The seconds of a loop of this op alone, over numbers that stay in the cache.
double seconds_of(const ir::OpVariant& op) {
    const ir::Shape shape = {1 << 13};
    Bench b;
    std::vector<ir::ValueId> operands;
    for (int i = 0; i < ir::op_info(op).operand_count(); ++i) operands.push_back(b.input(shape));
    b.builder.emit(op, operands);
    int64_t bytes = 0;
    return b.seconds({}, &runtime::make_loop_kernel, bytes);
}

/// Prints the op's time beside the cost that its row states. The unit is half of what a loop takes
/// that adds two arrays, since such a loop loads and stores, too; ops of a few instructions have
/// the cost 1.
template <typename Op>
void cost() {
    const std::string name = "cost " + std::string(Op::kInfo.name);
    const bool has_a_kernel = Op::kInfo.has(ir::kElementwise) && !std::is_same_v<Op, ir::Cast>;
    if (!has_a_kernel || name.compare(0, wanted.size(), wanted) != 0) return;
    fmt::print("{:36} {:6.1f}; its row says {}\n", name,
               seconds_of(Op{}) / seconds_of(ir::Add{}) * 2, Op::kInfo.cost);
}

/// Measures OpInfo::cost of every element-wise op; `cast` never stands alone.
void costs() {
#define GMC_OP(Name) cost<ir::Name>();
#include "compiler/ir/op_kind.def"
#undef GMC_OP
}

void reduction(const std::string& name, const ir::OpVariant& op, const ir::Shape& shape) {
    Bench b;
    b.builder.emit(op, {b.input(shape)});
    b.run(name, shape);
}

void loss(const ir::Shape& shape) {
    Bench b;
    ir::Builder& k = b.builder;
    const ir::ValueId logits = b.input(shape), x = b.input(shape);
    const ir::ValueId sum =
        k.reduce_sum(k.sub(k.emit(ir::Softplus{}, {logits}), k.mul(logits, x)), {1});
    const ir::ValueId gradient = k.sub(k.emit(ir::Sigmoid{}, {logits}), x);
    b.fuse(shape, {sum, gradient});
    b.run("cross-entropy and its gradient", shape);
}

void softmax_shift(const ir::Shape& shape) {
    Bench b;
    ir::Builder& k = b.builder;
    const ir::ValueId x = b.input(shape), max = k.broadcast(b.input({shape[0]}), {0}, shape);
    const ir::ValueId e = k.emit(ir::Exp{}, {k.sub(x, max)});
    b.fuse(shape, {e, k.reduce_sum(e, {1})});
    b.run("softmax exponentials and sums", shape);
}

void copies() {
    const auto bench = [](const std::string& name, const ir::OpVariant& op,
                          const std::vector<ir::Shape>& shapes) {
        Bench b;
        std::vector<ir::ValueId> operands;
        for (const ir::Shape& shape : shapes) operands.push_back(b.input(shape));
        const ir::ValueId out = b.builder.emit(op, operands);
        b.run(name, b.builder.shape(out), {}, &runtime::make_copy_kernel);
    };
    bench("transpose matrix", ir::Transpose{{1, 0}}, {{2048, 2048}});
    bench("transpose channels", ir::Transpose{{0, 3, 1, 2}}, {{128, 28, 28, 64}});
    bench("concat channels", ir::Concat{3}, {{128, 28, 28, 64}, {128, 28, 28, 10}});
    bench("concat examples", ir::Concat{0}, {{64, 28, 28, 64}, {64, 28, 28, 64}});
    bench("pad", ir::Pad{{0, 1, 1, 0}, {0, 1, 1, 0}}, {{128, 28, 28, 64}});
    bench("slice channels", ir::Slice{{0, 0, 0, 0}, {128, 28, 28, 32}}, {{128, 28, 28, 64}});
}

}  // namespace

/// Sizes as in training: pictures of 28 x 28 with 64 channels at a batch of 128 are 25 MB, more
/// than caches hold, the small ones 1.6 MB.
int main(int argc, char** argv) {
    if (argc > 1) repetitions = std::atoi(argv[1]);
    if (argc > 2) wanted = argv[2];
    runtime::flush_denormals();
    fmt::print("{} threads, fastest of {} runs\n", runtime::thread_count(), repetitions);
    const ir::Shape large = {128, 28, 28, 64}, small = {128, 14, 14, 16};
    copy_bandwidth(64 << 20);
    copy_bandwidth(8 << 20);
    copy_bandwidth(1 << 16);
    for (const ir::Shape& shape : {large, ir::Shape{128, 28, 28, 3}, small, ir::Shape{128, 1024}})
        bias_leaky_relu(shape);
    for (const ir::Shape& shape : {large, ir::Shape{128, 28, 28, 3}, small, ir::Shape{128, 12544}})
        batch_norm_moments(shape);
    for (const ir::Shape& shape : {large, small}) batch_norm_apply(shape);
    for (const ir::Shape& shape : {large, small}) batch_norm_gradient(shape);
    dropout(large);
    generator("uniform", ir::RandomUniform{1}, {4 << 20});
    generator("normal", ir::RandomNormal{1}, {4 << 20});
    generator("normal", ir::RandomNormal{1}, {128, 100});
    adam({2000000});
    adam({100000});
    reduction("sum of all", ir::ReduceSum{{0, 1, 2, 3}}, large);
    reduction("sum over examples", ir::ReduceSum{{0}}, {128, 12544});
    reduction("sum over columns", ir::ReduceSum{{1}}, {128, 50176});
    reduction("sum over channels", ir::ReduceSum{{3}}, large);
    reduction("sum over space", ir::ReduceSum{{1, 2}}, large);
    loss({128, 784});
    softmax_shift({128, 10});
    costs();
    copies();
}
