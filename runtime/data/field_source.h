// Fields by what a model says of them: which reader, which options, what the examples must look
// like.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"

namespace gmc::runtime {

/// A field as the model was compiled for it.
struct FieldSource {
    std::string name;
    std::string format;  ///< "idx", "npy", "npz", "folder", "synthetic", "labels"
    std::string source;  ///< path, name of the synthetic set, or the field whose labels these are
    std::string key;     ///< npz: the array
    std::vector<int64_t> shape;  ///< of one example; {} for labels
    ValueRange range;            ///< what bytes are scaled into; others must lie in it
    /// False: the range is a guess, by which bytes and pictures are measured but nothing else.
    bool range_given = false;
    int64_t count = 0;    ///< use the first so many examples; 0 = all
    int64_t first = 0;    ///< synthetic: number of the first example
    int64_t classes = 0;  ///< labels are 0 .. classes - 1; of `shapes`, the kinds; 0 = unknown
    /// Of labels from a folder: its sub-folders when the model was compiled; {} = not known.
    std::vector<std::string> class_names;
    bool crop = true;   ///< folder, as in PictureFit
    bool flip = false;  ///< folder, as the next two in FolderOptions
    bool skip_bad = false;
    std::optional<uint8_t> ground;  ///< folder: the grey that transparent pictures are laid over
};

/// Opens the fields of one data set in the order given. Labels come from the field that they
/// belong to, so that it is read once. Errors: those of the readers; kShapeMismatch when examples
/// have another shape than the model was compiled for; kBadValue when there are fewer than `count`.
Result<std::vector<FieldPtr>> open_fields(const std::vector<FieldSource>& sources,
                                          Diagnostics& diagnostics);

}  // namespace gmc::runtime
