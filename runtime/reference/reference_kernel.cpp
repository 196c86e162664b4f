// Runs one op of a function in the reference: converts the operands from f32 or bf16 to double,
// runs the interpreter on them, and converts the results back.
#include "runtime/reference/reference_kernel.h"

#include <cstring>

#include "compiler/support/check.h"
#include "runtime/kernels/bf16.h"
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
            values[operation_.operands[i]] = {type, read(operands_[i], type)};
        }
        // Only scans look at the module, and these have kernels of their own.
        static const ir::Module kNoModule;
        run_reference_operation(kNoModule, function_, operation_, values, context,
                                {.round_to_float = true});
        for (size_t i = 0; i < results_.size(); ++i) {
            const ReferenceTensor& value = values.at(operation_.results[i]);
            write(value, results_[i]);
        }
    }

  private:
    static std::vector<double> read(const float* data, const ir::Type& type) {
        if (type.dtype == ir::DType::kF32) return {data, data + type.elements()};
        std::vector<double> numbers(static_cast<size_t>(type.elements()));
        for (size_t k = 0; k < numbers.size(); ++k) {
            uint16_t number;
            std::memcpy(&number, reinterpret_cast<const std::byte*>(data) + 2 * k, sizeof number);
            numbers[k] = float_from_bf16(number);
        }
        return numbers;
    }
    static void write(const ReferenceTensor& value, float* data) {
        for (size_t k = 0; k < value.data.size(); ++k) {
            const auto number = static_cast<float>(value.data[k]);
            if (value.type.dtype == ir::DType::kF32) {
                data[k] = number;
                continue;
            }
            const uint16_t rounded = bf16_from_float(number);
            std::memcpy(reinterpret_cast<std::byte*>(data) + 2 * k, &rounded, sizeof rounded);
        }
    }

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
