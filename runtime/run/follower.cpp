// The choices of kernels come from process 0, which has measured: other ones would make other bits.
#include "runtime/run/follower.h"

#include "compiler/support/json.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/contractions/tuning_cache.h"
#include "runtime/data/fingerprint/data_changes.h"
#include "runtime/data/fingerprint/fingerprint.h"
#include "runtime/processes/orders.h"
#include "runtime/processes/roll_call.h"
#include "runtime/run/validation.h"
#include "runtime/train/slots/slot_parts.h"
#include "runtime/train/step_runner.h"

namespace gmc::runtime {
namespace {

std::string to_text(const TrainingSetup& setup) {
    Json out{{"seed", setup.seed},
             {"tuned", setup.tuned},
             {"bf16", setup.bf16},
             {"all_data", setup.all_data},
             {"local_steps", setup.local_steps},
             {"block", setup.block}};
    Json& choices = out["contractions"] = Json::object();
    for (const auto& [problem, choice] : setup.contractions) choices[problem] = choice;
    return out.dump();
}

TrainingSetup setup_from(const std::string& text) {
    const Json json = Json::parse(text).value_or(Json());
    TrainingSetup setup{json.at("seed").natural(),
                        json.at("tuned").flag(),
                        json.at("bf16").flag(),
                        json.at("all_data").flag(),
                        {}};
    setup.local_steps = json.at("local_steps").whole();
    setup.block = json.at("block").whole();
    const Json& choices = json.at("contractions");
    for (size_t i = 0; i < choices.names().size(); ++i)
        setup.contractions[choices.names()[i]] = choices.elements()[i].text();
    return setup;
}

/// The part of the training data that is trained on; null after an error.
std::unique_ptr<Loader> make_loader(LoadedModel& model, const TrainingSetup& setup,
                                    Diagnostics& diagnostics) {
    LoaderOptions options = model.training_options(setup.seed);
    options.block = setup.block;
    auto all = model.data().make_loader(DataSplit::kTrain, options, diagnostics);
    if (!all.ok()) return nullptr;
    const ir::RunPolicy& policy = model.module().run;
    if (setup.all_data || policy.validate_test || policy.validate_share == 0) return all.take();
    auto parts = split_dataset((*all)->dataset(), policy.validate_share, setup.seed, diagnostics);
    if (!parts.ok()) return nullptr;
    auto trained = Loader::create(parts->training, options, diagnostics);
    return trained.ok() ? trained.take() : nullptr;
}

}  // namespace

void lead(const LoadedModel& model, const TrainingSetup& setup) {
    ProcessGroup* group = model.group();
    if (group == nullptr) return;
    give_order(*group, {.kind = Order::Kind::kBegin});
    (void)group->broadcast(to_text(setup));
}

bool have_same_data(const LoadedModel& model, const std::string& data, Diagnostics& diagnostics) {
    return roll_call(*model.group(), {{"data", data}}, diagnostics,
                     [&](const std::string& here, const std::string& there) {
                         return how_they_differ(here, there, model.module().data);
                     });
}

int follow(LoadedModel& model, Diagnostics& diagnostics) {
    ProcessGroup& group = *model.group();
    const std::span<std::byte> states{model.states().bytes_begin(),
                                      static_cast<size_t>(model.states().common_bytes())};
    Order order = take_order(group, states);
    if (order.kind != Order::Kind::kBegin) return static_cast<int>(order.exit_code);
    const TrainingSetup setup = setup_from(group.broadcast(""));
    TuningCache choices("", tuning_machine());
    choices.pin(setup.contractions);
    if (!setup.bf16) model.disable_bf16();
    if (setup.local_steps > 0) model.set_local_steps({setup.local_steps});
    model.set_tuning(setup.tuned ? &choices : nullptr);
    StepRunner runner(model, diagnostics);
    std::unique_ptr<Loader> loader;
    if (runner.ok()) loader = make_loader(model, setup, diagnostics);
    (void)have_same_data(model, loader ? fingerprint(loader->dataset()) : "", diagnostics);
    TrainingState training;
    while ((order = take_order(group, states)).kind != Order::Kind::kEnd) {
        if (order.kind == Order::Kind::kSlots) {
            model.states().slots()->obey(order);
            continue;
        }
        if (order.kind == Order::Kind::kFigures) {
            runner.add_up_figures();
            continue;
        }
        if (order.kind == Order::Kind::kAverage) {
            model.local()->add_up();
            continue;
        }
        training.seed = order.seed;
        training.step = order.step;
        training.call = order.call;
        training.rate = order.rate;
        if (order.with_states != 0) model.states().refresh_copies();
        if (order.with_states != 0 && model.local() != nullptr) model.local()->begin();
        const Cursor cursor{order.epoch, order.batch, order.first};
        if (loader->cursor() != cursor) loader->seek(cursor);
        (void)runner.run(*loader, training, diagnostics);
    }
    model.set_tuning(nullptr);
    return static_cast<int>(order.exit_code);
}

}  // namespace gmc::runtime
