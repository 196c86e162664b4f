// Executables: addresses, updates, values stored in states, results; on functions small enough to
// check by hand.
#include "runtime/program/executable.h"
#include "compiler/ir/builder.h"
#include "compiler/ir/text/parser.h"
#include "compiler/support/check.h"
#include "tests/catch.h"

using namespace gmc;
using namespace gmc::runtime;

namespace {

/// A module from text, its states, and one executable per function.
struct Program {
    explicit Program(const std::string& functions, const std::string& states = "")
        : module(parse(states + functions)),
          states_store(module),
          arena(std::make_shared<Arena>(module)) {}

    static ir::Module parse(const std::string& text) {
        Diagnostics diagnostics;
        auto parsed = ir::parse_module("test.gmc", "gmc 2\nmodel \"test\"\n" + text, diagnostics);
        INFO(diagnostics.render());
        REQUIRE(parsed.ok());
        return parsed.take();
    }

    Executable make(const std::string& name, bool reference = false) {
        Diagnostics diagnostics;
        auto made = Executable::make(module, *module.find_function(name), states_store, arena,
                                     {reference}, diagnostics);
        REQUIRE(made.ok());
        return made.take();
    }

    float& state(const std::string& name, int64_t i = 0) {
        return states_store.data(module.find_state(name))[i];
    }

    ir::Module module;
    StateStore states_store;
    std::shared_ptr<Arena> arena;
};

}  // namespace

TEST_CASE("an unplanned function runs in memory of its own") {
    for (bool reference : {false, true}) {
        Program program(R"(
func @f(%a: f32[2,3] = argument, %b: f32[3,2] = argument) {
  %c = matmul %a, %b : f32[2,2]
  %d = matmul %c, %c : f32[2,2]
  result c = %c
  result d = %d
}
)");
        Executable f = program.make("f", reference);
        REQUIRE(f.input_count() == 2);
        CHECK(f.input(0) == f.input("a"));
        CHECK(f.input("nothing") == nullptr);
        CHECK(f.input_type(1) == ir::f32({3, 2}));
        for (int i = 0; i < 6; ++i) f.input("a")[i] = static_cast<float>(i), f.input("b")[i] = 1;
        f.run({});
        const float* c = f.result("c");
        CHECK((c[0] == 3 && c[1] == 3 && c[2] == 12 && c[3] == 12));
        CHECK(f.result("d")[0] == 45);
        CHECK(f.result(1) == f.result("d"));
        CHECK(f.result("nothing") == nullptr);
        CHECK(f.result_type(0) == ir::f32({2, 2}));
    }
}

TEST_CASE("reshapes share memory unless the plan says otherwise") {
    Program program(R"(
func @f(%a: f32[2,3] = argument) {
  %b = reshape %a : f32[3,2]
  %c = reshape %b : f32[6]
  result c = %c
}
func @planned(%a: f32[2,3] at 64 = argument) arena 256 unplanned 256 {
  %b = reshape %a : f32[3,2] at 128
  %c = reshape %b : f32[6] at 128
  result c = %c
}
)");
    Executable f = program.make("f");
    CHECK(f.result("c") == f.input("a"));
    Executable planned = program.make("planned");
    CHECK(planned.input("a") == program.arena->at(64));
    CHECK(planned.result("c") == program.arena->at(128));
    for (int i = 0; i < 6; ++i) planned.input("a")[i] = static_cast<float>(i);
    planned.run({});
    CHECK(planned.result("c")[5] == 5);
}

TEST_CASE("executables of one module share the arena of the largest function") {
    Program program(R"(
func @small(%a: f32[4] at 0 = argument) arena 64 unplanned 64 {
  result a = %a
}
func @large(%a: f32[4] at 960 = argument) arena 1024 unplanned 64 {
  result a = %a
}
)");
    CHECK(program.arena->bytes() == 1024);
    CHECK(program.make("large").input(0) == program.make("small").input(0) + 240);
}

