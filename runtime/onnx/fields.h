// Field numbers of ONNX's protocol buffers, from onnx/onnx.proto (ONNX 1.12, IR version 8). Only
// those that gmc writes. A number never changes its meaning: that is what protocol buffers promise.
#pragma once

#include <cstdint>

namespace gmc::onnx::field {

/// What the file says that it is: IR version 8 and operator set 17 came with ONNX 1.12 (2022).
inline constexpr int64_t kIrVersion = 8, kOperatorSet = 17;

enum class Model : uint32_t {
    kIrVersion = 1,
    kProducerName = 2,
    kProducerVersion = 3,
    kDoc = 6,
    kGraph = 7,
    kOperatorSets = 8,
    kMetadata = 14
};
enum class OperatorSet : uint32_t { kDomain = 1, kVersion = 2 };
/// StringStringEntryProto
enum class Entry : uint32_t { kKey = 1, kValue = 2 };
enum class Graph : uint32_t {
    kNode = 1,
    kName = 2,
    kInitializer = 5,
    kDoc = 10,
    kInput = 11,
    kOutput = 12
};
enum class Node : uint32_t {
    kInput = 1,
    kOutput = 2,
    kName = 3,
    kOp = 4,
    kAttribute = 5,
    kDoc = 6
};
enum class Attribute : uint32_t {
    kName = 1,
    kFloat = 2,
    kInt = 3,
    kGraph = 6,
    kInts = 8,
    kType = 20
};
/// AttributeProto.AttributeType
enum class AttributeType : int32_t { kFloat = 1, kInt = 2, kGraph = 5, kInts = 7 };
enum class Tensor : uint32_t {
    kDims = 1,
    kType = 2,
    kName = 8,
    kRaw = 9,
    kDoc = 12,
    kExternal = 13,
    kLocation = 14
};
/// TensorProto.DataLocation
inline constexpr int32_t kExternalLocation = 1;
enum class Value : uint32_t { kName = 1, kType = 2, kDoc = 3 };
enum class Type : uint32_t { kTensor = 1 };
enum class TensorType : uint32_t { kElement = 1, kShape = 2 };
enum class Shape : uint32_t { kDimension = 1 };
enum class Dimension : uint32_t { kValue = 1, kParameter = 2 };

}  // namespace gmc::onnx::field
