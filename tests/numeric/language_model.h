// Expressions of the language as functions that a test can call: a small model, which dsl/lower
// builds and the reference runs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "runtime/reference/reference.h"

namespace gmc::tests {

using Numbers = std::vector<double>;

/// A model of 4 x 4 pictures and their labels, with a network `flat`: [4, 4, 1] -> [16]. `metrics`
/// and `functions` are what stands inside the braces; `more` are further lines of the model.
ir::Module language_model(int batch, const std::string& metrics, const std::string& functions,
                          const std::string& more = "");

/// Count numbers from -1 to 1, the same in each call.
Numbers random_numbers(size_t count);

/// The value of an expression of `image`, a batch of pictures; `more` as above.
Numbers call(const std::string& expression, const Numbers& image, const std::string& more = "");

/// The results of a function; parameters of networks are 0.5, and all examples are valid where
/// `inputs` does not say which.
std::map<std::string, runtime::ReferenceTensor> run(const ir::Module& module,
                                                    const std::string& function,
                                                    const runtime::ReferenceInputs& inputs);

}  // namespace gmc::tests
