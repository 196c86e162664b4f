// Which bytes are UTF-8 (RFC 3629).
#pragma once

#include <cstddef>
#include <string_view>

namespace gmc {

/// The number of bytes of the UTF-8 sequence at `at`; 0 when it is malformed. Overlong forms,
/// surrogates and anything above U+10FFFF count as malformed, since yaml-cpp would silently replace
/// them.
size_t utf8_length(std::string_view text, size_t at);

/// Whether every byte of `text` belongs to a well-formed sequence.
bool is_utf8(std::string_view text);

}  // namespace gmc
