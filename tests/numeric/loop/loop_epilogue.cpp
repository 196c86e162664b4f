// Loops that run as epilogues, part by part, have to give the numbers of loops that run at once.
#include <algorithm>
#include <cmath>

#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"
#include "tests/catch.h"
#include "tests/numeric/loop/loop_harness.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

int64_t part_elements = 1;
int followed = 0;

/// Runs as the epilogue of a contraction would: threads pass on parts of part_elements, the last
/// ones first.
class InParts final : public runtime::Kernel {
  public:
    InParts(std::unique_ptr<runtime::Epilogue> loop, int64_t elements)
        : loop_(std::move(loop)), elements_(elements) {}

    void run(const runtime::CallContext& context) override {
        loop_->begin(context);
        const int64_t parts = (elements_ + part_elements - 1) / part_elements;
        runtime::run_units(parts, runtime::thread_count(), [&](int64_t unit, int worker) {
            const int64_t i = parts - 1 - unit;
            loop_->follow(worker, i * part_elements, std::min((i + 1) * part_elements, elements_));
        });
        loop_->end();
    }

  private:
    std::unique_ptr<runtime::Epilogue> loop_;
    int64_t elements_;
};

std::unique_ptr<runtime::Kernel> make_in_parts(const ir::Function& function,
                                               const ir::Operation& operation,
                                               const runtime::Buffers& buffers) {
    auto loop = runtime::make_loop_epilogue(function, operation, buffers);
    if (!loop) return runtime::make_loop_kernel(function, operation, buffers);
    ++followed;
    return std::make_unique<InParts>(std::move(loop),
                                     ir::f32(operation.as<ir::Fused>()->space).elements());
}

/// max((x + bias) scale, 0) in place of x, its sums over rows and over columns, and its maximum.
void add_layer(LoopHarness& h, const ir::Shape& shape) {
    const ir::ValueId x = h.input(shape), bias = h.input({shape[1]}), scale = h.input({shape[0]});
    ir::Builder b = h.builder();
    const ir::ValueId sum = b.add(x, b.broadcast(bias, {1}, shape)),
                      scaled = b.mul(sum, b.broadcast(scale, {0}, shape)),
                      out = b.emit(ir::Maximum{}, {scaled, b.constant(0, shape)}),
                      columns = b.reduce_sum(out, {0}), rows = b.reduce_sum(scaled, {1}),
                      most = b.emit(ir::ReduceMax{{0, 1}}, {scaled});
    h.fuse(shape, {out, columns, rows, most});
    h.put_in_place(out, x);
}

}  // namespace

TEST_CASE("a loop that follows in parts gives the same numbers") {
    for (const ir::Shape& shape : {ir::Shape{1, 3}, ir::Shape{32, 400}, ir::Shape{7, 784},
                                   ir::Shape{1000, 20}, ir::Shape{5, 1500}, ir::Shape{128, 16}})
        for (int64_t part : {int64_t{1}, shape[1], 6 * shape[1], int64_t{1000}, int64_t{1} << 20}) {
            part_elements = part, followed = 0;
            LoopHarness h(7);
            add_layer(h, shape);
            INFO(ir::to_string(shape) << " in parts of " << part);
            CHECK(h.difference(1e-5, 1e-4, make_in_parts) == "");
            CHECK(followed == 1);
            // Whatever the parts and the threads, the bits are those of the loop that runs at once.
            CHECK(h.run(make_in_parts) == h.run());
        }
}

TEST_CASE("a loop whose threads take columns does not follow") {
    followed = 0;
    LoopHarness h(7);
    add_layer(h, {64, 1024 * 4 * 2});
    CHECK(h.difference(1e-5, 1e-3, make_in_parts) == "");
    CHECK(followed == 0);
}

TEST_CASE("a loop that runs in parts gives the same numbers, together and following") {
    static constexpr int64_t kElements = 5000;
    static const std::vector<runtime::LoopPart> kParts = {{0, 96}, {96, 1600}, {1600, kElements}};
    const auto add_update = [](LoopHarness& h) {
        const ir::Shape shape{kElements};
        const ir::ValueId w = h.input(shape), g = h.input(shape), rate = h.input({});
        ir::Builder b = h.builder();
        const ir::ValueId moved = b.sub(w, b.mul(b.splat(rate, shape), b.mul(g, g))),
                          narrow = b.emit_typed(ir::Cast{}, {moved}, {ir::DType::kBf16, shape});
        h.fuse(shape, {moved, narrow});
        h.put_in_place(moved, w);
    };
    // Whichever thread runs the parts; the last two in one piece.
    class Parts final : public runtime::Kernel {
      public:
        Parts(const ir::Function& function, const ir::Operation& operation,
              const runtime::Buffers& buffers)
            : first_(runtime::make_loop_epilogue(function, operation, buffers, kParts[0])),
              rest_(runtime::make_loop_kernel(function, operation, buffers,
                                              {kParts[1], kParts[2]})) {}
        void run(const runtime::CallContext& context) override {
            first_->begin(context);
            first_->follow(0, 0, 40);
            first_->follow(0, 40, 96);
            first_->end();
            rest_->run(context);
        }

      private:
        std::unique_ptr<runtime::Epilogue> first_;
        std::unique_ptr<runtime::Kernel> rest_;
    };
    LoopHarness h(7);
    add_update(h);
    REQUIRE(runtime::runs_in_parts(h.function(), h.operation()));
    CHECK(h.difference(1e-6, 1e-6,
                       [](const ir::Function& f, const ir::Operation& op,
                          const runtime::Buffers& b) -> std::unique_ptr<runtime::Kernel> {
                           return std::make_unique<Parts>(f, op, b);
                       }) == "");
}

