// Combines the decompositions of two axes, and finds what tiles read and write in memory.
#include "runtime/contractions/winograd/winograd_plan.h"

#include <algorithm>

#include "runtime/contractions/winograd/winograd_simd.h"

namespace gmc::runtime {
namespace {

/// The form must need less than this share of the products of direct sums. Above it, the transforms
/// cost more time than the products save.
constexpr double kWorthwhile = 0.8;
/// The smallest number of points for which there is a candidate (choice/candidates.cpp).
constexpr int64_t kFewestPoints = 4;

}  // namespace

WinogradPlan::WinogradPlan(const ConvLoops& l, bool forward, int64_t most_points)
    : rows(l, 1, forward, most_points), columns(l, 2, forward, most_points) {
    for (const AxisPhase& row : rows.phases)
        for (const AxisPhase& column : columns.phases) {
            WinogradPhase& phase = phases.emplace_back(WinogradPhase{&row, &column, {}});
            for (const AxisTerm& r : row.terms)
                for (const AxisTerm& c : column.terms) {
                    phase.terms.push_back({&r, &c, points});
                    points += points_of_term(phase.terms.back(), largest_tile()).area();
                }
        }
}

bool WinogradPlan::fits(const ConvProblem& p) {
    return p.spatial() <= 2 && p.window.groups == 1 && p.channels() % kWinogradVector == 0 &&
           p.filters() % kWinogradVector == 0;
}

bool WinogradPlan::is_worthwhile(int64_t most_points) const {
    const auto products = static_cast<double>(rows.products() * columns.products());
    const auto direct = static_cast<double>(rows.direct_products() * columns.direct_products());
    const int64_t needed = std::max(rows.most_points(), columns.most_points());
    const bool own = needed == most_points || most_points == kFewestPoints;
    const bool few_terms =
        std::all_of(phases.begin(), phases.end(),
                    [](const WinogradPhase& phase) { return phase.terms.size() <= kMostTerms; });
    return needed <= most_points && own && few_terms && products < kWorthwhile * direct;
}

WinogradSize WinogradPlan::points_of_term(const WinogradTerm& term, WinogradSize tile) {
    return {points_of(tile.rows, term.row->count()), points_of(tile.columns, term.column->count())};
}

WinogradSize WinogradPlan::points_of_phase(const WinogradPhase& phase, WinogradSize tile) {
    return {points_of(tile.rows, phase.row->most_taps()),
            points_of(tile.columns, phase.column->most_taps())};
}

int64_t WinogradPlan::points_of_terms(const WinogradPhase& phase, WinogradSize tile) {
    int64_t sum = 0;
    for (const WinogradTerm& term : phase.terms) sum += points_of_term(term, tile).area();
    return sum;
}

int64_t WinogradPlan::point(const WinogradTerm& term, int64_t i, int64_t j) const {
    return term.first_point + i * points_of(columns.largest_tile(), term.column->count()) + j;
}

void WinogradPlan::find_patch(const WinogradImage& from, const WinogradTerm& term,
                              const WinogradPlace& place, WinogradSize size, const float* outside,
                              const float** patch) const {
    const int64_t first_row = term.row->from_first + rows.from_step * place.row,
                  first_column = term.column->from_first + columns.from_step * place.column;
    const float* image =
        from.data + place.image * rows.from_size * columns.from_size * from.channels;
    for (int64_t i = 0; i < size.rows; ++i)
        for (int64_t j = 0; j < size.columns; ++j) {
            const int64_t h = first_row + rows.from_step * i,
                          w = first_column + columns.from_step * j;
            const bool inside = h >= 0 && h < rows.from_size && w >= 0 && w < columns.from_size;
            *patch++ = inside ? image + (h * columns.from_size + w) * from.channels : outside;
        }
}

void WinogradPlan::find_results(const WinogradImage& to, const WinogradPhase& phase,
                                const WinogradPlace& place, WinogradSize size, float* outside,
                                float** results) const {
    const int64_t first_row = phase.row->to_first + rows.to_step * place.row,
                  first_column = phase.column->to_first + columns.to_step * place.column;
    float* image = to.data + place.image * rows.to_size * columns.to_size * to.channels;
    for (int64_t i = 0; i < size.rows; ++i)
        for (int64_t j = 0; j < size.columns; ++j) {
            const int64_t h = first_row + rows.to_step * i, w = first_column + columns.to_step * j;
            const bool inside = h < rows.to_size && w < columns.to_size;
            *results++ = inside ? image + (h * columns.to_size + w) * to.channels : outside;
        }
}

}  // namespace gmc::runtime
