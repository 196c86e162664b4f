// Matrix products by oneDNN, as a primitive and by its BLAS function. Transposed operands are read
// through strides.
#include "runtime/contractions/onednn/matmul.h"

#include <algorithm>
#include <atomic>
#include <future>

#include "compiler/support/check.h"
#include "runtime/contractions/onednn/compat.h"
#include "runtime/contractions/onednn/session.h"
#include "runtime/contractions/tuning_cache.h"

namespace gmc::runtime {
namespace {

using dnnl::memory;

/// A matrix as seen after the transposition, or several; `transposed` says how it lies in memory.
memory::desc matrix(int64_t count, int64_t rows, int64_t columns, bool transposed, ir::DType type) {
    memory::dims sizes{rows, columns};
    memory::dims strides = transposed ? memory::dims{1, rows} : memory::dims{columns, 1};
    if (count > 1) {
        sizes.insert(sizes.begin(), count);
        strides.insert(strides.begin(), rows * columns);
    }
    return {sizes, type == ir::DType::kBf16 ? memory::data_type::bf16 : memory::data_type::f32,
            strides};
}

/// Blocks have at least this many rows, columns and terms, so that oneDNN's copies of operands stay
/// small beside the products.
constexpr int64_t kBlockRows = 32, kBlockColumns = 96, kBlockTerms = 1024;
/// Enough for many threads, and small beside the operands.
constexpr int64_t kMatmulBlocksMost = 16;

class MatmulKernel final : public Kernel {
  public:
    explicit MatmulKernel(PrimitiveCall call) : call_(std::move(call)) {}
    void run(const CallContext&) override { call_.run(); }

  private:
    PrimitiveCall call_;
};

struct Range {
    int64_t begin, end;
    int64_t size() const { return end - begin; }
};

/// c[rows, columns] = the sum over `terms` of a b. `c` is the whole matrix. Returns oneDNN's
/// status, because an exception must not leave a parallel region.
dnnl_status_t run_sgemm(const MatmulProblem& p, Range rows, Range columns, Range terms, float* c) {
    const int64_t a_stride = p.transpose_a ? p.m : p.k, b_stride = p.transpose_b ? p.k : p.n;
    const float* a = p.a + (p.transpose_a ? terms.begin * a_stride + rows.begin
                                          : rows.begin * a_stride + terms.begin);
    const float* b = p.b + (p.transpose_b ? columns.begin * b_stride + terms.begin
                                          : terms.begin * b_stride + columns.begin);
    return dnnl_sgemm(p.transpose_a ? 'T' : 'N', p.transpose_b ? 'T' : 'N', rows.size(),
                      columns.size(), terms.size(), 1.0f, a, a_stride, b, b_stride, 0.0f,
                      c + rows.begin * p.n + columns.begin, p.n);
}

void check_sgemm(dnnl_status_t status, const MatmulProblem& p) {
    GMC_CHECK(status == dnnl_success, "oneDNN's sgemm failed with status {} in {}",
              static_cast<int>(status), p.where);
}

class SgemmKernel final : public Kernel {
  public:
    SgemmKernel(MatmulProblem problem, std::shared_future<void> compiled)
        : problem_(std::move(problem)), compiled_(std::move(compiled)) {}
    /// Waits for the compilation: at the end of the process oneDNN destroys what that still uses.
    ~SgemmKernel() override { compiled_.wait(); }
    void run(const CallContext&) override {
        const MatmulProblem& p = problem_;
        check_sgemm(run_sgemm(p, {0, p.m}, {0, p.n}, {0, p.k}, p.c), p);
    }

  private:
    MatmulProblem problem_;
    std::shared_future<void> compiled_;
};

/// Each block is computed by one thread. Blocks of terms, which exist where the result is small,
/// leave their sums in scratch memory; these are added in the blocks' order.
class BlocksKernel final : public Kernel {
  public:
    BlocksKernel(MatmulProblem problem, ContractionContext& context,
                 std::shared_future<void> compiled)
        : p_(std::move(problem)), arena_(context.arena()), compiled_(std::move(compiled)) {
        columns_ = std::clamp<int64_t>(p_.n / kBlockColumns, 1, kMatmulBlocksMost);
        rows_ = std::clamp<int64_t>(p_.m / kBlockRows, 1, kMatmulBlocksMost / columns_);
        terms_ = std::clamp<int64_t>(p_.k / kBlockTerms, 1, kMatmulBlocksMost / columns_ / rows_);
        arena_.reserve_scratch((terms_ - 1) * sum_elements() * 4);
    }
    ~BlocksKernel() override { compiled_.wait(); }

    void run(const CallContext&) override {
        auto* scratch = reinterpret_cast<float*>(arena_.scratch());
        std::atomic<dnnl_status_t> worst = dnnl_success;
#pragma omp parallel
        {
#pragma omp for schedule(dynamic, 1)
            for (int64_t block = 0; block < columns_ * rows_ * terms_; ++block) {
                const int64_t term = block % terms_, row = block / terms_ % rows_;
                const dnnl_status_t status = run_sgemm(
                    p_, range(p_.m, row, rows_), range(p_.n, block / terms_ / rows_, columns_),
                    range(p_.k, term, terms_),
                    term == 0 ? p_.c : scratch + (term - 1) * sum_elements());
                if (status != dnnl_success) worst = status;
            }
#pragma omp for schedule(static)
            for (int64_t i = 0; i < sum_elements(); ++i)
                for (int64_t term = 1; term < terms_; ++term)
                    p_.c[i] += scratch[(term - 1) * sum_elements() + i];
        }
        check_sgemm(worst, p_);
    }

  private:
    static Range range(int64_t size, int64_t block, int64_t blocks) {
        return {size * block / blocks, size * (block + 1) / blocks};
    }
    int64_t sum_elements() const { return p_.m * p_.n; }

    MatmulProblem p_;
    Arena& arena_;
    std::shared_future<void> compiled_;
    int64_t columns_, rows_, terms_;  ///< how many blocks there are along each
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
    const memory::desc a = matrix(p.products, p.m, p.k, p.transpose_a, p.operand_type),
                       b = matrix(p.products, p.k, p.n, p.transpose_b, p.operand_type),
                       c = matrix(p.products, p.m, p.n, false, p.result_type);
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
    if (problem.products > 1) return nullptr;
    const auto compiled = compile_sgemm();
    if (TuningCache* tuning = context.tuning())
        tuning->before_measuring([compiled] { compiled.wait(); });
    return std::make_unique<SgemmKernel>(problem, compiled);
}

std::unique_ptr<Kernel> make_onednn_blocks(const MatmulProblem& problem,
                                           ContractionContext& context) {
    if (problem.products > 1) return nullptr;
    return std::make_unique<BlocksKernel>(problem, context, compile_sgemm());
}

}  // namespace gmc::runtime
