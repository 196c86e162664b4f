// Pictures of one colour.
#include "runtime/files/image.h"

#include "compiler/support/check.h"

namespace gmc::runtime {

Image make_image(int64_t height, int64_t width, int64_t channels, uint8_t value) {
    GMC_CHECK(height > 0 && width > 0 && channels >= 1 && channels <= 4, "an image of {} x {} x {}",
              height, width, channels);
    return {height, width, channels,
            std::vector<uint8_t>(static_cast<size_t>(height * width * channels), value)};
}

}  // namespace gmc::runtime
