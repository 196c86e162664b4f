// A 5 x 7 pixel font for labels in pictures, so that no picture needs a font file.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/files/image.h"

namespace gmc::runtime {

constexpr int64_t kGlyphHeight = 7;
constexpr int64_t kGlyphWidth = 5;

/// Pixels that `text` is wide at `scale`.
int64_t text_width(std::string_view text, int64_t scale);

/// Draws one line of text in black with its top left corner there; what does not fit is cut off.
/// Letters are drawn as capitals; characters without a glyph as a filled block.
void draw_text(std::string_view text, int64_t top, int64_t left, int64_t scale, Image& image);

}  // namespace gmc::runtime
