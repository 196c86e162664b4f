// The reference of attention: a row of scores at a time, by the formulas.
#include "runtime/reference/attention.h"

#include <algorithm>
#include <cmath>

namespace gmc::runtime {
namespace {

/// Where a row of q or k begins: that of example n, position t and head h of [N, T, H, D].
const double* row_of(const ReferenceTensor& x, int64_t n, int64_t t, int64_t h) {
    const ir::Shape& s = x.type.shape;
    return x.data.data() + ((n * s[1] + t) * s[2] + h) * s[3];
}
double* row_of(ReferenceTensor& x, int64_t n, int64_t t, int64_t h) {
    return const_cast<double*>(row_of(std::as_const(x), n, t, h));
}

double dot(const double* a, const double* b, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
    return sum;
}

/// to += factor from.
void add(double* to, double factor, const double* from, int64_t count) {
    for (int64_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

/// What the mask adds to the score [n, h, t, s].
double masked(const ir::AttentionForm& form, const ReferenceTensor& mask,
              const std::vector<int64_t>& position) {
    int64_t at = 0;
    for (size_t i = 0; i < form.mask_dims.size(); ++i)
        at = at * mask.type.shape[i] + position[static_cast<size_t>(form.mask_dims[i])];
    return mask.data[static_cast<size_t>(at)];
}

/// Calls visit(n, h, t, p): p is the softmax of the row's scores.
template <typename Visit>
void for_each_row(const ir::AttentionForm& form, ReferenceContext& c, size_t mask, Visit&& visit) {
    const ReferenceTensor &q = c.operand(0), &k = c.operand(1);
    const ir::Shape& shape = q.type.shape;
    std::vector<double> p(static_cast<size_t>(k.type.shape[1]));
    for (int64_t n = 0; n < shape[0]; ++n)
        for (int64_t h = 0; h < shape[2]; ++h)
            for (int64_t t = 0; t < shape[1]; ++t) {
                for (size_t s = 0; s < p.size(); ++s) {
                    const auto column = static_cast<int64_t>(s);
                    p[s] = form.scale * dot(row_of(q, n, t, h), row_of(k, n, column, h), shape[3]);
                    if (!form.mask_dims.empty())
                        p[s] += masked(form, c.operand(mask), {n, h, t, column});
                }
                const double largest = *std::max_element(p.begin(), p.end());
                double sum = 0;
                for (double& x : p) sum += x = std::exp(x - largest);
                for (double& x : p) x /= sum;
                visit(n, h, t, p);
            }
}

}  // namespace

void reference(const ir::Attention& op, ReferenceContext& c) {
    const ReferenceTensor& v = c.operand(2);
    for_each_row(op, c, 3, [&](int64_t n, int64_t h, int64_t t, const std::vector<double>& p) {
        for (size_t s = 0; s < p.size(); ++s)
            add(row_of(c.result(), n, t, h), p[s], row_of(v, n, static_cast<int64_t>(s), h),
                v.type.shape[3]);
    });
}

void reference(const ir::AttentionGradient& op, ReferenceContext& c) {
    const ReferenceTensor &q = c.operand(0), &k = c.operand(1), &v = c.operand(2),
                          &g = c.operand(3);
    const auto result = [&](size_t i) -> ReferenceTensor& {
        return c.values().at(c.operation().results[i]);
    };
    const int64_t depth = q.type.shape[3], width = v.type.shape[3];
    for_each_row(op, c, 4, [&](int64_t n, int64_t h, int64_t t, const std::vector<double>& p) {
        const double* of_y = row_of(g, n, t, h);
        std::vector<double> of_p;
        for (size_t s = 0; s < p.size(); ++s)
            of_p.push_back(dot(of_y, row_of(v, n, static_cast<int64_t>(s), h), width));
        const double mean = dot(p.data(), of_p.data(), static_cast<int64_t>(p.size()));
        for (size_t i = 0; i < p.size(); ++i) {
            const auto s = static_cast<int64_t>(i);
            const double of_product = op.scale * p[i] * (of_p[i] - mean);
            add(row_of(result(0), n, t, h), of_product, row_of(k, n, s, h), depth);
            add(row_of(result(1), n, s, h), of_product, row_of(q, n, t, h), depth);
            add(row_of(result(2), n, s, h), p[i], of_y, width);
        }
    });
}

}  // namespace gmc::runtime
