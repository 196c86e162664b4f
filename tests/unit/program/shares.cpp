// Training steps in shards: any number of processes, which are threads here, computes the same
// bits, and what the step as a whole computes, but for rounding.
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>

#include "compiler/batch/process_share.h"
#include "compiler/ir/text/printer.h"
#include "compiler/ir/verifier.h"
#include "compiler/support/shards.h"
#include "runtime/program/executable.h"
#include "runtime/train/slots/slot_parts.h"
#include "tests/catch.h"
#include "tests/compile_model.h"
#include "tests/temporary_folder.h"
#include "tests/unit/program/thread_group.h"

using namespace gmc;
using namespace gmc::runtime;

namespace {

constexpr int kSteps = 2;
constexpr int64_t kBatch = 16, kShards = 8;

std::string model(const std::string& name) { return GMC_SOURCE_DIR "/models/" + name + ".yaml"; }

const std::vector<std::string> kPictures = {
    "data.image.shape=[28,28,1]", "data.test.image.shape=[28,28,1]", "train.batch_size=16"};

/// Some number from 0 to 1 for element `element` of example `example` of the data.
float example_value(int64_t example, int64_t element) {
    const double x = std::sin(static_cast<double>(example * 7919 + element * 31 + 1)) * 43758.5453;
    return static_cast<float>(x - std::floor(x));
}

/// What a process has after some steps: its states, and all results.
struct Outcome {
    std::vector<char> states;
    std::vector<float> results;
};

/// Runs some training steps of a module of all shards, or of the share of a process. Nothing comes
/// out after an error: threads may not use Catch2.
Outcome train(const ir::Module& module, ProcessGroup* group, const SharedSlots& slots = {},
              bool reference = false) {
    Outcome out;
    Diagnostics diagnostics;
    StateStore states(module);
    std::optional<SlotParts> parts;
    if (!slots.groups.empty()) parts.emplace(slots, states, *group);
    if (!states.initialise(1, diagnostics)) return out;
    auto arena = std::make_shared<Arena>(module);
    uint32_t call = 0;
    for (int step = 0; step < kSteps; ++step)
        for (const ir::ScheduleEntry& entry : module.schedule) {
            auto made =
                Executable::make(module, *module.find_function(entry.function), states, arena,
                                 {.reference = reference, .group = group}, diagnostics);
            if (!made.ok()) return out;
            const int64_t first =
                group == nullptr ? 0 : first_shard(kShards, group->size(), group->rank());
            for (size_t i = 0; i < made->input_count(); ++i) {
                const ir::Type& type = made->input_type(i);
                const int64_t rows = type.shape[0], width = type.elements() / rows;
                for (int64_t k = 0; k < type.elements(); ++k)
                    made->input(i)[k] = example_value(
                        step * kBatch + first * kBatch / kShards + k / width, k % width);
            }
            made->run({1, call++, static_cast<double>(step), 0.1 * step});
            for (size_t r = 0; r < made->result_count(); ++r)
                out.results.push_back(made->result(r)[0]);
        }
    const auto append = [&](const float* numbers, int64_t count) {
        const char* bytes = reinterpret_cast<const char*>(numbers);
        out.states.insert(out.states.end(), bytes,
                          bytes + count * static_cast<int64_t>(sizeof(float)));
    };
    if (!parts) {
        for (ir::StateId id = 0; id < states.saved_count(); ++id)
            append(states.data(id), states.elements(id));
        return out;
    }
    if (!group->leads()) {
        for (Order order = take_order(*group, {}); order.kind == Order::Kind::kSlots;
             order = take_order(*group, {}))
            parts->obey(order);
        return out;
    }
    parts->begin();
    for (size_t i = 0; i < parts->states().size(); ++i)
        append(parts->own(i) == ir::kNone ? parts->gather(i) : states.data(parts->own(i)),
               parts->states()[i].type.elements());
    end_group(*group, 0);
    return out;
}

/// Process 0 has all states; where slots are shared, the others have none.
std::vector<Outcome> train_in_group(const ir::Module& whole, int size, bool shares_slots = false) {
    std::vector<Outcome> outcomes(static_cast<size_t>(size));
    in_group(size, [&](ProcessGroup& group) {
        ir::Module share = whole;
        SharedSlots slots;
        const std::string why =
            take_share(share, size, group.rank(), shares_slots ? &slots : nullptr);
        if (why.empty()) outcomes[static_cast<size_t>(group.rank())] = train(share, &group, slots);
    });
    return outcomes;
}

}  // namespace

