// Matrix products by oneDNN, as a primitive and by its BLAS function. Transposed operands are read
// through strides.
#include "runtime/contractions/onednn/matmul.h"

#include <future>

#include "compiler/support/check.h"
#include "runtime/contractions/onednn/compat.h"
#include "runtime/contractions/onednn/session.h"
#include "runtime/contractions/tuning_cache.h"

namespace gmc::runtime {
namespace {

using dnnl::memory;

/// A matrix as seen after the transposition; `transposed` says how it lies in memory.
memory::desc matrix(int64_t rows, int64_t columns, bool transposed, ir::DType type) {
    const memory::dims strides = transposed ? memory::dims{1, rows} : memory::dims{columns, 1};
    return {{rows, columns},
            type == ir::DType::kBf16 ? memory::data_type::bf16 : memory::data_type::f32,
            strides};
}

class MatmulKernel final : public Kernel {
  public:
    explicit MatmulKernel(PrimitiveCall call) : call_(std::move(call)) {}
    void run(const CallContext&) override { call_.run(); }

  private:
    PrimitiveCall call_;
};

class SgemmKernel final : public Kernel {
  public:
    SgemmKernel(MatmulProblem problem, std::shared_future<void> compiled)
        : problem_(std::move(problem)), compiled_(std::move(compiled)) {}
    /// Waits for the compilation: at the end of the process oneDNN destroys what that still uses.
    ~SgemmKernel() override { compiled_.wait(); }
    void run(const CallContext&) override {
        const MatmulProblem& p = problem_;
        const dnnl_status_t status = dnnl_sgemm(
            p.transpose_a ? 'T' : 'N', p.transpose_b ? 'T' : 'N', p.m, p.n, p.k, 1.0f, p.a,
            p.transpose_a ? p.m : p.k, p.b, p.transpose_b ? p.k : p.n, 0.0f, p.c, p.n);
        GMC_CHECK(status == dnnl_success, "oneDNN's sgemm failed with status {} in {}",
                  static_cast<int>(status), p.where);
    }

  private:
    MatmulProblem problem_;
    std::shared_future<void> compiled_;
};

/// Runs a first sgemm on another thread. In it oneDNN compiles the code that all sgemms share,
/// which takes 20 ms; so this happens while the model is still being bound, not in the first
/// training step. Kernels wait for it before they run.
std::shared_future<void> compile_sgemm() {
    static const std::shared_future<void> compiled = std::async(std::launch::async, [] {
        const float ones[4] = {1, 1, 1, 1};  // 2 x 2, since vectors take another path
        float product[4];
        dnnl_sgemm('N', 'N', 2, 2, 2, 1.0f, ones, 2, ones, 2, 0.0f, product, 2);
    });
    return compiled;
}

}  // namespace

std::unique_ptr<Kernel> make_onednn_matmul(const MatmulProblem& p,
                                           ContractionContext& context) try {
    if (!p.is_f32() && !context.bf16()) return nullptr;
    OnednnSession& session = session_of(context);
    const memory::desc a = matrix(p.m, p.k, p.transpose_a, p.operand_type),
                       b = matrix(p.k, p.n, p.transpose_b, p.operand_type),
                       c = matrix(p.m, p.n, false, p.result_type);
    auto descriptor = compat::matmul(session.engine, a, b, c, session.attributes);
    if (!choose_implementation(descriptor, [](std::string_view) { return false; })) return nullptr;
    PrimitiveCall call(context, dnnl::matmul(descriptor), descriptor.scratchpad_desc(), p.where);
    call.set(DNNL_ARG_SRC, a, p.a);
    call.set(DNNL_ARG_WEIGHTS, b, p.b);
    call.set(DNNL_ARG_DST, c, p.c);
    return std::make_unique<MatmulKernel>(std::move(call));
} catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
    return nullptr;
}

std::unique_ptr<Kernel> make_onednn_sgemm(const MatmulProblem& problem,
                                          ContractionContext& context) {
    const auto compiled = compile_sgemm();
    if (TuningCache* tuning = context.tuning())
        tuning->before_measuring([compiled] { compiled.wait(); });
    return std::make_unique<SgemmKernel>(problem, compiled);
}

}  // namespace gmc::runtime
