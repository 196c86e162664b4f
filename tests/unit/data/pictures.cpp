// Reads pictures of every kind from files. Values have to be as they are stored, as Pillow gives
// them.
#include "runtime/data/pictures/picture_file.h"

#include <fmt/format.h>

#include "runtime/data/files/byte_values.h"
#include "runtime/data/pictures/alpha.h"
#include "runtime/data/pictures/orientation.h"
#include "runtime/data/pictures/resize.h"
#include "tests/unit/data_jpeg.h"
#include "tests/unit/data_png.h"
#include "tests/unit/data_small_pictures.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

using Bytes = std::vector<uint8_t>;

Image decoded(const std::string& bytes) {
    Diagnostics diagnostics;
    Result<Image> image = decode_picture(bytes, "f", diagnostics);
    INFO(diagnostics.render());
    REQUIRE(image.ok());
    return image.take();
}

/// Chunks about the meaning of colours, which must not change the stored values.
const std::string kGamma = png_chunk("gAMA", big_endian(45455, 4)),
                  kLinear = png_chunk("gAMA", big_endian(100000, 4)),
                  kSrgb = png_chunk("sRGB", std::string(1, '\0'));

TEST_CASE("a PNG gives its stored values, of every type and depth, interlaced or not") {
    for (const auto& [colour, channels] : {std::pair{0, 1}, {2, 3}, {4, 2}, {6, 4}})
        for (const int depth : {1, 2, 4, 8, 16})
            for (const bool interlaced : {false, true})
                for (const std::string& meaning : {std::string(), kGamma, kLinear, kSrgb}) {
                    if (depth < 8 && colour != 0) continue;
                    RawPng png{13, 9, colour, depth, interlaced, {}, meaning, ""};
                    const uint32_t most = (1U << depth) - 1;
                    Bytes wanted;
                    for (uint32_t i = 0; i < 13 * 9 * static_cast<uint32_t>(channels); ++i) {
                        const uint32_t sample = i * 40503U & most;
                        png.samples.push_back(sample);
                        wanted.push_back(
                            static_cast<uint8_t>(depth == 16 ? sample >> 8 : sample * 255 / most));
                    }
                    INFO(colour << " " << depth << " " << interlaced << " " << meaning.size());
                    const Image image = decoded(write_raw_png(png));
                    CHECK(image.height == 13);
                    CHECK(image.width == 9);
                    CHECK(image.channels == channels);
                    CHECK(image.pixels == wanted);
                    CHECK(image.was_deep == (depth == 16));
                    const bool stays = depth == 16 && channels % 2 == 1;
                    CHECK(image.deep.size() == (stays ? image.pixels.size() : 0));
                    for (size_t i = 0; i < image.deep.size(); ++i)
                        CHECK(image.deep[i] == png.samples[i]);
                }
}

TEST_CASE("pictures of 16 bits keep them when they are resized, turned, made colour or grey") {
    const auto deep = [](std::vector<uint32_t> samples, uint32_t height, uint32_t width,
                         int colour = 0) {
        return decoded(
            write_raw_png({height, width, colour, 16, false, std::move(samples), "", ""}));
    };
    using Words = std::vector<uint16_t>;
    const Image two = deep({1000, 3001}, 1, 2);
    CHECK(fit_image(two, {1, 1, 1, false, 0}).deep == Words{2001});
    CHECK(fit_image(two, {1, 2, 3, false, 0}).deep == Words{1000, 1000, 1000, 3001, 3001, 3001});
    CHECK(fit_image(two, {1, 1, 4, false, 0}).deep == Words{2001, 2001, 2001, 65535});
    CHECK(turn_upright(two, 6).deep == Words{1000, 3001});
    CHECK(turn_upright(two, 2).deep == Words{3001, 1000});
    const Image colours = deep({1000, 2000, 60000, 3001, 4000, 60002}, 1, 2, 2);
    CHECK(fit_image(colours, {1, 1, 3, false, 0}).deep == Words{2001, 3000, 60001});
    CHECK(fit_image(colours, {1, 2, 1, false, 0}).deep == Words{8313, 10085});  // Rec. 601
    CHECK(fit_image(colours, {1, 1, 4, false, 0}).deep == Words{2001, 3000, 60001, 65535});
    CHECK(turn_upright(colours, 2).deep == Words{3001, 4000, 60002, 1000, 2000, 60000});
    CHECK(turn_upright(colours, 6).deep == colours.deep);
    std::vector<float> values(3);
    WordValues({-1, 1}).convert(Words{0, 32768, 65535}.data(), 3, values.data());
    CHECK(values == std::vector<float>{-1, static_cast<float>(1.0 / 65535), 1});
}