TEST_CASE("a part that is given its values gives the numbers of the loop, and reads no others") {
    static constexpr int64_t kElements = 9000;
    static constexpr runtime::LoopPart kPart{96, 8001};
    static ir::ValueId gradient;
    // Gives the part what is at the gradient, from other memory and in pieces, when the gradient
    // itself holds something else.
    class Given final : public runtime::Kernel {
      public:
        Given(const ir::Function& function, const ir::Operation& operation,
              const runtime::Buffers& buffers)
            : part_(runtime::make_loop_epilogue(function, operation, buffers, kPart, gradient)),
              rest_(runtime::make_loop_kernel(function, operation, buffers,
                                              {{0, kPart.begin}, {kPart.end, kElements}})),
              at_(buffers.data(gradient) + kPart.begin) {
            REQUIRE(part_->takes_values());
        }
        void run(const runtime::CallContext& context) override {
            const std::vector<float> values(at_, at_ + kPart.elements());
            std::fill(at_, at_ + kPart.elements(), NAN);
            part_->begin(context);
            for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{5000, kPart.elements()},
                                             {0, 1},
                                             {1, 2600},
                                             {2600, 5000}}) {
                const std::vector<float> piece(values.begin() + begin, values.begin() + end);
                part_->follow_at(0, begin, end, piece.data());
            }
            part_->end();
            std::copy(values.begin(), values.end(), at_);
            rest_->run(context);
        }

      private:
        std::unique_ptr<runtime::Epilogue> part_;
        std::unique_ptr<runtime::Kernel> rest_;
        float* at_;
    };
    const auto make = [](const ir::Function& f, const ir::Operation& op,
                         const runtime::Buffers& b) -> std::unique_ptr<runtime::Kernel> {
        return std::make_unique<Given>(f, op, b);
    };
    LoopHarness h(7);
    const ir::Shape shape{kElements};
    const ir::ValueId w = h.input(shape), rate = h.input({});
    gradient = h.input(shape);
    ir::Builder b = h.builder();
    const ir::ValueId moved =
        b.sub(w, b.mul(b.splat(rate, shape), b.mul(gradient, b.emit(ir::Exp{}, {gradient}))));
    h.fuse(shape, {moved});
    h.put_in_place(moved, w);
    CHECK(h.difference(1e-6, 1e-6, make) == "");
    CHECK(h.run(make) == h.run());
}

TEST_CASE("a part that writes over what it reads takes no values") {
    LoopHarness h(7);
    static ir::ValueId x;
    x = h.input({64});
    ir::Builder b = h.builder();
    const ir::ValueId y = b.neg(b.emit(ir::Exp{}, {x}));
    h.fuse({64}, {y});
    h.put_in_place(y, x);
    static bool takes;
    takes = true;
    h.run([](const ir::Function& f, const ir::Operation& op, const runtime::Buffers& buffers) {
        takes = runtime::make_loop_epilogue(f, op, buffers, {0, 32}, x)->takes_values();
        return runtime::make_loop_kernel(f, op, buffers);
    });
    CHECK(!takes);
}

TEST_CASE("loops that sum, draw or repeat do not run in parts") {
    const auto runs = [](auto&& make) {
        LoopHarness h(7);
        ir::Builder b = h.builder();
        const ir::ValueId x = h.input({64});
        h.fuse({64}, make(b, x));
        return runtime::runs_in_parts(h.function(), h.operation());
    };
    using Values = std::vector<ir::ValueId>;
    CHECK(runs([](ir::Builder& b, ir::ValueId x) { return Values{b.neg(b.neg(x))}; }));
    CHECK(!runs([](ir::Builder& b, ir::ValueId x) { return Values{b.reduce_sum(b.neg(x), {0})}; }));
    CHECK(!runs([](ir::Builder& b, ir::ValueId x) {
        return Values{b.mul(x, b.emit_typed(ir::RandomNormal{}, {}, ir::f32({64})))};
    }));
    LoopHarness h(7);
    ir::Builder b = h.builder();
    const ir::ValueId x = h.input({2, 32}), row = h.input({32});
    h.fuse({2, 32}, {b.add(x, b.broadcast(row, {1}, {2, 32}))});
    CHECK(!runtime::runs_in_parts(h.function(), h.operation()));
}
