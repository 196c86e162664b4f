// Translates words of Keras, PyTorch and JAX into ours. Every message about an unknown word asks
// this table before it searches for similar spellings.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gmc::dsl {

/// What a message says about a word of another framework.
struct Translation {
    std::string word;    ///< the word of `known` that means the same, or ""
    std::string remark;  ///< how the same is done here, or ""
};

/// Looks `word` up. `known` are the words that are allowed in its place; the first of them with the
/// same meaning is the translation. Upper case, `_`, `-` and prefixes such as `nn.` are ignored.
/// Nothing when there is neither a word nor a remark.
std::optional<Translation> translate(std::string_view word, const std::vector<std::string>& known);

}  // namespace gmc::dsl
