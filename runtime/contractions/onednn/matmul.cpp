// Matrix products by oneDNN, as primitives and by its BLAS function, in blocks that one thread each
// computes. Transposed operands are read through strides.
#include "runtime/contractions/onednn/matmul.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <map>

#include "compiler/support/check.h"
#include "runtime/contractions/onednn/compat.h"
#include "runtime/contractions/onednn/session.h"
#include "runtime/contractions/tuning_cache.h"
#include "runtime/threads/signals_wait.h"
#include "runtime/threads/team.h"

namespace gmc::runtime {
namespace {

using dnnl::memory;

/// Blocks have at least this many rows, columns and terms, so that oneDNN's copies of operands stay
/// small beside the products, and this many products (about 5 us).
constexpr int64_t kBlockRows = 32, kBlockColumns = 96, kBlockTerms = 1024;
constexpr int64_t kBlockProducts = 1 << 18;
/// Enough for many threads, and small beside the operands.
constexpr int64_t kMatmulBlocksMost = 16;

struct Range {
    int64_t begin, end;
    int64_t size() const { return end - begin; }
};

/// How a product is divided: how many blocks there are along each axis.
struct Division {
    int64_t rows, columns, terms = 1;
    int64_t blocks() const { return rows * columns * terms; }
    static Range range(int64_t size, int64_t block, int64_t blocks) {
        return {size * block / blocks, size * (block + 1) / blocks};
    }
};

/// Columns first, so that few blocks read the same columns of b, which oneDNN copies. With
/// `divides_sums` there are blocks of terms, too, where the result is small.
Division divide(const MatmulProblem& p, bool divides_sums) {
    const int64_t most =
        std::clamp<int64_t>(p.m * p.n * p.k / kBlockProducts, 1, kMatmulBlocksMost);
    Division d;
    d.columns = std::clamp<int64_t>(p.n / kBlockColumns, 1, most);
    d.rows = std::clamp<int64_t>(p.m / kBlockRows, 1, most / d.columns);
    if (divides_sums)
        d.terms = std::clamp<int64_t>(p.k / kBlockTerms, 1, most / d.columns / d.rows);
    return d;
}

class MatmulKernel final : public Kernel {
  public:
    explicit MatmulKernel(PrimitiveCalls blocks) : blocks_(std::move(blocks)) {}
    void run(const CallContext&) override { blocks_.run(); }

  private:
    PrimitiveCalls blocks_;
};

/// c[rows, columns] = the sum over `terms` of a b. `c` is the whole matrix. Returns oneDNN's
/// status, because an exception must not leave a unit of the team.
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

/// Blocks of terms leave their sums in scratch memory; these are added in the blocks' order.
class SgemmKernel final : public Kernel {
  public:
    SgemmKernel(MatmulProblem problem, ContractionContext& context,
                std::shared_future<void> compiled)
        : p_(std::move(problem)),
          arena_(context.arena()),
          compiled_(std::move(compiled)),
          division_(divide(p_, true)) {
        arena_.reserve_scratch((division_.terms - 1) * sum_elements() * 4);
    }
    /// Waits for the compilation: at the end of the process oneDNN destroys what that still uses.
    ~SgemmKernel() override { compiled_.wait(); }

    void run(const CallContext&) override {
        constexpr int64_t kLeast = 1 << 13;
        auto* scratch = reinterpret_cast<float*>(arena_.scratch());
        std::atomic<dnnl_status_t> worst = dnnl_success;
        run_units(division_.blocks(), threads_, [&](int64_t block, int) {
            const dnnl_status_t status = run_block(block, scratch);
            if (status != dnnl_success) worst = status;
        });
        GMC_CHECK(worst == dnnl_success, "oneDNN's sgemm failed with status {} in {}",
                  static_cast<int>(worst.load()), p_.where);
        if (division_.terms > 1)
            run_parts(sum_elements(), kLeast, threads_, [&](int64_t begin, int64_t end, int) {
                for (int64_t term = 1; term < division_.terms; ++term)
                    for (int64_t i = begin; i < end; ++i)
                        p_.c[i] += scratch[(term - 1) * sum_elements() + i];
            });
    }

  private:
    int64_t sum_elements() const { return p_.m * p_.n; }
    dnnl_status_t run_block(int64_t block, float* scratch) const {
        const OneThread one_thread;
        const auto& [rows, columns, terms] = division_;
        const int64_t term = block % terms, row = block / terms % rows;
        return run_sgemm(p_, Division::range(p_.m, row, rows),
                         Division::range(p_.n, block / terms / rows, columns),
                         Division::range(p_.k, term, terms),
                         term == 0 ? p_.c : scratch + (term - 1) * sum_elements());
    }

