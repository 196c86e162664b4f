// Short ways to write rows of the table of the language, for the files schema_*.cpp. Each function
// makes a row of one type from a key, its default, its limits and one line of documentation.
#pragma once

#include <limits>

#include "dsl/schema/schema.h"

namespace gmc::dsl {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Range kAnyNumber{-kInfinity, kInfinity, true, true};
constexpr Range kPositive{0, kInfinity, true, true};
constexpr Range kNotNegative{0, kInfinity, false, true};
constexpr Range kDecay{0, 1, false, true};

inline KeyRow integer(const char* key, const char* fallback, Range range, const char* doc) {
    return {key, KeyType::kInteger, fallback, doc, range};
}
inline KeyRow number(const char* key, const char* fallback, Range range, const char* doc) {
    return {key, KeyType::kNumber, fallback, doc, range};
}
inline KeyRow flag(const char* key, const char* fallback, const char* doc) {
    return {key, KeyType::kFlag, fallback, doc};
}
inline KeyRow word(const char* key, const char* fallback, const char* words, const char* doc) {
    return {key, KeyType::kWord, fallback, doc, {}, words};
}
inline KeyRow initializer(const char* key, const char* fallback, const char* words,
                          const char* doc) {
    return {key, KeyType::kInitializer, fallback, doc, {}, words};
}
inline KeyRow text(const char* key, const char* fallback, const char* doc, const char* group = "") {
    return {key, KeyType::kText, fallback, doc, {}, "", group};
}
inline KeyRow name(const char* key, const char* fallback, const char* doc) {
    return {key, KeyType::kName, fallback, doc};
}
inline KeyRow names(const char* key, const char* fallback, const char* doc) {
    return {key, KeyType::kNames, fallback, doc};
}
inline KeyRow shape(const char* key, const char* fallback, const char* doc) {
    return {key, KeyType::kShape, fallback, doc, {1, kMostElements}};
}
/// An integer, or a list of one for each of `axes` spatial axes.
inline KeyRow per_axis(int axes, const char* key, const char* fallback, Range range,
                       const char* doc) {
    KeyRow row{key, axes == 1 ? KeyType::kInteger : KeyType::kPerAxis, fallback, doc, range};
    row.axes = axes;
    return row;
}
inline KeyRow axes(const char* key, const char* fallback, Range range, const char* doc) {
    return {key, KeyType::kAxes, fallback, doc, range};
}
inline KeyRow expression(const char* key, const char* fallback, const char* doc) {
    return {key, KeyType::kExpression, fallback, doc};
}
/// `range` is checked when the expression is a constant; `group` as in KeyRow.
inline KeyRow expression(const char* key, const char* fallback, Range range, const char* doc,
                         const char* group = "") {
    return {key, KeyType::kExpression, fallback, doc, range, "", group};
}
/// `holds` as in KeyRow.
inline KeyRow structure(const char* key, const char* holds, const char* fallback, const char* doc,
                        const char* group = "") {
    return {key, KeyType::kStructure, fallback, doc, {}, "", group, holds};
}

/// The keys of a tensor with first values: shape, initializer, initializer_stddev. Each argument is
/// the default of a key, or kRequired or kOptional.
std::vector<KeyRow> tensor_keys(const char* shape, const char* initializer);

/// The rows of schema_optimizers.cpp, which are part of mapping_table().
std::vector<MappingRow> optimizer_rows();
std::vector<MappingRow> schedule_rows();

}  // namespace gmc::dsl
