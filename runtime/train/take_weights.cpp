// Copies the numbers of paired tensors between files and states, with their axes reordered where
// the layouts differ.
#include "runtime/train/take_weights.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "runtime/weights/pairing.h"
#include "runtime/weights/pytorch_layout.h"
#include "runtime/weights/weight_file.h"

namespace gmc::runtime {
namespace {

bool is_weight(const ir::State& state) {
    return state.role == ir::StateRole::kParameter || state.role == ir::StateRole::kStatistic;
}

/// A parameter or statistic, and the state whose numbers are written for it.
struct WeightSource {
    ir::StateId state = ir::kNone, source = ir::kNone;
};

Result<std::vector<WeightSource>> weight_sources(const StateStore& states, bool averaged,
                                                 Diagnostics& diagnostics) {
    const ir::Module& module = states.module();
    std::vector<WeightSource> sources;
    bool has_averages = false;
    for (ir::StateId id = 0; id < states.saved_count(); ++id) {
        if (!is_weight(states.state(id))) continue;
        const ir::StateId average = module.find_state(kAveragePrefix + states.state(id).name);
        has_averages = has_averages || average != ir::kNone;
        sources.push_back({id, averaged && average != ir::kNone ? average : id});
    }
    if (!averaged || has_averages) return sources;
    diagnostics
        .error(DiagnosticKind::kBadValue, {}, "model `{}` has no averages of its weights",
               module.name)
        .help("`train: {average: 0.999}` makes them");
    return Failure{};
}

/// The average of a parameter that was read from `tensor` begins with the file's average of it, or
/// with the parameter itself. False after an error.
bool begin_average(const SafetensorsFile& file, const StoredTensor& tensor, ir::StateId parameter,
                   StateStore& states, TakenWeights& taken, Diagnostics& diagnostics) {
    const ir::State& state = states.state(parameter);
    const ir::StateId id = states.module().find_state(kAveragePrefix + state.name);
    if (id == ir::kNone) return true;
    const StoredTensor* average = file.find(kAveragePrefix + tensor.name);
    if (average == nullptr || average->shape != state.type.shape || average->type->is_integer()) {
        std::copy_n(states.data(parameter), states.elements(parameter), states.data(id));
        return true;
    }
    const std::string& name = states.state(id).name;
    taken.taken.push_back(name == average->name ? name
                                                : fmt::format("{} = {}", name, average->name));
    return file.read(*average, states.data(id), diagnostics) &&
           can_be(states.state(id).name,
                  {states.data(id), static_cast<size_t>(states.elements(id))}, file, average->name,
                  diagnostics);
}

/// Reads the tensor of each pair into its state, and begins its average. False after an error.
bool fill(const SafetensorsFile& file, const WeightPairs& pairs, bool is_pytorch,
          StateStore& states, TakenWeights& taken, Diagnostics& diagnostics) {
    std::vector<float> numbers;
    for (const auto& [id, tensor] : pairs.pairs) {
        const ir::State& state = states.state(id);
        numbers.resize(static_cast<size_t>(state.type.elements()));
        float* to = states.data(id);
        if (!file.read(*tensor, is_pytorch ? numbers.data() : to, diagnostics)) return false;
        if (is_pytorch)
            each_number(pytorch_tensor(states.module(), state), [&](int64_t ours, int64_t theirs) {
                to[ours] = numbers[static_cast<size_t>(theirs)];
            });
        if (!can_be(state.name, {to, static_cast<size_t>(states.elements(id))}, file, tensor->name,
                    diagnostics))
            return false;
        taken.taken.push_back(tensor->name == state.name && !is_pytorch
                                  ? state.name
                                  : fmt::format("{} = {}", state.name, tensor->name));
        if (!begin_average(file, *tensor, id, states, taken, diagnostics)) return false;
    }
    return true;
}

/// What a frozen network is comes with the model: another file does not change it.
void leave_frozen(const ir::Module& module, WeightPairs& pairs, TakenWeights& taken) {
    std::erase_if(pairs.pairs, [&](const auto& pair) {
        const std::string& name = module.states[pair.first].name;
        for (const ir::Network& network : module.networks)
            if (network.frozen && !network.weights.empty() &&
                before_first_dot(name) == network.name) {
                taken.skipped.push_back(fmt::format(
                    "{}: the model says that it is frozen as in `{}`", name, network.weights));
                return true;
            }
        return false;
    });
}

/// Of the states that were read. Averages follow from the same file, and whether a model has them
/// may change with its training.
std::string checksum_of(const WeightPairs& pairs, const StateStore& states) {
    uLong crc = 0;
    for (const auto& [id, tensor] : pairs.pairs)
        crc = crc32_z(crc, reinterpret_cast<const Bytef*>(states.data(id)),
                      static_cast<size_t>(states.elements(id)) * sizeof(float));
    return fmt::format("{:08x}", crc);
}

void warn_of_untrained(const SafetensorsFile& file, Diagnostics& diagnostics) {
    const auto says = [&](const char* name) {
        const std::string* text = file.metadata(name);
        return text == nullptr ? "" : *text;
    };
    // Training may have gone back to the first weights: see TrainingState::weights_step().
    const bool is_first =
        says("step") == "0" || (!says("step").empty() && says("step") == says("went_back_at") &&
                                says("went_back_weights") == "0");
    if (is_first && says("init").empty())
        diagnostics.warning(DiagnosticKind::kNotTrained, {},
                            "the weights of `{}` have not been trained yet (step 0)", file.path());
}

bool is_unchanged(const SafetensorsFile& file, const ir::Network& network,
                  Diagnostics& diagnostics) {
    const auto checksum = verified_checksum(file, diagnostics);
    if (!checksum.ok()) return false;
    if (*checksum == network.checksum) return true;
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`{}`, the weights of `{}`, has changed since the model was compiled", file.path(),
               network.name)
        .help("compile the model again to train with the file as it is now");
    return false;
}

/// Whether enough of the file fits to begin with it; else an error names all that does not.
bool fits(const WeightPairs& pairs, bool is_pytorch, const std::string& path,
          Diagnostics& diagnostics) {
    const bool some = !pairs.pairs.empty() && !pairs.looks_like_pytorch;
    if (some && (!is_pytorch || pairs.wrong.empty())) return true;
    Diagnostic& error = diagnostics.error(
        DiagnosticKind::kBadValue, {}, "{}",
        is_pytorch ? fmt::format("`{}` does not fit the model in PyTorch's layout", path)
        : pairs.looks_like_pytorch
            ? fmt::format("`{}` does not fit the model", path)
            : fmt::format("`{}` has no weights that fit this model: no state of the same name and "
                          "shape",
                          path));
    if (pairs.looks_like_pytorch)
        error.help("some shapes are those of PyTorch; " + layout_help("pytorch"));
    for (const std::string& one : pairs.wrong) diagnostics.note_last({}, one);
    for (const std::string& name : pairs.fresh)
        diagnostics.note_last(
            {}, fmt::format("{}: the file has none{}", name, nearest_text(name, pairs.unused)));
    if (pairs.wrong.empty() && !pairs.unused.empty())
        diagnostics.note_last({}, fmt::format("the file's begin with `{}`", pairs.unused[0]));
    return false;
}

}  // namespace

