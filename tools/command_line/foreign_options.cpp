// A table of words that other programs use for options, and what to say of each. To add one: a row
// here.
#include "tools/command_line/foreign_options.h"

#include <algorithm>
#include <array>
#include <sstream>

namespace gmc::tools {
namespace {

struct ForeignOption {
    const char* theirs;  ///< words without dashes, separated by spaces
    const char* ours;
};

constexpr std::array kForeignOptions = {
    ForeignOption{"lr learningrate",
                  "the model says it, and so does `gmc compile MODEL --set "
                  "train.optimizer.adam.learning_rate=1e-4`"},
    ForeignOption{"batchsize batch bs b",
                  "the model says it, and so does `gmc compile MODEL --set "
                  "train.batch_size=64`"},
    ForeignOption{
        "optimizer optim momentum weightdecay wd beta1 beta2 clip clipnorm latentdim dropout "
        "beta loss",
        "the model says it; `gmc compile MODEL --set KEY=VALUE` changes any of its keys"},
    ForeignOption{"set", "it is an option of `gmc compile`, whose .gmc holds what was set"},
    ForeignOption{"device gpu gpus cuda accelerator devices", "gmc computes on the CPU"},
    ForeignOption{"workers numworkers cpus jobs j nproc",
                  "`--threads N` says how many threads compute"},
    ForeignOption{"fp16 amp bf16 precision half", "`gmc compile --precision bf16` chooses it"},
    ForeignOption{
        "datadir dataset dataroot datapath root",
        "the model names its data under `data:`; encode, reconstruct, eval and score take "
        "`--data FIELD=PATH`"},
    ForeignOption{"outdir outputdir logdir savedir dir workdir name",
                  "`--run DIR` names the folder of a run"},
    ForeignOption{"ckpt resumefrom checkpointpath load loadfrom weights pretrained",
                  "`--resume` goes on with a run, `--init RUN` begins with the weights of another, "
                  "`--checkpoint NAME` is one of a run's checkpoints"},
    ForeignOption{"n num numsamples nsamples samples", "`gmrun sample --count N` draws so many"},
    ForeignOption{"maxsteps iterations iters niter maxiter", "`--steps N`"},
    ForeignOption{"numepochs nepochs maxepochs", "`--epochs N`"},
    ForeignOption{"randomseed manualseed", "`--seed N`"},
    ForeignOption{"class classes y", "`--label NAME`"},
    ForeignOption{"v verbose silent q", "`--quiet` is the only choice"},
    ForeignOption{"config c cfg model", "the file of the model comes without an option"},
    ForeignOption{"wandb mlflow",
                  "`--tensorboard` writes events; `metrics.jsonl` has a line of JSON per entry"},
};

}  // namespace

std::string foreign_option(std::string_view name) {
    std::string word;
    for (const char c : name.substr(0, name.find('=')))
        if (c != '-' && c != '_')
            word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    for (const ForeignOption& option : kForeignOptions) {
        std::istringstream words(option.theirs);
        for (std::string theirs; words >> theirs;)
            if (theirs == word) return option.ours;
    }
    return "";
}

}  // namespace gmc::tools
