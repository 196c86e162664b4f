// Labels and codebooks. Shapes in comments leave out the batch.
#include "dsl/lower/layers/layers_discrete.h"

#include <fmt/format.h>

#include "dsl/lower/discrete.h"

namespace gmc::lower {

using ir::kNone;
using ir::Shape;
using ir::ValueId;

namespace {

/// The number of classes of the layer's labels; 0 after an error.
int64_t class_count(LayerScope& l) {
    const bool given = l.spec.has("classes");
    return class_count(l.f, l.x(), given ? l.spec.integer("classes") : 0, l.spec.kind,
                       given ? l.spec.span_of("classes") : l.spec.span);
}

}  // namespace

ValueId one_hot(LayerScope& l) {
    const int64_t classes = class_count(l);
    return classes == 0 ? kNone : one_hot(l.f.b, l.x(), classes);
}

/// A matrix product with one-hot codes, see rows_of.
ValueId embedding(LayerScope& l) {
    const int64_t classes = class_count(l);
    if (classes == 0) return kNone;
    return rows_of(l.f.b, l.x(), l.parameter("weight", {classes, l.spec.integer("units")}));
}

/// |x - e|^2 = |x|^2 - 2 x e + |e|^2, where the first term is the same for all codes e. So the
/// nearest code has the largest x e - |e|^2 / 2, which is one matrix product for all vectors and
/// codes.
ValueId vector_quantize(LayerScope& l) {
    ir::Builder& b = l.f.b;
    const Shape shape = l.shape();
    if (shape.size() < 2)
        return l.wrong_shape("",
                             "`vector_quantize` needs vectors, examples with at least one axis");
    const int64_t codes = l.spec.integer("codes"), depth = l.channels();
    const int64_t count = b.type(l.x()).elements() / depth;
    const ValueId codebook =
        l.parameter("codebook", {codes, depth}, "uniform", 1 / static_cast<double>(codes));
    const ValueId rows = b.reshape(l.x(), {count, depth});
    const ValueId square = b.scale(b.reduce_sum(b.mul(codebook, codebook), {1}), 0.5);
    const ValueId products = b.emit(ir::Matmul{false, true}, {rows, codebook});
    const ValueId likeness = b.sub(products, b.broadcast(square, {1}, {count, codes}));
    const ValueId index = argmax(b, likeness);
    const ValueId nearest = b.reshape(rows_of(b, index, codebook), shape);
    l.results["index"] = b.reshape(index, Shape(shape.begin(), shape.end() - 1));
    l.results["nearest"] = nearest;
    // The result is stop(nearest) + (x - stop(x)): the second term is exactly 0 and carries the
    // gradient. The usual x + stop(nearest - x) would round.
    const ValueId passed = b.sub(l.x(), b.emit(ir::StopGradient{}, {l.x()}));
    return b.emit(ir::Add{}, {b.emit(ir::StopGradient{}, {nearest}), passed}, l.path);
}

}  // namespace gmc::lower
