// Writes NumPy's .npy files; runtime/files/npy_header reads them back.
#include "runtime/output/npy.h"

#include <fmt/ranges.h>

#include <bit>

#include "compiler/support/check.h"
#include "runtime/files/atomic_file.h"

namespace gmc::runtime {
namespace {

static_assert(std::endian::native == std::endian::little,
              "values are written as they lie in memory");

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kHeaderAlignment = 64;

}  // namespace

std::string npy_header(std::span<const int64_t> shape, std::string_view type) {
    std::string dict = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}",
                                   type, fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
    // Padded with spaces and a line break, so that the values are aligned for whoever maps the
    // file.
    const size_t before = kMagic.size() + 4;
    const size_t padded =
        (before + dict.size() + kHeaderAlignment) / kHeaderAlignment * kHeaderAlignment;
    dict.resize(padded - before, ' ');
    dict.back() = '\n';
    std::string header(kMagic);
    header += {'\x01', '\x00', static_cast<char>(dict.size() & 0xff),
               static_cast<char>(dict.size() >> 8)};
    return header + dict;
}

bool write_npy(const std::string& path, std::span<const int64_t> shape,
               std::span<const float> values, Diagnostics& diagnostics) {
    size_t count = 1;
    for (const int64_t size : shape) count *= static_cast<size_t>(size);
    GMC_CHECK(count == values.size(), "`{}` has {} values for shape ({})", path, values.size(),
              fmt::join(shape, ", "));
    Result<AtomicFile> file = AtomicFile::create(path, diagnostics);
    return file && file->write(npy_header(shape), diagnostics) &&
           file->write(values.data(), values.size_bytes(), diagnostics) &&
           file->commit(diagnostics);
}

}  // namespace gmc::runtime