TEST_CASE("processes that share the shards of a batch have the bits of one", "[shards]") {
    // The last model is a large one, batch norm in convolutions; those before it couple examples.
    for (const std::string name : {"vae_mlp", "wgan_gp_ring", "hinge_sn", "simclr", "tc_vae",
                                   "wae_mmd", "ebm", "seed_gan"}) {
        INFO(name);
        const bool makes_data = name == "wgan_gp_ring" || name == "tc_vae";
        const ir::Module module = compile_file(
            model(name), makes_data ? std::vector<std::string>{"train.batch_size=16"} : kPictures,
            "f32", kShards);
        const Outcome alone = train(module, nullptr);
        REQUIRE(!alone.states.empty());
        for (const float result : alone.results) REQUIRE(std::isfinite(result));
        for (const int size :
             name == "seed_gan" ? std::vector<int>{4} : std::vector<int>{2, 3, 5, 8})
            for (const Outcome& one : train_in_group(module, size)) {
                CHECK(one.results == alone.results);
                CHECK(one.states == alone.states);
            }
    }
}

/// A network whose optimizer, and what else is said of its training, is in `optimizer`.
std::string model_with(const std::string& optimizer, const std::string& entry,
                       const std::string& objective) {
    return fmt::format(
        "model: t\ndata: {{x: {{synthetic: ring}}}}\nnetworks:\n"
        "  net: {{inputs: {{x: data.x}}, layers: [{{dense: {{units: 700, activation: tanh}}}}, "
        "{{dense: {{units: 96, activation: tanh}}}}, {{dense: 2}}]}}\n"
        "objective: {{minimize: {{networks: net, loss: \"mean(sum((net(x) - x)^2))\"{}}}{}}}\n"
        "train: {{batch_size: 16, epochs: 1, optimizer: {}}}\n",
        entry, objective, optimizer);
}

TEST_CASE("processes that share the slots of the optimizer have the bits of one", "[shards]") {
    struct Case {
        std::string optimizer, entry, objective, precision;
        int shared;  ///< groups of slots
    };
    const std::string adam = "{adam: {learning_rate: 1.0e-2}}";
    const std::vector<Case> cases = {
        {adam, "", "", "f32", 2},
        {adam, ", average: 0.9", "", "bf16", 2},
        {adam, ", accumulate: 2, average: 0.9", "", "f32", 3},
        {adam, "", ", schedule: extragradient", "f32", 3},
        {"{adamw: {learning_rate: 1.0e-2, global_clip_norm: 0.1}}", ", accumulate: 2", "", "f32",
         3},
        {"{rmsprop: {learning_rate: 1.0e-2, clip_value: 0.1, momentum: 0.5, centered: true}}", "",
         "", "f32", 3},
        {"{sgd: {learning_rate: 1.0e-2, momentum: 0.9, clip_norm: 0.1, lookahead: {every: 2}}}", "",
         "", "f32", 2},
        {"{lion: {learning_rate: 1.0e-2, clip_weights: 0.1, rate_factors: {net.dense_1: 2}}}", "",
         "", "f32", 1},
        {"{sgd: {learning_rate: 1.0e-2}}", "", "", "f32", 0}};
    for (const Case& one : cases) {
        INFO(one.optimizer << one.entry << one.objective);
        const TemporaryFolder folder;
        std::ofstream(folder / "t.yaml") << model_with(one.optimizer, one.entry, one.objective);
        const ir::Module module = compile_file(folder / "t.yaml", {}, one.precision, kShards);
        const Outcome alone = train(module, nullptr);
        REQUIRE(!alone.states.empty());
        ir::Module share = module;
        SharedSlots slots;
        REQUIRE(take_share(share, 4, 1, &slots).empty());
        CHECK(static_cast<int>(slots.groups.size()) == one.shared);
        if (one.shared > 0) CHECK(slots.own_bytes < slots.slot_bytes / 3);
        for (const int size : {2, 3, 5, 8}) {
            const std::vector<Outcome> outcomes = train_in_group(module, size, true);
            CHECK(outcomes[0].states == alone.states);
            for (const Outcome& each : outcomes) CHECK(each.results == alone.results);
        }
    }
}

