// Reads `train:`, optimizers, and numbers that may be schedules.
#include <algorithm>
#include <cctype>
#include <map>

#include "compiler/support/numbers.h"
#include "compiler/support/pace.h"
#include "compiler/support/wording.h"
#include "dsl/reader.h"
#include "dsl/text/scalar.h"

namespace gmc::dsl {
namespace {

/// Splits "10 epochs" into 10 and "epoch"; the unit may be singular or plural.
bool parse_duration(const std::string& text, double& amount, std::string& unit) {
    const size_t end = text.find_last_not_of(' ');
    const size_t gap = text.rfind(' ', end);
    if (gap == std::string::npos) return false;
    Node amount_node;
    amount_node.kind = Node::Kind::kScalar;
    amount_node.text = text.substr(0, text.find_last_not_of(' ', gap) + 1);
    const std::optional<double> number = number_of(amount_node);
    unit = text.substr(gap + 1, end - gap);
    if (!unit.empty() && unit.back() == 's') unit.pop_back();
    if (!number || *number <= 0 || !fits_f32(*number) || !fits_f32(1 / *number) ||
        (unit != "epoch" && unit != "step"))
        return false;
    amount = *number;
    return true;
}

/// Adds the amount and the unit of a duration to the arguments of a call; false after an error.
bool add_duration(const Values& values, const char* key, std::vector<ExpressionPtr>& arguments,
                  Diagnostics& diagnostics) {
    double amount = 0;
    std::string unit;
    const Span where = values.spans.at(key);
    if (!parse_duration(values.text(key), amount, unit)) {
        diagnostics.error(DiagnosticKind::kBadValue, where,
                          "`{}` is a duration such as `10 epochs` or `5000 steps`, not `{}`", key,
                          values.text(key));
        return false;
    }
    arguments.push_back(number_expression(amount, where));
    arguments.push_back(name_expression(unit, where));
    return true;
}

/// `value` multiplied by warm_up(over, unit) when the keys ask for it; null after an error.
ExpressionPtr with_warm_up(ExpressionPtr value, const Values& values, Span where,
                           Diagnostics& diagnostics) {
    if (!values.has("warm_up")) return value;
    std::vector<ExpressionPtr> arguments;
    if (!add_duration(values, "warm_up", arguments, diagnostics)) return nullptr;
    Expression product;
    product.kind = Expression::Kind::kBinary;
    product.text = "*";
    product.arguments = {std::move(value),
                         call_expression("warm_up", arguments, values.spans.at("warm_up"))};
    product.span = where;
    return std::make_shared<const Expression>(std::move(product));
}

/// How the keys of a schedule become the arguments of a function: its numbers, then its duration.
struct ScheduleCall {
    const char* function;
    std::vector<const char*> numbers;
    const char* duration;
};
const std::map<std::string, ScheduleCall>& schedule_calls() {
    static const std::map<std::string, ScheduleCall> kCalls = {
        {"cosine", {"cosine", {"from", "to"}, "over"}},
        {"cyclical", {"cyclical", {"from", "to", "growing"}, "every"}},
        {"linear", {"linear", {"from", "to"}, "over"}},
        {"one_cycle", {"one_cycle", {"peak"}, "over"}},
        {"step", {"steps", {"from", "factor"}, "every"}},
    };
    return kCalls;
}

/// Reads a schedule: {linear: {from: 0, to: 1, over: 10 epochs}} becomes linear(0, 1, 10, epoch),
/// and so on for the other kinds. With `warm_up: 500 steps` it is multiplied by warm_up(500, step).
ExpressionPtr read_schedule(const Node& map, const std::string& what, Diagnostics& diagnostics) {
    const MappingRow& kinds = mapping("schedule");
    const std::string all = fmt::format("the schedule of {}", what);
    if (!check_keys(map, kinds.keys, all, map.span, diagnostics)) return nullptr;
    if (map.entries.size() != 1) {
        diagnostics.error(DiagnosticKind::kBadValue, map.span,
                          "{} names {} schedules, it has to name one", all, map.entries.size());
        return nullptr;
    }
    const Entry& kind = map.entries[0];
    if (kind.key == "constant" && kind.value->is_scalar())
        return read_expression(*kind.value, "`constant`", diagnostics);
    const std::string keys = split_alternatives(find_key(kinds.keys, kind.key)->holds).back();
    const Values values = read_values(*kind.value, mapping(keys).keys,
                                      fmt::format("`{}`", kind.key), kind.key_span, diagnostics);
    if (!values.ok) return nullptr;
    const auto number = [&](const char* key) {
        const auto at = values.spans.find(key);
        return number_expression(values.number(key),
                                 at == values.spans.end() ? kind.key_span : at->second);
    };
    if (kind.key == "constant")
        return with_warm_up(number("value"), values, kind.key_span, diagnostics);
    const ScheduleCall& call = schedule_calls().at(kind.key);
    std::vector<ExpressionPtr> arguments;
    for (const char* key : call.numbers) arguments.push_back(number(key));
    if (!add_duration(values, call.duration, arguments, diagnostics)) return nullptr;
    return with_warm_up(call_expression(call.function, arguments, kind.key_span), values,
                        kind.key_span, diagnostics);
}

/// Reads one hyperparameter as written, or takes its default.
ExpressionPtr read_parameter(const Node& keys, const KeyRow& row, Span where,
                             Diagnostics& diagnostics) {
    const Entry* entry = keys.find(row.key);
    if (row.type == KeyType::kFlag) {
        const LayerValue fallback = default_value(row);
        if (!entry) return number_expression(std::get<bool>(fallback) ? 1 : 0, where);
        const std::optional<LayerValue> flag = read_value(*entry->value, row, diagnostics);
        return flag ? number_expression(std::get<bool>(*flag) ? 1 : 0, entry->value->span)
                    : nullptr;
    }
    if (!entry) return number_expression(parse_number(row.fallback).value(), where);
    return read_expression(*entry->value, fmt::format("`{}`", row.key), diagnostics);
}

/// Reports two keys of one group, which exclude each other: as in Keras, an optimizer clips in one
/// way only.
bool check_groups(const Node& keys, const MappingRow& rows, Diagnostics& diagnostics) {
    std::map<std::string, const Entry*> taken;
    for (const Entry& entry : keys.entries) {
        const KeyRow* row = find_key(rows.keys, entry.key);
        if (!row || !*row->group) continue;
        const auto [at, added] = taken.insert({row->group, &entry});
        if (added) continue;
        diagnostics
            .error(DiagnosticKind::kBadValue, entry.key_span,
                   "`{}` has both `{}` and `{}`, it can have one of them", rows.name,
                   at->second->key, entry.key)
            .note(at->second->key_span, fmt::format("`{}` is here", at->second->key));
        return false;
    }
    return true;
}

/// Reads `rate_factors`: name of a network, or of a network and a layer of it: number.
std::vector<NamedExpression> read_rate_factors(const Node& optimizer, Diagnostics& diagnostics) {
    std::vector<NamedExpression> out;
    const Entry* factors = optimizer.find("rate_factors");
    if (!factors || factors->value->is_null() ||
        !expect_map(*factors->value, "`rate_factors`", factors->key_span, diagnostics,
                    "for example `rate_factors: {mapping: 0.01}`"))
        return out;
    for (const Entry& one : factors->value->entries)
        if (ExpressionPtr value =
                read_expression(*one.value, fmt::format("`{}`", one.key), diagnostics))
            out.push_back({one.key, std::move(value), one.key_span});
    return out;
}

/// `lookahead: {}` has the defaults.
std::optional<LookaheadSpec> read_lookahead(const Node& optimizer, Diagnostics& diagnostics) {
    const Entry* entry = optimizer.find("lookahead");
    if (!entry || entry->value->is_null()) return std::nullopt;
    const MappingRow& rows = mapping("lookahead");
    const Values values =
        read_values(*entry->value, rows.keys, "`lookahead`", entry->key_span, diagnostics);
    if (!values.ok) return std::nullopt;
    ExpressionPtr share =
        read_parameter(*entry->value, *find_key(rows.keys, "share"), entry->key_span, diagnostics);
    if (!share) return std::nullopt;
    return LookaheadSpec{values.integer("every"), std::move(share)};
}

/// Reads `checkpoint_every`.
void read_pace(const Values& values, TrainSpec& out, Diagnostics& diagnostics) {
    if (!values.has("checkpoint_every")) return;
    const std::string text = values.text("checkpoint_every");
    const std::optional<Pace> pace = parse_pace(text);
    if (!pace) {
        diagnostics.error(
            DiagnosticKind::kBadValue, values.spans.at("checkpoint_every"),
            "`checkpoint_every` is a duration such as `500 steps` or `10 minutes`, not `{}`", text);
        return;
    }
    out.checkpoint_steps = pace->steps;
    out.checkpoint_seconds = pace->seconds;
}

/// Warns of a key that is written although nothing looks at it.
void warn_without_effect(Span where, const char* key, const char* why, const char* help,
                         Diagnostics& diagnostics) {
    diagnostics.warning(DiagnosticKind::kUnused, where, "`{}` has no effect: {}", key, why)
        .help(help);
}

/// `validate: test`, or a share of the training data.
void read_validate(const Node& node, TrainSpec& out, Diagnostics& diagnostics) {
    out.validate_span = node.span;
    if (node.is_scalar() && node.text == "test") {
        out.validate_test = true;
        return;
    }
    const std::optional<double> share = number_of(node);
    if (share && *share > 0 && *share < 1) {
        out.validate_share = *share;
        return;
    }
    Diagnostic& error = diagnostics.error(
        DiagnosticKind::kBadValue, node.span,
        "`validate` is `test` or a share of the training data between 0 and 1, not {}{}",
        describe(node),
        share && !parse_number(node.text) ? fmt::format(", that is {}", *share) : "");
    constexpr double kPercentMost = 100;
    const std::string hint = node.is_scalar() && !share ? number_hint(node.text) : std::string();
    if (!hint.empty())
        error.help(hint);
    else if (share && *share > 1 && *share < kPercentMost)
        error.help(fmt::format("a share of {} % is {}", *share, *share / kPercentMost));
}

/// Whether the key names a figure: `true`, which other programs take there, is none.
bool names_figure(const Values& values, const char* key, const char* example,
                  Diagnostics& diagnostics) {
    std::string name = values.text(key);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    for (const char* word : {"true", "false", "yes", "no", "on", "off"})
        if (name == word) {
            diagnostics
                .error(DiagnosticKind::kBadValue, values.spans.at(key),
                       "`{}` is the name of a loss or metric, not `{}`", key, values.text(key))
                .help(fmt::format("for example `{}`", example));
            return false;
        }
    return true;
}

/// What looks after a run: `validate`, `early_stopping`, `keep`.
void read_run(const Node& map, TrainSpec& out, Diagnostics& diagnostics) {
    const auto find = [&](const char* key) -> const Entry* {
        const Entry* entry = map.find(key);
        return entry != nullptr && !entry->value->is_null() ? entry : nullptr;
    };
    if (const Entry* entry = find("validate")) read_validate(*entry->value, out, diagnostics);
    if (const Entry* entry = find("early_stopping")) {
        const Values values = read_values(*entry->value, mapping("early stopping").keys,
                                          "`early_stopping`", entry->key_span, diagnostics);
        if (values.ok &&
            names_figure(values, "metric", "early_stopping: {metric: loss}", diagnostics))
            out.early_stopping = {values.text("metric"), values.text("best") == "highest",
                                  values.spans.at("metric")};
        out.patience = values.integer("patience");
        if (values.ok && out.epochs > 0 && out.patience >= out.epochs)
            diagnostics
                .warning(DiagnosticKind::kUnused,
                         values.spans.contains("patience") ? values.spans.at("patience")
                                                           : entry->key_span,
                         "`early_stopping` ends no run of {}: its `patience` is {}",
                         counted(out.epochs, "epoch"), out.patience)
                .help("make `patience` smaller, or `epochs` larger");
    }
    if (const Entry* entry = find("keep")) {
        const Values values = read_values(*entry->value, mapping("keep").keys, "`keep`",
                                          entry->key_span, diagnostics);
        out.keep_last = values.integer("last");
        if (values.ok && values.has("best")) {
            if (names_figure(values, "best", "keep: {best: loss}", diagnostics))
                out.keep_best = {values.text("best"), values.text("of") == "highest",
                                 values.spans.at("best")};
        } else if (values.ok && values.spans.contains("of")) {
            warn_without_effect(values.spans.at("of"), "of", "no best checkpoint is kept",
                                "`best: loss`, say, names the figure that it is about",
                                diagnostics);
        }
    }
}

}  // namespace

ExpressionPtr read_expression(const Node& node, const std::string& what, Diagnostics& diagnostics,
                              bool flags) {
    if (node.failed) return nullptr;
    if (is_loop(node)) {
        note_origin(
            diagnostics
                .error(DiagnosticKind::kWrongType, node.span,
                       "{} is a loop, which has no name here", what)
                .help("a loop is an entry of `let`: give it a name there, and use the name"),
            node);
        return nullptr;
    }
    if (node.is_map()) return read_schedule(node, what, diagnostics);
    if (!node.is_scalar()) {
        Diagnostic& error =
            note_origin(diagnostics.error(DiagnosticKind::kWrongType, node.span,
                                          "{} is a number, an expression or a schedule, not {}",
                                          what, describe(node)),
                        node);
        if (node.is_list() && node.items.size() == 1 && node.items[0]->is_scalar())
            error.help(fmt::format("write `{}`, without brackets", node.items[0]->text));
        else if (node.is_list())
            error.help("several terms are one sum: `a + 0.1 * b`");
        return nullptr;
    }
    Result<ExpressionPtr> parsed = parse_expression(node, diagnostics);
    if (!parsed) return nullptr;
    const Expression& e = **parsed;
    if (flags || e.kind != Expression::Kind::kNumber || e.text.empty()) return parsed.take();
    note_origin(diagnostics.error(DiagnosticKind::kWrongType, e.span,
                                  "{} is a number, an expression or a schedule, not the flag `{}`",
                                  what, e.text),
                node);
    return nullptr;
}

/// `optimizer: adam` and `optimizer: {adam: {beta1: 0.5}}` are made alike first: a map with one
/// entry, whose key is the kind and whose value is a map of hyperparameters. Then the kind's rows
/// are read in their order, with defaults for what is not written.
std::optional<OptimizerSpec> read_optimizer(const Node& node, Span where,
                                            Diagnostics& diagnostics) {
    if (node.failed) return std::nullopt;
    if (node.is_list()) {
        diagnostics
            .error(DiagnosticKind::kWrongType, node.span,
                   "`optimizer` is a name or a map, not a list")
            .help("write `optimizer: adam`, or `optimizer: {adam: {learning_rate: 1e-3}}`");
        return std::nullopt;
    }
    Node map = node;
    if (node.is_scalar()) {  // `optimizer: adam`
        Node empty;
        empty.kind = Node::Kind::kMap;
        empty.span = node.span;
        map = empty;
        map.entries.push_back({node.text, node.span, std::make_shared<const Node>(empty)});
    }
    const MappingRow& kinds = mapping("optimizer");
    // `{type: adam, lr: 1e-3}`, as other frameworks have it: the one cause of several odd keys.
    for (const char* key : {"type", "name", "class_name", "kind"})
        if (const Entry* named = map.find(key)) {
            report_unknown(DiagnosticKind::kUnknownKey, named->key_span,
                           fmt::format("`optimizer` has no key `{}`", key), key,
                           key_names(kinds.keys), diagnostics);
            return std::nullopt;
        }
    if (!check_keys(map, kinds.keys, "`optimizer`", where, diagnostics)) return std::nullopt;
    if (map.entries.size() != 1) {
        diagnostics.error(DiagnosticKind::kBadValue,
                          map.entries.empty() ? where : map.entries[1].key_span,
                          "`optimizer` names {} optimizers, it has to name one of {}",
                          map.entries.size(), quoted_list(key_names(kinds.keys)));
        return std::nullopt;
    }
    const Entry& kind = map.entries[0];
    const MappingRow& rows = mapping(kind.key);
    if (!check_keys(*kind.value, rows.keys, fmt::format("`{}`", kind.key), kind.key_span,
                    diagnostics))
        return std::nullopt;
    if (!check_groups(*kind.value, rows, diagnostics)) return std::nullopt;
    OptimizerSpec out;
    out.kind = kind.key;
    out.span = kind.key_span;
    out.rate_factors = read_rate_factors(*kind.value, diagnostics);
    out.lookahead = read_lookahead(*kind.value, diagnostics);
    for (const KeyRow& row : rows.keys) {
        const Entry* entry = kind.value->find(row.key);
        if (row.type == KeyType::kStructure || (!entry && !row.has_default())) continue;
        ExpressionPtr value = read_parameter(*kind.value, row, kind.key_span, diagnostics);
        if (value)
            out.parameters.push_back({row.key, value, entry ? entry->value->span : kind.key_span});
    }
    const Entry *nesterov = kind.value->find("nesterov"), *momentum = kind.value->find("momentum");
    if (nesterov && nesterov->value->text == "true" &&
        (!momentum || parse_number(momentum->value->text) == 0.0))
        warn_without_effect(nesterov->value->span, "nesterov", "there is no momentum",
                            "`momentum: 0.9`, say", diagnostics);
    return out;
}

/// A model without `train` is read like one with an empty `train`, so that defaults stand in the
/// schema only. Without `optimizer` it is adam with its defaults.
TrainSpec read_train(const Entry* train, Diagnostics& diagnostics) {
    TrainSpec out;
    Node map;
    map.kind = Node::Kind::kMap;
    if (train) {
        map = *train->value;
        out.span = train->key_span;
    }
    const Values values = read_values(map, mapping("train").keys, "`train`", out.span, diagnostics);
    out.batch_size = values.integer("batch_size");
    out.accumulate = values.integer("accumulate");
    out.epochs = values.integer("epochs");
    if (const Entry* average = map.find("average"); average && !average->value->is_null())
        out.average = read_expression(*average->value, "`average`", diagnostics);
    out.average_statistics = values.flag("average_statistics");
    out.on_divergence = values.text("on_divergence");
    out.retries = values.integer("retries");
    if (out.on_divergence == "stop" && values.spans.contains("retries"))
        warn_without_effect(
            values.spans.at("retries"), "retries", "training ends where a number is not finite",
            "`on_divergence: rollback` or `on_divergence: lower_rate` goes back", diagnostics);
    read_pace(values, out, diagnostics);
    read_run(map, out, diagnostics);
    Node adam;
    adam.kind = Node::Kind::kScalar;
    adam.text = "adam";
    adam.span = out.span;
    const Entry* optimizer = map.find("optimizer");
    if (optimizer && optimizer->value->is_null()) return out;  // reported
    if (auto spec = read_optimizer(optimizer ? *optimizer->value : adam,
                                   optimizer ? optimizer->key_span : out.span, diagnostics))
        out.optimizer = std::move(*spec);
    return out;
}

}  // namespace gmc::dsl
