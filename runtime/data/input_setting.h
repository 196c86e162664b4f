// Settings on the command line for conditions that are numbers (an angle, an age), when samples are
// asked for: `angle=0.3`, `angle=-1:1:8` for eight values from -1 to 1, `position=0.5,2` for fields
// of several numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

/// The values of a data field in samples: from `first` to `last` in `steps` steps.
struct InputSetting {
    std::string field;
    std::vector<float> first, last;  ///< a number per element of the field; the same length
    int64_t steps = 1;               ///< 1: always `first`

    /// Element `at` of step `step`, which is below `steps`.
    float value(int64_t step, size_t at) const;
};

/// Reads "NAME=VALUE", "NAME=LOW:HIGH:STEPS"; VALUE, LOW and HIGH are numbers with commas between
/// them. Errors: kBadValue with what was expected.
Result<InputSetting> parse_input_setting(const std::string& text, Diagnostics& diagnostics);

/// Which step of setting `number` sample `sample` is of. The steps of the first setting follow each
/// other, those of the next one change when it has gone through all of its own, and so on: a grid.
int64_t step_of(const std::vector<InputSetting>& settings, size_t number, int64_t sample);
/// Samples after which the grid repeats: the product of all steps.
int64_t grid_size(const std::vector<InputSetting>& settings);

}  // namespace gmc::runtime
