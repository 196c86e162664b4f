// Fuzz targets for files of numbers: idx, npy and npz.
#include "runtime/data/files/array_data.h"
#include "tests/fuzz/targets/file_of_bytes.h"
#include "tests/fuzz/targets/targets.h"

namespace gmc::fuzz {
namespace {

/// Opens the file and reads its last example: with a wrong count, that one would lie beyond the end
/// of the file.
void read(const char* format, std::string_view bytes) {
    using namespace runtime;  // NOLINT
    const FileOfBytes file(bytes, std::string(".") + format);
    Diagnostics diagnostics;
    const Result<FieldPtr> field =
        read_array({format, file.path(), "x"}, {"image", {}}, diagnostics);
    if (field.ok() && (*field)->count() > 0) {
        std::vector<float> example(static_cast<size_t>((*field)->elements()));
        (*field)->read((*field)->count() - 1, example.data());
    }
    (void)diagnostics.render();
}

}  // namespace

void read_idx(std::string_view bytes) { read("idx", bytes); }
void read_npy(std::string_view bytes) { read("npy", bytes); }
void read_npz(std::string_view bytes) { read("npz", bytes); }

}  // namespace gmc::fuzz
