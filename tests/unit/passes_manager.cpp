// The pass manager: rounds, skipping, and what happens when a pass has a bug.
#include <filesystem>

#include "compiler/ir/artefact.h"
#include "compiler/ir/text/parser.h"
#include "compiler/ir/text/printer.h"
#include "compiler/passes/pass_manager.h"
#include "compiler/pipeline.h"
#include "compiler/support/check.h"
#include "tests/catch.h"

using namespace gmc;  // NOLINT
using passes::Pass;
using passes::PassOptions;
using passes::Stage;

namespace {

ir::Module small_module() {
    Diagnostics diagnostics;
    Result<ir::Module> module =
        ir::parse_module("test",
                         "gmc 2\nmodel \"t\"\nfunc @f(%x: f32[4] = argument) {\n  %y = neg %x : "
                         "f32[4]\n  result y = %y\n}\n",
                         diagnostics);
    REQUIRE(module.ok());
    return module.take();
}

/// A pass that reports a change for its first `changes` runs and counts them.
Pass counting(const char* name, int changes, int& runs) {
    return {name, "", [changes, &runs](ir::Module&, Diagnostics&) -> Result<bool> {
                return ++runs <= changes;
            }};
}

}  // namespace

TEST_CASE("a stage is repeated until nothing changes, at most as often as it says", "[passes]") {
    ir::Module module = small_module();
    Diagnostics diagnostics;
    int first = 0, second = 0;
    CHECK(*passes::run_stages(
        module, {{{counting("a", 2, first), counting("b", 1, second)}, 10, {}}}, {}, diagnostics));
    CHECK(first == 3);
    CHECK(second == 3);
    first = 0;
    const auto bounded =
        passes::run_stages(module, {{{counting("a", 100, first)}, 4, {}}}, {}, diagnostics);
    CHECK(bounded.ok());
    CHECK(first == 4);
}

TEST_CASE("passes can be skipped, and the pipeline can end early", "[passes]") {
    ir::Module module = small_module();
    Diagnostics diagnostics;
    int first = 0, second = 0, third = 0;
    const std::vector<Stage> stages = {
        {{counting("a", 0, first)}}, {{counting("b", 0, second)}}, {{counting("c", 0, third)}}};
    PassOptions options;
    options.skip = {"a"};
    options.stop_after = "b";
    CHECK(passes::run_stages(module, stages, options, diagnostics).ok());
    CHECK(first == 0);
    CHECK(second == 1);
    CHECK(third == 0);
}

TEST_CASE("an error of the model ends the pipeline", "[passes]") {
    ir::Module module = small_module();
    Diagnostics diagnostics;
    const Pass failing{"a", "", [](ir::Module&, Diagnostics& d) -> Result<bool> {
                           d.error(DiagnosticKind::kNoGradient, {}, "no gradient");
                           return Failure{};
                       }};
    CHECK_FALSE(passes::run_stages(module, {{{failing}}}, {}, diagnostics).ok());
    CHECK(diagnostics.count() == 1);
}

TEST_CASE("a bug in a pass names the pass and keeps the module as it was before", "[passes]") {
    const std::string crash_file =
        (std::filesystem::temp_directory_path() / "gmc_passes_manager_test.gmc").string();
    PassOptions options;
    options.crash_file = crash_file;
    const ir::Module before = small_module();
    const auto crash_text = [&](passes::PassFunction function) {
        ir::Module module = before;
        Diagnostics diagnostics;
        try {
            (void)passes::run_stages(module, {{{{"broken", "", std::move(function)}}}}, options,
                                     diagnostics);
        } catch (const InternalError& error) {
            return std::string(error.what());
        }
        return std::string("no crash");
    };
    const std::string check_failed = crash_text([](ir::Module& m, Diagnostics&) -> Result<bool> {
        m.functions.clear();
        GMC_CHECK(false, "two and two make five");
        return true;
    });
    CHECK(check_failed.find("internal error in pass broken: two and two make five") !=
          std::string::npos);
    const std::string ill_formed = crash_text([](ir::Module& m, Diagnostics&) -> Result<bool> {
        m.functions[0].values[1].type = ir::f32({5});
        return true;
    });
    CHECK(ill_formed.find("`neg` gives f32[4], but `%y` is f32[5]") != std::string::npos);
    Diagnostics diagnostics;
    const auto kept = ir::read_artefact(crash_file, {}, diagnostics);
    REQUIRE(kept.ok());
    CHECK(ir::print(*kept) == ir::print(before));
    std::filesystem::remove(crash_file);
}

TEST_CASE("passes have names of their own, and each can be run alone", "[passes]") {
    std::vector<std::string> names;
    for (const Pass& pass : all_passes()) {
        CHECK(std::find(names.begin(), names.end(), pass.name) == names.end());
        CHECK_FALSE(pass.summary.empty());
        names.emplace_back(pass.name);
    }
    std::string unknown;
    CHECK(stages_of(names, unknown).size() == names.size());
    CHECK(unknown.empty());
    stages_of({"cse", "sce"}, unknown);
    CHECK(unknown == "sce");
}

TEST_CASE("the stages of gmc dump are prefixes of the pipeline", "[passes]") {
    CHECK(pipeline_until("ir").empty());
    CHECK(pipeline_until("grad").back().passes.back().name == "differentiate");
    CHECK(pipeline_until("opt").back().passes.back().name == "fuse_elementwise");
    CHECK(pipeline_until("plan").size() == pipeline().size());
}
