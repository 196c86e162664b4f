// Errors that the verifier finds in modules that text cannot express, or that plan_memory never
// writes.
#include "compiler/ir/builder.h"
#include "compiler/ir/text/parser.h"
#include "compiler/ir/verifier.h"
#include "tests/catch.h"

using namespace gmc;  // NOLINT
using namespace gmc::ir;

namespace {

Module parsed(const std::string& functions) {
    Diagnostics diagnostics;
    Result<Module> module = parse_module("test", "gmc 2\nmodel \"t\"\n" + functions, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(module.ok());
    return module.take();
}

/// The verifier's errors, or "".
std::string errors(const Module& module, const VerifyOptions& options = {}) {
    Diagnostics diagnostics;
    const bool good = verify(module, diagnostics, options);
    CHECK(good != diagnostics.any());
    return diagnostics.render();
}

std::string plan_errors(const std::string& functions) {
    return errors(parsed(functions), {.allow_gradient = false, .planned = true});
}

bool says(const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a module without functions is well formed", "[ir]") { CHECK(errors(Module{}).empty()); }

TEST_CASE("ids out of range are found before anything is printed", "[ir]") {
    Module module =
        parsed("func @f(%x: f32[4] = argument) {\n  %y = neg %x : f32[4]\n  result y = %y\n}\n");
    Module bad = module;
    bad.functions[0].operations[0].operands[0] = 99;
    CHECK(says(errors(bad), "does not exist"));
    bad = module;
    bad.functions[0].operations[0].results.clear();
    CHECK(says(errors(bad), "does not exist"));
    bad = module;
    bad.functions[0].updates.push_back({5, 0});
    CHECK(says(errors(bad), "does not exist"));
    bad = module;
    bad.functions[0].operations[0].location = {3, 1, 1};
    CHECK(says(errors(bad), "does not exist"));
}

TEST_CASE("order, names and types", "[ir]") {
    const Module module = parsed(
        "func @f(%x: f32[4] = argument) {\n  %y = neg %x : f32[4]\n  %z = exp %y : f32[4]\n  "
        "result z = %z\n}\n");
    Module bad = module;
    std::swap(bad.functions[0].operations[0], bad.functions[0].operations[1]);
    CHECK(says(errors(bad), "`%y` is used before it is defined"));
    bad = module;
    bad.functions[0].values[2].name = "y";
    CHECK(says(errors(bad), "two values are named `%y`"));
    bad = module;
    bad.functions[0].values[1].type = f32({5});
    CHECK(says(errors(bad), "gives f32[4]"));
    bad = module;
    bad.functions.push_back(module.functions[0]);
    CHECK(says(errors(bad), "two functions are named `@f`"));
    bad = module;
    bad.functions[0].operations[1].results[0] = bad.functions[0].operations[0].results[0];
    CHECK(says(errors(bad), "defined twice"));
}

TEST_CASE("names that the parser could not read are refused", "[ir]") {
    const Module module = parsed(
        "state @w : f32[4] parameter = zeros\n"
        "func @f(%x: f32[4] = argument) {\n  %18 = neg %x : f32[4]\n  result y = %18\n}\n");
    CHECK(errors(module).empty());
    for (const char* name : {"18", "", "d y", "4x"}) {
        Module bad = module;
        bad.functions[0].results[0].name = name;
        CHECK(says(errors(bad), std::string("the result `") + name + "` has a name that cannot"));
    }
    for (const char* name : {"", "a/b", "a b", "a\"b"}) {
        Module bad = module;
        bad.functions[0].values[1].name = name;
        CHECK(says(errors(bad), std::string("`%") + name + "` has a name that cannot be read"));
        bad = module;
        bad.functions[0].name = name;
        CHECK(says(errors(bad), std::string("`@") + name + "` among the functions cannot be"));
        bad = module;
        bad.states[0].name = name;
        CHECK(says(errors(bad), std::string("`@") + name + "` among the states cannot be read"));
    }
}

TEST_CASE("results of bodies get names that the parser can read, each its own", "[ir]") {
    Module module = parsed("func @f(%x: f32[4] = argument) {\n  result each.3 = %x\n}\n");
    Function& f = module.functions[0];
    for (const char* name : {"each.3", "each.3", "18", "v18"}) f.add_result(name, 0);
    CHECK(errors(module).empty());
    std::vector<std::string> names;
    for (const NamedValue& result : f.results) names.push_back(result.name);
    CHECK(names == std::vector<std::string>{"each.3", "each.3.1", "each.3.2", "v18", "v18.1"});
}

TEST_CASE("gradients may be forbidden", "[ir]") {
    const Module module =
        parsed("func @f(%x: f32[] = argument) {\n  %d = gradient %x, %x : f32[]\n}\n");
    CHECK(errors(module).empty());
    CHECK(says(errors(module, {.allow_gradient = false}), "left after differentiation"));
}

TEST_CASE("plans: every value has a place inside the arena", "[ir]") {
    CHECK(says(plan_errors("func @f() {\n}\n"), "no memory plan"));
    CHECK(says(plan_errors("func @f(%x: f32[4] = argument) arena 64 unplanned 64 {\n}\n"),
               "`%x` has no place"));
    CHECK(says(plan_errors("func @f(%x: f32[4] at 32 = argument) arena 64 unplanned 64 {\n}\n"),
               "no multiple"));
    CHECK(says(plan_errors("func @f(%x: f32[4] at 64 = argument) arena 64 unplanned 64 {\n}\n"),
               "ends behind the arena"));
    CHECK(plan_errors("func @f(%x: f32[4] at 0 = argument) arena 64 unplanned 64 {\n}\n").empty());
}

TEST_CASE("an offset whose sum with a size would overflow is no place") {
    const auto planned = [](const std::string& workspace, const std::string& result) {
        return plan_errors(
            "body @f.x(%x: f32[4] at 0 = carried, %e: f32[4] at 64 = element) arena 192 "
            "unplanned 192 {\n  %p = mul %x, %e : f32[4] at 64\n  result x = %p\n}\n"
            "func @f(%x: f32[4] at 192 = argument, %s: f32[3,4] at 256 = argument) arena 448 "
            "unplanned 448 {\n  %y = scan %x, %s {body=\"f.x\", count=3, workspace=" +
            workspace + "} : f32[4] at " + result + "\n  result y = %y\n}\n");
    };
    CHECK(planned("0", "384").empty());
    CHECK(says(planned("9223372036854775744", "384"), "the workspace at "));
    CHECK(says(planned("0", "9223372036854775744"), "at 9223372036854775744"));
}

TEST_CASE("plans: values that are alive together do not overlap", "[ir]") {
    const std::string head = "func @f(%x: f32[4,4] at 0 = argument) arena 128 unplanned 192 {\n";
    // Each element of the product needs all of x.
    CHECK(says(plan_errors(head + "  %y = matmul %x, %x : f32[4,4] at 0\n  result y = %y\n}\n"),
               "overlap"));
    // The negation reads element by element, and x is not needed afterwards.
    CHECK(plan_errors(head + "  %y = neg %x : f32[4,4] at 0\n  result y = %y\n}\n").empty());
    CHECK(says(
        plan_errors(head + "  %y = neg %x : f32[4,4] at 0\n  %z = add %x, %y : f32[4,4] at 64\n"
                           "  result z = %z\n}\n"),
        "overlap"));
    // The result of a reshape keeps its operand alive.
    CHECK(says(
        plan_errors(head +
                    "  %r = reshape %x : f32[16]\n  %y = matmul %x, %x : f32[4,4] at 64\n"
                    "  %z = matmul %y, %y : f32[4,4] at 0\n  result z = %z\n  result r = %r\n}\n"),
        "overlap"));
    CHECK(says(plan_errors(head + "  %r = reshape %x : f32[16] at 64\n  result r = %r\n}\n"),
               "not where the operand of its reshape is"));
}

TEST_CASE("plans: a loop may write over what it reads element by element, not over what it repeats",
          "[ir]") {
    CHECK(plan_errors("func @f(%x: f32[4] at 0 = argument) arena 64 unplanned 128 {\n"
                      "  %y = fused %x {space=[4]} {\n    %n = neg %x : f32[4]\n    %y = exp %n : "
                      "f32[4] at 0\n  }\n"
                      "  result y = %y\n}\n")
              .empty());
    CHECK(says(
        plan_errors("func @f(%x: f32[1] at 0 = argument) arena 64 unplanned 128 {\n"
                    "  %y = fused %x {space=[1]} {\n    %b = broadcast %x {dims=[0]} : f32[1]\n"
                    "    %y = exp %b : f32[1] at 0\n  }\n  result y = %y\n}\n"),
        "overlap"));
}

TEST_CASE("plans: states are written in place only when nothing reads the old one later", "[ir]") {
    const std::string head =
        "state @w : f32[4] parameter = zeros\nfunc @f() arena 64 unplanned 64 {\n";
    CHECK(plan_errors(head + "  %a = neg @w : f32[4] at @w\n  update @w = %a\n}\n").empty());
    CHECK(says(
        plan_errors(head +
                    "  %a = neg @w : f32[4] at @w\n  %b = exp @w : f32[4] at 0\n  update @w = %a\n"
                    "  result b = %b\n}\n"),
        "old value is still read"));
    CHECK(says(plan_errors(head + "  %a = neg @w : f32[4] at @w\n  result a = %a\n}\n"),
               "does not update it"));
    CHECK(says(
        plan_errors(head + "  %a = neg @w : f32[4] at @w\n  update @w = %a\n  result w = @w\n}\n"),
        "old value is still read"));
}

TEST_CASE("plans: neighbours are written in place as one", "[ir]") {
    const std::string head =
        "state @a : f32[4] parameter = zeros\nstate @b : f32[4] parameter = zeros\n"
        "func @f(%g: f32[64] at 0 = argument) arena 512 unplanned 512 {\n"
        "  %p = pack @a, @b : f32[64] at @a\n  %n = sub %p, %g : f32[64] at ";
    const std::string first = "  %x = slice %n {starts=[0], limits=[4]} : f32[4] at @a\n",
                      second = "  %y = slice %n {starts=[32], limits=[36]} : f32[4] at @b\n",
                      updates = "  update @a = %x\n  update @b = %y\n";
    CHECK(plan_errors(head + "@a\n" + first + second + updates + "}\n").empty());
    CHECK(says(plan_errors(head + "@a\n" + first + "  update @a = %x\n}\n"),
               "`%n` is at `@b` but does not update it"));
    CHECK(says(plan_errors(head + "@b\n" + first + second + updates + "}\n"),
               "ends behind all states"));
    CHECK(says(plan_errors(head + "@a\n  %late = exp @b : f32[4] at 256\n" + first + second +
                           updates + "  result late = %late\n}\n"),
               "`%n` is written over `@b`, whose old value is still read"));
    CHECK(says(plan_errors(head + "@a\n  %late = exp %p : f32[64] at 256\n" + first + second +
                           updates + "  result late = %late\n}\n"),
               "`%p` is read after `%n` was written over it"));
    const std::string wrong = "  %y = slice %n {starts=[8], limits=[12]} : f32[4] at @b\n";
    CHECK(says(plan_errors(head + "@a\n" + first + wrong + updates + "}\n"),
               "`%n` is at `@b` but does not update it"));
}

TEST_CASE("plans: a pack writes zeros between its parts", "[ir]") {
    const std::string body =
        "  %a = exp %x : f32[4] at 0\n  %b = neg %x : f32[4] at 16\n"
        "  %p = pack %a : f32[32] at 0\n  result p = %p\n  result b = %b\n}\n";
    CHECK(says(
        plan_errors("func @f(%x: f32[4] at 128 = argument) arena 192 unplanned 256 {\n" + body),
        "overlap"));
}
