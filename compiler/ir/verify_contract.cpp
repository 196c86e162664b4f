// The invariants of a module's contract:
//   fields     of the training data, and of the test data, have names of their own, a known format
//              and a source; the shape of an example has positive sizes; ranges are finite and in
//              order; counts and classes are not negative, and bounded
//   labels     have the shape of a number and name another field of the same data
//   pictures   from a folder have the shape [height, width, channels]
//   class_names  are as many as there are classes
//   test       the fields are those of the training data, with the same shapes; a set of its own is
//              one in both
//   network    has states, says something, and updates none of them when it is frozen; what is said
//              of a file of weights comes with one, and with its checksum
//   train      batch size and epochs are positive and bounded
//   rate_end   is after a positive number of epochs or of steps, and bounded; the rate is finite
//   figure_fields  names fields of the data, each once
//   result_like  names a result, and a field that it may be like: of its shape
//   bound      is of a number of @bounds, and some number is within it
//   run        counts and times are bounded; what is watched is a figure of @evaluate; validation is
//              on the test data or on a share of the others, not on both
//   schedule   names functions of the module; how often each is called is positive and bounded
//   compile    the memory limit is not negative
// A module that is to run has a name that can be a folder's, training and a schedule, and each
// input of its functions
//   data       is named like a field of the training data and has the type f32[batch size, shape]
//   noise      is f32 with as many rows as the batch
//   valid      is f32[batch size]
//   argument   does not occur, since nobody is there to give it
// and its schedule has
//   all        functions that update states
//   stand-ins  f_every_2/2 f_every_3/3 of the function behind them, f, by their names: with each two
//              of them one for the steps that both numbers divide, the rarest first
//   hand over  what a function leaves for the next one is there when that runs, in every step:
//              parameters in `optimizer.ENTRY.kept.`, which @extrapolate keeps and an update starts
//              from, and gradients in `optimizer.ENTRY.sum.`, which @accumulate adds up for it
// The bounds keep sums and products of these numbers far inside 64 bits. Class numbers stay below
// 2^24, so that they are exact in f32.
#include "compiler/ir/verify_contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "compiler/ir/attributes.h"
#include "compiler/support/numbers.h"
#include "compiler/support/paths.h"

namespace gmc::ir {
namespace {

/// Limits for modules that others wrote: products of these stay within 64 bits, and loops over them
/// end. What gmc compiles is far below all of them.
constexpr int64_t kMostRows = int64_t{1} << 20;
constexpr int64_t kMostEpochs = 1'000'000'000;
constexpr int64_t kMostRepeats = 1'000'000;
constexpr int64_t kMostKept = 1000;
constexpr int64_t kMostExamples = int64_t{1} << 40;
constexpr int64_t kMostRate = 1'000'000'000;
constexpr int64_t kMostClasses = int64_t{1} << 24;

bool is_name(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_';
    });
}

/// Checks the lines of the contract one after another. Errors point at the line, which is found by
/// how it begins (`line_` for data fields).
class ContractCheck {
  public:
    ContractCheck(const Module& module, VerifyReport& report) : module_(module), report_(report) {}

    void run(bool runnable) {
        fields("data", module_.data);
        fields("test", module_.test);
        if (!report_.any() && !module_.test.empty()) tests_all();
        for (const DataField& field : module_.test) same_as_training(field);
        for (const Network& network : module_.networks) one_network(network);
        if (module_.training) {
            number("train", "batch_size", module_.training->batch_size, 1, kMostRows);
            number("train", "epochs", module_.training->epochs, 1, kMostEpochs);
        }
        rate_ends();
        figure_fields();
        results_like();
        bounds();
        run_policy();
        schedule();
        if (module_.compilation.memory_limit < 0)
            report_.error_in_line("compile", "the memory limit is negative");
        const int64_t shards = module_.compilation.shards;
        const int64_t batch = module_.training ? module_.training->batch_size : 0;
        if (shards != 0 && !is_share(shards, batch))
            report_.error_in_line("compile",
                                  fmt::format("{} shards of a batch of {}; it is a power of two "
                                              "that divides the batch",
                                              shards, batch));
        if (shards == 0 && module_.compilation.shard_sums != DType::kF32)
            report_.error_in_line("compile", "sums of shards, but there are no shards");
        if (runnable && !report_.any()) runs();
    }