    MatmulProblem p_;
    Arena& arena_;
    std::shared_future<void> compiled_;
    Division division_;
    int threads_ = thread_count();
};

/// Runs a first sgemm on another thread. In it oneDNN compiles the code that all sgemms share,
/// which takes 20 ms; so this happens while the model is still being bound, not in the first
/// training step. Kernels wait for it before they run.
std::shared_future<void> compile_sgemm() {
    const SignalsWait not_there;  // the thread inherits it: handlers are run by the program's own
    static const std::shared_future<void> compiled = std::async(std::launch::async, [] {
        const OneThread one_thread;
        const float ones[4] = {1, 1, 1, 1};  // 2 x 2, since vectors take another path
        float product[4];
        dnnl_sgemm('N', 'N', 2, 2, 2, 1.0f, ones, 2, ones, 2, 0.0f, product, 2);
    });
    return compiled;
}

/// A matrix that lies in memory as it is, or transposed; or several of them, one after another.
struct Matrix {
    const float* data;
    int64_t rows, columns;
    bool transposed;
    ir::DType type;

    /// Some of its rows and columns.
    memory::desc part(Range r, Range c) const {
        const memory::dims strides = transposed ? memory::dims{1, rows} : memory::dims{columns, 1};
        return {{r.size(), c.size()},
                type == ir::DType::kBf16 ? memory::data_type::bf16 : memory::data_type::f32,
                strides};
    }
    const float* part_data(int64_t matrix, Range r, Range c) const {
        const int64_t at = matrix * rows * columns +
                           (transposed ? c.begin * rows + r.begin : r.begin * columns + c.begin);
        return reinterpret_cast<const float*>(reinterpret_cast<const std::byte*>(data) +
                                              at * ir::dtype_size(type));
    }
};

}  // namespace

std::unique_ptr<Kernel> make_onednn_matmul(const MatmulProblem& p,
                                           ContractionContext& context) try {
    constexpr int64_t kProductsMost = 4096;  // each has a primitive's call of its own
    if ((!p.is_f32() && !context.bf16()) || p.products > kProductsMost) return nullptr;
    expect_room_for_code();
    const OneThread one_thread;
    OnednnSession& session = session_of(context);
    const Matrix a{p.a, p.m, p.k, p.transpose_a, p.operand_type},
        b{p.b, p.k, p.n, p.transpose_b, p.operand_type}, c{p.c, p.m, p.n, false, p.result_type};
    const auto describe = [&](Range rows, Range columns) {
        const Range terms{0, p.k};
        return compat::matmul(session.engine, a.part(rows, terms), b.part(terms, columns),
                              c.part(rows, columns), session.attributes);
    };
    using Descriptor = decltype(describe({}, {}));
    std::map<std::pair<int64_t, int64_t>, std::pair<Descriptor, dnnl::matmul>> made;  // by size
    const Division division = divide(p, false);
    PrimitiveCalls calls;
    for (int64_t i = 0; i < p.products * division.blocks(); ++i) {
        const int64_t product = i / division.blocks(), block = i % division.blocks();
        const Range terms{0, p.k},
            rows = Division::range(p.m, block % division.rows, division.rows),
            columns = Division::range(p.n, block / division.rows, division.columns);
        const std::pair size(rows.size(), columns.size());
        auto found = made.find(size);
        if (found == made.end()) {
            Descriptor descriptor = describe(rows, columns);
            if (!choose_implementation(descriptor, [](std::string_view) { return false; }))
                return nullptr;
            const dnnl::matmul primitive(descriptor);
            found = made.emplace(size, std::pair(descriptor, primitive)).first;
        }
        const auto& [descriptor, primitive] = found->second;
        PrimitiveCall call(context, primitive, descriptor.scratchpad_desc(), p.where,
                           calls.scratch_end());
        call.set(DNNL_ARG_SRC, a.part(rows, terms), a.part_data(product, rows, terms));
        call.set(DNNL_ARG_WEIGHTS, b.part(terms, columns), b.part_data(product, terms, columns));
        call.set(DNNL_ARG_DST, c.part(rows, columns), c.part_data(product, rows, columns));
        calls.add(std::move(call));
    }
    return std::make_unique<MatmulKernel>(std::move(calls));
} catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
    return nullptr;
}

std::unique_ptr<Kernel> make_onednn_sgemm(const MatmulProblem& problem,
                                          ContractionContext& context) {
    if (problem.products > 1) return nullptr;
    expect_room_for_code();
    const auto compiled = compile_sgemm();
    if (TuningCache* tuning = context.tuning())
        tuning->before_measuring([compiled] { compiled.wait(); });
    return std::make_unique<SgemmKernel>(problem, context, compiled);
}

}  // namespace gmc::runtime
