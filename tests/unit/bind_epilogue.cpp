// Which loops become epilogues of contractions, and in which order operations then run.
#include "compiler/ir/text/parser.h"
#include "runtime/program/epilogue.h"
#include "runtime/program/placement.h"
#include "tests/catch.h"

using namespace gmc;
using namespace gmc::runtime;

namespace {

using Order = std::vector<size_t>;

/// What find_epilogues makes of a function: the order of its operations, and which loops are
/// computed within a contraction.
struct Found {
    std::vector<size_t> order;
    /// Contraction, loop.
    std::vector<std::pair<size_t, size_t>> pairs;
    /// Of these loops.
    std::vector<LoopPart> parts;
    /// Contractions whose results only their loops read.
    Order consumed;
};

Found find(const std::string& body, const std::string& states = "") {
    Diagnostics diagnostics;
    auto parsed =
        ir::parse_module("test.gmc", "gmc 2\nmodel \"test\"\n" + states + body, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(parsed.ok());
    const ir::Module module = parsed.take();
    StateStore store(module);
    const Arena arena(module);
    const Placement placement = place_values(module, module.functions[0], {&store, arena});
    const Schedule schedule = find_epilogues(module.functions[0], placement.buffers);
    Found found{schedule.order, {}, {}, {}};
    for (size_t i = 0; i < schedule.loop.size(); ++i)
        if (schedule.loop[i] != kNoLoop) {
            found.pairs.emplace_back(i, schedule.loop[i]);
            found.parts.push_back(schedule.part[i]);
            if (schedule.consumed[i] != ir::kNone) found.consumed.push_back(i);
        }
    return found;
}

using Pairs = std::vector<std::pair<size_t, size_t>>;

}  // namespace

TEST_CASE("nothing follows where there is nothing to follow") {
    const Found found = find(R"(
func @f(%a: f32[2,3] = argument, %b: f32[3,2] = argument) {
  %c = matmul %a, %b : f32[2,2]
  %d = matmul %c, %c : f32[2,2]
  %e = exp %a : f32[2,3]
  result d = %d
  result e = %e
}
)");
    CHECK(found.order == Order{0, 1, 2});
    CHECK(found.pairs.empty());
}

TEST_CASE("nothing follows a single number, which loops read before they begin") {
    const Found found = find(R"(
func @f(%a: f32[1,3] = argument, %b: f32[3,1] = argument) {
  %c = matmul %a, %b : f32[1,1]
  %e = exp %c : f32[1,1]
  result e = %e
}
)");
    CHECK(found.pairs.empty());
}

TEST_CASE("a loop follows through its operand, also under another shape, and comes next to it") {
    const Found found = find(R"(
func @f(%a: f32[2,3] = argument, %b: f32[3,4] = argument) {
  %c = matmul %a, %b : f32[2,4]
  %other = exp %a : f32[2,3]
  %image = reshape %c : f32[2,2,2]
  %e = exp %image : f32[2,2,2]
  result other = %other
  result e = %e
}
)");
    CHECK(found.pairs == Pairs{{0, 3}});
    CHECK(found.order == Order{0, 3, 1, 2});
}

TEST_CASE("only the first reader follows, and a loop follows one contraction") {
    const Found found = find(R"(
func @f(%a: f32[2,2] = argument, %b: f32[2,2] = argument) {
  %c = matmul %a, %b : f32[2,2]
  %d = matmul %b, %a : f32[2,2]
  %s = reduce_sum %c {axes=[0]} : f32[2]
  %e = add %c, %d : f32[2,2]
  %g = matmul %a, %a : f32[2,2]
  %h = matmul %b, %b : f32[2,2]
  %i = add %g, %h : f32[2,2]
  result s = %s
  result e = %e
  result i = %i
}
)");
    CHECK(found.pairs == Pairs{{0, 2}, {1, 3}, {4, 6}});
    CHECK(found.order == Order{0, 2, 1, 3, 5, 4, 6});
}

TEST_CASE("a loop that reads its operand in another order does not follow") {
    CHECK(find(R"(
func @f(%a: f32[2,3] = argument, %b: f32[3,4] = argument) {
  %c = matmul %a, %b : f32[2,4]
  %e = broadcast %c {dims=[1,2]} : f32[5,2,4]
  result e = %e
}
)")
              .pairs.empty());
    CHECK(find(R"(
func @f(%a: f32[2,3] = argument, %b: f32[3,2] = argument) {
  %c = matmul %a, %b : f32[2,2]
  %e = fused %c {space=[2,2]} {
    %t = broadcast %c {dims=[0,1]} : f32[2,2]
    %e = add %c, %t : f32[2,2]
  }
  result e = %e
}
)")
              .pairs.empty());
}

TEST_CASE("a loop that writes over an operand of the contraction does not follow") {
    const std::string text = R"(
func @f(%a: f32[4,4] = argument) arena 1024 unplanned 1024 {
  %x = exp %a : f32[4,4] at 64
  %c = matmul %x, %x : f32[4,4] at 128
  %e = exp %c : f32[4,4] at PLACE
  result e = %e
}
)";
    const auto at = [&](const std::string& place) {
        std::string placed = text;
        placed.replace(placed.find("PLACE"), 5, place);
        placed.replace(placed.find("= argument"), 10, "at 0 = argument");
        return find(placed).pairs;
    };
    CHECK(at("64").empty());
    CHECK(at("128") == Pairs{{1, 2}});  // in place of what it reads
    CHECK(at("192") == Pairs{{1, 2}});
}