  private:
    /// Reports a number that lies outside of [least, most].
    void number(const std::string& line, const char* what, int64_t value, int64_t least,
                int64_t most) {
        if (value < least || value > most)
            report_.error_in_line(
                line, fmt::format("{} is {}, not from {} to {}", what, value, least, most));
    }

    // ---- data ----

    void fields(const char* keyword, const std::vector<DataField>& all) {
        std::set<std::string> names;
        for (const DataField& field : all) {
            line_ = fmt::format("{} @{} ", keyword, field.name);
            if (!is_name(field.name)) {
                report_.error(fmt::format("`{}` is no name of a data field", field.name));
                continue;
            }
            if (!names.insert(field.name).second) error("the field is declared twice");
            one_field(field);
            if (field.format == "labels") labels(field, all);
        }
    }

    void error(const std::string& text) { report_.error_in_line(line_, text); }

    void one_field(const DataField& field) {
        const auto formats = data_formats();
        if (std::find(formats.begin(), formats.end(), field.format) == formats.end())
            error(fmt::format("`{}` is no format of data", field.format));
        if (field.source.empty()) error("the data have no source");
        if (std::any_of(field.shape.begin(), field.shape.end(),
                        [](int64_t size) { return size < 1; }))
            error(fmt::format("an example is {}: sizes are positive", to_string(field.shape)));
        if (!is_range(field.range.low, field.range.high))
            error(
                fmt::format("the range is [{},{}]: its ends and their distance are finite in f32, "
                            "the lower one first, by {} or more",
                            field.range.low, field.range.high, kLeastRange));
        check_size(field);
        number(line_, "count", field.count, 0, kMostExamples);
        number(line_, "first", field.first, 0, kMostExamples);
        number(line_, "classes", field.classes, 0, kMostClasses);
        if (!field.class_names.empty() &&
            static_cast<int64_t>(field.class_names.size()) != field.classes)
            error(fmt::format("{} classes have {} names", field.classes, field.class_names.size()));
        if (std::set(field.class_names.begin(), field.class_names.end()).size() !=
            field.class_names.size())
            error("two classes have one name");
        number(line_, "ground", field.ground, -1, 255);
        if (field.format == "folder" && field.shape.size() != 3)
            error(fmt::format("a picture is {}: it has height, width and channels",
                              to_string(field.shape)));
        if (field.format == "csv" && field.shape.size() != 1)
            error(fmt::format("a row is {}: it has cells", to_string(field.shape)));
        if (field.format == "wav") sound(field);
    }

    void sound(const DataField& field) {
        if (field.shape.size() != 2)
            error(fmt::format("a window of sound is {}: it has frames and channels",
                              to_string(field.shape)));
        number(line_, "rate", field.rate, 1, kMostRate);
        number(line_, "hop", field.hop, 1, kMostExamples);
    }

    /// A batch of the field has to be somewhere, whether or not a function reads it.
    void check_size(const DataField& field) {
        int64_t rest = kLargestMemory / dtype_size(DType::kF32);
        if (module_.training)
            rest /= std::clamp<int64_t>(module_.training->batch_size, 1, kMostRows);
        for (const int64_t size : field.shape) rest /= std::max<int64_t>(size, 1);
        if (rest < 1)
            error(fmt::format("a batch of examples of {} is more than any machine can hold",
                              to_string(field.shape)));
    }

    void labels(const DataField& field, const std::vector<DataField>& all) {
        const DataField* of = find_field(all, field.source);
        if (!field.shape.empty())
            error(fmt::format("a label is {}: it is a number, f32[]", to_string(field.shape)));
        if (of == nullptr || of->format == "labels")
            error(fmt::format("the labels are of `{}`, which is no field of these data",
                              field.source));
    }

    /// Any function that takes data may be run on the test data.
    void tests_all() {
        for (const DataField& field : module_.data)
            if (find_field(module_.test, field.name) == nullptr)
                report_.error_in_line(fmt::format("data @{} ", field.name),
                                      fmt::format("the test data have no `{}`", field.name));
    }

    void same_as_training(const DataField& field) {
        line_ = fmt::format("test @{} ", field.name);
        const DataField* training = find_field(module_.data, field.name);
        if (training == nullptr)
            error(fmt::format("the training data have no field `{}`", field.name));
        else if (training->shape != field.shape)
            error(fmt::format("an example is {}, but {} in the training data",
                              to_string(field.shape), to_string(training->shape)));
        else if (training->own_order != field.own_order)
            error(fmt::format("the field is {} set of its own, but in the training data it is {}",
                              field.own_order ? "a" : "no", field.own_order ? "none" : "one"));
    }

