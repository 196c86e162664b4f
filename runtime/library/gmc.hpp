// The C interface of gmc (gmc.h) as a class. Errors are exceptions, memory frees itself.
//
//   gmc::Model model("runs/vae_mlp");
//   std::vector<float> images = model.run("sample", 8).at("sample");
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmc.h"

namespace gmc {

/// What a call of gmc says when it fails.
class Error : public std::runtime_error {
  public:
    Error(gmc_status status, const std::string& text) : std::runtime_error(text), status_(status) {}
    gmc_status status() const { return status_; }

  private:
    gmc_status status_;
};

/// An input or a result of a function; see gmc_tensor.
struct Tensor {
    std::string name;
    gmc_kind kind = GMC_RESULT;
    std::vector<int64_t> shape;  ///< of one example
    int64_t elements = 1;        ///< of one example
    int64_t classes = 0;         ///< of labels
    double low = 0, high = 1;    ///< of data
};

/// Values by name of an input or a result, `elements` floats per example.
using Values = std::map<std::string, std::vector<float>>;

/// A trained model. Throws Error. May be moved, and used from several threads.
class Model {
  public:
    /// `path` is the folder of a run. `run`, `checkpoint`, `threads`: see gmc_options.
    explicit Model(const std::string& path, const std::string& run = "",
                   const std::string& checkpoint = "", int threads = 0) {
        gmc_options options = GMC_OPTIONS_INIT;
        options.run = run.empty() ? nullptr : run.c_str();
        options.checkpoint = checkpoint.empty() ? nullptr : checkpoint.c_str();
        options.threads = threads;
        gmc_model* made = nullptr;
        check(gmc_load(path.c_str(), &options, &made));
        model_.reset(made);
    }

    std::string name() const { return gmc_name(model_.get()); }
    int64_t batch_size() const { return gmc_batch_size(model_.get()); }

    std::vector<std::string> functions() const {
        std::vector<std::string> names;
        for (size_t i = 0; i < gmc_function_count(model_.get()); ++i)
            names.emplace_back(gmc_function_name(model_.get(), i));
        return names;
    }
    std::vector<Tensor> inputs(const std::string& function) const {
        return tensors(gmc_input, gmc_input_count(model_.get(), function.c_str()), function);
    }
    std::vector<Tensor> outputs(const std::string& function) const {
        return tensors(gmc_output, gmc_output_count(model_.get(), function.c_str()), function);
    }

    /// All results of a function. Noise and labels that `inputs` does not name are drawn by gmc, by
    /// `seed` and the number of the example, counted from `first`.
    Values run(const std::string& function, int64_t examples, const Values& inputs = {},
               uint64_t seed = 1, int64_t first = 0) {
        std::vector<const float*> from;
        size_t used = 0;
        for (const Tensor& input : this->inputs(function)) {
            const auto given = inputs.find(input.name);
            from.push_back(given == inputs.end() ? nullptr : given->second.data());
            if (given == inputs.end()) continue;
            ++used;
            if (given->second.size() != count(input, examples))
                throw Error(GMC_WRONG_CALL, "input `" + input.name + "` has " +
                                                std::to_string(given->second.size()) +
                                                " numbers, not " +
                                                std::to_string(count(input, examples)));
        }
        if (used != inputs.size())
            throw Error(GMC_WRONG_CALL, "`" + function + "` has no such input");
        Values results;
        std::vector<float*> to;
        for (const Tensor& output : outputs(function))
            to.push_back((results[output.name] = std::vector<float>(count(output, examples))).data());
        gmc_run_options options = GMC_RUN_OPTIONS_INIT;
        options.seed = seed;
        options.first = first;
        check(gmc_run(model_.get(), function.c_str(), examples, from.data(), to.data(), &options));
        return results;
    }

  private:
    struct Free {
        void operator()(gmc_model* model) const { gmc_free(model); }
    };

    static void check(gmc_status status) {
        if (status != GMC_OK) throw Error(status, gmc_last_error());
    }
    static size_t count(const Tensor& tensor, int64_t examples) {
        return static_cast<size_t>(examples > 0 ? examples * tensor.elements : 0);
    }
    template <typename Get>
    std::vector<Tensor> tensors(Get get, size_t count, const std::string& function) const {
        std::vector<Tensor> all;
        for (size_t i = 0; i < count; ++i) {
            gmc_tensor t;
            check(get(model_.get(), function.c_str(), i, &t));
            all.push_back({t.name, t.kind, std::vector<int64_t>(t.shape, t.shape + t.rank),
                           t.elements, t.classes, t.low, t.high});
        }
        return all;
    }

    std::unique_ptr<gmc_model, Free> model_;
};

}  // namespace gmc
