// Fuzz targets for checkpoints and weights. The checksum of a checkpoint is corrected after the
// fuzzer has made the rest; otherwise no code after the check would ever be reached.
#include "runtime/train/checkpoint.h"
#include "runtime/train/take_weights.h"

#include <fmt/format.h>
#include <zlib.h>

#include "compiler/ir/text/parser.h"
#include "compiler/support/check.h"
#include "runtime/files/tensors/safetensors.h"
#include "tests/fuzz/targets/file_of_bytes.h"
#include "tests/fuzz/targets/targets.h"

namespace gmc::fuzz {

void read_checkpoint(std::string_view bytes) {
    Diagnostics diagnostics;
    const auto module = ir::parse_module("module",
                                         "gmc 2\nmodel \"m\"\nstate @w : f32[2] parameter = ones\n"
                                         "state @v : f32[1] slot = zeros\n",
                                         diagnostics);
    GMC_CHECK(module.ok(), "{}", diagnostics.render());
    std::string fixed(bytes);
    constexpr std::string_view kMark = "{\"__metadata__\":{\"checksum\":\"crc32 ";
    const size_t digits = 8 + kMark.size();
    if (bytes.size() >= digits + 8 && bytes.substr(8).starts_with(kMark)) {
        fixed.replace(digits, 8, "00000000");
        const uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(fixed.data()), fixed.size());
        fixed.replace(digits, 8, fmt::format("{:08x}", crc));
    }
    const FileOfBytes file(fixed, ".safetensors");
    runtime::StateStore states(*module);
    runtime::TrainingState training;
    (void)runtime::read_checkpoint(file.path(), states, training, diagnostics);
    (void)runtime::take_weights(file.path(), "keras", states, diagnostics);
    (void)diagnostics.render();
}

void read_safetensors(std::string_view bytes) {
    Diagnostics diagnostics;
    const auto module =
        ir::parse_module("module",
                         "gmc 2\nmodel \"m\"\nstate @n.dense.weight : f32[2,3] parameter = ones\n"
                         "state @n.dense.bias : f32[3] parameter = zeros\n"
                         "state @n.dense.slope : f32[3] parameter = zeros\n"
                         "state @n.shift.value : f32[3] parameter = zeros\n"
                         "state @n.up.weight : f32[2,2,3,1] parameter = ones\n"
                         "state @n.up.u : f32[1] statistic = ones\n"
                         "state @n.up.v : f32[12] statistic = ones\n"
                         "state @n.odd.weight : f32[2] parameter = ones\n"
                         "state @n.odd.v : f32[1] statistic = ones\n",
                         diagnostics);
    GMC_CHECK(module.ok(), "{}", diagnostics.render());
    const FileOfBytes file(bytes, ".safetensors");
    runtime::StateStore states(*module);
    for (const char* layout : {"keras", "pytorch"})
        (void)runtime::take_weights(file.path(), layout, states, diagnostics);
    const auto opened = runtime::SafetensorsFile::open(file.path(), diagnostics);
    if (opened.ok())
        for (const runtime::StoredTensor& tensor : opened->tensors()) {
            std::vector<float> numbers(static_cast<size_t>(tensor.elements()));
            (void)opened->read(tensor, numbers.data(), diagnostics);
        }
    (void)diagnostics.render();
}

}  // namespace gmc::fuzz