    // ---- networks ----

    /// A line says something, of a network that has states; what it says of a file comes with one,
    /// and with its checksum. No function updates what is frozen.
    void one_network(const Network& network) {
        line_ = fmt::format("network @{}", network.name);
        const std::string prefix = network.name + ".";
        const auto is_own = [&](const State& state) { return state.name.starts_with(prefix); };
        if (std::none_of(module_.states.begin(), module_.states.end(), is_own))
            error("no state belongs to the network");
        if (!network.frozen && network.weights.empty()) error("the line says nothing");
        Network frozen_only;
        frozen_only.name = network.name;
        frozen_only.frozen = network.frozen;
        if (network.weights.empty() && network != frozen_only)
            error("there is no file of weights that the rest could be about");
        if (!network.weights.empty() && network.checksum.size() != 8)
            error(fmt::format("`{}` is no checksum of a file", network.checksum));
        if (network.layout != "keras" && network.layout != "pytorch")
            error(fmt::format("`{}` is no layout of weights", network.layout));
        for (const std::string& entry : network.map)
            if (const size_t middle = entry.find('=');
                middle == 0 || middle == std::string::npos || middle + 1 == entry.size())
                error(fmt::format("`{}` pairs no names", entry));
        if (!network.frozen) return;
        for (const Function& function : module_.functions)
            for (const Update& update : function.updates)
                if (is_own(module_.states[update.state]))
                    error(fmt::format("@{} updates @{}, but the network is frozen", function.name,
                                      module_.states[update.state].name));
    }

    void rate_ends() {
        const auto is_time = [](double time) { return time > 0 && time <= kMostExamples; };
        for (const RateEnd& end : module_.rate_ends) {
            const bool in_epochs = end.steps == 0;
            if (!is_time(in_epochs ? end.epochs : end.steps) || (!in_epochs && end.epochs != 0))
                report_.error_in_line("rate_end",
                                      fmt::format("it is after {} epochs and {} steps: one of the "
                                                  "two is above 0, and at most {}",
                                                  end.epochs, end.steps, kMostExamples));
            if (!std::isfinite(end.rate))
                report_.error_in_line("rate_end", fmt::format("the rate is {}", end.rate));
        }
    }

    void figure_fields() {
        for (const FigureFields& figure : module_.figure_fields) {
            const std::string line = "figure_fields {figure=" + quoted(figure.figure);
            if (!has_figure(figure.figure))
                report_.error_in_line(line, fmt::format("@evaluate has no `{}`", figure.figure));
            std::set<std::string> named;
            for (const std::string& name : figure.of)
                if (find_field(module_.data, name) == nullptr)
                    report_.error_in_line(line, fmt::format("there are no data `{}`", name));
                else if (!named.insert(name).second)
                    report_.error_in_line(line, fmt::format("`{}` is named twice", name));
        }
    }

    void results_like() {
        for (const ResultLike& like : module_.results_like) {
            const std::string line = "result_like {function=" + quoted(like.function) +
                                     ", result=" + quoted(like.result);
            const Function* function = module_.find_function(like.function);
            const size_t results = function == nullptr ? 0 : function->results.size();
            size_t at = 0;
            while (at < results && function->results[at].name != like.result) ++at;
            const DataField* field = find_field(module_.data, like.field);
            if (at == results) {
                report_.error_in_line(
                    line, fmt::format("@{} has no result `{}`", like.function, like.result));
            } else if (field == nullptr) {
                report_.error_in_line(line, fmt::format("there are no data `{}`", like.field));
            } else {
                const auto may_be = fields_like(module_, *function, at);
                if (std::find(may_be.begin(), may_be.end(), field) == may_be.end())
                    report_.error_in_line(
                        line, fmt::format("a result of {} is not like `{}`, of which an example "
                                          "is {}",
                                          to_string(function->type(function->results[at].value)),
                                          like.field, to_string(f32(field->shape))));
            }
        }
    }

