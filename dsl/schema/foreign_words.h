// What people who come from Keras, PyTorch or JAX write, and what it is called here. Every message
// about an unknown word asks this table before it looks for words that are spelt alike.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gmc::dsl {

/// What to say about a word of another framework.
struct Translation {
    std::string word;    ///< the word of `known` that means the same, or ""
    std::string remark;  ///< how the same is done here, or ""
};

/// Looks `word` up: `known` are the words that may stand in its place, of which the first is taken
/// that means the same. Upper case, `_`, `-` and prefixes such as `nn.` make no difference. Nothing
/// when neither a word nor a remark is found.
std::optional<Translation> translate(std::string_view word, const std::vector<std::string>& known);

}  // namespace gmc::dsl
