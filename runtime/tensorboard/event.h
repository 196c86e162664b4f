// Events of TensorBoard as bytes: protocol buffers in records of the format TFRecord. Field numbers
// are those of tensorboard/compat/proto (event.proto, summary.proto, tensor.proto) and
// tensorboard/plugins/hparams/plugin_data.proto.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gmc::tensorboard {

/// When something happened: seconds since 1970, and the training step.
struct Moment {
    double seconds = 0;
    int64_t step = 0;
};

/// The bytes as one record:
///   u64 length | u32 masked CRC of the length | bytes | u32 masked CRC of the bytes
/// little-endian. A CRC is CRC-32C (Castagnoli), masked as ((crc >> 15) | (crc << 17)) + 0xa282ead8.
std::string record(std::string_view bytes);

// Each of these is one record, ready to be appended to a file.

/// What a file begins with.
std::string version_event(Moment at);
/// Training begins or goes on at this step: TensorBoard forgets later steps of earlier files.
std::string start_event(Moment at);
std::string scalars_event(Moment at, const std::vector<std::pair<std::string, double>>& values);
/// `png` is a whole PNG file; "" when it is none.
std::string picture_event(Moment at, std::string_view tag, std::string_view png);
/// Text in Markdown.
/// Whether one of these records, the last of which may be cut off, has a picture of this step.
bool has_picture(std::string_view records, int64_t step);
std::string text_event(Moment at, std::string_view tag, std::string_view text);
/// Settings of the run, for the page HPARAMS: numbers where the text is one.
std::string settings_event(Moment at,
                           const std::vector<std::pair<std::string, std::string>>& settings);

}  // namespace gmc::tensorboard