TEST_CASE("sums of gradients are scattered to the processes that share the slots", "[shards]") {
    const ir::Module module = compile_file(model("vae_mlp"), kPictures, "f32", kShards);
    const Outcome alone = train(module, nullptr);
    for (const int size : {2, 3}) {
        ir::Module share = module;
        SharedSlots slots;
        REQUIRE(take_share(share, size, 1, &slots).empty());
        const std::string text = ir::print(share);
        for (const char* op : {"= reduce_scatter %", "= own_part %", "= gather_parts %"})
            CHECK(text.find(op) != std::string::npos);
        CHECK(text.find("state @optimizer.vae.m.encoder.dense.weight.part : f32[") !=
              std::string::npos);
        CHECK(slots.groups[0].buffer.ends.size() > 1);
        const std::vector<Outcome> outcomes = train_in_group(module, size, true);
        CHECK(outcomes[0].states == alone.states);
    }
    // Gradients of several scans, as batch norm makes them: each large sum of the generator's is
    // scattered. Those of the discriminator are of two batches, which are added first.
    ir::Module gan = compile_file(model("seed_gan"), kPictures, "f32", kShards);
    SharedSlots slots;
    REQUIRE(take_share(gan, 4, 1, &slots).empty());
    int scattered = 0;
    for (const ir::Function& function : gan.functions)
        for (const ir::Operation& op : function.operations)
            scattered += op.as<ir::ReduceScatter>() != nullptr ? 1 : 0;
    CHECK(scattered == 3);
}

TEST_CASE("a step in shards is the step as a whole, but for rounding", "[shards]") {
    // Weights learnt through loops, and statistics of the batch, among them.
    for (const std::string path : {"models/ae", "tests/parity/models/recurrent",
                                   "tests/parity/models/norms", "tests/couplings"}) {
        INFO(path);
        const std::string file = GMC_SOURCE_DIR "/" + path + ".yaml";
        const std::vector<std::string> sets =
            path == "models/ae" ? kPictures : std::vector<std::string>{"train.batch_size=16"};
        const Outcome whole = train(compile_file(file, sets), nullptr);
        const ir::Module module = compile_file(file, sets, "f32", kShards);
        const Outcome shards = train(module, nullptr), plain = train(module, nullptr, {}, true);
        REQUIRE(!whole.results.empty());
        REQUIRE(whole.results.size() == shards.results.size());
        REQUIRE(whole.results.size() == plain.results.size());
        for (size_t i = 0; i < whole.results.size(); ++i) {
            CHECK(shards.results[i] == Approx(whole.results[i]).epsilon(1e-4));
            CHECK(plain.results[i] == Approx(whole.results[i]).epsilon(1e-4));
        }
    }
}

TEST_CASE("a share needs shards, and at least one for each process", "[shards]") {
    ir::Module whole = compile_file(model("vae_mlp"), kPictures);
    CHECK(take_share(whole, 2, 0) == "`vae_mlp` was compiled for one process, not for 2");
    ir::Module shards = compile_file(model("vae_mlp"), kPictures, "f32", kShards);
    CHECK(take_share(shards, 9, 0) == "the 8 shards of `vae_mlp` cannot be shared by 9 processes");
}

TEST_CASE("a module that is run as a whole has all shards", "[shards]") {
    ir::Module share = compile_file(model("vae_mlp"), kPictures, "f32", kShards);
    REQUIRE(take_share(share, 3, 1).empty());  // shards 2 to 4
    Diagnostics problems;
    CHECK(
        !ir::verify(share, problems, {.allow_gradient = false, .planned = true, .runnable = true}));
    const auto says = [&](const std::string& text) {
        return std::any_of(
            problems.list().begin(), problems.list().end(),
            [&](const Diagnostic& each) { return each.text.find(text) != std::string::npos; });
    };
    CHECK(says("3 of 8 shards, in a module compiled with 8"));
    CHECK(says("several nodes of shards, in a module that has all shards"));
    share = compile_file(model("vae_mlp"), kPictures, "f32", kShards);
    SharedSlots slots;
    REQUIRE(take_share(share, 3, 1, &slots).empty());
    CHECK(
        !ir::verify(share, problems, {.allow_gradient = false, .planned = true, .runnable = true}));
    CHECK(says("a part of a buffer, in a module that has all of it"));
}
