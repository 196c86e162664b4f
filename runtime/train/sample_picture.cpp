// Which functions can be drawn, and how many of their samples.
#include "runtime/train/sample_picture.h"

#include "runtime/output/png.h"
#include "runtime/train/generate.h"
#include "runtime/train/picture.h"
#include "runtime/train/sampler.h"

namespace gmc::runtime {

bool draw_samples(LoadedModel& model, uint64_t seed, std::optional<int64_t> count,
                  const std::string& path, Diagnostics& diagnostics) {
    const ir::Function* sample = model.module().find_function("sample");
    if (sample == nullptr || sample->results.empty()) return true;
    const ir::Shape& shape = sample->type(sample->results[0].value).shape;
    if (!is_drawable(shape) || !Sampler::can_sample(model, *sample)) return true;
    const auto samples =
        generate(model, "sample", count.value_or(usual_count(shape)), seed, diagnostics);
    if (!samples.ok()) return false;
    const auto picture = draw(model, *samples, 0, diagnostics);
    return picture.ok() && write_png(path, *picture, diagnostics);
}

}  // namespace gmc::runtime
