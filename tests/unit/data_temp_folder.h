// Helpers of the tests of data and output: a temporary folder, gzip files, and the text of an
// error.
#pragma once

#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "runtime/data/dataset.h"
#include "tests/catch.h"

namespace gmc::runtime {

/// A new folder that is removed with the object.
class TempFolder {
  public:
    TempFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "gmc-test-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~TempFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    std::string path(const std::string& name = "") const { return (path_ / name).string(); }
    /// Writes a file and returns its path.
    std::string write(const std::string& name, std::string_view bytes) const {
        std::ofstream(path(name), std::ios::binary) << bytes;
        return path(name);
    }
    size_t file_count() const {
        return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
    }

  private:
    std::filesystem::path path_;
};

inline std::string read_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The numbers of an example.
inline std::vector<float> example(const Field& field, int64_t index) {
    std::vector<float> out(static_cast<size_t>(field.elements()));
    field.read(index, out.data());
    return out;
}

inline std::string gzip(std::string_view bytes) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

/// "[kind] text" of the error when there is exactly one; "" when there is none, "n errors" when
/// there are more.
inline std::string only_error(const Diagnostics& diagnostics) {
    if (diagnostics.count() == 0) return "";
    if (diagnostics.count() > 1) return fmt::format("{} errors", diagnostics.count());
    const Diagnostic& d = diagnostics.list().front();
    return fmt::format("[{}] {}", diagnostic_kind_name(d.kind), d.text);
}

}  // namespace gmc::runtime
