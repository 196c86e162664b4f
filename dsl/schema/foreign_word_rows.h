// The table behind `translate` (foreign_words.h): words of other frameworks and what they are
// called here.
#pragma once

#include <vector>

namespace gmc::dsl {

/// One row: words of others, and what they are called here.
struct ForeignWord {
    const char* theirs;       ///< "linear|fc": lower case, without `_` and `-`
    const char* ours;         ///< "dense|none": the first that may stand there is meant; or ""
    const char* remark = "";  ///< what else to say, or how the same is done
    /// "dense|conv2d": the remark is given only where one of these words is allowed. "":
    /// everywhere.
    const char* place = "";
};

const std::vector<ForeignWord>& foreign_words();
/// Those rows that are about functions of expressions.
std::vector<ForeignWord> foreign_functions();

}  // namespace gmc::dsl
