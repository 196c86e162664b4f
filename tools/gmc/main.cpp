// gmc: compiles models written in YAML to .gmc files.
#include <pthread.h>

#include <algorithm>
#include <cstdint>

#include "runtime/memory/memory_need.h"
#include "tools/command_line/command_line.h"
#include "tools/gmc/commands.h"

namespace {

/// Models are read and built by recursion. Its limits, of which each has thousands of levels, need
/// more than the stack that some machines and `ulimit -s` leave a program.
constexpr int64_t kStackBytes = int64_t{64} << 20;
/// Of what `ulimit -v` and `ulimit -d` leave, the stack takes a quarter at the most: the rest is
/// for the model. Where a quarter is less than this, the stack that the program has will do.
constexpr int64_t kLeastStackBytes = int64_t{16} << 20;

struct Call {
    int (*run)(int argc, char** argv);
    int argc;
    char** argv;
    int result = 0;
};

/// Runs the call in a thread with a large stack; without memory for one, here.
int with_large_stack(Call call) {
    const int64_t stack = std::min(kStackBytes, gmc::runtime::memory_within_limits() / 4);
    if (stack < kLeastStackBytes) return call.run(call.argc, call.argv);
    pthread_attr_t attributes;
    pthread_t thread;
    bool started = false;
    if (pthread_attr_init(&attributes) == 0) {
        const auto body = [](void* given) -> void* {
            Call& inside = *static_cast<Call*>(given);
            inside.result = inside.run(inside.argc, inside.argv);
            return nullptr;
        };
        started = pthread_attr_setstacksize(&attributes, static_cast<size_t>(stack)) == 0 &&
                  pthread_create(&thread, &attributes, body, &call) == 0;
        pthread_attr_destroy(&attributes);
    }
    if (!started) return call.run(call.argc, call.argv);
    pthread_join(thread, nullptr);
    return call.result;
}

int run(int argc, char** argv) {
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

}  // namespace

int main(int argc, char** argv) {
    gmc::runtime::share_heap_under_limit();
    return with_large_stack({run, argc, argv});
}
