// Initializers: a table of kinds, each a function that fills a tensor. They calculate in double
// where it matters, since they run only once.
#include "runtime/states/initializer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "runtime/kernels/philox.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

/// The high bit keeps random streams of initializers apart from those of ops.
constexpr uint32_t kInitializerStreams = 0x80000000u;

/// What an initializer gets to fill.
struct Request {
    const ir::Initializer& initializer;
    int64_t elements;
    int64_t columns;  ///< the last axis; 1 for scalars
    uint64_t seed;
    float* data;

    uint32_t stream() const {
        return static_cast<uint32_t>(initializer.stream) | kInitializerStreams;
    }
};

/// Calls use(first, words) for each chunk of 64 elements (philox_place): element first + 16 w +
/// lane gets the random word words[lane][w]. Runs on one thread: a million elements take 3 ms, and
/// other threads may be reading the data meanwhile.
template <typename Use>
void for_each_chunk(const Request& r, Use&& use) {
    const int64_t chunks = (r.elements + 63) / 64;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        PhiloxCounter words[16];
        for (int64_t lane = 0; lane < 16; ++lane)
            words[lane] =
                philox_block(static_cast<uint64_t>(chunk * 16 + lane), 0, r.stream(), r.seed);
        use(chunk * 64, words);
    }
}

/// data[i] = map(24 random bits of element i).
template <typename Map>
void fill_mapped(const Request& r, Map&& map) {
    for_each_chunk(r, [&](int64_t first, const PhiloxCounter* words) {
        const int64_t count = std::min<int64_t>(64, r.elements - first);
        for (int64_t i = 0; i < count; ++i)
            r.data[first + i] = static_cast<float>(map(words[i % 16][i / 16] >> 8));
    });
}

/// Uniform in [-limit, limit).
void fill_uniform(const Request& r, double limit) {
    fill_mapped(r, [=](uint32_t bits) { return (2 * (bits * 0x1p-24) - 1) * limit; });
}

/// Normal numbers by philox_normal, the same as those of the op random_normal.
template <typename Element>
void fill_normal(const Request& r, double deviation, Element* data) {
    for_each_chunk(r, [&](int64_t first, const PhiloxCounter* words) {
        const int64_t count = std::min<int64_t>(64, r.elements - first);
        for (int64_t i = 0; i < count; ++i)
            data[first + i] = static_cast<Element>(
                philox_normal(words[i % 16], static_cast<uint32_t>(i / 16)) * deviation);
    });
}

/// The distribution function of N(0, 1).
double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

