// Bytes as a file, for readers that take a path.
#pragma once

#include <string>
#include <string_view>

namespace gmc::fuzz {

/// A file in memory, where there is such a place, that goes when the object does.
class FileOfBytes {
  public:
    FileOfBytes(std::string_view bytes, std::string_view ending);
    ~FileOfBytes();
    FileOfBytes(const FileOfBytes&) = delete;
    FileOfBytes& operator=(const FileOfBytes&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace gmc::fuzz
