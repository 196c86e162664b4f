// What all decoders of pictures take, and the errors that all of them can find.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/image.h"

namespace gmc::runtime {

/// The whole contents of a file.
struct PictureBytes {
    std::string_view bytes;
    std::string name;    ///< for errors
    std::string format;  ///< "PNG"
};

/// kBadFile: the file is not a good picture of its format, because of `reason`.
Failure report_bad_picture(const PictureBytes& file, const std::string& reason,
                           Diagnostics& diagnostics);

/// A header is a claim. kTooLarge: more than 2^28 pixels; kBadFile: no pixel, or more than
/// `pixels_per_byte_most` for each byte of the file, which its compression cannot reach.
[[nodiscard]] bool check_picture_size(const PictureBytes& file, int64_t height, int64_t width,
                                      uint64_t pixels_per_byte_most, Diagnostics& diagnostics);

/// `pixels` of a picture that has `deep`: the upper 8 of 16 bits.
void take_upper_bits(Image& image);

}  // namespace gmc::runtime
