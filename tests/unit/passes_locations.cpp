// Every op keeps its place in the model through all passes, so that a failure or a NaN at run time
// names a line of the YAML.
#include <string>

#include "compiler/ir/text/printer.h"
#include "tests/compile_model.h"

using namespace gmc;

namespace {

void collect_without_place(const ir::Module& module, const ir::Function& function,
                           const std::vector<ir::Operation>& operations, std::string& out) {
    for (const ir::Operation& op : operations) {
        if (!op.location.known()) out += ir::print(module, function, op) + "\n";
        collect_without_place(module, function, op.body, out);
    }
}

std::string operations_without_place(const ir::Module& module) {
    std::string out;
    for (const ir::Function& function : module.functions)
        collect_without_place(module, function, function.operations, out);
    return out;
}

}  // namespace

TEST_CASE("every operation of a planned model has a place in the model, in loops too") {
    CHECK(operations_without_place(compile_without_data("seed_gan", 8)) == "");
    CHECK(operations_without_place(compile_without_data("seed_vae", 8)) == "");
    // ... also through second derivatives.
    CHECK(operations_without_place(compile_model("wgan_gp_ring", {})) == "");
}