    void bounds() {
        const Function* function = module_.find_function("bounds");
        for (const Bound& bound : module_.bounds) {
            const auto is_it = [&](const NamedValue& result) {
                return result.name == bound.result && function->type(result.value).is_scalar();
            };
            if (function == nullptr || !function->inputs.empty() ||
                std::none_of(function->results.begin(), function->results.end(), is_it))
                report_.error_in_line(
                    "bound {result=" + quoted(bound.result),
                    fmt::format("@bounds, which has no inputs, gives no number `{}`",
                                bound.result));
            const bool is_point = bound.low == bound.high && !bound.open_low && !bound.open_high;
            if (!(bound.low < bound.high) && !is_point)
                report_.error_in_line(
                    "bound {result=" + quoted(bound.result),
                    fmt::format("no number is within it: from {} to {}", bound.low, bound.high));
        }
    }

    bool has_figure(const std::string& name) const {
        const Function* evaluate = module_.find_function("evaluate");
        return evaluate != nullptr &&
               std::any_of(evaluate->results.begin(), evaluate->results.end(),
                           [&](const NamedValue& r) { return r.name == name; });
    }

    void run_policy() {
        const RunPolicy& run = module_.run;
        number("run", "keep_last", run.keep_last, 1, kMostKept);
        number("run", "checkpoint_steps", run.checkpoint_steps, 0, kMostExamples);
        number("run", "retries", run.retries, 0, kMostRepeats);
        number("run", "patience", run.patience, 0, kMostEpochs);
        if (!(run.checkpoint_seconds >= 0) || !std::isfinite(run.checkpoint_seconds))
            report_.error_in_line("run", "checkpoint_seconds is no time");
        if (!(run.validate_share >= 0 && run.validate_share < 1))
            report_.error_in_line("run", "validate_share is not from 0 to below 1");
        if (run.validate_test && run.validate_share > 0)
            report_.error_in_line(
                "run",
                fmt::format("validate_test, but a validate_share of {}: it is one of the two",
                            run.validate_share));
        const auto actions = divergence_actions();
        if (std::find(actions.begin(), actions.end(), run.on_divergence) == actions.end())
            report_.error_in_line("run", fmt::format("on_divergence is `{}`", run.on_divergence));
        for (const std::string& metric : {run.keep_best, run.stopping_metric}) {
            if (metric.empty()) continue;
            if (!run.validates())
                report_.error_in_line("run", fmt::format("`{}` needs validation", metric));
            if (!has_figure(metric))
                report_.error_in_line("run", fmt::format("@evaluate has no `{}`", metric));
        }
    }

    void schedule() {
        for (const ScheduleEntry& entry : module_.schedule) {
            const Function* function = module_.find_function(entry.function);
            if (function == nullptr || function->is_body)
                report_.error_in_line("schedule",
                                      fmt::format("there is no function @{}", entry.function));
            if (entry.repeat < 1 || entry.repeat > kMostRepeats)
                report_.error_in_line(
                    "schedule", fmt::format("@{} is called {} times in a step, not 1 to {} times",
                                            entry.function, entry.repeat, kMostRepeats));
            if (entry.every < 1)
                report_.error_in_line("schedule",
                                      fmt::format("@{} runs in every step whose number {} divides, "
                                                  "which has to be at least 1",
                                                  entry.function, entry.every));
            const bool last = &entry == &module_.schedule.back();
            if (entry.every > 1 && (last || (&entry)[1].repeat != entry.repeat))
                report_.error_in_line("schedule",
                                      fmt::format("@{}/{} stands in for the entry behind it, which "
                                                  "has to be there and be called as often",
                                                  entry.function, entry.every));
        }
    }

    // ---- what runs ----

    void schedule_error(const std::string& text) { report_.error_in_line("schedule", text); }

    /// What updates states is training, so the schedule has all of it, and nothing else.
    void trains_all() {
        std::set<std::string> called;
        for (const ScheduleEntry& entry : module_.schedule) {
            called.insert(entry.function);
            if (module_.find_function(entry.function)->updates.empty())
                schedule_error(
                    fmt::format("@{} updates no state: it trains nothing", entry.function));
        }
        for (const Function& function : module_.functions)
            if (!function.is_body && !function.updates.empty() && called.count(function.name) == 0)
                schedule_error(
                    fmt::format("@{} updates states, but no step calls it", function.name));
    }

