// Products with vectors: picks the loop (vector_simd.h) for the shape, and divides the result among
// threads.
#include "runtime/contractions/tiles/vector_matmul.h"

#include <algorithm>
#include <utility>

#include "runtime/contractions/tiles/vector_simd.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// A thread takes at least this many multiplications (about 2 us).
constexpr int64_t kVectorProducts = 1 << 15;
/// Parts start at multiples of a cache line (16 floats), so that no two write the same line.
constexpr int64_t kLine = 16;

class VectorMatmul final : public Kernel {
  public:
    explicit VectorMatmul(MatmulProblem problem) : p_(std::move(problem)) {}

    void run(const CallContext& context) override {
        if (epilogue_ != nullptr) epilogue_->begin(context);
        // A unit of work is a row of an outer product, or else one number of the result.
        const int64_t width = p_.k == 1 ? p_.n : 1, line = p_.k == 1 ? 1 : kLine;
        const int64_t units = p_.m * p_.n / width, lines = (units + line - 1) / line;
        const int64_t products_per_line = std::max<int64_t>(p_.m * p_.n * p_.k / lines, 1);
        run_parts(lines, kVectorProducts / products_per_line, threads_,
                  [&](int64_t line_begin, int64_t line_end, int worker) {
                      const int64_t begin = line_begin * line,
                                    end = std::min(line_end * line, units);
                      compute(begin, end);
                      if (epilogue_ != nullptr)
                          epilogue_->follow(worker, begin * width, end * width);
                  });
        if (epilogue_ != nullptr) epilogue_->end();
    }

    bool set_epilogue(Epilogue* epilogue) override {
        epilogue_ = epilogue;
        return true;
    }

  private:
    Numbers operand(const float* data) const {
        return {reinterpret_cast<const std::byte*>(data), p_.operand_type};
    }

    void compute(int64_t begin, int64_t end) const {
        const Results c{reinterpret_cast<std::byte*>(p_.c), p_.result_type};
        const Numbers a = operand(p_.a), b = operand(p_.b);
        if (p_.k == 1)
            return run_outer_rows({a.from(begin), b, c.from(begin * p_.n), end - begin, p_.n});
        // A row times a matrix equals the transposed matrix times a column.
        const bool column = p_.n == 1;
        const Numbers matrix = column ? a : b, vector = column ? b : a;
        if (column ? !p_.transpose_a : p_.transpose_b)
            run_dot_rows({matrix.from(begin * p_.k), vector, c.from(begin), end - begin, p_.k});
        else
            run_weighted_rows({matrix.from(begin), vector, c.from(begin), p_.k, end - begin,
                               column ? p_.m : p_.n});
    }

    MatmulProblem p_;
    int threads_ = thread_count();
    Epilogue* epilogue_ = nullptr;
};

}  // namespace

std::unique_ptr<Kernel> make_vector_matmul(const MatmulProblem& p, ContractionContext&) {
    if (!prefers_vector_matmul(p)) return nullptr;
    return std::make_unique<VectorMatmul>(p);
}

bool prefers_vector_matmul(const MatmulProblem& p) {
    return p.products == 1 && (p.m == 1 || p.n == 1 || p.k == 1);
}

}  // namespace gmc::runtime
