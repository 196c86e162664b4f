// A candidate: one of several ways to compute a problem. It has a name, a rule that says where it
// is expected to be the fastest, and a factory for its kernel. The lists of candidates are in
// contractions/choice.
#pragma once

#include <memory>
#include <string_view>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Raised by every change that makes a candidate faster or slower. Measurements of another revision
/// are ignored, so that everything is measured again.
inline constexpr int kCandidatesRevision = 17;

/// One way to compute a problem.
template <typename Problem>
struct Candidate {
    std::string_view name;
    /// The static rule: true when this candidate is expected to be the fastest.
    bool (*preferred)(const Problem&);
    /// Makes the kernel of an f32 problem. Null when this candidate cannot do the problem.
    std::unique_ptr<Kernel> (*make)(const Problem&, ContractionContext&);
    /// True when `make` also takes problems of bf16.
    bool takes_bf16 = false;
    /// True when it computes other products than the direct sums, whose rounding errors are larger.
    /// It is chosen only where they are small enough (choice/rounding_error.h).
    bool fewer_products = false;
    /// True when `make` also takes problems that move from pass to pass.
    bool takes_moving = false;

    /// Makes the kernel and gives it the candidate's name. Null when this candidate cannot do the
    /// problem.
    std::unique_ptr<Kernel> make_named(const Problem& problem, ContractionContext& context) const {
        const bool can = (problem.is_f32() || takes_bf16) && (!problem.moves() || takes_moving);
        auto kernel = can ? make(problem, context) : nullptr;
        if (kernel) kernel->set_name(name);
        return kernel;
    }
};

}  // namespace gmc::runtime
