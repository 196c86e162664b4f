// The inner loops of attention that are no products: softmax over rows of scores, and its gradient.
// Each runs on one thread, on the widest vectors of this machine.
#pragma once

#include <cstdint>

#include "runtime/contractions/tiles/tile_simd.h"

namespace gmc::runtime {

/// Rows of products that become weights.
struct SoftmaxRows {
    float* rows;          ///< [count, stride]; stride is a multiple of kTileVector
    const float* mask;    ///< of the first row; null: there is none
    float* inverse_sums;  ///< [count]
    float scale;
    int64_t count, columns, stride, mask_stride;
};
/// Each row x becomes e^(scale x + mask - largest); 1 / its sum goes to `inverse_sums`. What lies
/// behind `columns` is overwritten.
void run_softmax_rows(const SoftmaxRows& rows);

/// Rows of exponentials and of the gradients of the weights.
struct SoftmaxGradientRows {
    float* exponentials;  ///< as run_softmax_rows leaves them; become the weights p
    float* gradients;     ///< g of p; become scale p (g - sum of p g)
    const float* inverse_sums;
    float scale;
    int64_t count, columns, stride;
};
void run_softmax_gradient_rows(const SoftmaxGradientRows& rows);

}  // namespace gmc::runtime
