// Makes the kernel of each operation: one overload of `bind` per op or family of ops. An op without
// one does not compile, and the error names its struct.
#include "runtime/program/bind.h"

#include <cstring>

#include "compiler/ir/text/printer.h"
#include "compiler/support/check.h"
#include "runtime/contractions/attention/attention.h"
#include "runtime/contractions/choice/candidates.h"
#include "runtime/kernels/copy.h"
#include "runtime/kernels/loop/loop.h"
#include "runtime/program/all_gather_kernel.h"
#include "runtime/program/all_reduce_kernel.h"
#include "runtime/program/scan_kernel.h"
#include "runtime/program/shared_buffer_kernels.h"

namespace gmc::runtime {
namespace {

/// An operation on its way to a kernel.
struct Binding {
    const ir::Operation& operation;
    BindContext& context;

    float* result() const { return context.buffers.data(operation.result()); }
    const float* operand(size_t i) const { return context.buffers.data(operation.operands[i]); }
    int64_t result_bytes() const { return context.function.type(operation.result()).bytes(); }
};

/// Writes a number that the caller of the function gives with each call: the ops `step`, `epoch`
/// and `iteration`.
class CallNumber final : public Kernel {
  public:
    CallNumber(double CallContext::*number, float* result) : number_(number), result_(result) {}
    void run(const CallContext& context) override {
        *result_ = static_cast<float>(context.*number_);
    }

  private:
    double CallContext::*number_;
    float* result_;
};

/// A reshape whose result the plan has put elsewhere than its operand.
class Copy final : public Kernel {
  public:
    Copy(const float* from, float* to, int64_t bytes) : from_(from), to_(to), bytes_(bytes) {}
    void run(const CallContext&) override { std::memcpy(to_, from_, static_cast<size_t>(bytes_)); }

  private:
    const float* from_;
    float* to_;
    int64_t bytes_;
};

std::unique_ptr<Kernel> named(std::string_view name, std::unique_ptr<Kernel> kernel) {
    // A null kernel says that nothing is to be done: the result is in its place already.
    if (kernel) kernel->set_name(name);
    return kernel;
}

std::unique_ptr<Kernel> bind_loop(const Binding& b) {
    return named("loop", make_loop_kernel(b.context.function, b.operation, b.context.buffers));
}

std::unique_ptr<Kernel> bind_copy(const Binding& b) {
    return named("copy", make_copy_kernel(b.context.function, b.operation, b.context.buffers));
}

std::unique_ptr<Kernel> bind_conv(const Binding& b) {
    BindContext& c = b.context;
    ConvProblem problem = conv_problem(c.module, c.function, b.operation, c.buffers);
    problem.followed = c.followed;
    return make_conv_kernel(problem, c.contractions);
}

template <typename Op>
concept LoopOp = ir::runs_as_loop(Op::kInfo);

template <LoopOp Op>
std::unique_ptr<Kernel> bind(const Op&, const Binding& b) {
    return bind_loop(b);
}

std::unique_ptr<Kernel> bind(const ir::AllGather&, const Binding& b) {
    return named("gather", make_all_gather_kernel(b.operation, b.context));
}
std::unique_ptr<Kernel> bind(const ir::AllReduce&, const Binding& b) {
    return named("sum", make_all_reduce_kernel(b.operation, b.context));
}

std::unique_ptr<Kernel> bind(const ir::GatherParts& op, const Binding& b) {
    return named("gather",
                 make_gather_parts_kernel(op, b.context.how.group, b.operand(0), b.result()));
}
std::unique_ptr<Kernel> bind(const ir::OwnPart& op, const Binding& b) {
    return named("copy", make_own_part_kernel(op, b.operand(0), b.result()));
}
std::unique_ptr<Kernel> bind(const ir::ReduceScatter& op, const Binding& b) {
    return named("sum", make_reduce_scatter_kernel(op, b.context.how.group,
                                                   b.context.buffers.data(b.operation.operands[0]),
                                                   b.result()));
}

std::unique_ptr<Kernel> bind(const ir::Concat&, const Binding& b) { return bind_copy(b); }
std::unique_ptr<Kernel> bind(const ir::Pack&, const Binding& b) { return bind_copy(b); }
std::unique_ptr<Kernel> bind(const ir::Pad&, const Binding& b) { return bind_copy(b); }
std::unique_ptr<Kernel> bind(const ir::Slice&, const Binding& b) { return bind_copy(b); }
std::unique_ptr<Kernel> bind(const ir::Transpose&, const Binding& b) { return bind_copy(b); }

std::unique_ptr<Kernel> bind(const ir::Reshape&, const Binding& b) {
    if (b.result() == b.operand(0)) return nullptr;
    return named("copy", std::make_unique<Copy>(b.operand(0), b.result(), b.result_bytes()));
}

std::unique_ptr<Kernel> bind(const ir::Conv&, const Binding& b) { return bind_conv(b); }
std::unique_ptr<Kernel> bind(const ir::ConvBackwardData&, const Binding& b) { return bind_conv(b); }
std::unique_ptr<Kernel> bind(const ir::ConvBackwardWeights&, const Binding& b) {
    return bind_conv(b);
}
std::unique_ptr<Kernel> bind(const ir::Matmul&, const Binding& b) {
    BindContext& c = b.context;
    MatmulProblem problem = matmul_problem(c.module, c.function, b.operation, c.buffers);
    problem.followed = c.followed;
    problem.consumed = c.consumed;
    if (c.contractions.keeps(b.operation.operands[1])) problem.kept_b = b.operation.operands[1];
    return make_matmul_kernel(problem, c.contractions);
}

std::unique_ptr<Kernel> bind(const ir::Attention&, const Binding& b) {
    return named("attention", make_attention(attention_problem(b.context.function, b.operation,
                                                               b.context.buffers),
                                             b.context.contractions));
}
std::unique_ptr<Kernel> bind(const ir::AttentionGradient&, const Binding& b) {
    return named("attention",
                 make_attention_gradient(
                     attention_problem(b.context.function, b.operation, b.context.buffers),
                     b.context.contractions));
}

std::unique_ptr<Kernel> bind(const ir::Epoch&, const Binding& b) {
    return named("number", std::make_unique<CallNumber>(&CallContext::epoch, b.result()));
}
std::unique_ptr<Kernel> bind(const ir::Iteration&, const Binding& b) {
    return named("number", std::make_unique<CallNumber>(&CallContext::iteration, b.result()));
}
std::unique_ptr<Kernel> bind(const ir::Scan&, const Binding& b) {
    return make_scan_kernel(b.operation, b.context);
}
std::unique_ptr<Kernel> bind(const ir::Step&, const Binding& b) {
    return named("number", std::make_unique<CallNumber>(&CallContext::step, b.result()));
}

std::unique_ptr<Kernel> bind(const ir::Gradient&, const Binding& b) {
    GMC_CHECK(false, "the pass `differentiate` has not run before @{}: {}", b.context.function.name,
              ir::print(b.context.module, b.context.function, b.operation));
}
std::unique_ptr<Kernel> bind(const std::monostate&, const Binding& b) {
    GMC_CHECK(false, "@{} holds an operation without an op", b.context.function.name);
}

}  // namespace

std::unique_ptr<Kernel> bind_operation(const ir::Operation& operation, BindContext& context) {
    const Binding binding{operation, context};
    return std::visit([&](const auto& op) { return bind(op, binding); }, operation.op);
}

}  // namespace gmc::runtime