TEST_CASE("updates see all states as at entry") {
    const std::string states = R"(
state @a : f32[2] parameter = zeros
state @b : f32[2] parameter = zeros
state @c : f32[2,1] slot = zeros
)";
    for (bool reference : {false, true}) {
        Program program(R"(
func @swap() {
  %r = reshape @a : f32[2,1]
  update @a = @b
  update @b = @a
  update @c = %r
  result old = %r
  result c = @c
}
)",
                        states);
        for (int i : {0, 1})
            program.state("a", i) = 1, program.state("b", i) = 2, program.state("c", i) = 3;
        Executable swap = program.make("swap", reference);
        swap.run({});
        for (int i : {0, 1}) {
            CHECK(program.state("a", i) == 2);
            CHECK(program.state("b", i) == 1);
            CHECK(program.state("c", i) == 1);
            CHECK(swap.result("old")[i] == 1);
            CHECK(swap.result("c")[i] == 3);
        }
        swap.run({});
        CHECK(program.state("a") == 1);
        CHECK(program.state("c") == 2);
    }
}

TEST_CASE("a value at home is its state; nothing is copied") {
    Program program(R"(
state @w : f32[2,2] parameter = ones
state @copy : f32[2,2] slot = zeros
func @f(%a: f32[2,2] at 0 = argument) arena 64 unplanned 64 {
  %w = matmul %a, %a : f32[2,2] at @w
  update @w = %w
  update @copy = %w
  result w = %w
}
)");
    Executable f = program.make("f");
    CHECK(f.result("w") == &program.state("w"));
    for (int i = 0; i < 4; ++i) f.input(0)[i] = 2;
    f.run({});
    CHECK(program.state("w", 3) == 8);
    CHECK(program.state("copy", 3) == 8);
}

TEST_CASE("step and epoch are numbers of the call") {
    for (bool reference : {false, true}) {
        Program program(
            "func @f() {\n  %s = step : f32[]\n  %e = epoch : f32[]\n  result s = %s\n  result e = "
            "%e\n}\n");
        Executable f = program.make("f", reference);
        CallContext context;
        context.step = 7, context.epoch = 1.5;
        f.run(context);
        CHECK(*f.result("s") == 7);
        CHECK(*f.result("e") == 1.5f);
    }
}

TEST_CASE("weights in a state are read anew in each call") {
    Program program(R"(
state @w : f32[3,3,16,32] parameter = ones
func @f(%x: f32[1,8,8,16] = argument, %w: f32[3,3,16,32] = argument) {
  %y = conv %x, @w {strides=[1,1], pads_begin=[1,1], pads_end=[1,1], dilations=[1,1]} : f32[1,8,8,32]
  %z = conv_backward_data %y, @w {strides=[1,1], pads_begin=[1,1], pads_end=[1,1], dilations=[1,1]} : f32[1,8,8,16]
  update @w = %w
  result y = %y
  result z = %z
}
)");
    Executable f = program.make("f");
    std::fill_n(f.input("x"), 8 * 8 * 16, 1.0f);
    std::fill_n(f.input("w"), 9 * 16 * 32, 0.5f);
    std::fill_n(&program.state("w"), 9 * 16 * 32, 0.25f);
    f.run({});
    CHECK(f.result("y")[3 * 8 * 32 + 3 * 32] == 9 * 16 * 0.25f);
    f.run({});
    CHECK(f.result("y")[3 * 8 * 32 + 3 * 32] == 9 * 16 * 0.5f);
    CHECK(f.result("z")[3 * 8 * 16 + 3 * 16] == 9 * 32 * 0.5f * 9 * 16 * 0.5f);
    CHECK(f.own_bytes() > 0);
}

TEST_CASE("timing logs every operation that does something, in order") {
    Program program(R"(
func @f(%a: f32[64,64] = argument) {
  %r = reshape %a : f32[4096]
  %b = matmul %a, %a : f32[64,64]
  %c = transpose %b {permutation=[1,0]} : f32[64,64]
  result c = %c
  result r = %r
}
)");
    Executable f = program.make("f");
    TimeLog log;
    f.set_timing(&log);
    f.run({});
    REQUIRE(log.size() == 2);
    CHECK(log[0].operation == 1);
    CHECK(log[1].operation == 2);
    for (const OperationTime& one : log) {
        CHECK(one.function == &f.function());
        CHECK(one.time.ns() > 0);
    }
    CHECK(log[0].time.end_ns <= log[1].time.begin_ns);
    f.run({});
    CHECK(log.size() == 4);
    f.set_timing(nullptr);
    f.run({});
    CHECK(log.size() == 4);
    CHECK(f.kernel_name(f.function(), 0).empty());
    CHECK(f.kernel_name(f.function(), 1) == "tiled");
    CHECK(f.kernel_name(f.function(), 2) == "copy");
}

