// The list of targets.
#include "tests/fuzz/targets/targets.h"

namespace gmc::fuzz {

std::span<const Target> targets() {
    static constexpr Target kTargets[] = {{"yaml", read_yaml},   {"expression", read_expression},
                                          {"ir", read_ir},       {"gmc", read_gmc},
                                          {"idx", read_idx},     {"checkpoint", read_checkpoint},
                                          {"npy", read_npy},     {"npz", read_npz},
                                          {"png", read_picture}, {"jpeg", read_picture}};
    return kTargets;
}

}  // namespace gmc::fuzz
