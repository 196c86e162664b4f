// Floats in, doubles through the interpreter, floats out.
#include "runtime/reference/reference_kernel.h"

#include "compiler/support/check.h"
#include "runtime/reference/reference.h"

namespace gmc::runtime {
namespace {

class ReferenceKernel final : public Kernel {
  public:
    ReferenceKernel(const ir::Function& function, const ir::Operation& operation,
                    const Buffers& buffers)
        : function_(function), operation_(operation) {
        for (ir::ValueId id : operation.operands) operands_.push_back(checked(id, buffers));
        for (ir::ValueId id : operation.results) results_.push_back(checked(id, buffers));
    }

    void run(const CallContext& context) override {
        ReferenceValues values;
        for (size_t i = 0; i < operands_.size(); ++i) {
            const ir::Type& type = function_.type(operation_.operands[i]);
            values[operation_.operands[i]] = {type, {operands_[i], operands_[i] + type.elements()}};
        }
        run_reference_operation(function_, operation_, values, context, {.round_to_float = true});
        for (size_t i = 0; i < results_.size(); ++i) {
            const ReferenceTensor& value = values.at(operation_.results[i]);
            for (size_t k = 0; k < value.data.size(); ++k)
                results_[i][k] = static_cast<float>(value.data[k]);
        }
    }

  private:
    float* checked(ir::ValueId id, const Buffers& buffers) const {
        float* data = buffers.data(id);
        GMC_CHECK(data != nullptr, "%{} of `{}` has no memory", function_.values[id].name,
                  operation_.info().name);
        return data;
    }

    const ir::Function& function_;
    const ir::Operation& operation_;
    std::vector<float*> operands_, results_;
};

}  // namespace

std::unique_ptr<Kernel> make_reference_kernel(const ir::Function& function,
                                              const ir::Operation& operation,
                                              const Buffers& buffers) {
    return std::make_unique<ReferenceKernel>(function, operation, buffers);
}

}  // namespace gmc::runtime
