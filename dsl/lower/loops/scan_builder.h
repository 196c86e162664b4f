// Builds a scan: its body, and the op in the function around it. For loops of expressions and the
// layer `repeat`.
#pragma once

#include <string>
#include <vector>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// Usage: carry() and element(), then operations in body(), then finish().
class ScanBuilder {
  public:
    ScanBuilder(FunctionScope& outer, const std::string& name)
        : outer_(outer), body_(outer, outer.body_name(name)) {}

    FunctionScope& body() { return body_; }
    /// A value that goes from pass to pass and starts as `start`; gives what it is in the body.
    ir::ValueId carry(const std::string& name, ir::ValueId start);
    /// In the body: the element of this pass of `all`, [count, ...].
    ir::ValueId element(const std::string& name, ir::ValueId all);

    /// Values outside: the carried ones after the last pass, and those of `stacked` from all
    /// passes, [count, ...].
    struct Results {
        std::vector<ir::ValueId> last, stacks;
    };
    /// Appends the scan. `next` and `stacked` are values of the body; `next` has one for each
    /// carry(). States that the body moved, such as statistics of batch norm, are carried as well.
    Results finish(int64_t count, const std::vector<ir::ValueId>& next,
                   const std::vector<ir::ValueId>& stacked);

  private:
    /// An input of the body, and what it is outside.
    struct Port {
        ir::ValueId inside, outside;
    };
    void carry_states(std::vector<ir::StateId>& moved, std::vector<ir::ValueId>& next);
    std::vector<ir::ValueId> set_inputs();

    FunctionScope& outer_;
    FunctionScope body_;
    std::vector<Port> carried_, elements_;
};

}  // namespace gmc::lower
