// Errors of the verifier. A module in memory has no text to point into, so the report prints the
// module when the first error comes, and points into that text.
#pragma once

#include <optional>
#include <string>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"

namespace gmc::ir {

class VerifyReport {
  public:
    VerifyReport(const Module& module, Diagnostics& diagnostics)
        : module_(module), diagnostics_(diagnostics) {}

    /// An error about the line of `operation`. Needs a module that can be printed: all ids in
    /// range.
    void error(const Function& function, const Operation& operation, const std::string& text);
    /// An error about a function's head, its updates or its results.
    void error(const Function& function, const std::string& text);
    /// An error about the module's line that begins with `begin`, e.g. "data @image ".
    void error_in_line(const std::string& begin, const std::string& text);
    /// An error about a module that may not be printable.
    void error(const std::string& text);

    bool any() const { return any_; }

  private:
    void error_at(const Function& function, const std::string& line, const std::string& text);
    const SourceFile& printed();

    const Module& module_;
    Diagnostics& diagnostics_;
    std::optional<uint32_t> file_;  ///< the printed module among the diagnostics' sources
    bool any_ = false;
};

}  // namespace gmc::ir
