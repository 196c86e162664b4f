// Prints one sample of a trained model: sample RUN
#include <cstdio>
#include <gmc.hpp>

int main(int argc, char** argv) try {
    gmc::Model model(argc > 1 ? argv[1] : "");
    const gmc::Values results = model.run("sample", 1);
    for (float value : results.begin()->second) std::printf("%g\n", value);
} catch (const gmc::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
