// Small pictures, made by Pillow, in formats that we do not write.
#pragma once

#include <string>
#include <string_view>

namespace gmc::runtime {

/// Bytes from a text of two hexadecimal digits each.
inline std::string bytes_of(std::string_view digits) {
    std::string out;
    for (size_t i = 0; i < digits.size(); i += 2)
        out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
    return out;
}

// Each is 2 x 2: red, green; blue, white.
inline const std::string kWebp = bytes_of(
    "524946462c000000574542505650384c1f0000002f014000001f201048de1f3a8df9171014fc1fddfc47"
    "640fe0060c11fd0f0100");
inline const std::string kGif = bytes_of(
    "47494638376102000200810000ffffff00ff00ff00000000ff2c00000000020002000008070005041800"
    "2020003b");
inline const std::string kTiff = bytes_of(
    "49492a00080000000a000001040001000000020000000101040001000000020000000201030003000000"
    "8600000003010300010000000100000006010300010000000200000011010400010000008c0000001501"
    "0300010000000300000016010400010000000200000017010400010000000c0000001c01030001000000"
    "0100000000000000080008000800ff000000ff000000ffffffff");
inline const std::string kBmp = bytes_of(
    "424d460000000000000036000000280000000200000002000000010018000000000010000000c40e0000"
    "c40e00000000000000000000ff0000ffffff00000000ff00ff000000");

}  // namespace gmc::runtime
