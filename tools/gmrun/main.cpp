// gmrun: trains compiled models on the CPU, and samples and evaluates them.
#include "runtime/memory/memory_need.h"
#include "tools/command_line/command_line.h"
#include "tools/gmrun/commands.h"

int main(int argc, char** argv) {
    using namespace gmc::tools;
    gmc::runtime::share_heap_under_limit();
    static constexpr Command kCommands[] = {
        {"bench", "measures the training step", bench_command},
        {"compare", "prints what differs between runs, and their results", compare_command},
        {"curves", "draws losses and metrics of runs over the steps", curves_command},
        {"encode", "writes the codes of the test data", encode_command},
        {"eval", "evaluates a trained model on its test data", eval_command},
        {"export", "writes a trained model for other programs", export_command},
        {"history", "puts the sample grids of a run's epochs into one picture", history_command},
        {"info", "describes a compiled model and its run", info_command},
        {"interpolate", "draws rows of samples that change from one into another",
         interpolate_command},
        {"plan", "shows the kernel of every operation, its time and rate", plan_command},
        {"profile", "shows where the time of the training step goes", profile_command, true},
        {"reconstruct", "draws test images above their reconstructions", reconstruct_command},
        {"replay", "runs the step again in which a run went wrong", replay_command},
        {"sample", "draws samples of a trained model, as a picture or as numbers", sample_command},
        {"score", "writes losses of each example, and which are anomalies", score_command},
        {"train", "trains a compiled model", train_command, true, true},
        {"tune", "measures which kernels are the fastest on this machine", tune_command},
        {"verify", "repeats steps of a run and compares the bits", verify_command},
    };
    return run_program(
        "gmrun", "Trains and runs generative models on the CPU; `gmc compile` makes its input.",
        kCommands, argc, argv);
}
