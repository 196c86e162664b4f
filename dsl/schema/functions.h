// The functions built into expressions: one table for the checker, the builder and the reference.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gmc::dsl {

/// A built-in function.
struct FunctionRow {
    const char* name;
    int fewest;         ///< positional arguments
    int most;           ///< kAnyNumber: no limit
    const char* named;  ///< named arguments, "axis|keep"; "" for none
    const char* usage;  ///< "sum(x)"
    const char* doc;    ///< the rule, one line
};

constexpr int kAnyNumber = 1000;

/// All of them, in the order of the reference.
const std::vector<FunctionRow>& function_table();
/// The row of a name; null when there is none.
const FunctionRow* find_function(std::string_view name);

/// Names that stand for a value: `step`, `epoch`, `pi`.
bool is_constant(std::string_view name);
std::vector<std::string> constant_names();

}  // namespace gmc::dsl
