// What the rules of `rules.h` build ONNX nodes with. Enters: a function, its sizes, the numbers of
// its states. Leaves: a graph.
//
// A value is held by an ONNX tensor that may be smaller than the value. Along an axis on which all
// elements are equal, the tensor has size 1; at the front such axes may be missing. ONNX's
// element-wise ops repeat such tensors by themselves, so that a bias needs no `Expand`. A rule that
// needs all elements asks for them by `full`.
//
// A scan becomes ONNX's `Scan`, whose body is a graph within the graph and may read the tensors
// around it. A node stands in the outermost graph that has all its inputs: what does not depend on
// the pass is computed once, before the loop, and so are the constants and shapes of all graphs.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/ir/module.h"
#include "runtime/onnx/batch_sizes.h"
#include "runtime/onnx/graph.h"

namespace gmc::onnx {

/// Random numbers: inputs of the graph, or drawn in it by Random ops.
enum class Noise : uint8_t { kInputs, kInside };

/// What is exported.
struct Source {
    const ir::Module* module = nullptr;
    const ir::Function* function = nullptr;
    /// The numbers of a state that is no copy, row-major.
    std::function<std::span<const float>(ir::StateId)> state;
    double step = 0, epoch = 0;  ///< of the run: what the ops `step` and `epoch` give
};

/// Turns one function into a graph. The overloads of `lower` (rules_*.cpp) have one rule per op of
/// the IR; they read the op at hand and make nodes through the functions below.
class Lowering {
  public:
    Lowering(const Source& source, Noise noise);

    /// The graph of the whole function.
    Graph run();

    // ---- of the op at hand ----

    ir::ValueId operand_id(size_t i) const { return operation_->operands[i]; }
    ir::ValueId result_id() const { return operation_->result(); }
    size_t operand_count() const { return operation_->operands.size(); }
    const ir::Type& type(ir::ValueId v) const { return here().function->type(v); }
    const Sizes& sizes(ir::ValueId v) const { return sizes_.of(*here().function, v); }
    int64_t batch_size() const { return sizes_.batch(); }

    /// The tensor of operand i, which repeats along axes of size 1.
    const std::string& operand(size_t i) { return held(operand_id(i)).name; }
    /// The tensor of operand i with all its elements.
    std::string full(size_t i) { return full_value(operand_id(i)); }
    /// The result, with all elements.
    void set(const std::string& name);
    /// The result of an element-wise ONNX op on the operands; `extra` inputs have one element.
    void elementwise(const std::string& op, std::vector<Attribute> attributes = {},
                     const std::vector<std::string>& extra = {});
    /// The result of an ONNX op that compares the operands: 1 and 0 instead of booleans.
    void comparison(const std::string& op);
    /// The result is operand 1 where operand 0 is not 0, else operand 2.
    void selection();
    /// The result is operand 0.
    void set_to_operand() { here().held[result_id()] = held(operand_id(0)); }
    /// The result is operand 0 rounded to bf16, which ONNX tensors here hold as f32.
    void set_rounded();
    /// The result is one number, or a tensor that repeats along axes where `spread` is false.
    void set_small(const std::string& name, std::vector<bool> spread);
    const std::vector<bool>& spread(ir::ValueId v) const { return held(v).spread; }
    bool is_one_number(ir::ValueId v) const { return held(v).rank == 0; }
    void random(bool normal, int64_t stream);
    /// Numbers that the runtime knows: inputs whose default is that of the run.
    void step() { progress("step", source_.step); }
    void epoch() { progress("epoch", source_.epoch); }
    /// The number of the pass, in the body of a scan.
    void iteration() { set(pass_number()); }
    void lower_body();
    void scan();

    // ---- nodes ----

    std::string node(const std::string& op, std::vector<std::string> inputs,
                     std::vector<Attribute> attributes = {});
    std::string number(double value);
    std::string constants(const std::vector<int64_t>& values);
    /// These sizes as a tensor of integers.
    std::string shape(const Sizes& sizes);
    std::string reshape(const std::string& x, const Sizes& sizes);
    std::string transpose(const std::string& x, const std::vector<int64_t>& permutation);
    std::string rounded(const std::string& x);
    bool rounds_result() const { return type(result_id()).dtype == ir::DType::kBf16; }

  private:
    struct Held {
        std::string name;
        std::vector<bool> spread;  ///< per axis of the value: the tensor has its size
        size_t rank = 0;           ///< of the tensor; axes are missing at the front
    };
    /// A graph in the making, and the function that it is made of.
    struct Scope {
        const ir::Function* function = nullptr;
        int64_t passes = 1;  ///< of the body of a scan: how often it runs
        Graph graph;
        std::unordered_map<ir::ValueId, Held> held;
        /// Of a body: the tensors outside of which each pass sees one element.
        std::vector<std::string> sequences;
        std::map<std::string, std::string> elements;  ///< the element's name, by the sequence's
    };
    Scope& here() { return scopes_.back(); }
    const Scope& here() const { return scopes_.back(); }
    const Held& held(ir::ValueId v) const { return here().held.at(v); }
    size_t depth(const std::string& name) const;
    std::string element(size_t depth, const std::string& sequence, const Sizes& sizes);
    std::string pass_number();
    void enter_body(const ir::Function& body, int64_t passes);
    std::string unique(const std::string& name);
    /// Operand i as booleans: where it is not 0.
    std::string condition(size_t i);
    void elementwise(const std::string& op, std::vector<std::string> inputs,
                     std::vector<Attribute> attributes);
    void progress(const std::string& name, double value);
    std::string full_value(ir::ValueId v);
    std::string batch();
    void hold(ir::ValueId v, const std::string& name);
    void add_inputs();
    void add_states();
    void add_results();
    void add_output(const std::string& name, ir::ValueId v, const std::string& doc);
    std::string place() const;
    void lower_all(const std::vector<ir::Operation>& operations);
    std::string input_doc(const ir::Input& input) const;
    std::string drawn(bool normal, const Sizes& sizes);

    Source source_;
    Noise noise_;
    BatchSizes sizes_;
    std::deque<Scope> scopes_;  ///< the function, then the bodies around the op at hand
    const ir::Operation* operation_ = nullptr;
    std::map<std::string, std::string> known_;  ///< constants and shapes, by their text
    std::map<std::string, std::string> booleans_;
    /// Random numbers: the tensor with those of all passes, and the sizes in one pass, by stream
    /// and the passes of the loops around.
    std::map<std::pair<int64_t, std::vector<int64_t>>, std::pair<std::string, Sizes>> drawn_;
    std::set<std::string> names_;
    std::unordered_map<std::string, size_t> depths_;  ///< of tensors in bodies: which scope
    std::string batch_;
};

}  // namespace gmc::onnx
