// Copies what the runtime needs from the spec into the module. The two have almost the same fields,
// but dsl/ and the runtime must not know each other: only the module stands between them.
#include "dsl/lower/contract.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "dsl/data/data_paths.h"
#include "dsl/model_view.h"
#include "dsl/rate_end.h"
#include "runtime/weights/pairing.h"
#include "runtime/weights/weight_file.h"

namespace gmc::lower {
namespace {

/// Numbers of examples of synthetic sets, for models that give none: those of MNIST, which these
/// sets stand in for.
constexpr int64_t kSyntheticTest = 10000;

/// A field without a number of classes gets the one that layers need; the reader of the data then
/// checks its labels against it.
ir::DataField data_field(const dsl::DataField& field,
                         const std::map<std::string, int64_t>& label_classes) {
    ir::DataField out;
    out.name = field.name;
    out.shape = field.shape;
    out.format = field.format;
    out.source = field.source;
    out.key = field.key;
    out.range = {field.range_low, field.range_high};
    out.range_given = field.range_given;
    out.count = field.count;
    out.classes = field.classes;
    const auto needed = label_classes.find(field.name);
    if (field.classes == 0 && needed != label_classes.end() && field.format != "labels")
        out.classes = needed->second;
    out.class_names = field.class_names;
    out.channels_first = field.channels_first;
    out.crop = field.crop;
    out.flip = field.flip;
    out.skip_bad = field.skip_bad;
    out.table = field.table;
    out.rate = field.rate;
    out.hop = field.hop;
    out.own_order = field.own_order;
    out.ground = field.ground.value_or(-1);
    return out;
}

/// The fields that a cross-entropy takes as probabilities although the model does not say what they
/// span. Who reads them checks that they are from 0 to 1.
std::set<std::string> unknown_probabilities(const dsl::ModelView& view) {
    std::set<std::string> out;
    view.walk_losses([&](const dsl::Expression& e) {
        if (e.kind != dsl::Expression::Kind::kCall || e.text != "bce_with_logits" ||
            e.arguments.size() != 2)
            return;
        const dsl::DataField* field = view.field_of(*e.arguments[1]);
        const bool array = field && !field->shape.empty() && field->classes == 0;
        if (array && !dsl::range_of(*field)) out.insert(field->name);
    });
    return out;
}

/// What a run does besides training: checkpoints, validation, early stopping, divergence.
ir::RunPolicy run_policy(const dsl::TrainSpec& train) {
    ir::RunPolicy out;
    out.keep_last = train.keep_last;
    out.checkpoint_steps = train.checkpoint_steps;
    out.checkpoint_seconds = train.checkpoint_seconds;
    out.on_divergence = train.on_divergence;
    out.retries = train.retries;
    out.validate_test = train.validate_test;
    out.validate_share = train.validate_share;
    if (train.keep_best) {
        out.keep_best = train.keep_best->name;
        out.best_is_highest = train.keep_best->highest;
    }
    if (train.early_stopping) {
        out.stopping_metric = train.early_stopping->name;
        out.stopping_is_highest = train.early_stopping->highest;
        out.patience = train.patience;
    }
    return out;
}

/// Reports at `from` what a reader of files has found.
void report_file(const dsl::WeightsSpec& spec, const Diagnostics& found, ModuleScope& m) {
    Diagnostic error = found.list().front();
    if (m.view.network(spec.from) != nullptr)
        error.help(
            fmt::format("`{0}` is a network of this model: its weights are shared by calling "
                        "it, as often as wanted, also as a layer `- {0}` of others",
                        spec.from));
    error.span = spec.from_span;
    for (const std::string& hint : dsl::where_looked(runtime::weight_file_of(spec.from)))
        error.help(hint);
    m.diagnostics.add(std::move(error));
}

/// Opens the file of a network's weights and fills in what the module says of it. Reports a file
/// that cannot be read, and tensors that do not fit the network's parameters or have numbers that
/// are not finite.
void look_into_file(ModuleScope& m, const dsl::WeightsSpec& spec, ir::Network& network) {
    Diagnostics found;
    const auto file = runtime::open_weights(spec.from, found);
    const auto checksum = file.ok() ? runtime::verified_checksum(*file, found) : Failure{};
    if (!checksum.ok()) {
        report_file(spec, found, m);
        return;
    }
    network.weights = spec.from;
    network.layout = spec.layout;
    network.map = spec.map;
    network.checksum = *checksum;
    const std::string& wanted = spec.network.empty() ? network.name : spec.network;
    const auto source = runtime::source_network(*file, wanted, !spec.network.empty(),
                                                spec.network_span, m.diagnostics);
    if (!source.ok()) return;
    network.source = *source;
    const auto pairs =
        runtime::pair_network(*file, m.module, network, spec.from_span, m.diagnostics);
    if (!pairs.ok()) return;
    std::vector<float> numbers;
    for (const auto& [id, tensor] : pairs->pairs) {
        numbers.resize(static_cast<size_t>(m.module.states[id].type.elements()));
        Diagnostics unread;
        if (!file->read(*tensor, numbers.data(), unread) ||
            !runtime::can_be(m.module.states[id].name, numbers, *file, tensor->name, unread))
            report_file(spec, unread, m);
    }
}

}  // namespace

/// Test data are read in the shape and range of the training data, whatever their own field says:
/// the networks were made for those. Synthetic examples are numbered; those of the test begin
/// behind the last one of training, so that none is in both.
void write_contract(const dsl::ModelSpec& spec, const std::map<std::string, int64_t>& label_classes,
                    ir::Module& module) {
    module.description = spec.description;
    const std::set<std::string> probabilities = unknown_probabilities(dsl::ModelView(spec));
    for (const dsl::DataField& field : spec.data) {
        ir::DataField& out = module.data.emplace_back(data_field(field, label_classes));
        if (out.format == "synthetic" && out.count == 0) out.count = dsl::kSyntheticTraining;
        if (probabilities.contains(out.name)) out.range_given = true;
    }
    for (const dsl::DataField& field : spec.test) {
        ir::DataField& out = module.test.emplace_back(data_field(field, label_classes));
        const ir::DataField* training = ir::find_field(module.data, field.name);
        if (training != nullptr) {
            out.shape = training->shape;
            out.range = training->range;
            out.own_order = training->own_order;
            out.range_given |= probabilities.contains(field.name);
        }
        if (out.format != "synthetic") continue;
        if (out.count == 0) out.count = kSyntheticTest;
        out.first =
            training != nullptr && training->count > 0 ? training->count : dsl::kSyntheticTraining;
    }
    module.training = ir::Training{spec.train.batch_size, spec.train.epochs};
    module.run = run_policy(spec.train);
}

/// Goes through the operations once, in order: a value depends on what its operands depend on.
void write_figure_fields(const ir::Function& evaluate, ModuleScope& m) {
    if (std::none_of(m.spec.data.begin(), m.spec.data.end(),
                     [](const dsl::DataField& field) { return field.own_order; }))
        return;
    std::vector<std::set<std::string>> of(evaluate.values.size());
    for (const ir::Input& input : evaluate.inputs)
        if (input.source.is_data()) of[static_cast<size_t>(input.value)] = {input.source.field};
    for (const ir::Operation& op : evaluate.operations) {
        std::set<std::string> all;
        for (const ir::ValueId v : op.operands)
            all.insert(of[static_cast<size_t>(v)].begin(), of[static_cast<size_t>(v)].end());
        for (const ir::ValueId v : op.results) of[static_cast<size_t>(v)] = all;
    }
    for (const ir::NamedValue& result : evaluate.results) {
        const std::set<std::string>& fields = of[static_cast<size_t>(result.value)];
        m.module.figure_fields.push_back({result.name, {fields.begin(), fields.end()}});
    }
}

/// Entries without an optimizer of their own share that of `train`.
void write_rate_ends(ModuleScope& m) {
    std::vector<std::pair<const dsl::OptimizerSpec*, std::vector<std::string>>> trained;
    for (const dsl::MinimizeSpec& entry : m.spec.objective.minimize) {
        const dsl::OptimizerSpec* of =
            entry.optimizer ? &*entry.optimizer : &m.spec.train.optimizer;
        auto found = std::find_if(trained.begin(), trained.end(),
                                  [&](const auto& other) { return other.first == of; });
        if (found == trained.end()) found = trained.insert(found, {of, {}});
        found->second.insert(found->second.end(), entry.networks.begin(), entry.networks.end());
    }
    for (const auto& [optimizer, networks] : trained)
        for (const dsl::NamedExpression& parameter : optimizer->parameters) {
            if (parameter.name != "learning_rate") continue;
            const std::optional<dsl::RateEnd> end = dsl::rate_end(*parameter.value);
            if (!end) continue;
            ir::RateEnd& out = m.module.rate_ends.emplace_back();
            if (trained.size() > 1) out.networks = networks;
            (end->in_epochs ? out.epochs : out.steps) = end->after;
            out.rate = end->rate;
            if (const Span& at = parameter.value->span; at.known())
                out.at = fmt::format("{}:{}:{}", m.diagnostics.sources().file(at.file).path(),
                                     at.line, at.column);
        }
}

void write_networks(ModuleScope& m) {
    for (const dsl::NetworkSpec& spec : m.spec.networks) {
        ir::Network network;
        network.name = spec.name;
        network.frozen = m.frozen_networks.count(spec.name) != 0;
        const bool has_file = spec.weights && !spec.weights->from.empty();
        if (has_file) look_into_file(m, *spec.weights, network);
        if (network.frozen || has_file) m.module.networks.push_back(std::move(network));
    }
}

}  // namespace gmc::lower
