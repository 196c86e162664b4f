// Look-ups in modules by name, and the naming of values. A function may have very many values, so
// its names and states are found through hash tables; functions and states of a module are looked
// up by name seldom, and are found by searching. The second half is what scan.h declares: how a
// scan fits its body, and the upkeep of bodies.
#include "compiler/ir/module.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <set>

#include "compiler/ir/scan.h"
#include "compiler/support/numbers.h"
#include "compiler/support/shards.h"

namespace gmc::ir {

const char* state_role_name(StateRole role) {
    static constexpr const char* kNames[] = {"parameter", "statistic", "slot", "copy"};
    return kNames[static_cast<int>(role)];
}

ValueId Function::add_value(std::string name, Type type) {
    // A name that is taken gets the next free number: dense, dense.1, dense.2, ...
    int& uses = name_uses_[name];
    std::string unique = name;
    if (uses > 0 || name.empty()) {
        do {
            unique = name.empty() ? fmt::format("{}", uses++) : fmt::format("{}.{}", name, uses++);
        } while (name_uses_.count(unique) != 0);
        name_uses_[unique] = 1;
    } else {
        uses = 1;
    }
    values.push_back({std::move(unique), std::move(type)});
    return static_cast<ValueId>(values.size()) - 1;
}

void Function::add_result(const std::string& result_name, ValueId value) {
    const bool is_number = std::isdigit(static_cast<unsigned char>(result_name[0])) != 0;
    const std::string word = is_number ? "v" + result_name : result_name;
    std::string unique = word;
    const auto is_taken = [&](const NamedValue& result) { return result.name == unique; };
    for (int number = 1; std::any_of(results.begin(), results.end(), is_taken); ++number)
        unique = fmt::format("{}.{}", word, number);
    results.push_back({unique, value});
}

/// Passes may append values themselves, so the table is brought up to date first: `looked_at_` is
/// how many values it has seen. Each value is looked at once in the function's life.
ValueId Function::state_value(StateId state, const Module& module) {
    for (; looked_at_ < values.size(); ++looked_at_)
        if (values[looked_at_].state != kNone)
            state_values_.emplace(values[looked_at_].state, static_cast<ValueId>(looked_at_));
    if (const auto found = state_values_.find(state); found != state_values_.end())
        return found->second;
    const State& declared = module.states[state];
    values.push_back({declared.name, declared.type, state});
    return static_cast<ValueId>(values.size()) - 1;
}

void Function::renumber_states(const std::vector<StateId>& numbers) {
    for (Value& v : values) {
        if (v.state != kNone) v.state = numbers[v.state];
        if (v.home != kNone) v.home = numbers[v.home];
    }
    for (Update& u : updates) u.state = numbers[u.state];
    state_values_.clear();
    looked_at_ = 0;
}

Function* Module::find_function(const std::string& function_name) {
    for (Function& f : functions)
        if (f.name == function_name) return &f;
    return nullptr;
}

std::string Module::unit_of(const std::string& figure) const {
    if (const Function* evaluate = find_function("evaluate"))
        for (const NamedValue& result : evaluate->results)
            if (result.name == figure) return result.unit;
    return "";
}

std::vector<const DataField*> fields_like(const Module& module, const Function& function,
                                          size_t result) {
    if (result >= function.results.size()) return {};
    const Shape& shape = function.type(function.results[result].value).shape;
    if (shape.size() < 2) return {};  // one number per example, as labels are
    const Shape example(shape.begin() + 1, shape.end());
    std::vector<const DataField*> same, pictures;
    for (const DataField& field : module.data) {
        const Shape& its = field.shape;
        if (its == example) same.push_back(&field);
        if (its.size() == 3 && (its[2] == 1 || its[2] == 3)) pictures.push_back(&field);
    }
    return same.empty() && example.size() == 3 ? pictures : same;
}

const DataField* field_like(const Module& module, const Function& function, size_t result) {
    const std::vector<const DataField*> all = fields_like(module, function, result);
    if (all.empty()) return nullptr;
    for (const ResultLike& like : module.results_like)
        if (like.function == function.name && like.result == function.results[result].name)
            return find_field(module.data, like.field);
    return all.front();
}

const Function* Module::find_function(const std::string& function_name) const {
    return const_cast<Module*>(this)->find_function(function_name);
}

StateId Module::find_state(const std::string& state_name) const {
    for (size_t i = 0; i < states.size(); ++i)
        if (states[i].name == state_name) return static_cast<StateId>(i);
    return kNone;
}

// ---- bodies of scans, scan.h ----

namespace {

using Kind = InputSource::Kind;

bool is_of_body(const InputSource& source) {
    return source.kind == Kind::kCarried || source.kind == Kind::kElement ||
           source.kind == Kind::kCaptured;
}

}  // namespace

ScanParts scan_parts(const Function& body) {
    ScanParts parts;
    for (const Input& input : body.inputs) {
        parts.carried += input.source.kind == Kind::kCarried ? 1 : 0;
        parts.elements += input.source.kind == Kind::kElement ? 1 : 0;
        parts.captured += input.source.kind == Kind::kCaptured ? 1 : 0;
    }
    parts.stacked = body.results.size() - std::min(body.results.size(), parts.carried);
    return parts;
}

const Function* body_of(const Module& module, const Operation& op) {
    const Scan* scan = op.as<Scan>();
    return scan == nullptr ? nullptr : module.find_function(scan->body);
}
Function* body_of(Module& module, const Operation& op) {
    const Scan* scan = op.as<Scan>();
    return scan == nullptr ? nullptr : module.find_function(scan->body);
}

Type stacked_type(const Type& each, int64_t count) {
    Type type = each;
    type.shape.insert(type.shape.begin(), count);
    return type;
}

Type scan_operand_type(const Function& body, const Scan& scan, size_t i) {
    const Type& each = body.type(body.inputs[i].value);
    return body.inputs[i].source.kind == Kind::kElement ? stacked_type(each, scan.count) : each;
}

Type scan_result_type(const Function& body, const Scan& scan, size_t i) {
    const Type& each = body.type(body.results[i].value);
    if (is_stacked(body, scan, i)) return stacked_type(each, scan.count);
    const size_t nodes =
        is_summed(body, scan, i) ? shard_nodes(scan.first, scan.count).size() : size_t{1};
    return nodes > 1 ? stacked_type(each, static_cast<int64_t>(nodes)) : each;
}

bool is_stacked(const Function& body, const Scan& scan, size_t i) {
    return i >= scan_parts(body).carried && !is_summed(body, scan, i);
}

bool is_summed(const Function& body, const Scan& scan, size_t i) {
    return static_cast<int64_t>(i) + scan.sums >= static_cast<int64_t>(body.results.size());
}

/// A sum of 1, 2, 4, ... passes; the one of half of a node lies in the result.
int64_t sums_kept(const Scan& scan) {
    if (scan.sums == 0) return 0;
    int64_t kept = 0;
    for (const ShardNode& node : shard_nodes(scan.first, scan.count))
        kept = std::max<int64_t>(kept, std::bit_width(static_cast<uint64_t>(node.count)) - 2);
    return kept;
}

const Operation* pack_of(const Function& body, ValueId value) {
    for (const Operation& op : body.operations)
        if (op.result() == value && op.as<Pack>() != nullptr) return &op;
    return nullptr;
}

std::vector<int64_t> bucket_ends(const Function& body, ValueId sum) {
    constexpr int64_t kBucket = 1 << 16;  // for fewer numbers, time is latency
    const Operation* pack = pack_of(body, sum);
    std::vector<int64_t> ends;
    int64_t begin = 0, end = 0;
    for (size_t i = 0; pack != nullptr && i + 1 < pack->operands.size(); ++i) {
        end += packed_size(body.type(pack->operands[i]).elements());
        if (end - begin >= kBucket) ends.push_back(begin = end);
    }
    ends.push_back(body.type(sum).elements());
    return ends;
}

int64_t workspace_bytes(const Function& body, const Scan& scan) {
    int64_t bytes = align_up(std::max<int64_t>(body.arena_bytes, 0), kTensorAlignment);
    for (size_t i = 0; i < body.results.size(); ++i)
        if (is_summed(body, scan, i))
            bytes += sums_kept(scan) *
                     align_up(body.type(body.results[i].value).bytes(), kTensorAlignment);
    return bytes;
}

std::string scan_misfit(const Function& function, const Operation& op, const Function& body) {
    const Scan& scan = *op.as<Scan>();
    if (scan.count < 1 || scan.count > kMostPasses)
        return fmt::format("a scan of {} passes; it has 1 to {}", scan.count, kMostPasses);
    const ScanParts parts = scan_parts(body);
    if (scan.shards != 0 &&
        (!is_share(scan.shards, scan.shards) || scan.first < 0 ||
         scan.first > scan.shards - scan.count || scan.reverse || parts.carried > 0))
        return fmt::format(
            "a scan of the shards {} to {} of {}; they are some of a power of two, in order, and "
            "nothing is carried",
            scan.first, scan.first + scan.count - 1, scan.shards);
    if (scan.sums < 0 || (scan.sums > 0 && scan.shards == 0) || scan.rounded_sums < 0 ||
        scan.rounded_sums > scan.sums || scan.sums > static_cast<int64_t>(body.results.size()))
        return fmt::format(
            "a scan with {} sums, {} of them rounded, of {} results; only shards "
            "are added up",
            scan.sums, scan.rounded_sums, body.results.size());
    for (size_t i = 0; i < body.results.size(); ++i)
        if (is_summed(body, scan, i) && body.type(body.results[i].value).dtype != DType::kF32)
            return fmt::format("result {} is {}, which is not added up; it has to be f32", i + 1,
                               to_string(body.type(body.results[i].value)));
    if (scan.shards == 0 && scan.first != 0)
        return fmt::format("a scan whose first pass is {}, but not of shards", scan.first);
    if (body.results.size() < parts.carried)
        return fmt::format("the body @{} carries {} values but has {} results", body.name,
                           parts.carried, body.results.size());
    if (op.operands.size() != parts.operands() || op.results.size() != parts.results())
        return fmt::format(
            "the scan has {} operands and {} results, its body @{} takes {} and gives {}",
            op.operands.size(), op.results.size(), body.name, parts.operands(), parts.results());
    for (size_t i = 0; i < op.operands.size(); ++i) {
        const Type wanted = scan_operand_type(body, scan, i);
        Type all = wanted;
        if (scan.shards != 0 && body.inputs[i].source.kind == Kind::kElement)
            all.shape[0] = scan.shards;
        if (const Type& given = function.type(op.operands[i]); given != wanted && given != all)
            return fmt::format("operand {} is {}, the body @{} takes {}", i + 1,
                               to_string(function.type(op.operands[i])), body.name,
                               to_string(wanted));
    }
    for (size_t i = 0; i < op.results.size(); ++i) {
        const Type given = scan_result_type(body, scan, i);
        if (function.type(op.results[i]) != given)
            return fmt::format("result {} is {}, the body @{} gives {}", i + 1,
                               to_string(function.type(op.results[i])), body.name,
                               to_string(given));
    }
    return "";
}

std::string body_misfit(const Function& function) {
    const auto of_body = [](const Input& input) { return is_of_body(input.source); };
    if (!function.is_body)
        return std::any_of(function.inputs.begin(), function.inputs.end(), of_body)
                   ? "has an input of a body, but is none"
                   : "";
    if (!std::all_of(function.inputs.begin(), function.inputs.end(), of_body))
        return "is a body, whose inputs are carried, elements or captured";
    if (!std::is_sorted(
            function.inputs.begin(), function.inputs.end(),
            [](const Input& a, const Input& b) { return a.source.kind < b.source.kind; }))
        return "is a body, whose inputs are in the order carried, elements, captured";
    const ScanParts parts = scan_parts(function);
    if (function.results.size() < parts.carried)
        return fmt::format("carries {} values but has {} results", parts.carried,
                           function.results.size());
    for (size_t i = 0; i < parts.carried; ++i) {
        const Type& from = function.type(function.inputs[i].value);
        const Type& to = function.type(function.results[i].value);
        if (from != to)
            return fmt::format("carries `%{}`, {}, but gives the next pass {}",
                               function.values[function.inputs[i].value].name, to_string(from),
                               to_string(to));
    }
    if (!function.updates.empty() ||
        std::any_of(function.values.begin(), function.values.end(),
                    [](const Value& v) { return v.state != kNone || v.home != kNone; }))
        return "is a body: it gets states as captured values, and carries new ones";
    return "";
}

std::string free_function_name(const Module& module, const std::string& wish) {
    std::string name = wish;
    for (int i = 1; module.find_function(name) != nullptr; ++i)
        name = fmt::format("{}.{}", wish, i);
    return name;
}

bool remove_unused_bodies(Module& module) {
    std::set<std::string> used;
    const size_t before = module.functions.size();
    // From the last function: a body stands before the function with its scan.
    for (size_t i = before; i-- > 0;) {
        const Function& function = module.functions[i];
        if (function.is_body && used.count(function.name) == 0) {
            module.functions.erase(module.functions.begin() + static_cast<std::ptrdiff_t>(i));
            continue;
        }
        for (const Operation& op : function.operations)
            if (const Scan* scan = op.as<Scan>()) used.insert(scan->body);
    }
    return module.functions.size() != before;
}

std::string copy_body(Module& module, const std::string& body, const std::string& wish) {
    Function copy = *module.find_function(body);
    for (Operation& op : copy.operations)
        if (auto* scan = std::get_if<Scan>(&op.op))
            scan->body = copy_body(module, scan->body, scan->body);
    copy.name = free_function_name(module, wish);
    module.functions.push_back(std::move(copy));
    return module.functions.back().name;
}

}  // namespace gmc::ir
