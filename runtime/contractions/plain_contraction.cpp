// Contractions as plain loops. They are parallel over elements of the result, so that no two
// threads write the same one. Nothing else is tuned: being obviously right is their purpose.
#include "runtime/contractions/plain_contraction.h"

#include <algorithm>

#include "compiler/support/check.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// Calls use(tap, point) for every tap that connects the point `at` with a point of the other
/// tensor, whose sizes are `sizes`. `map` is ConvLoops::input_of or output_of, and says which point
/// that is. Both arguments of `use` are linear positions.
template <typename Map, typename Use>
void for_each_tap(const ConvLoops& l, const int64_t (&at)[3], const int64_t (&sizes)[3], Map&& map,
                  Use&& use) {
    for (int64_t kd = 0; kd < l.kernel[0]; ++kd) {
        const int64_t d = map(0, at[0], kd);
        if (d < 0) continue;
        for (int64_t kh = 0; kh < l.kernel[1]; ++kh) {
            const int64_t h = map(1, at[1], kh);
            if (h < 0) continue;
            for (int64_t kw = 0; kw < l.kernel[2]; ++kw) {
                const int64_t w = map(2, at[2], kw);
                if (w < 0) continue;
                use((kd * l.kernel[1] + kh) * l.kernel[2] + kw, (d * sizes[1] + h) * sizes[2] + w);
            }
        }
    }
}

/// Addresses of the three tensors of a convolution.
struct Tensors {
    float *x, *weights, *y;
};

/// For each point of y: adds up, over all taps, the products of x and the weights, for all filters
/// at once.
void forward(const ConvLoops& l, const Tensors& t) {
    const int64_t cg = l.group_channels(), fg = l.group_filters(), points = l.y_points();
    run_units(l.batch * points, thread_count(), [&](int64_t row, int) {
        const int64_t n = row / points, p = row % points;
        const int64_t at[3] = {p / (l.y[1] * l.y[2]), p / l.y[2] % l.y[1], p % l.y[2]};
        float* y = t.y + row * l.filters;
        std::fill_n(y, l.filters, 0.0f);
        for_each_tap(
            l, at, l.x, [&](int axis, int64_t o, int64_t k) { return l.input_of(axis, o, k); },
            [&](int64_t tap, int64_t point) {
                const float* x = t.x + (n * l.x_points() + point) * l.channels;
                for (int64_t g = 0; g < l.groups; ++g)
                    for (int64_t c = 0; c < cg; ++c) {
                        const float* w = t.weights + (tap * cg + c) * l.filters + g * fg;
                        for (int64_t f = 0; f < fg; ++f) y[g * fg + f] += x[g * cg + c] * w[f];
                    }
            });
    });
}

/// For each point of x: adds up, over all points of y that read it, the products of y and the
/// weights.
void backward_data(const ConvLoops& l, const Tensors& t) {
    const int64_t cg = l.group_channels(), fg = l.group_filters(), points = l.x_points();
    run_units(l.batch * points, thread_count(), [&](int64_t row, int) {
        const int64_t n = row / points, p = row % points;
        const int64_t at[3] = {p / (l.x[1] * l.x[2]), p / l.x[2] % l.x[1], p % l.x[2]};
        float* x = t.x + row * l.channels;
        std::fill_n(x, l.channels, 0.0f);
        for_each_tap(
            l, at, l.y, [&](int axis, int64_t i, int64_t k) { return l.output_of(axis, i, k); },
            [&](int64_t tap, int64_t point) {
                const float* y = t.y + (n * l.y_points() + point) * l.filters;
                for (int64_t g = 0; g < l.groups; ++g)
                    for (int64_t c = 0; c < cg; ++c) {
                        const float* w = t.weights + (tap * cg + c) * l.filters + g * fg;
                        float sum = x[g * cg + c];
                        for (int64_t f = 0; f < fg; ++f) sum += y[g * fg + f] * w[f];
                        x[g * cg + c] = sum;
                    }
            });
    });
}

