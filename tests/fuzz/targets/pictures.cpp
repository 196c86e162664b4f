// The fuzz target for pictures.
#include "runtime/data/pictures/picture_file.h"
#include "tests/fuzz/targets/targets.h"

namespace gmc::fuzz {

void read_picture(std::string_view bytes) {
    Diagnostics diagnostics;
    (void)runtime::decode_picture(bytes, "fuzz", diagnostics);
    (void)diagnostics.render();
}

}  // namespace gmc::fuzz
