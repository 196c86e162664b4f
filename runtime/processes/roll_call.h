// Whether the processes of a group can train together.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "runtime/processes/process_group.h"

namespace gmc::runtime {

/// What has to be the same in all processes: a name such as "version", and what it is here.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// What differs between the values of a fact, in words: "64 examples here, 63 there". "": the
/// values say it themselves.
using Difference = std::function<std::string(const std::string& here, const std::string& there)>;

/// Every process calls it, with what it has. True in all of them when the facts of all are equal
/// and none has errors. Otherwise process 0 reports (kBadValue) which process differs in what, or
/// what the first error of others was, once where it is the same of several; its own errors it has
/// reported already. The others say nothing.
[[nodiscard]] bool roll_call(ProcessGroup& group, const Facts& facts, Diagnostics& diagnostics,
                             const Difference& difference = nullptr);

/// The name of this machine; "" where it has none.
std::string host_name();

}  // namespace gmc::runtime
