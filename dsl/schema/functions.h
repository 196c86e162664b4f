// The functions that expressions may call, in one table. The checker of names, dsl/lower and the
// reference page all read it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gmc::dsl {

/// A built-in function.
struct FunctionRow {
    const char* name;
    /// The fewest positional arguments.
    int fewest;
    /// The most positional arguments; kAnyCount: no limit.
    int most;
    /// Names of further arguments, as in "axis|keep"; "" for none.
    const char* named;
    /// As in "sum(x)".
    const char* usage;
    /// What it computes, on one line.
    const char* doc;
    /// It also takes the weights of a network: each of them by itself, or all for a reduction.
    bool takes_weights = false;
};

/// More than an expression can hold, so that one comparison serves for both kinds of functions.
constexpr int kAnyCount = 1000;

/// All functions, in the order of the reference page.
const std::vector<FunctionRow>& function_table();
/// The row of a function; null when there is none.
const FunctionRow* find_function(std::string_view name);

/// Names that stand for a number in every expression: `step`, `epoch`, `pi`.
bool is_constant(std::string_view name);
std::vector<std::string> constant_names();

}  // namespace gmc::dsl