TEST_CASE("a loop that follows through a contraction is a part of its kernel") {
    Program program(R"(
func @f(%a: f32[64,64] = argument) {
  %b = matmul %a, %a : f32[64,64]
  %c = neg %b : f32[64,64]
  %sum = reduce_sum %c {axes=[0,1]} : f32[]
  result c = %c
  result sum = %sum
}
)");
    Executable f = program.make("f");
    TimeLog log;
    f.set_timing(&log);
    std::fill_n(f.input(0), 64 * 64, 0.5F);
    f.run({});
    CHECK(f.result("c")[64 * 64 - 1] == -16);
    CHECK(f.result("sum")[0] == -16 * 64 * 64);
    REQUIRE(log.size() == 2);
    CHECK(log[0].operation == 0);
    CHECK(log[1].operation == 2);
    CHECK(f.kernel_name(f.function(), 0) == "tiled+loop");
    CHECK(f.kernel_name(f.function(), 1).empty());
}

TEST_CASE(
    "of an optimizer a part follows, a large one runs behind its gradient, and the rest together") {
    Program program(R"(
state @a : f32[64,64] parameter = zeros
state @b : f32[128,128] parameter = zeros
state @c : f32[3] parameter = zeros
func @f(%x: f32[64,64] at 0 = argument, %y: f32[128,1,1,128] at 16384 = argument,
        %z: f32[3] at 81920 = argument) arena 262144 unplanned 262144 {
  %da = matmul %x, %x : f32[64,64] at 98304
  %db0 = conv_backward_weights %y, %y {strides=[1,1], pads_begin=[0,0], pads_end=[0,0],
                                       dilations=[1,1]} : f32[1,1,128,128] at 114688
  %db = reshape %db0 : f32[128,128]
  %dc = neg %z : f32[3] at 180224
  %g = pack %da, %db, %dc : f32[20512] at 98304
  %p = pack @a, @b, @c : f32[20512] at @a
  %new = fused %p, %g {space=[20512]} {
    %s = neg %g : f32[20512]
    %new = add %p, %s : f32[20512] at @a
  }
  %a0 = slice %new {starts=[0], limits=[4096]} : f32[4096] at @a
  %a1 = reshape %a0 : f32[64,64]
  %b0 = slice %new {starts=[4096], limits=[20480]} : f32[16384] at @b
  %b1 = reshape %b0 : f32[128,128]
  %c1 = slice %new {starts=[20480], limits=[20483]} : f32[3] at @c
  update @a = %a1
  update @b = %b1
  update @c = %c1
}
)");
    Executable f = program.make("f");
    TimeLog log;
    f.set_timing(&log);
    std::fill_n(f.input(0), 64 * 64, 0.5F);
    std::fill_n(f.input(1), 128 * 128, 2.0F);
    std::fill_n(f.input(2), 3, 7.0F);
    f.run({});
    for (int64_t i = 0; i < 64 * 64; ++i) REQUIRE(program.state("a", i) == -16);
    for (int64_t i = 0; i < 128 * 128; ++i) REQUIRE(program.state("b", i) == -512);
    for (int64_t i = 0; i < 3; ++i) REQUIRE(program.state("c", i) == 7);
    std::vector<size_t> ran;
    for (const OperationTime& one : log) ran.push_back(one.operation);
    CHECK(ran == std::vector<size_t>{0, 1, 6, 3, 4, 6});
    CHECK(f.kernel_name(f.function(), 0) == "tiled+loop");
    CHECK(f.share(f.function(), 6) == (16384 + 32) / 20512.0);
    CHECK(f.share(f.function(), 4) == 29 / 20512.0);
}

TEST_CASE("an undifferentiated function is an internal error") {
    Program program(
        "func @f(%a: f32[] = argument) {\n  %b = gradient %a, %a : f32[]\n  result b = %b\n}\n");
    CHECK_THROWS_AS(program.make("f"), InternalError);
}
