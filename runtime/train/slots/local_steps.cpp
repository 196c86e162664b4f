// Ways are added up, not states: what no process has changed stays the same to the bit.
#include "runtime/train/slots/local_steps.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/memory/memory_need.h"
#include "runtime/processes/orders.h"

namespace gmc::runtime {
namespace {

constexpr float kOuterRate = 0.7f, kOuterMomentum = 0.9f;

bool couples_examples(const ir::Function& function) {
    return std::any_of(function.operations.begin(), function.operations.end(),
                       [](const ir::Operation& op) { return op.as<ir::AllGather>() != nullptr; });
}

}  // namespace

const std::vector<std::string>& outer_steps() {
    static const std::vector<std::string> kNames{"average", "nesterov"};
    return kNames;
}

void LocalStates::begin() { common_.assign(numbers(), numbers() + count()); }

void LocalStates::add_up() {
    float* const now = numbers();
    for (int64_t i = 0; i < count(); ++i)
        now[i] = share_ * (now[i] - common_[static_cast<size_t>(i)]);
    group_.sum({.numbers = now, .count = count(), .shards = group_.size(), .stride = count()});
}

void LocalStates::average(std::shared_ptr<const KeptWeights>& momentum) {
    give_order(group_, {.kind = Order::Kind::kAverage});
    add_up();
    if (steps_.outer == OuterStep::kNesterov) {
        KeptWeights moved = momentum ? *momentum : KeptWeights{};
        move_weights(moved);
        momentum = std::make_shared<const KeptWeights>(std::move(moved));
    }
    float* const now = numbers();
    for (int64_t i = 0; i < count(); ++i) now[i] += common_[static_cast<size_t>(i)];
    states_.refresh_copies();
}

/// Makes of the average way of each trained parameter that of the outer step.
void LocalStates::move_weights(KeptWeights& momentum) {
    for (const ir::StateId id : trained_parameters(states_.module())) {
        std::vector<float>& kept = momentum[id];
        kept.resize(static_cast<size_t>(states_.elements(id)));
        float* const way = states_.data(id);
        for (size_t i = 0; i < kept.size(); ++i) {
            kept[i] = kOuterMomentum * kept[i] + way[i];
            way[i] = kOuterRate * (way[i] + kOuterMomentum * kept[i]);
        }
    }
}

std::string why_no_local_steps(const ir::Module& module) {
    for (const ir::ScheduleEntry& entry : module.schedule)
        if (const ir::Function* function = module.find_function(entry.function);
            function != nullptr && couples_examples(*function))
            return fmt::format(
                "the processes of a run cannot take steps of `{}` on their own: `{}` couples the "
                "examples of a batch by more than sums over them",
                module.name, entry.function);
    return "";
}

}  // namespace gmc::runtime
