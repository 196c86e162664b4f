// Copies the operations of a body once per pass; elements become slices, stacks concats.
#include "tests/numeric/scan/unroll.h"

#include "compiler/ir/builder.h"
#include "compiler/ir/scan.h"

namespace gmc::tests {
namespace {

using namespace ir;  // NOLINT

class Unroller {
  public:
    Unroller(Module& module, Function& function) : module_(module), f_(function), b_(module, f_) {}

    void run() {
        std::vector<Operation> before = std::move(f_.operations);
        f_.operations.clear();
        std::map<ValueId, ValueId> names;
        for (const Operation& op : before) add(op, names, 0, f_);
        for (Update& update : f_.updates) update.value = renamed(names, update.value);
        for (NamedValue& result : f_.results) result.value = renamed(names, result.value);
    }

  private:
    static ValueId renamed(const std::map<ValueId, ValueId>& names, ValueId value) {
        const auto found = names.find(value);
        return found == names.end() ? value : found->second;
    }

    /// Adds `op` of `from`, of which `names` says what its values are here.
    void add(const Operation& op, std::map<ValueId, ValueId>& names, int64_t pass,
             const Function& from) {
        std::vector<ValueId> operands;
        for (ValueId v : op.operands) operands.push_back(renamed(names, v));
        if (op.as<Iteration>() != nullptr) {
            names[op.result()] = b_.constant(static_cast<double>(pass));
        } else if (op.as<Scan>() != nullptr) {
            const std::vector<ValueId> results = scan(op, operands);
            for (size_t i = 0; i < results.size(); ++i) names[op.results[i]] = results[i];
        } else {
            Operation copy = op;
            copy.operands = operands;
            for (ValueId& v : copy.results) {
                const Type type = from.type(v);
                names[v] = f_.add_value("", type);
                v = names[v];
            }
            f_.operations.push_back(std::move(copy));
        }
    }

    std::vector<ValueId> scan(const Operation& op, const std::vector<ValueId>& operands) {
        const Scan attributes = *op.as<Scan>();
        const Function body = *module_.find_function(attributes.body);
        const ScanParts parts = scan_parts(body);
        std::vector<ValueId> carried(operands.begin(),
                                     operands.begin() + static_cast<std::ptrdiff_t>(parts.carried));
        std::vector<std::vector<ValueId>> stacks(
            parts.stacked, std::vector<ValueId>(static_cast<size_t>(attributes.count)));
        for (int64_t k = 0; k < attributes.count; ++k) {
            const int64_t pass = attributes.reverse ? attributes.count - 1 - k : k;
            std::map<ValueId, ValueId> names;
            for (size_t i = 0; i < parts.operands(); ++i) {
                ValueId value = i < parts.carried ? carried[i] : operands[i];
                if (i >= parts.carried && i < parts.first_captured())
                    value = b_.reshape(row(value, pass), body.type(body.inputs[i].value).shape);
                names[body.inputs[i].value] = value;
            }
            for (const Operation& inner : body.operations) add(inner, names, pass, body);
            for (size_t i = 0; i < body.results.size(); ++i) {
                const ValueId value = renamed(names, body.results[i].value);
                if (i < parts.carried)
                    carried[i] = value;
                else
                    stacks[i - parts.carried][static_cast<size_t>(pass)] =
                        b_.reshape(value, stacked_type(b_.type(value), 1).shape);
            }
        }
        for (const std::vector<ValueId>& stack : stacks)
            carried.push_back(b_.emit(Concat{0}, stack));
        return carried;
    }

    ValueId row(ValueId all, int64_t pass) {
        Slice slice{Shape(b_.shape(all).size(), 0), b_.shape(all)};
        slice.starts[0] = pass;
        slice.limits[0] = pass + 1;
        return b_.emit(slice, {all});
    }

    Module& module_;
    Function& f_;
    Builder b_;
};

}  // namespace

Module unrolled(const Module& module) {
    Module out = module;
    for (Function& function : out.functions)
        if (!function.is_body) {
            Function copy = function;
            Unroller(out, copy).run();
            function = std::move(copy);
        }
    remove_unused_bodies(out);
    return out;
}

}  // namespace gmc::tests
