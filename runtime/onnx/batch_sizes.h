// Which axes of a function's values grow with the batch.
//
// A module is compiled for one batch size, so its types say 128, not `batch`. compiler/batch
// follows the batch from the inputs through the ops, and finds what depends on more than one
// example. Equal numbers do not make two axes the same: a table of 128 rows stays one when the
// batch is 128, too.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::onnx {

/// A size of an axis: fixed + per_batch * (examples in the batch).
struct Size {
    int64_t fixed = 0, per_batch = 0;
    bool grows() const { return per_batch != 0; }
    int64_t at(int64_t batch) const { return fixed + per_batch * batch; }
    friend bool operator==(const Size&, const Size&) = default;
};
using Sizes = std::vector<Size>;

/// "28", "batch", "2*batch" or "batch+1".
std::string to_string(const Size& size);

/// The sizes of a compiled function, which has plain numbers there, as an ONNX model has them, that
/// should take any number of examples.
class BatchSizes {
  public:
    /// Finds the sizes of a function of `module` that was compiled for `batch` examples, and those
    /// of the bodies of its scans.
    BatchSizes(const ir::Module& module, const ir::Function& function, int64_t batch);

    /// Of a value of the function, or of one of the bodies.
    const Sizes& of(const ir::Function& function, ir::ValueId value) const {
        return sizes_.at(&function)[static_cast<size_t>(value)];
    }
    /// The batch that the function was compiled for.
    int64_t batch() const { return batch_; }
    /// Why no axis grows, so that the function is good for the compiled batch only; "" when axes
    /// do. The function is then one that sums over its batch without an input `valid` (its means
    /// hold 1 / batch as a plain number), or of which examples depend on each other (gmc fills up a
    /// batch that is not full, and leaves the filling out of its sums).
    const std::string& why_fixed() const { return why_fixed_; }

  private:
    std::map<const ir::Function*, std::vector<Sizes>> sizes_;
    int64_t batch_;
    std::string why_fixed_;
};

}  // namespace gmc::onnx
