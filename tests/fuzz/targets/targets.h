// The functions that a fuzzer calls with bytes, one for every place where gmc and gmrun read what
// others wrote. Whatever the bytes are, a target returns: a crash, a hang or a sanitizer's report
// is a bug. libFuzzer runs them (entry.cpp, tests/README.md); corpus.cpp runs the files of
// tests/fuzz/corpus through them in every build.
#pragma once

#include <span>
#include <string_view>

namespace gmc::fuzz {

/// One kind of input.
struct Target {
    std::string_view name;  ///< of its executable, fuzz_NAME, and of its folder in corpus/
    void (*run)(std::string_view bytes);
};

/// All targets: yaml, expression, ir, gmc, checkpoint, safetensors, idx, npy, npz, csv, wav, png,
/// jpeg.
std::span<const Target> targets();

void read_yaml(std::string_view bytes);        ///< a model's file, read and built
void read_expression(std::string_view bytes);  ///< an expression of the language
void read_ir(std::string_view bytes);          ///< IR text, printed and read again
void read_gmc(std::string_view bytes);         ///< a .gmc before its checksum, as gmrun loads it
void read_checkpoint(std::string_view bytes);  ///< a checkpoint, whose checksum is made right
/// Weights of another program: no checksum, names and layouts of PyTorch.
void read_safetensors(std::string_view bytes);
void read_idx(std::string_view bytes);
void read_npy(std::string_view bytes);
void read_npz(std::string_view bytes);
void read_csv(std::string_view bytes);
void read_wav(std::string_view bytes);
void read_picture(std::string_view bytes);  ///< PNG or JPEG

}  // namespace gmc::fuzz
