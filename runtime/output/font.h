// A font of 5 x 7 pixels for labels in pictures, so that drawing them needs no font file.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/files/image.h"

namespace gmc::runtime {

constexpr int64_t kGlyphHeight = 7;
constexpr int64_t kGlyphWidth = 5;

/// The width of `text` in pixels at `scale`.
int64_t text_width(std::string_view text, int64_t scale);

/// Draws one line of text in black, with its top left corner at (top, left); what lies outside of
/// the image is cut off. Characters without a glyph are a filled block.
void draw_text(std::string_view text, int64_t top, int64_t left, int64_t scale, Image& image);

}  // namespace gmc::runtime
