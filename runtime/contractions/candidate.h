// One of several ways to compute a problem, with a name, a rule that says where it is expected to
// win, and a factory. contractions/choice has the lists of them.
#pragma once

#include <memory>
#include <string_view>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Counts changes that make a candidate faster or slower: what was measured before is measured
/// again.
inline constexpr int kCandidatesRevision = 6;

/// One way to compute a problem.
template <typename Problem>
struct Candidate {
    std::string_view name;
    /// The static rule: true when this way is expected to be the fastest.
    bool (*preferred)(const Problem&);
    /// The kernel of an f32 problem, or null when this way cannot do it.
    std::unique_ptr<Kernel> (*make)(const Problem&, ContractionContext&);
    /// Whether `make` is for problems of bf16, too.
    bool takes_bf16 = false;

    /// The kernel, which bears the candidate's name, or null when this way cannot do the problem.
    std::unique_ptr<Kernel> make_named(const Problem& problem, ContractionContext& context) const {
        auto kernel = problem.is_f32() || takes_bf16 ? make(problem, context) : nullptr;
        if (kernel) kernel->set_name(name);
        return kernel;
    }
};

}  // namespace gmc::runtime
