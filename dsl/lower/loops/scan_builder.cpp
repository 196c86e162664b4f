// Collects what the body of a scan carries, runs over and captures while the caller fills it, then
// writes the inputs and results of the body and the op around it. Inputs are put in order at the
// end, when it is known what the body has captured.
#include "dsl/lower/loops/scan_builder.h"

#include <algorithm>

#include "compiler/ir/scan.h"

namespace gmc::lower {

using ir::StateId;
using ir::ValueId;
using Source = ir::InputSource::Kind;

ValueId ScanBuilder::carry(const std::string& name, ValueId start) {
    carried_.push_back({body_.function.add_value(name, outer_.b.type(start)), start});
    return carried_.back().inside;
}

ValueId ScanBuilder::element(const std::string& name, ValueId all) {
    ir::Type type = outer_.b.type(all);
    type.shape.erase(type.shape.begin());
    elements_.push_back({body_.function.add_value(name, std::move(type)), all});
    return elements_.back().inside;
}

/// Carries the states that the body gave new values, behind the values of carry().
void ScanBuilder::carry_states(std::vector<StateId>& moved, std::vector<ValueId>& next) {
    for (const auto& [state, value] : body_.current_states()) {
        const ValueId outside = outer_.state(state);
        carried_.push_back({body_.capture(outside), outside});
        next.push_back(value);
        moved.push_back(state);
    }
}

/// Gives the body its inputs, and leaves out what it captured but does not read. Returns for each
/// input the value outside, an operand of the scan.
std::vector<ValueId> ScanBuilder::set_inputs() {
    ir::Function& function = body_.function;
    std::vector<bool> read(function.values.size(), false);
    for (const ir::Operation& op : function.operations)
        for (ValueId v : op.operands) read[v] = true;
    for (const ir::NamedValue& result : function.results) read[result.value] = true;
    std::vector<ValueId> outside;
    function.inputs.clear();
    const auto add = [&](Source source, const Port& port) {
        function.inputs.push_back({port.inside, {source, ""}});
        outside.push_back(port.outside);
    };
    for (const Port& port : carried_) add(Source::kCarried, port);
    for (const Port& port : elements_) add(Source::kElement, port);
    for (const auto& [from, inside] : body_.captures()) {
        const bool is_carried =
            std::any_of(carried_.begin(), carried_.end(),
                        [inside = inside](const Port& port) { return port.inside == inside; });
        if (read[inside] && !is_carried) add(Source::kCaptured, {inside, from});
    }
    return outside;
}

ScanBuilder::Results ScanBuilder::finish(int64_t count, const std::vector<ValueId>& next,
                                         const std::vector<ValueId>& stacked) {
    ir::Function& function = body_.function;
    std::vector<StateId> moved;
    std::vector<ValueId> all_next = next;
    carry_states(moved, all_next);
    for (size_t i = 0; i < all_next.size(); ++i)
        function.add_result(function.values[carried_[i].inside].name, all_next[i]);
    for (ValueId value : stacked) function.add_result("each." + function.values[value].name, value);
    ir::Operation op{ir::Scan{function.name, count}, set_inputs(), {}, outer_.b.location(), {}};
    for (size_t i = 0; i < function.results.size(); ++i)
        op.results.push_back(outer_.function.add_value(
            function.results[i].name, ir::scan_result_type(function, *op.as<ir::Scan>(), i)));
    const std::vector<ValueId> results = op.results;
    outer_.bodies().push_back(std::move(function));
    outer_.function.operations.push_back(std::move(op));
    for (size_t i = 0; i < moved.size(); ++i) outer_.set_state(moved[i], results[next.size() + i]);
    const auto last = results.begin() + static_cast<std::ptrdiff_t>(next.size());
    return {{results.begin(), last},
            {results.begin() + static_cast<std::ptrdiff_t>(all_next.size()), results.end()}};
}

}  // namespace gmc::lower