TEST_CASE("an optimizer follows a weight gradient once the old weights have been read") {
    const Found found = find(R"(
func @step(%x: f32[4,2] = argument, %dy: f32[4,3] = argument) {
  %dw = matmul %x, %dy {transpose_a=true} : f32[2,3]
  %dx = matmul %dy, @w {transpose_b=true} : f32[4,2]
  %d = exp %dx : f32[4,2]
  %n = step : f32[]
  %rate = exp %n : f32[]
  %new = fused @w, %dw, %rate {space=[2,3]} {
    %r = broadcast %rate : f32[2,3]
    %s = mul %dw, %r : f32[2,3]
    %new = sub @w, %s : f32[2,3] at @w
  }
  update @w = %new
  result d = %d
}
)",
                             "state @w : f32[2,3] parameter = ones\n");
    // The optimizer's rate is computed earlier too; the gradient moves after the last reader of @w.
    CHECK(found.pairs == Pairs{{0, 5}, {1, 2}});
    CHECK(found.order == Order{1, 2, 3, 4, 0, 5});
}

namespace {

/// Two weights that are updated together by their gradients. `between` follows the first gradient.
std::string two_weights(const std::string& between) {
    return R"(
func @f(%x: f32[8,8] at 0 = argument, %y: f32[8,8] at 256 = argument) arena 2048 unplanned 4096 {
  %dv = matmul %x, %y : f32[8,8] at 512
)" + between +
           R"(
  %dw = matmul %y, %x : f32[8,8] at 768
  %g = pack %dv, %dw : f32[128] at 512
  %p = pack @v, @w : f32[128] at @v
  %new = fused %p, %g {space=[128]} {
    %s = mul %g, %g : f32[128]
    %new = sub %p, %s : f32[128] at @v
  }
  %v0 = slice %new {starts=[0], limits=[64]} : f32[64] at @v
  %v1 = reshape %v0 : f32[8,8]
  %w0 = slice %new {starts=[64], limits=[128]} : f32[64] at @w
  %w1 = reshape %w0 : f32[8,8]
  update @v = %v1
  update @w = %w1
}
)";
}

const std::string kTwoStates =
    "state @v : f32[8,8] parameter = zeros\nstate @w : f32[8,8] parameter = zeros\n";

}  // namespace

TEST_CASE("parts of an optimizer follow the gradients that lie in its pack") {
    const Found found = find(two_weights(""), kTwoStates);
    CHECK(found.pairs == Pairs{{0, 4}, {1, 4}});
    CHECK(found.parts == std::vector<LoopPart>{{0, 64}, {64, 128}});
    CHECK(found.consumed == Order{0, 1});
}

TEST_CASE("a gradient that something else reads too is not consumed") {
    // One is a result of the function; of the other, another operation reads a sum.
    const std::string text = two_weights("");
    const auto with = [&](std::string_view place, std::string_view more) {
        std::string changed = text;
        changed.insert(changed.find(place), more);
        return find(changed, kTwoStates);
    };
    Found found = with("  update @v", "  result gradient = %dv\n");
    CHECK(found.pairs == Pairs{{0, 4}, {1, 4}});
    CHECK(found.consumed == Order{1});
    found = with("  %v0 =", "  %sum = reduce_sum %dw {axes=[0,1]} : f32[] at 1536\n");
    CHECK(found.pairs == Pairs{{0, 4}, {1, 4}});
    CHECK(found.consumed == Order{0});
    // Of all gradients together, something reads the largest.
    found = with("  %v0 =", "  %most = reduce_max %g {axes=[0]} : f32[] at 1536\n");
    CHECK(found.pairs == Pairs{{0, 4}, {1, 4}});
    CHECK(found.consumed.empty());
}

TEST_CASE("a part waits for who reads the old weight, with its gradient") {
    const Found found =
        find(two_weights("  %old = matmul %x, @v : f32[8,8] at 1024\n"), kTwoStates);
    CHECK(found.pairs == Pairs{{0, 5}, {2, 5}});
    CHECK(found.order[0] == 1);
}

TEST_CASE("a gradient that cannot wait is followed by nothing") {
    // What comes next overwrites an operand of the first gradient, and reads the old weight.
    const Found found = find(two_weights("  %old = matmul %y, @v : f32[8,8] at 0\n"), kTwoStates);
    CHECK(found.pairs == Pairs{{2, 5}});
    CHECK(found.parts == std::vector<LoopPart>{{64, 128}});
}

TEST_CASE("of two loops in each other's way, the one behind the larger result follows") {
    // %d is written over an operand of %dw, and must wait for it; the update must wait for %dx.
    const Found found = find(R"(
func @step(%in: f32[1,4] at 0 = argument, %dy: f32[1,4] at 64 = argument) arena 512 unplanned 512 {
  %x = exp %in : f32[1,4] at 128
  %dx = matmul %dy, @w {transpose_b=true} : f32[1,4] at 192
  %dw = matmul %x, %dy {transpose_a=true} : f32[4,4] at 256
  %d = mul %dx, %x : f32[1,4] at 128
  %new = sub @w, %dw : f32[4,4] at @w
  result d = %d
  update @w = %new
}
)",
                             "state @w : f32[4,4] parameter = ones\n");
    CHECK(found.pairs == Pairs{{2, 4}});
    CHECK(found.order == Order{0, 1, 2, 4, 3});
}
