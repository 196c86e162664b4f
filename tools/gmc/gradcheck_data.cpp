// Reads or invents the examples, and sets the parameters, for `gmc gradcheck`.
#include "tools/gmc/gradcheck_data.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "runtime/states/state_store.h"
#include "tools/gmc/model_data.h"

namespace gmc::tools {
namespace {

/// False when a file is missing, wrong or too short.
bool read_examples(const ir::Module& module, runtime::ReferenceInputs& out) {
    const int64_t rows = module.training->batch_size;
    Diagnostics unused;
    const Result<runtime::Dataset> dataset = open_data(module.data, unused);
    if (!dataset) return false;
    for (const runtime::FieldPtr& field : dataset->fields()) {
        std::vector<float> example(static_cast<size_t>(field->elements()));
        std::vector<double>& batch = out[field->name()];
        if (field->count() < rows) return false;
        for (int64_t i = 0; i < rows; ++i) {
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

/// Random numbers in the range of each field, and whole numbers for labels.
runtime::ReferenceInputs random_examples(const ir::Module& module, uint64_t seed) {
    runtime::ReferenceInputs out;
    std::mt19937_64 random(seed);
    for (const ir::DataField& field : module.data) {
        std::uniform_real_distribution<double> number(field.range.low, field.range.high);
        std::uniform_int_distribution<int64_t> label(0, std::max<int64_t>(field.classes, 1) - 1);
        const bool labels = field.format == "labels" || field.label_classes() > 0;
        std::vector<double>& batch = out[field.name];
        const int64_t elements = module.training->batch_size * ir::f32(field.shape).elements();
        for (int64_t i = 0; i < elements; ++i)
            batch.push_back(labels ? static_cast<double>(label(random)) : number(random));
    }
    return out;
}

}  // namespace

runtime::ReferenceInputs gradcheck_data(const ir::Module& module, uint64_t seed, bool& random) {
    runtime::ReferenceInputs out;
    random = !read_examples(module, out);
    return random ? random_examples(module, seed) : out;
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
