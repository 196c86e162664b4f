// Makes the functions of random_graph.h, which grow one op at a time. Overloads of `grow`
// (element-wise ops) and `grow_shaped` (others) per op struct say how; an op that needs one does
// not build without it.
#pragma once

#include <functional>

#include "compiler/ir/builder.h"
#include "tests/numeric/random_graph/random_graph.h"
#include "tests/numeric/test_random.h"

namespace gmc::tests {

inline int64_t product(const ir::Shape& shape) {
    return ir::Type{ir::DType::kF32, shape}.elements();
}

/// What is known about a value.
struct Facts {
    double low = -1, high = 1;  ///< every element is in [low, high]
    double error = 0;           ///< bound on |float - double|, in units of 2^-24
    bool exact = false;         ///< float and double are equal

    double size() const;  ///< the largest magnitude
};

/// Grows one function. A value that is made goes through `keep` or `note`, which record its facts
/// and put it into the pool of values that later ops may read.
class GraphMaker {
  public:
    GraphMaker(RandomGraph& graph, const RandomGraphOptions& options);

    TestRandom random;
    ir::Builder b;

    /// Adds ops until there are `operations`.
    void grow_to(int operations);
    /// Chooses results and updates.
    void finish();

    // ---- for the overloads of grow ----

    using Wanted = std::function<bool(ir::ValueId)>;

    // Returned by value, since every new op may move what references point to.
    Facts facts(ir::ValueId value) const { return facts_[static_cast<size_t>(value)]; }
    ir::Shape shape(ir::ValueId value) const { return b.shape(value); }
    /// The most elements of a value. Results of broadcast, pad and concat may have three times as
    /// many.
    int64_t most_elements() const { return options_.most_elements; }
    bool is_step() const { return options_.batch > 0; }
    bool is_large() const { return options_.most_elements > 500; }

    /// A value that `wanted` accepts, preferably a late one; kNone when there is none.
    ir::ValueId any(const Wanted& wanted = nullptr);
    ir::ValueId any_exact();
    /// A value of this shape: an existing one, or one that is made to fit.
    ir::ValueId like(const ir::Shape& shape);
    /// The same, made of exact values only.
    ir::ValueId like_exact(const ir::Shape& shape);
    /// x, or x plus a constant, so that all elements are at least 1/4.
    ir::ValueId positive(ir::ValueId x);
    /// A random shape of at most most_elements().
    ir::Shape random_shape(int64_t lowest_rank = 0);

    /// Adds a new value. Scales it when it or its error is large. Returns true, so that `grow` can
    /// end with it.
    bool keep(ir::ValueId value, Facts facts);
    /// Adds an op that only moves elements; the facts are those of the operand.
    ir::ValueId moved(ir::ValueId value, ir::ValueId from);

    /// Records what is known about a value that stays as it is.
    ir::ValueId note(ir::ValueId value, const Facts& facts);

  private:
    void repeat_an_op();
    ir::ValueId fitted(ir::ValueId x, const ir::Shape& shape);
    ir::Shape of_batch(ir::Shape shape) const;
    ir::ValueId add_input(ir::Shape shape, double low, double high, bool whole);
    void add_state(ir::Shape shape);
    std::vector<double> numbers(int64_t count, double low, double high, bool whole);
    void add_packed_update();
    void add_gradients();
    void place_locations();

    RandomGraph& graph_;
    const RandomGraphOptions& options_;
    std::vector<Facts> facts_;       ///< by value
    std::vector<ir::ValueId> pool_;  ///< values that may be used, oldest first
};

/// Groups of ops that models have together and passes look for: normalisation, softmax, dropout, an
/// update of weights, a layer that two batches use.
bool grow_normalisation(GraphMaker& g);
bool grow_softmax(GraphMaker& g);
bool grow_dropout(GraphMaker& g);
bool grow_descent(GraphMaker& g);
bool grow_shared_weights(GraphMaker& g);

/// One attempt to add an op of this kind; false when nothing suits it. Element-wise ops, generators
/// and runtime scalars:
bool grow_elementwise(GraphMaker& g, const ir::OpVariant& op);
/// All others:
bool grow_other(GraphMaker& g, const ir::OpVariant& op);

}  // namespace gmc::tests
