// The header of an idx file (the format of MNIST and its successors), for the shape of a field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gmc::dsl {

/// What the header says, or what is wrong with the file.
struct IdxHeader {
    int64_t count = 0;           ///< examples
    std::vector<int64_t> shape;  ///< of an example, channels last: grey images get a last 1
    std::string problem;  ///< "" when all is well; else what follows the file's name in an error
};

/// Reads the first bytes of `path`, .gz or not.
IdxHeader read_idx_header(const std::string& path);

}  // namespace gmc::dsl
