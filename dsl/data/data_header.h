// The headers of data files, for what a model has to know before training: shapes and classes. What
// follows the header is read by runtime/data, with errors that name the offset.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gmc::dsl {

/// What the header says, or what is wrong with the file.
struct DataHeader {
    int64_t count = 0;           ///< examples
    std::vector<int64_t> shape;  ///< of an example, channels last: grey images get a last 1
    int64_t classes = 0;         ///< of labels, largest + 1; 0: no labels
    std::string problem;  ///< "" when all is well; else what follows the file's name in an error
};

/// Reads the first bytes of `path`, .gz or not; all of it where examples are single integers, which
/// are taken for labels.
DataHeader read_idx_header(const std::string& path);
/// The same of a .npy file (data_header_npy.cpp).
DataHeader read_npy_header(const std::string& path);
/// The same of the array `key` of an .npz; of its only one when `key` is empty.
DataHeader read_npz_header(const std::string& path, const std::string& key);

/// The classes of a folder of pictures: its sub-folders by name, hidden ones left out.
struct FolderClasses {
    std::vector<std::string> names;
    std::string problem;  ///< as in DataHeader
};
FolderClasses read_folder_classes(const std::string& path);

/// What stands in the way of reading the file at all; "" for nothing.
std::string find_obstacle(const std::string& path);

}  // namespace gmc::dsl
