// Mutated idx, gzip, npy, npz, PNG and JPEG bytes: readers must answer with a value or an error,
// never crash, hang or allocate what the file does not hold. Run under AddressSanitizer for its
// full worth.
#include <zip.h>

#include <algorithm>

#include "runtime/data/files/array_data.h"
#include "runtime/data/pictures/picture_file.h"
#include "runtime/kernels/philox.h"
#include "runtime/output/npy.h"
#include "runtime/output/png.h"
#include "tests/unit/data_jpeg.h"
#include "tests/unit/data_small_pictures.h"
#include "tests/unit/data_temp_folder.h"

namespace gmc::runtime {
namespace {

/// Changes a few bytes, mostly near the start where headers are; cuts or lengthens now and then.
std::string mutated(std::string bytes, uint64_t round) {
    uint32_t draw = 0;
    const auto random = [&](size_t count) {
        return philox_block(round, draw++, 7, 1)[0] % std::max<size_t>(count, 1);
    };
    const uint8_t telling[] = {0x00, 0x01, 0x04, 0x08, 0x0d, 0x7f, 0x80,
                               0xff, ' ',  '(',  ')',  '\'', '9'};
    for (size_t changes = 1 + random(4); changes > 0 && !bytes.empty(); --changes) {
        const size_t end = random(3) > 0 ? std::min<size_t>(bytes.size(), 80) : bytes.size();
        const size_t place = random(end);
        const bool known = random(2) == 0;
        bytes[place] = static_cast<char>(known ? telling[random(std::size(telling))] : random(256));
    }
    if (random(4) == 0) bytes.resize(random(bytes.size() + 1));
    if (random(6) == 0) bytes.append(random(40), 'x');
    return bytes;
}

std::string sample_idx(uint8_t type, size_t value_bytes) {
    std::string bytes{0, 0, static_cast<char>(type), 3, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2};
    return bytes + std::string(24 * value_bytes, '\x11');
}

/// A failure must have said why, once.
void check_outcome(bool ok, const Diagnostics& diagnostics) {
    if (ok == !diagnostics.any() && diagnostics.count() <= 1) return;
    FAIL("ok " << ok << " but " << diagnostics.count() << " errors: " << diagnostics.render());
}

TEST_CASE("fuzz idx") {
    const TempFolder folder;
    const std::string seeds[] = {sample_idx(0x08, 1), sample_idx(0x0d, 4),
                                 gzip(sample_idx(0x0e, 8))};
    int good = 0;
    for (uint64_t round = 0; round < 3000; ++round) {
        const std::string path = folder.write("f", mutated(seeds[round % 3], round));
        Diagnostics diagnostics;
        Result<FieldPtr> field = read_array({"idx", path, ""}, {"image", {}}, diagnostics);
        check_outcome(field.ok(), diagnostics);
        if (!field) continue;
        ++good;
        std::vector<float> example(static_cast<size_t>((*field)->elements()));
        (*field)->read((*field)->count() - 1, example.data());
    }
    CHECK(good > 20);  // otherwise the mutations are too wild to test much
}

TEST_CASE("fuzz npy data and npz") {
    const TempFolder folder;
    const int64_t shape[] = {4, 2, 3};
    const std::string npy = npy_header(shape) + std::string(96, '\x11');
    int code = 0;
    zip_t* zip = zip_open(folder.path("seed").c_str(), ZIP_CREATE, &code);
    REQUIRE(zip != nullptr);
    zip_file_add(zip, "x.npy", zip_source_buffer(zip, npy.data(), npy.size(), 0), 0);
    REQUIRE(zip_close(zip) == 0);
    const std::string seeds[] = {npy, gzip(npy), read_text(folder.path("seed"))};
    int good = 0;
    for (uint64_t round = 0; round < 3000; ++round) {
        const std::string path = folder.write("f", mutated(seeds[round % 3], round));
        Diagnostics diagnostics;
        Result<FieldPtr> field = round % 3 == 2
                                     ? read_array({"npz", path, "x"}, {"image", {}}, diagnostics)
                                     : read_array({"npy", path, ""}, {"image", {}}, diagnostics);
        check_outcome(field.ok(), diagnostics);
        good += field.ok() ? 1 : 0;
    }
    CHECK(good > 20);
}

/// A small grey JPEG.
std::string sample_jpeg() {
    Image image = make_image(20, 20, 1, 0);
    for (int64_t y = 0; y < image.height; ++y)
        for (int64_t x = 0; x < image.width; ++x) *image.at(y, x) = static_cast<uint8_t>(x * 12);
    return jpeg(image);
}

TEST_CASE("fuzz jpeg") {
    const std::string seed = sample_jpeg();
    int good = 0;
    for (uint64_t round = 0; round < 2000; ++round) {
        Diagnostics diagnostics;
        Result<Image> image = decode_picture(mutated(seed, round), "f.jpg", diagnostics);
        check_outcome(image.ok(), diagnostics);
        good += image.ok() ? 1 : 0;
    }
    CHECK(good > 20);
}

TEST_CASE("fuzz png") {
    Diagnostics setup;
    const std::string seed = *encode_png(make_image(6, 5, 3, 200), setup);
    for (uint64_t round = 0; round < 2000; ++round) {
        Diagnostics diagnostics;
        Result<Image> image = decode_picture(mutated(seed, round), "f.png", diagnostics);
        check_outcome(image.ok(), diagnostics);
    }
}

TEST_CASE("fuzz pictures of other formats") {
    for (const std::string& seed : {kWebp, kGif, kTiff, kBmp})
        for (uint64_t round = 0; round < 500; ++round) {
            Diagnostics diagnostics;
            Result<Image> image = decode_picture(mutated(seed, round), "f", diagnostics);
            check_outcome(image.ok(), diagnostics);
        }
}

}  // namespace
}  // namespace gmc::runtime
