// y = softmax(scale q k^T + mask) v. A unit of work is an example and head, or a part of its rows
// where there are few of them.
#include "runtime/contractions/attention/attention.h"

#include "runtime/contractions/attention/attention_rows.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// When there are fewer examples and heads than this, their rows are divided, so that there are
/// about as many units as this. Each unit packs the keys and values again.
constexpr int64_t kAttentionUnitsWanted = 16;

class AttentionKernel final : public Kernel {
  public:
    AttentionKernel(const AttentionProblem& p, ContractionContext& context)
        : p_(p), arena_(context.arena()), threads_(attention_threads(p)) {
        const int64_t row_blocks = (p.queries + kAttentionRows - 1) / kAttentionRows;
        parts_ = std::clamp<int64_t>(kAttentionUnitsWanted / (p.examples * p.heads), 1, row_blocks);
        arena_.reserve_scratch(threads_ * worker_floats() * 4);
    }

    void run(const CallContext&) override {
        auto* scratch = reinterpret_cast<float*>(arena_.scratch());
        run_units(p_.examples * p_.heads * parts_, threads_, [&](int64_t unit, int worker) {
            const int64_t head = unit / parts_, part = unit % parts_;
            run_rows(head / p_.heads, head % p_.heads, p_.queries * part / parts_,
                     p_.queries * (part + 1) / parts_, scratch + worker * worker_floats());
        });
    }

    static int attention_threads(const AttentionProblem& p) {
        const int64_t products = p.examples * p.heads * p.queries * p.keys * (p.depth + p.width);
        return products < 2 * kAttentionUnitProducts ? 1 : thread_count();
    }

  private:
    int64_t worker_floats() const {
        const int64_t keys = whole_vectors(p_.keys), width = whole_vectors(p_.width);
        return p_.depth * keys + p_.keys * width + kAttentionRows * (keys + width + 1) +
               kTileVector;
    }

    void run_rows(int64_t n, int64_t h, int64_t begin, int64_t end, float* own) const {
        const int64_t padded_keys = whole_vectors(p_.keys), padded_width = whole_vectors(p_.width);
        float* keys = own;
        float* values = keys + p_.depth * padded_keys;
        float* scores = values + p_.keys * padded_width;
        float* sums = scores + kAttentionRows * padded_keys;
        float* inverse_sums = sums + kAttentionRows * padded_width;
        pack_transposed(head_of(p_.k, p_, n, h, p_.keys, p_.depth), p_.keys, p_.depth, keys);
        pack_rows(head_of(p_.v, p_, n, h, p_.keys, p_.width), p_.keys, p_.width, values);
        const RowsOf q = head_of(p_.q, p_, n, h, p_.queries, p_.depth);
        const Rows<float> y = head_of(p_.results[0], p_, n, h, p_.queries, p_.width);
        for (int64_t t = begin; t < end; t += kAttentionRows) {
            const int64_t rows = std::min(kAttentionRows, end - t);
            attention_exponentials(p_, {q.row(t), q.stride}, keys, n, h, t, rows, scores,
                                   inverse_sums);
            multiply({scores, padded_keys}, values, rows, p_.keys, padded_width, sums);
            unpack_rows(sums, inverse_sums, rows, p_.width, {y.row(t), y.stride});
        }
    }

    AttentionProblem p_;
    Arena& arena_;
    int threads_;
    int64_t parts_ = 1;  ///< of the rows of an example and head
};

}  // namespace

AttentionProblem attention_problem(const ir::Function& function, const ir::Operation& operation,
                                   const Buffers& buffers) {
    const auto* forward = operation.as<ir::Attention>();
    const ir::AttentionForm& form = forward != nullptr
                                        ? static_cast<const ir::AttentionForm&>(*forward)
                                        : *operation.as<ir::AttentionGradient>();
    const auto shape = [&](size_t i) { return function.type(operation.operands[i]).shape; };
    const auto address = [&](size_t i) { return buffers.data(operation.operands[i]); };
    const ir::Shape q = shape(0), v = shape(2);
    AttentionProblem p{
        q[0],       q[1],       v[1],       q[2],    q[3], v[3],    static_cast<float>(form.scale),
        address(0), address(1), address(2), nullptr, {},   nullptr, {}};
    for (size_t i = 0; i < operation.results.size(); ++i)
        p.results[i] = buffers.data(operation.results[i]);
    if (forward == nullptr) p.diff = address(3);
    if (form.mask_dims.empty()) return p;
    p.mask = buffers.data(operation.operands.back());
    const ir::Shape mask = function.type(operation.operands.back()).shape;
    int64_t stride = 1;
    for (size_t i = mask.size(); i-- > 0; stride *= mask[i])
        if (form.mask_dims[i] < 3) p.mask_strides[static_cast<size_t>(form.mask_dims[i])] = stride;
    return p;
}

std::unique_ptr<Kernel> make_attention(const AttentionProblem& p, ContractionContext& context) {
    return std::make_unique<AttentionKernel>(p, context);
}

}  // namespace gmc::runtime
