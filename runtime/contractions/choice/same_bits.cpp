// Runs the candidate once for each number of threads, with numbers whose sums are never exact.
#include "runtime/contractions/choice/same_bits.h"

#include <fmt/format.h>

#include <omp.h>

#include <map>
#include <mutex>

#include "runtime/contractions/choice/tuning.h"
#include "runtime/contractions/choice/workshop.h"

namespace gmc::runtime {
namespace {

constexpr int kThreadCounts[] = {1, 2, 3, 4, 8};

template <typename Problem>
std::vector<float> result_with(const Candidate<Problem>& candidate, const Problem& problem,
                               bool bf16, int threads) {
    omp_set_num_threads(threads);
    Workshop workshop(bf16);
    const auto kernel = candidate.make_named(problem, workshop.context);
    if (!kernel) return {};
    workshop.context.begin_call();
    kernel->run({});
    return result_of(problem);
}

template <typename Problem>
bool same_bits(const Candidate<Problem>& candidate, const Problem& problem, bool bf16) {
    if (!candidate.sums_may_vary) return true;
    // Without tuning, nothing else remembers it: a process binds the same problem several times.
    static std::map<std::string, bool> known;
    static std::mutex mutex;
    const std::string key =
        fmt::format("{} {}{}", candidate.name, tuning_key(problem), bf16 ? "" : ", no bf16");
    {
        const std::lock_guard lock(mutex);
        if (const auto found = known.find(key); found != known.end()) return found->second;
    }
    const int usual = omp_get_max_threads();
    const Operands operands(problem, false);
    const Problem mine = operands.of(problem);
    std::vector<float> first;
    bool same = true;
    for (const int threads : kThreadCounts) {
        const std::vector<float> result = result_with(candidate, mine, bf16, threads);
        if (first.empty()) first = result;
        same = same && result.size() == first.size() &&
               std::memcmp(result.data(), first.data(), result.size() * sizeof(float)) == 0;
    }
    omp_set_num_threads(usual);
    const std::lock_guard lock(mutex);
    known[key] = same;
    return same;
}

}  // namespace

bool gives_same_bits(const Candidate<ConvProblem>& candidate, const ConvProblem& problem,
                     bool bf16) {
    return same_bits(candidate, problem, bf16);
}
bool gives_same_bits(const Candidate<MatmulProblem>& candidate, const MatmulProblem& problem,
                     bool bf16) {
    return same_bits(candidate, problem, bf16);
}

}  // namespace gmc::runtime
