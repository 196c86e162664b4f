// Makes the files of fuzz targets: in memory (/dev/shm) where that exists, since writing to a disk
// would slow fuzzing down.
#include "tests/fuzz/targets/file_of_bytes.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gmc::fuzz {

namespace fs = std::filesystem;

FileOfBytes::FileOfBytes(std::string_view bytes, std::string_view ending) {
    std::error_code code;
    const fs::path memory = "/dev/shm";
    const fs::path folder = fs::is_directory(memory, code) ? memory : fs::temp_directory_path();
    path_ = folder / ("gmc-fuzz-" + std::to_string(::getpid()) + std::string(ending));
    std::ofstream(path_, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

FileOfBytes::~FileOfBytes() {
    std::error_code code;
    fs::remove(path_, code);
}

}  // namespace gmc::fuzz
