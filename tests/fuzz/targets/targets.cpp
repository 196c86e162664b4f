// The list of targets.
#include "tests/fuzz/targets/targets.h"

namespace gmc::fuzz {

std::span<const Target> targets() {
    static constexpr Target kTargets[] = {{"yaml", read_yaml},
                                          {"expression", read_expression},
                                          {"ir", read_ir},
                                          {"gmc", read_gmc},
                                          {"checkpoint", read_checkpoint},
                                          {"safetensors", read_safetensors},
                                          {"idx", read_idx},
                                          {"npy", read_npy},
                                          {"npz", read_npz},
                                          {"csv", read_csv},
                                          {"wav", read_wav},
                                          {"png", read_picture},
                                          {"jpeg", read_picture}};
    return kTargets;
}

}  // namespace gmc::fuzz