std::string TakenWeights::summary() const {
    return fmt::format("`{}`: {} taken, {} skipped, {} new", file, taken.size(), skipped.size(),
                       fresh.size());
}

std::vector<std::string> TakenWeights::lines() const {
    std::vector<std::string> out = {"weights of " + summary()};
    for (const std::string& name : taken) out.push_back("  taken    " + name);
    for (const std::string& name : skipped) out.push_back("  skipped  " + name);
    for (const std::string& name : fresh) out.push_back("  new      " + name);
    return out;
}

Result<TakenWeights> take_weights(const std::string& path, const std::string& layout,
                                  StateStore& states, Diagnostics& diagnostics) {
    const auto file = open_weights(path, diagnostics);
    if (!file.ok() || !verified_checksum(*file, diagnostics).ok()) return Failure{};
    warn_of_untrained(*file, diagnostics);
    if (says_other_layout(*file, layout, {}, diagnostics)) return Failure{};
    const bool is_pytorch = layout == "pytorch";
    WeightPairs pairs = pair_weights(*file, states.module(), layout);
    if (!fits(pairs, is_pytorch, file->path(), diagnostics)) return Failure{};
    TakenWeights taken{file->path(), {}, std::move(pairs.wrong), {}, {}};
    leave_frozen(states.module(), pairs, taken);
    if (!fill(*file, pairs, is_pytorch, states, taken, diagnostics)) return Failure{};
    for (const std::string& name : pairs.fresh)
        taken.fresh.push_back(name + nearest_text(name, pairs.unused));
    for (const std::string& name : pairs.unused)
        if (states.module().find_state(name) == ir::kNone)
            taken.skipped.push_back(fmt::format("{}: not in this model", name));
    taken.checksum = checksum_of(pairs, states);
    states.refresh_copies();
    return taken;
}

Result<std::vector<TakenWeights>> take_named_weights(StateStore& states, Diagnostics& diagnostics) {
    std::vector<TakenWeights> all;
    for (const ir::Network& network : states.module().networks) {
        if (network.weights.empty()) continue;
        const auto file = open_weights(network.weights, diagnostics);
        if (!file.ok() || !is_unchanged(*file, network, diagnostics)) return Failure{};
        warn_of_untrained(*file, diagnostics);
        const auto pairs = pair_network(*file, states.module(), network, {}, diagnostics);
        if (!pairs.ok()) return Failure{};
        TakenWeights& taken =
            all.emplace_back(TakenWeights{file->path(), {}, {}, pairs->fresh, {}});
        if (!fill(*file, *pairs, network.layout == "pytorch", states, taken, diagnostics))
            return Failure{};
    }
    states.refresh_copies();
    return all;
}

bool write_weights(const std::string& path, const StateStore& states, bool averaged,
                   const std::string& layout, Diagnostics& diagnostics) {
    const auto sources = weight_sources(states, averaged, diagnostics);
    if (!sources.ok()) return false;
    const bool is_pytorch = layout == "pytorch";
    std::vector<std::vector<float>> turned;
    std::vector<TensorView> tensors;
    for (const auto& [id, source] : *sources) {
        const ir::State& state = states.state(id);
        const float* from = states.data(source);
        if (!is_pytorch) {
            tensors.push_back({state.name, state.type.shape, from});
            continue;
        }
        const PytorchTensor tensor = pytorch_tensor(states.module(), state);
        std::vector<float>& one = turned.emplace_back(state.type.elements());
        each_number(tensor, [&](int64_t ours, int64_t theirs) {
            one[static_cast<size_t>(theirs)] = from[ours];
        });
        tensors.push_back({tensor.name, tensor.shape, one.data()});
    }
    const Metadata metadata = {{"format", "gmc-weights 1"},
                               {"gmc", GMC_VERSION},
                               {"model", states.module().name},
                               {"model_fingerprint", states.module().origin.model},
                               {"layout", layout},
                               {"averaged", averaged ? "yes" : "no"}};
    return write_safetensors(path, tensors, metadata, diagnostics);
}

}  // namespace gmc::runtime
