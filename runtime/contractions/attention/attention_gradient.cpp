// The gradients of attention in q, k and v. With P the weights and g = df/dy, per example and head
//     dP = g v^T        dS = scale P (dP - row sums of P dP)
//     dq = dS k         dk = dS^T q         dv = P^T g
// Weights are computed again, a block of rows at a time. A unit of work is an example and head: the
// sums for dk and dv go over all rows, in their order, on one thread.
#include "runtime/contractions/attention/attention.h"

#include <vector>

#include "runtime/contractions/attention/attention_rows.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

class AttentionGradientKernel final : public Kernel {
  public:
    AttentionGradientKernel(const AttentionProblem& p, ContractionContext& context)
        : p_(p), arena_(context.arena()) {
        const int64_t products =
            p.examples * p.heads * p.queries * p.keys * (3 * p.depth + 2 * p.width);
        threads_ = products < 2 * kAttentionUnitProducts ? 1 : thread_count();
        arena_.reserve_scratch(threads_ * layout(nullptr).floats * 4);
        for (int64_t r = 0; r < kAttentionRows; ++r)
            points_of_q_.push_back(point(r, whole_vectors(p.depth))),
                points_of_g_.push_back(point(r, whole_vectors(p.width)));
    }

    void run(const CallContext&) override {
        auto* scratch = reinterpret_cast<float*>(arena_.scratch());
        const int64_t floats = layout(nullptr).floats;
        run_units(p_.examples * p_.heads, threads_, [&](int64_t unit, int worker) {
            run_head(unit / p_.heads, unit % p_.heads, layout(scratch + worker * floats));
        });
    }

  private:
    /// The memory of a thread; rows are whole vectors.
    struct Own {
        float *keys_transposed, *values_transposed, *keys;  // [D, S], [E, S], [S, D]
        float *of_keys, *of_values;                         // dk [S, D], dv [S, E]
        float *q, *g, *of_q;                                // of a block of rows
        float *weights, *of_weights, *inverse_sums;
        int64_t floats;
    };
    Own layout(float* memory) const {
        const int64_t s = whole_vectors(p_.keys), d = whole_vectors(p_.depth),
                      e = whole_vectors(p_.width);
        Own own{};
        const auto take = [&](int64_t floats) {
            float* taken = memory == nullptr ? nullptr : memory + own.floats;
            own.floats += floats;
            return taken;
        };
        own.keys_transposed = take(p_.depth * s);
        own.values_transposed = take(p_.width * s);
        own.keys = take(p_.keys * d);
        own.of_keys = take(p_.keys * d);
        own.of_values = take(p_.keys * e);
        own.q = take(kAttentionRows * d);
        own.g = take(kAttentionRows * e);
        own.of_q = take(kAttentionRows * d);
        own.weights = take(kAttentionRows * s);
        own.of_weights = take(kAttentionRows * s);
        own.inverse_sums = take(whole_vectors(kAttentionRows));
        return own;
    }

    /// Row r of the scores and row r of q or g, which are summed over rows.
    PointPair point(int64_t r, int64_t stride) const {
        return {static_cast<int32_t>(r * whole_vectors(p_.keys)), static_cast<int32_t>(r * stride)};
    }

    void run_head(int64_t n, int64_t h, const Own& own) const {
        const RowsOf k = head_of(p_.k, p_, n, h, p_.keys, p_.depth),
                     v = head_of(p_.v, p_, n, h, p_.keys, p_.width);
        pack_transposed(k, p_.keys, p_.depth, own.keys_transposed);
        pack_transposed(v, p_.keys, p_.width, own.values_transposed);
        pack_rows(k, p_.keys, p_.depth, own.keys);
        for (int64_t t = 0; t < p_.queries; t += kAttentionRows)
            run_rows(n, h, t, std::min(kAttentionRows, p_.queries - t), own);
        unpack_rows(own.of_keys, nullptr, p_.keys, p_.depth,
                    head_of(p_.results[1], p_, n, h, p_.keys, p_.depth));
        unpack_rows(own.of_values, nullptr, p_.keys, p_.width,
                    head_of(p_.results[2], p_, n, h, p_.keys, p_.width));
    }

    void run_rows(int64_t n, int64_t h, int64_t t, int64_t rows, const Own& own) const {
        const int64_t s = whole_vectors(p_.keys), d = whole_vectors(p_.depth),
                      e = whole_vectors(p_.width);
        const RowsOf q = head_of(p_.q, p_, n, h, p_.queries, p_.depth),
                     g = head_of(p_.diff, p_, n, h, p_.queries, p_.width);
        pack_rows({q.row(t), q.stride}, rows, p_.depth, own.q);
        pack_rows({g.row(t), g.stride}, rows, p_.width, own.g);
        attention_exponentials(p_, {own.q, d}, own.keys_transposed, n, h, t, rows, own.weights,
                               own.inverse_sums);
        multiply({own.g, e}, own.values_transposed, rows, p_.width, s, own.of_weights);
        run_softmax_gradient_rows(
            {own.weights, own.of_weights, own.inverse_sums, p_.scale, rows, p_.keys, s});
        multiply({own.of_weights, s}, own.keys, rows, p_.keys, d, own.of_q);
        const Rows<float> to = head_of(p_.results[0], p_, n, h, p_.queries, p_.depth);
        unpack_rows(own.of_q, nullptr, rows, p_.depth, {to.row(t), to.stride});
        add_outer(own.of_weights, own.q, points_of_q_, rows, d, t > 0, own.of_keys);
        add_outer(own.weights, own.g, points_of_g_, rows, e, t > 0, own.of_values);
    }

    /// to[S, columns] (+)= x[rows, S]^T y[rows, columns].
    void add_outer(const float* x, const float* y, const std::vector<PointPair>& points,
                   int64_t rows, int64_t columns, bool add, float* to) const {
        static constexpr int64_t kOffsets[kTileRows] = {0, 1, 2, 3, 4, 5};
        for (int64_t column = 0; column < columns; column += kTileColumns)
            for (int64_t s = 0; s < p_.keys; s += kTileRows)
                run_gradient_tile({x + s, y + column, to + s * columns + column, points.data(),
                                   rows, columns, kOffsets,
                                   static_cast<int>(std::min<int64_t>(kTileRows, p_.keys - s)),
                                   std::min(kTileColumns, columns - column), add, false});
    }

    AttentionProblem p_;
    Arena& arena_;
    int threads_;
    std::vector<PointPair> points_of_q_, points_of_g_;
};

}  // namespace

std::unique_ptr<Kernel> make_attention_gradient(const AttentionProblem& p,
                                                ContractionContext& context) {
    return std::make_unique<AttentionGradientKernel>(p, context);
}

}  // namespace gmc::runtime