    /// The entries from `first` on that stand in for one another; gives the number of the next.
    size_t stand_ins(size_t first) {
        const std::vector<ScheduleEntry>& all = module_.schedule;
        size_t last = first;
        std::set<int64_t> kinds;
        for (; all[last].every != 1; ++last) kinds.insert(all[last].every);
        for (size_t i = first; i < last; ++i) {
            const std::string name = fmt::format("{}_every_{}", all[last].function, all[i].every);
            if (all[i].function != name)
                schedule_error(
                    fmt::format("@{}/{} stands in for @{} in these steps, so that it is "
                                "called `{}`",
                                all[i].function, all[i].every, all[last].function, name));
            if (i + 1 < last && all[i].every <= all[i + 1].every)
                schedule_error(fmt::format("@{} stands before @{}, but the rarest is the first",
                                           all[i].function, all[i + 1].function));
            for (size_t k = i + 1; k < last; ++k) {
                int64_t both = 0;
                const int64_t part = all[i].every / std::gcd(all[i].every, all[k].every);
                if (!__builtin_mul_overflow(part, all[k].every, &both) && kinds.count(both) == 0)
                    schedule_error(
                        fmt::format("both {} and {} divide {}, and no function stands in for @{} "
                                    "in such steps",
                                    all[i].every, all[k].every, both, all[last].function));
            }
        }
        return last + 1;
    }

    /// Slots in which a function leaves something for the next one that trains their parameters.
    struct Handed {
        StateId slot, parameter;
        bool is_sum;  ///< of gradients; else of kept parameters
    };
    std::vector<Handed> handed_over() const {
        std::vector<Handed> out;
        for (size_t i = 0; i < module_.states.size(); ++i) {
            const State& state = module_.states[i];
            if (state.role != StateRole::kSlot || !state.name.starts_with("optimizer.")) continue;
            for (const std::string_view word : {".kept.", ".sum."})
                if (const size_t at = state.name.find(word); at != std::string::npos)
                    if (const StateId of = module_.find_state(state.name.substr(at + word.size()));
                        of != kNone)
                        out.push_back({static_cast<StateId>(i), of, word == ".sum."});
        }
        return out;
    }

    /// The states that a function reads and updates.
    struct Uses {
        std::set<StateId> reads, updates;
    };

    /// In the step `step`, each function finds what it goes on from, and none leaves anything.
    void hands_over(const Handed& handed, int64_t step) {
        const std::string& slot = module_.states[handed.slot].name;
        const ScheduleEntry* left_by = nullptr;
        for (const ScheduleEntry* entry : entries_of_step(module_.schedule, step)) {
            const Uses& uses = uses_.at(entry->function);
            const bool changes = uses.updates.count(handed.slot) != 0;
            const bool takes = handed.is_sum ? changes && uses.updates.count(handed.parameter) != 0
                                             : !changes && uses.reads.count(handed.slot) != 0;
            if (takes && (left_by == nullptr || entry->repeat != 1))
                return schedule_error(fmt::format(
                    "@{} goes on from @{}, which another function leaves, but that does not run "
                    "before {}",
                    entry->function, slot, entry->repeat != 1 ? "each of its calls" : "it"));
            if (changes && !takes && left_by != nullptr && !handed.is_sum)
                return schedule_error(
                    fmt::format("@{} overwrites @{}, which @{} leaves for another function",
                                entry->function, slot, left_by->function));
            if (takes) left_by = nullptr;
            if (changes && !takes) left_by = entry;
        }
        if (left_by != nullptr)
            schedule_error(fmt::format("@{} leaves @{} for a function that does not run behind it",
                                       left_by->function, slot));
    }

    void check_steps() {
        for (size_t next = 0; next < module_.schedule.size();) next = stand_ins(next);
        std::set<int64_t> kinds;  // of steps: the numbers of the first of each
        for (const ScheduleEntry& entry : module_.schedule) {
            kinds.insert(entry.every);
            Uses& uses = uses_[entry.function];
            const Function& function = *module_.find_function(entry.function);
            for (const Update& update : function.updates) uses.updates.insert(update.state);
            for (const Value& value : function.values) uses.reads.insert(value.state);
        }
        for (const Handed& handed : handed_over())
            for (const int64_t step : kinds) {
                if (report_.any()) return;  // one is enough: they are alike
                hands_over(handed, step);
            }
    }

