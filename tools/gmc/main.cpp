// gmc: compiles models written in YAML to .gmc files.
#include "tools/command_line/command_line.h"
#include "tools/gmc/commands.h"

int main(int argc, char** argv) {
    using namespace gmc::tools;
    static constexpr Command kCommands[] = {
        {"check", "reports everything that is wrong with a model", check_command},
        {"compile", "compiles a model to a .gmc file, which gmrun runs", compile_command},
        {"dump", "prints a model at a stage of its compilation", dump_command},
        {"gradcheck", "checks the gradients of a model's losses against differences",
         gradcheck_command},
        {"layers", "lists the layers and functions that a model can import, with their parameters",
         layers_command},
        {"ops", "prints the reference of the IR's ops", ops_command},
        {"opt", "runs passes on a module written as text", opt_command},
        {"schema", "prints the model language as JSON Schema, or its reference page",
         schema_command},
        {"summary", "shows layers, shapes, parameters and FLOPs", summary_command},
    };
    return run_program("gmc", "Compiles generative models written in YAML for the CPU.", kCommands,
                       argc, argv);
}