/// Inverse of normal_cdf for p within [0.02, 0.98]: a start from Abramowitz and Stegun 26.2.23,
/// then Newton steps.
double inverse_normal_cdf(double p) {
    const double tail = std::min(p, 1 - p);
    const double t = std::sqrt(-2 * std::log(tail));
    double z = (2.515517 + t * (0.802853 + t * 0.010328)) /
                   (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
               t;
    if (p > 0.5) z = -z;
    for (int step = 0; step < 2; ++step) {
        const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
        z -= (normal_cdf(z) - p) / density;
    }
    return z;
}

/// A normal cut at two standard deviations, through the inverse of its distribution function, so
/// that element i still depends on word i alone. `deviation` is that of the result.
void fill_truncated_normal(const Request& r, double deviation) {
    // The deviation of a standard normal that is cut at 2.
    constexpr double kCut = 2, kDeviationOfCut = 0.87962566103423978;
    const double low = normal_cdf(-kCut), high = normal_cdf(kCut);
    fill_mapped(r, [=](uint32_t bits) {
        const double u = (bits + 0.5) * 0x1p-24;
        return inverse_normal_cdf(low + u * (high - low)) * deviation / kDeviationOfCut;
    });
}

/// Makes `count` vectors of `length` (one after another) orthonormal: Gram and Schmidt, modified,
/// twice, since one pass loses orthogonality when vectors are nearly dependent (Giraud et al.
/// 2005).
void orthonormalise(double* vectors, int64_t count, int64_t length) {
    const auto dot = [&](const double* a, const double* b) {
        // Two sums fill a vector register of every processor.
        double even = 0, odd = 0;
        for (int64_t i = 0; i + 1 < length; i += 2) even += a[i] * b[i], odd += a[i + 1] * b[i + 1];
        return even + odd + (length % 2 == 0 ? 0 : a[length - 1] * b[length - 1]);
    };
    for (int pass = 0; pass < 2; ++pass)
        for (int64_t k = 0; k < count; ++k) {
            double* v = vectors + k * length;
            const double norm = std::sqrt(dot(v, v));
            for (int64_t i = 0; i < length; ++i) v[i] /= norm;
            run_parts(count - k - 1, 4, thread_count(), [&](int64_t begin, int64_t end, int) {
                for (int64_t other = k + 1 + begin; other < k + 1 + end; ++other) {
                    double* w = vectors + other * length;
                    const double projection = dot(v, w);
                    for (int64_t i = 0; i < length; ++i) w[i] -= projection * v[i];
                }
            });
        }
}

/// Draws a normal matrix and makes its columns (or rows, where there are fewer of those)
/// orthonormal: the result is distributed evenly over all such matrices.
void fill_orthogonal(const Request& r) {
    const int64_t columns = r.columns, rows = r.elements / columns;
    std::vector<double> matrix(static_cast<size_t>(r.elements));
    fill_normal(r, 1, matrix.data());
    const bool tall = rows >= columns;
    // The vectors to make orthonormal lie one after another: the columns of a tall matrix, else the
    // rows.
    std::vector<double> vectors(matrix.size());
    const int64_t count = tall ? columns : rows, length = tall ? rows : columns;
    for (int64_t k = 0; k < count; ++k)
        for (int64_t i = 0; i < length; ++i)
            vectors[k * length + i] = tall ? matrix[i * columns + k] : matrix[k * columns + i];
    orthonormalise(vectors.data(), count, length);
    for (int64_t k = 0; k < count; ++k)
        for (int64_t i = 0; i < length; ++i)
            r.data[tall ? i * columns + k : k * columns + i] =
                static_cast<float>(r.initializer.value * vectors[k * length + i]);
}

/// A row of the table: the name, which of fan_in and fan_out must be given, and the function.
struct Kind {
    std::string_view name;
    enum class Needs { kNothing, kFanIn, kFans } needs;
    void (*fill)(const Request&);
};

void fill_constant(const Request& r, double value) {
    std::fill_n(r.data, r.elements, static_cast<float>(value));
}
double fan_in(const Request& r) { return static_cast<double>(r.initializer.fan_in); }
double fans(const Request& r) { return fan_in(r) + static_cast<double>(r.initializer.fan_out); }

using Needs = Kind::Needs;
constexpr Kind kKinds[] = {
    {"constant", Needs::kNothing, [](const Request& r) { fill_constant(r, r.initializer.value); }},
    {"glorot_normal", Needs::kFans,
     [](const Request& r) { fill_truncated_normal(r, std::sqrt(2 / fans(r))); }},
    {"glorot_uniform", Needs::kFans,
     [](const Request& r) { fill_uniform(r, std::sqrt(6 / fans(r))); }},
    {"he_normal", Needs::kFanIn,
     [](const Request& r) { fill_truncated_normal(r, std::sqrt(2 / fan_in(r))); }},
    {"he_uniform", Needs::kFanIn,
     [](const Request& r) { fill_uniform(r, std::sqrt(6 / fan_in(r))); }},
    {"normal", Needs::kNothing,
     [](const Request& r) { fill_normal(r, r.initializer.value, r.data); }},
    {"ones", Needs::kNothing, [](const Request& r) { fill_constant(r, 1); }},
    {"orthogonal", Needs::kNothing, [](const Request& r) { fill_orthogonal(r); }},
    {"uniform", Needs::kNothing, [](const Request& r) { fill_uniform(r, r.initializer.value); }},
    {"zeros", Needs::kNothing, [](const Request& r) { fill_constant(r, 0); }},
};

}  // namespace

std::string fill_initial(const ir::Initializer& initializer, const ir::Shape& shape, uint64_t seed,
                         float* data) {
    std::vector<std::string> names;
    for (const Kind& kind : kKinds) {
        names.emplace_back(kind.name);
        if (kind.name != initializer.kind) continue;
        if (kind.needs != Needs::kNothing && initializer.fan_in <= 0)
            return fmt::format("`{}` needs a fan_in above 0, got {}", kind.name,
                               initializer.fan_in);
        if (kind.needs == Needs::kFans && initializer.fan_out <= 0)
            return fmt::format("`{}` needs a fan_out above 0, got {}", kind.name,
                               initializer.fan_out);
        const ir::Type type = ir::f32(shape);
        if (type.elements() > 0)
            kind.fill({initializer, type.elements(), shape.empty() ? 1 : shape.back(), seed, data});
        return "";
    }
    return fmt::format("there is no initializer `{}`; there are {}", initializer.kind,
                       fmt::join(names, ", "));
}

}  // namespace gmc::runtime
