// Pictures out of files, told apart by their first bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/image.h"

namespace gmc::runtime {

/// The picture in the bytes of a file called `name`: grey or RGB, with or without alpha, 8 bits per
/// channel, or 16, as they are stored, upright; of an animation the first picture. Errors: kBadFile
/// with what is wrong (no picture, corrupt, cut short, of a format that this build does not read),
/// kTooLarge (over 2^28 pixels).
Result<Image> decode_picture(std::string_view bytes, const std::string& name,
                             Diagnostics& diagnostics);
/// The same for the file at `path`. `checksum`: becomes that of its bytes (checksum_of_file), where
/// it can be read.
Result<Image> read_picture(const std::string& path, Diagnostics& diagnostics,
                           std::optional<uint32_t>* checksum = nullptr);

enum class PictureName {
    kOther,
    kPicture,   ///< ends as pictures do that decode_picture knows, in capitals or not
    kNotBuilt,  ///< ends as pictures of a format whose library was missing when gmc was built
};

/// What a file is by its name.
PictureName judge_picture_name(std::string_view path);

}  // namespace gmc::runtime
