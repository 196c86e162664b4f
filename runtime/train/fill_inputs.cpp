// Fills the inputs of a function: one loop over its inputs per kind of source.
#include "runtime/train/fill_inputs.h"

#include <algorithm>
#include <cstring>

#include "compiler/support/check.h"
#include "runtime/kernels/philox.h"

namespace gmc::runtime {

void deliver_inputs(const Executable& executable, Loader& loader) {
    for (size_t i = 0; i < executable.input_count(); ++i) {
        const ir::InputSource& source = executable.function().inputs[i].source;
        const int64_t field = source.is_data() ? loader.dataset().find(source.field) : -1;
        if (field >= 0) loader.deliver(static_cast<size_t>(field), executable.input(i));
    }
}

void set_inputs(const Executable& executable, const Loader& loader, const Batch& batch) {
    for (size_t i = 0; i < executable.input_count(); ++i) {
        const ir::InputSource& source = executable.function().inputs[i].source;
        const ir::Type& type = executable.input_type(i);
        float* to = executable.input(i);
        if (source.kind == ir::InputSource::Kind::kValid) {
            for (int64_t row = 0; row < type.elements(); ++row)
                to[row] = row < batch.valid_rows ? 1.0F : 0.0F;
        } else if (source.is_data()) {
            const int64_t field = loader.dataset().find(source.field);
            GMC_CHECK(field >= 0, "input `{}` has no data field", source.field);
            const float* from = batch.fields[static_cast<size_t>(field)];
            if (from != to) std::memcpy(to, from, static_cast<size_t>(type.bytes()));
        }
    }
}

void set_all_valid(const Executable& executable) {
    for (size_t i = 0; i < executable.input_count(); ++i)
        if (executable.function().inputs[i].source.kind == ir::InputSource::Kind::kValid)
            std::fill_n(executable.input(i), executable.input_type(i).elements(), 1.0F);
}

void noise_of_example(const ir::Input& source, size_t input, uint64_t seed, int64_t example,
                      int64_t width, float* to) {
    // Each example is a tensor of its own, so its number replaces the call in the random counter.
    for (int64_t k = 0; k < width; ++k) {
        const PhiloxPlace place = philox_place(static_cast<uint64_t>(k));
        const PhiloxCounter block =
            philox_block(place.block, static_cast<uint32_t>(example),
                         kPhiloxNoiseStream + static_cast<uint32_t>(input), seed);
        to[k] = source.source.kind == ir::InputSource::Kind::kNormal
                    ? static_cast<float>(philox_normal(block, place.word))
                    : philox_uniform(block[place.word]);
    }
}

void set_noise(const Executable& executable, uint64_t seed, int64_t first_example,
               const std::function<bool(size_t)>& wanted) {
    for (size_t i = 0; i < executable.input_count(); ++i) {
        const ir::Input& input = executable.function().inputs[i];
        if (!input.source.is_noise() || (wanted && !wanted(i))) continue;
        const ir::Type& type = executable.input_type(i);
        const int64_t rows = type.shape[0], width = type.elements() / rows;
        for (int64_t row = 0; row < rows; ++row)
            noise_of_example(input, i, seed, first_example + row, width,
                             executable.input(i) + row * width);
    }
}

void set_labels(const ir::Module& module, const Executable& executable, int64_t first_example,
                std::optional<int64_t> label) {
    for (size_t i = 0; i < executable.input_count(); ++i) {
        const ir::DataField* field =
            ir::find_field(module.data, executable.function().inputs[i].source.field);
        const int64_t classes = field == nullptr ? 0 : field->label_classes();
        for (int64_t row = 0; classes > 0 && row < executable.input_type(i).elements(); ++row)
            executable.input(i)[row] =
                static_cast<float>(label ? *label : (first_example + row) % classes);
    }
}

}  // namespace gmc::runtime
