// Examples and parameters for `gmc gradcheck`.
#include "tools/gmc/gradcheck_data.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "runtime/states/state_store.h"
#include "tools/gmc/model_data.h"

namespace gmc::tools {
namespace {

int64_t elements_of(const dsl::DataField& field) {
    int64_t n = 1;
    for (const int64_t size : field.shape) n *= size;
    return n;
}

/// False where a file is missing or wrong, or too short.
bool read_examples(const dsl::ModelSpec& spec, runtime::ReferenceInputs& out) {
    Diagnostics unused;
    const Result<runtime::Dataset> dataset = open_data(spec.data, unused);
    if (!dataset) return false;
    for (const runtime::FieldPtr& field : dataset->fields()) {
        std::vector<float> example(static_cast<size_t>(field->elements()));
        std::vector<double>& batch = out[field->name()];
        if (field->count() < spec.train.batch_size) return false;
        for (int64_t i = 0; i < spec.train.batch_size; ++i) {
            try {
                field->read(i, example.data());
            } catch (const runtime::DataError&) {
                return false;
            }
            batch.insert(batch.end(), example.begin(), example.end());
        }
    }
    return true;
}

runtime::ReferenceInputs random_examples(const dsl::ModelSpec& spec, uint64_t seed) {
    runtime::ReferenceInputs out;
    std::mt19937_64 random(seed);
    for (const dsl::DataField& field : spec.data) {
        std::uniform_real_distribution<double> number(field.range_low, field.range_high);
        std::uniform_int_distribution<int64_t> label(0, std::max<int64_t>(field.classes, 1) - 1);
        const bool labels = field.format == "labels" || (field.shape.empty() && field.classes > 0);
        std::vector<double>& batch = out[field.name];
        for (int64_t i = 0; i < spec.train.batch_size * elements_of(field); ++i)
            batch.push_back(labels ? static_cast<double>(label(random)) : number(random));
    }
    return out;
}

}  // namespace

runtime::ReferenceInputs gradcheck_data(const dsl::ModelSpec& spec, uint64_t seed, bool& random) {
    runtime::ReferenceInputs out;
    random = !read_examples(spec, out);
    return random ? random_examples(spec, seed) : out;
}

bool gradcheck_states(const ir::Module& module, uint64_t seed, runtime::ReferenceStates& states,
                      Diagnostics& diagnostics) {
    runtime::StateStore store(module);
    if (!store.initialise(seed, diagnostics)) return false;
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal;
    for (ir::StateId id = 0; id < store.count(); ++id) {
        std::vector<double>& state = states[id];
        state.assign(store.data(id), store.data(id) + store.elements(id));
        if (store.state(id).role != ir::StateRole::kParameter) continue;
        double squares = 0;
        for (const double x : state) squares += x * x;
        const double rms = std::sqrt(squares / static_cast<double>(state.size()));
        for (double& x : state) x += 0.1 * std::max(rms, 0.1) * normal(random);
    }
    return true;
}

}  // namespace gmc::tools