    void runs() {
        trains_all();
        if (!report_.any()) check_steps();
        // The name becomes the name of a folder.
        if (!is_name(module_.name) || module_.name.size() > kLongestName)
            report_.error_in_line("model",
                                  fmt::format("the name of a module that is to be run has letters, "
                                              "digits and _ only, and at most {} characters",
                                              kLongestName));
        if (!module_.training)
            report_.error("the module has no `train` line, so it cannot be run");
        else if (module_.schedule.empty())
            report_.error("the module has no `schedule` line, so it cannot be run");
        else
            for (const Function& function : module_.functions)
                for (size_t i = 0; !function.is_body && i < function.inputs.size(); ++i)
                    check_input(function, function.inputs[i]);
        for (const Function& function : module_.functions)
            for (const Operation& op : function.operations) check_shards(function, op);
    }

    /// A module that is to be run has all shards. gmrun takes the share of a process.
    void check_shards(const Function& function, const Operation& op) {
        const auto* scan = op.as<Scan>();
        const auto* sum = op.as<AllReduce>();
        const auto* all = op.as<AllGather>();
        if (op.as<GatherParts>() != nullptr || op.as<OwnPart>() != nullptr ||
            op.as<ReduceScatter>() != nullptr)
            report_.error(function, op, "a part of a buffer, in a module that has all of it");
        const int64_t shards = scan != nullptr  ? scan->shards
                               : sum != nullptr ? sum->shards
                               : all != nullptr ? all->shards
                                                : 0;
        if (shards == 0) return;
        const int64_t here = scan != nullptr  ? scan->count
                             : all != nullptr ? function.type(op.operands[0]).shape[0]
                                              : shards;
        if (sum != nullptr && function.type(op.operands[0]) != function.type(op.result()))
            report_.error(function, op, "several nodes of shards, in a module that has all shards");
        if (here != shards || shards != module_.compilation.shards)
            report_.error(function, op,
                          fmt::format("{} of {} shards, in a module compiled with {}", here, shards,
                                      module_.compilation.shards));
    }

    /// An input's type must be what its source will deliver: a batch of the named field, noise with
    /// a row per example, or a result of @evaluate of the same type.
    void check_input(const Function& function, const Input& input) {
        const Type& type = function.type(input.value);
        const int64_t batch = module_.training->batch_size;
        const auto wrong = [&](const std::string& why) {
            report_.error(function,
                          fmt::format("the input `%{}` is {}, but {}",
                                      function.values[input.value].name, to_string(type), why));
        };
        switch (input.source.kind) {
            case InputSource::Kind::kData: {
                const DataField* field = find_field(module_.data, input.source.field);
                if (field == nullptr) return wrong("no data field has the name of its source");
                Shape shape = field->shape;
                shape.insert(shape.begin(), batch);
                if (type != f32(shape))
                    wrong(fmt::format("a batch of `{}` is {}", field->name, to_string(f32(shape))));
                return;
            }
            case InputSource::Kind::kNormal:
            case InputSource::Kind::kUniform:
                if (type.dtype != DType::kF32 || type.is_scalar() || type.shape[0] != batch)
                    wrong(fmt::format("noise is f32 with {} rows, a batch", batch));
                return;
            case InputSource::Kind::kValid:
                if (type != f32({batch}))
                    wrong(fmt::format("`valid` is {}", to_string(f32({batch}))));
                return;
            case InputSource::Kind::kTotal:
            case InputSource::Kind::kLargest:
            case InputSource::Kind::kLogSum: {
                const Function* evaluate = module_.find_function("evaluate");
                for (const NamedValue& result :
                     evaluate == nullptr ? std::vector<NamedValue>{} : evaluate->results)
                    if (result.name == input.source.field && evaluate->type(result.value) == type)
                        return;
                return wrong(
                    fmt::format("@evaluate has no result `{}` of this type", input.source.field));
            }
            case InputSource::Kind::kArgument:
                return wrong("nobody gives it its value when the module runs");
            case InputSource::Kind::kCarried:
            case InputSource::Kind::kElement:
            case InputSource::Kind::kCaptured:
                return wrong("only the body of a scan has such inputs");
        }
    }

    const Module& module_;
    VerifyReport& report_;
    std::string line_;                  ///< how the line of the field at hand begins
    std::map<std::string, Uses> uses_;  ///< of the functions of a step
};

}  // namespace

void verify_contract(const Module& module, bool runnable, VerifyReport& report) {
    ContractCheck(module, report).run(runnable);
}

}  // namespace gmc::ir