/// Computes one row of the weights' gradient, that is all filters of one tap and one channel of a
/// group.
void backward_weights_row(const ConvLoops& l, const Tensors& t, int64_t tap, int64_t c) {
    const int64_t cg = l.group_channels(), fg = l.group_filters();
    const int64_t k[3] = {tap / (l.kernel[1] * l.kernel[2]), tap / l.kernel[2] % l.kernel[1],
                          tap % l.kernel[2]};
    float* w = t.weights + (tap * cg + c) * l.filters;
    std::fill_n(w, l.filters, 0.0f);
    for (int64_t row = 0; row < l.batch * l.y_points(); ++row) {
        const int64_t n = row / l.y_points(), p = row % l.y_points();
        const int64_t d = l.input_of(0, p / (l.y[1] * l.y[2]), k[0]);
        const int64_t h = l.input_of(1, p / l.y[2] % l.y[1], k[1]);
        const int64_t i = l.input_of(2, p % l.y[2], k[2]);
        if (d < 0 || h < 0 || i < 0) continue;
        const float* x = t.x + (((n * l.x[0] + d) * l.x[1] + h) * l.x[2] + i) * l.channels;
        const float* y = t.y + row * l.filters;
        for (int64_t g = 0; g < l.groups; ++g)
            for (int64_t f = 0; f < fg; ++f) w[g * fg + f] += x[g * cg + c] * y[g * fg + f];
    }
}

void backward_weights(const ConvLoops& l, const Tensors& t) {
    const int64_t cg = l.group_channels();
    run_units(l.taps() * cg, thread_count(),
              [&](int64_t row, int) { backward_weights_row(l, t, row / cg, row % cg); });
}

class PlainConv final : public Kernel {
  public:
    explicit PlainConv(const ConvProblem& p)
        : direction_(p.direction), loops_(p), tensors_{p.x_data, p.weights_data, p.y_data} {}
    void run(const CallContext&) override {
        switch (direction_) {
            case ConvProblem::Direction::kForward:
                return forward(loops_, tensors_);
            case ConvProblem::Direction::kBackwardData:
                return backward_data(loops_, tensors_);
            case ConvProblem::Direction::kBackwardWeights:
                return backward_weights(loops_, tensors_);
        }
    }

  private:
    ConvProblem::Direction direction_;
    ConvLoops loops_;
    Tensors tensors_;
};

class PlainMatmul final : public Kernel {
  public:
    explicit PlainMatmul(MatmulProblem problem) : p_(std::move(problem)) {}
    void run(const CallContext& context) override {
        const float* const all_a = p_.a_in_pass(context.pass);
        float* const all_c = p_.c_in_pass(context.pass);
        const int64_t a_row = p_.transpose_a ? 1 : p_.k, a_column = p_.transpose_a ? p_.m : 1;
        const int64_t b_row = p_.transpose_b ? 1 : p_.n, b_column = p_.transpose_b ? p_.k : 1;
        run_units(p_.products * p_.m, thread_count(), [&](int64_t row, int) {
            const int64_t product = row / p_.m, i = row % p_.m;
            float* c = all_c + row * p_.n;
            std::fill_n(c, p_.n, 0.0f);
            for (int64_t k = 0; k < p_.k; ++k) {
                const float a = all_a[product * p_.m * p_.k + i * a_row + k * a_column];
                const float* b = p_.b + product * p_.k * p_.n + k * b_row;
                for (int64_t j = 0; j < p_.n; ++j) c[j] += a * b[j * b_column];
            }
        });
    }

  private:
    MatmulProblem p_;
};

}  // namespace

ConvLoops::ConvLoops(const ConvProblem& p)
    : batch(p.batch()), channels(p.channels()), filters(p.filters()), groups(p.window.groups) {
    const size_t spatial = p.spatial();
    GMC_CHECK(spatial <= 3, "{} spatial axes in {}", spatial, p.where);
    for (size_t axis = 0; axis < 3; ++axis) {
        const bool there = axis + spatial >= 3;
        const size_t i = there ? axis + spatial - 3 : 0;
        x[axis] = there ? p.x[i + 1] : 1;
        y[axis] = there ? p.y[i + 1] : 1;
        kernel[axis] = there ? p.weights[i] : 1;
        strides[axis] = there ? p.window.strides[i] : 1;
        pads_begin[axis] = there ? p.window.pads_begin[i] : 0;
        dilations[axis] = there ? p.window.dilations[i] : 1;
    }
}

std::unique_ptr<Kernel> make_plain_conv(const ConvProblem& problem, ContractionContext&) {
    return std::make_unique<PlainConv>(problem);
}

std::unique_ptr<Kernel> make_plain_matmul(const MatmulProblem& problem, ContractionContext&) {
    return std::make_unique<PlainMatmul>(problem);
}

}  // namespace gmc::runtime