TEST_CASE("a PNG's palette and its transparent colours are resolved") {
    RawPng png{1, 3, 3, 2, false, {2, 0, 1}, "", ""};
    png.chunks_before = png_chunk("PLTE", "\x01\x02\x03\x0b\x0c\x0d\x15\x16\x17");
    CHECK(decoded(write_raw_png(png)).pixels == Bytes{21, 22, 23, 1, 2, 3, 11, 12, 13});
    png.chunks_before += png_chunk("tRNS", std::string("\x00\x80", 2));
    CHECK(decoded(write_raw_png(png)).pixels ==
          Bytes{21, 22, 23, 255, 1, 2, 3, 0, 11, 12, 13, 128});
    RawPng grey{1, 2, 0, 16, true, {0x1234, 0x1235}, "", ""};
    grey.chunks_before = png_chunk("tRNS", "\x12\x34");
    CHECK(decoded(write_raw_png(grey)).pixels == Bytes{0x12, 0, 0x12, 255});
    CHECK(decoded(write_raw_png(grey)).was_deep);
    RawPng small{1, 2, 0, 2, false, {2, 3}, "", ""};
    small.chunks_before = png_chunk("tRNS", std::string("\x00\x02", 2));
    CHECK(decoded(write_raw_png(small)).pixels == Bytes{170, 0, 255, 255});
    CHECK_FALSE(decoded(write_raw_png(small)).was_deep);
}

/// EXIF data with nothing but an orientation, in either byte order.
std::string exif(int orientation, bool big) {
    const auto number = [&](uint64_t value, int bytes) {
        std::string text = big_endian(value, bytes);
        return big ? text : std::string(text.rbegin(), text.rend());
    };
    return (big ? "MM" : "II") + number(42, 2) + number(8, 4) + number(1, 2) + number(0x0112, 2) +
           number(3, 2) + number(1, 4) + number(static_cast<uint64_t>(orientation), 2) +
           std::string(6, '\0');
}

