// Reads or invents the examples, and sets the parameters, for `gmc gradcheck`.
#include "tools/gmc/gradcheck_data.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "runtime/data/field_source.h"
#include "runtime/states/state_store.h"

namespace gmc::tools {
namespace {

constexpr int64_t kSyntheticExamples = 60000;

runtime::FieldSource source_of(const dsl::DataField& field) {
    runtime::FieldSource out;
    out.name = field.name;
    out.format = field.format;
    out.source = field.source;
    out.key = field.key;
    out.shape = field.shape;
    out.range = {static_cast<float>(field.range_low), static_cast<float>(field.range_high)};
    out.range_given = field.range_given;
    out.count = field.count;
    if (field.format == "synthetic" && field.count == 0) out.count = kSyntheticExamples;
    out.classes = field.classes;
    out.class_names = field.class_names;
    out.crop = field.crop;
    return out;
}

int64_t elements_of(const dsl::DataField& field) {
    int64_t n = 1;
    for (const int64_t size : field.shape) n *= size;
    return n;
}

/// False when a file is missing, wrong or too short.
bool read_examples(const dsl::ModelSpec& spec, runtime::ReferenceInputs& out) {
    std::vector<runtime::FieldSource> sources;
    for (const dsl::DataField& field : spec.data) sources.push_back(source_of(field));
    Diagnostics unused;
    const auto fields = runtime::open_fields(sources, unused);
    if (!fields.ok()) return false;
    for (const runtime::FieldPtr& field : *fields) {
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