/// [[1, 2, 3], [4, 5, 6]] as viewers show it when it is stored with orientations 1 to 8.
const std::vector<Bytes> kSeen = {{1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1},
                                  {4, 5, 6, 1, 2, 3}, {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3},
                                  {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};

TEST_CASE("pictures stand as their orientation says") {
    for (int orientation = 1; orientation <= 8; ++orientation) {
        INFO(orientation);
        CHECK(exif_orientation(exif(orientation, true)) == orientation);
        CHECK(exif_orientation(exif(orientation, false)) == orientation);
        const Bytes& seen = kSeen[static_cast<size_t>(orientation - 1)];
        RawPng png{2, 3, 0, 8, false, {1, 2, 3, 4, 5, 6}, "", ""};
        const std::string chunk = png_chunk("eXIf", exif(orientation, orientation % 2 == 0));
        for (std::string* chunks : {&png.chunks_before, &png.chunks_after}) {
            png.chunks_before = png.chunks_after = "";
            *chunks = chunk;
            const Image image = decoded(write_raw_png(png));
            CHECK(image.pixels == seen);
            CHECK(image.height == (orientation > 4 ? 3 : 2));
        }
        Image halves = make_image(16, 32, 1, 0);
        for (int64_t y = 0; y < 16; ++y) std::fill_n(halves.at(y, 0), 16, uint8_t{255});
        const Image turned = decoded(jpeg(halves, exif(orientation, true)));
        CHECK(turned.height == (orientation > 4 ? 32 : 16));
        CHECK(turned.pixels == turn_upright(decoded(jpeg(halves)), orientation).pixels);
    }
    CHECK(exif_orientation("") == 1);
    CHECK(exif_orientation(exif(9, true)) == 1);
    for (size_t size = 0; size < 20; ++size)
        CHECK(exif_orientation(exif(6, true).substr(0, size)) == 1);
}

TEST_CASE("CMYK and YCCK JPEGs become RGB as Pillow makes it") {
    // Inverted, as Adobe stores them. All pixels of a block are equal, so that compression loses
    // nothing.
    Image cmyk = make_image(8, 8, 4, 0);
    const uint8_t pixel[] = {200, 100, 50, 240};
    for (int64_t i = 0; i < 64; ++i) std::copy_n(pixel, 4, cmyk.at(i / 8, i % 8));
    const Image image = decoded(jpeg(cmyk));
    CHECK(image.channels == 3);
    CHECK(Bytes(image.pixels.begin(), image.pixels.begin() + 3) == Bytes{188, 94, 47});
    const Image ycck = decoded(jpeg(cmyk, "", JCS_YCCK));
    for (size_t c = 0; c < 3; ++c) CHECK(std::abs(ycck.pixels[c] - image.pixels[c]) <= 2);
}

TEST_CASE("alpha is blended in stored values, or kept") {
    Image image = make_image(1, 2, 4, 0);
    image.pixels = {255, 255, 255, 128, 200, 100, 50, 0};
    PictureFit fit{1, 2, 3, true, 0};
    CHECK(fit_image(image, fit).pixels == Bytes{128, 128, 128, 0, 0, 0});
    fit.ground = 255;
    CHECK(fit_image(image, fit).pixels == Bytes{255, 255, 255, 255, 255, 255});
    fit.channels = 1;
    CHECK(fit_image(image, fit).pixels == Bytes{255, 255});
    fit.channels = 4;
    CHECK(fit_image(image, fit).pixels == image.pixels);
    // Colours of transparent pixels must not blend into visible ones.
    fit.width = 1;
    CHECK(fit_image(image, {1, 1, 4, false, 0}).pixels == Bytes{255, 255, 255, 64});
    Image grey = make_image(1, 1, 2, 0);
    grey.pixels = {90, 51};
    CHECK(fit_image(grey, {1, 1, 4, true, 0}).pixels == Bytes{90, 90, 90, 51});
    CHECK(fit_image(grey, {1, 1, 1, true, 100}).pixels == Bytes{98});
    CHECK(fit_image(make_image(1, 1, 1, 7), {1, 1, 4, true, 0}).pixels == Bytes{7, 7, 7, 255});
    CHECK(has_transparency(grey));
    CHECK_FALSE(has_transparency(make_image(2, 2, 4, 255)));
}

/// A TIFF of 16 bits, or 8, 20 x 18 pixels: in rows or in tiles of 16 x 16, all samples of a pixel
/// together or in planes. The value of sample k at row y, column x is 1000 y + 10 x + k, of which
/// 8 bits keep the lower ones.
std::string tiff(uint32_t samples, bool tiled, bool planar, uint32_t bits = 16) {
    constexpr uint32_t kHeight = 20, kWidth = 18, kTile = 16;
    const auto little = [](uint64_t value, int bytes) {
        const std::string text = big_endian(value, bytes);
        return std::string(text.rbegin(), text.rend());
    };
    std::vector<std::string> parts;
    const uint32_t planes = planar ? samples : 1, each = samples / planes;
    const uint32_t height = tiled ? kTile : 1, width = tiled ? kTile : kWidth;
    for (uint32_t plane = 0; plane < planes; ++plane)
        for (uint32_t top = 0; top < kHeight; top += height)
            for (uint32_t left = 0; left < kWidth; left += width) {
                std::string& part = parts.emplace_back();
                for (uint32_t y = top; y < top + height; ++y)
                    for (uint32_t x = left; x < left + width; ++x)
                        for (uint32_t k = 0; k < each; ++k)
                            part += little((1000 * y + 10 * x + plane + k) & ((1U << bits) - 1),
                                           static_cast<int>(bits / 8));
            }
    std::string out = "II*" + std::string(1, '\0') + little(0, 4), places, sizes;
    for (const std::string& part : parts) {
        places += little(out.size(), 4);
        sizes += little(part.size(), 4);
        out += part;
    }
    const uint64_t at_places = out.size(), at_sizes = at_places + places.size();
    out += places + sizes;
    const uint64_t directory = out.size();
    struct Tag {
        uint32_t tag, type;
        uint64_t count, value;
    };
    std::vector<Tag> tags = {{256, 3, 1, kWidth}, {257, 3, 1, kHeight}};
    // The depth of each sample: one number fits into the entry, three stand behind the directory.
    const uint64_t behind = directory + 2 + (tiled ? 11 : 10) * 12 + 4;
    tags.push_back({258, 3, samples, samples == 1 ? bits : behind});
    tags.push_back({259, 3, 1, 1});
    tags.push_back({262, 3, 1, samples == 1 ? 1U : 2U});
    if (!tiled) tags.push_back({273, 4, parts.size(), at_places});
    tags.push_back({277, 3, 1, samples});
    if (!tiled) tags.push_back({278, 3, 1, 1});
    if (!tiled) tags.push_back({279, 4, parts.size(), at_sizes});
    tags.push_back({284, 3, 1, planar ? 2U : 1U});
    if (tiled) {
        tags.push_back({322, 3, 1, kTile});
        tags.push_back({323, 3, 1, kTile});
        tags.push_back({324, 4, parts.size(), at_places});
        tags.push_back({325, 4, parts.size(), at_sizes});
    }
    out += little(tags.size(), 2);
    for (const Tag& tag : tags)
        out +=
            little(tag.tag, 2) + little(tag.type, 2) + little(tag.count, 4) + little(tag.value, 4);
    out += little(0, 4) + little(bits, 2) + little(bits, 2) + little(bits, 2);
    return out.replace(4, 4, little(directory, 4));
}

TEST_CASE("a TIFF of 16 bits keeps them, in rows, tiles and planes") {
    if (judge_picture_name("a.tif") == PictureName::kNotBuilt) return;
    for (const uint32_t samples : {1U, 3U})
        for (const bool tiled : {false, true})
            for (const bool planar : {false, true}) {
                INFO(samples << " " << tiled << " " << planar);
                const Image image = decoded(tiff(samples, tiled, planar));
                REQUIRE(image.deep.size() == size_t{20} * 18 * samples);
                size_t wrong = 0;
                for (uint32_t y = 0; y < 20; ++y)
                    for (uint32_t x = 0; x < 18; ++x)
                        for (uint32_t k = 0; k < samples; ++k)
                            wrong += image.deep[(y * 18 + x) * samples + k] !=
                                     ((1000 * y + 10 * x + k) & 0xffff);
                CHECK(wrong == 0);
            }
}

TEST_CASE("tiles of a TIFF may have any number of bytes") {
    if (judge_picture_name("a.tif") == PictureName::kNotBuilt) return;
    for (const uint32_t samples : {1U, 3U})
        for (const bool tiled : {false, true}) {
            INFO(samples << " " << tiled);
            const Image image = decoded(tiff(samples, tiled, false, 8));
            REQUIRE(image.height == 20);
            size_t wrong = 0;
            for (uint32_t y = 0; y < 20; ++y)
                for (uint32_t x = 0; x < 18; ++x)
                    for (uint32_t k = 0; k < samples; ++k)
                        wrong += image.pixels[(y * 18 + x) * image.channels + k] !=
                                 ((1000 * y + 10 * x + k) & 0xff);
            CHECK(wrong == 0);
        }
}

TEST_CASE("WebP, GIF, TIFF and BMP are read where their libraries were there") {
    for (const auto& [ending, bytes] : {std::pair{".webp", kWebp}, std::pair{".gif", kGif},
                                        std::pair{".tif", kTiff}, std::pair{".bmp", kBmp}}) {
        INFO(ending);
        Diagnostics diagnostics;
        const Result<Image> image = decode_picture(bytes, "f", diagnostics);
        if (judge_picture_name(fmt::format("a{}", ending)) == PictureName::kNotBuilt) {
            CHECK(only_error(diagnostics).find("which this build does not read") !=
                  std::string::npos);
            continue;
        }
        INFO(diagnostics.render());
        REQUIRE(image.ok());
        CHECK(image->pixels == Bytes{255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255});
        Diagnostics cut;
        CHECK_FALSE(decode_picture(bytes.substr(0, bytes.size() / 2), "f", cut).ok());
        CHECK(only_error(cut).find("`f` (") != std::string::npos);
    }
    CHECK(judge_picture_name("a.JFIF") == PictureName::kPicture);
    CHECK(judge_picture_name("a.png.txt") == PictureName::kOther);
}

}  // namespace
}  // namespace gmc::runtime
