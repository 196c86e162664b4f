// Implements gmc.h: turns C arguments into those of LibraryModel, and every error and exception
// into a status and a text.
#include <algorithm>
#include <cstring>
#include <new>
#include <system_error>

#include "compiler/support/check.h"
#include "runtime/library/gmc.h"
#include "runtime/library/library_model.h"
#include "runtime/threads/thread_count.h"

struct gmc_model {
    std::unique_ptr<gmc::runtime::LibraryModel> model;
};

namespace {

using namespace gmc;           // NOLINT: these are its functions
using namespace gmc::runtime;  // NOLINT

/// The last error of this thread. It is an array, so that it can be written when memory has run
/// out; longer texts are cut.
thread_local char last_error[4096];

gmc_status fail(gmc_status status, std::string_view text) {
    const size_t length = std::min(text.size(), sizeof last_error - 1);
    std::memcpy(last_error, text.data(), length);
    last_error[length] = 0;
    return status;
}

/// What went wrong, without the line break at its end.
gmc_status fail(const Diagnostics& diagnostics) {
    const bool memory = diagnostics.list()[0].kind == DiagnosticKind::kTooLarge;
    std::string text = diagnostics.render("gmc");
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return fail(memory ? GMC_NO_MEMORY : GMC_WRONG_INPUT, text);
}

/// Runs `body`, which gives a status. Nothing leaves it but the status.
template <typename Body>
gmc_status guarded(const Body& body) {
    try {
        return body();
    } catch (const InternalError& error) {
        return fail(GMC_BUG, std::string("internal error, a bug of gmc: ") + error.what());
    } catch (const std::bad_alloc&) {
        return fail(GMC_NO_MEMORY, "there is no more memory");
    } catch (const std::system_error& error) {
        return fail(GMC_NO_MEMORY,
                    std::string("the system gives no more threads: ") + error.what());
    } catch (const std::exception& error) {
        return fail(GMC_BUG, std::string("internal error, a bug of gmc: ") + error.what());
    } catch (...) {
        return fail(GMC_BUG, "internal error, a bug of gmc");
    }
}

/// The options of the caller, whose struct may be that of an older header and shorter: members that
/// it does not have keep their defaults.
template <typename Options>
Options given_options(const Options* options, const Options& usual) {
    Options all = usual;
    if (options != nullptr) std::memcpy(&all, options, std::min<size_t>(options->size, sizeof all));
    return all;
}

const LibraryModel::RowFunction* find(const gmc_model* model, const char* function) {
    return model == nullptr || function == nullptr ? nullptr : model->model->find(function);
}

gmc_status no_function(const gmc_model* model, const char* function) {
    if (model == nullptr || function == nullptr) return fail(GMC_WRONG_CALL, "an argument is NULL");
    std::string names;
    for (const auto& f : model->model->functions()) names += (names.empty() ? "" : ", ") + f.name;
    return fail(GMC_WRONG_CALL, fmt::format("model `{}` has no function `{}`; it has {}",
                                            model->model->name(), function, names));
}

/// Describes input or output number `index` of a function.
gmc_status port(const gmc_model* model, const char* function, size_t index, gmc_tensor* tensor,
                std::vector<LibraryModel::Port> LibraryModel::RowFunction::*ports) {
    return guarded([&] {
        const auto* found = find(model, function);
        if (tensor == nullptr) return fail(GMC_WRONG_CALL, "an argument is NULL");
        if (found == nullptr) return no_function(model, function);
        if (index >= (found->*ports).size())
            return fail(GMC_WRONG_CALL,
                        fmt::format("function `{}` has {} of these, not a number {}", function,
                                    (found->*ports).size(), index));
        *tensor = (found->*ports)[index].tensor;
        return GMC_OK;
    });
}

}  // namespace

const char* gmc_version(void) { return GMC_VERSION; }

const char* gmc_last_error(void) { return last_error; }

gmc_status gmc_load(const char* path, const gmc_options* options, gmc_model** model) {
    if (model != nullptr) *model = nullptr;
    if (path == nullptr || model == nullptr) return fail(GMC_WRONG_CALL, "an argument is NULL");
    return guarded([&] {
        const gmc_options o = given_options(options, gmc_options GMC_OPTIONS_INIT);
        const int threads = o.threads == 0 ? usual_thread_count() : o.threads;
        if (threads < 1 || threads > kMostThreads)
            return fail(GMC_WRONG_CALL, fmt::format("a model computes with 1 to {} threads, not {}",
                                                    kMostThreads, threads));
        Diagnostics diagnostics;
        auto loaded = LibraryModel::load(path, o.run == nullptr ? "" : o.run,
                                         o.checkpoint == nullptr ? kCheckpointName : o.checkpoint,
                                         threads, diagnostics);
        if (!loaded.ok()) return fail(diagnostics);
        *model = new gmc_model{loaded.take()};
        return GMC_OK;
    });
}

void gmc_free(gmc_model* model) { delete model; }

const char* gmc_name(const gmc_model* model) {
    return model == nullptr ? "" : model->model->name().c_str();
}

int64_t gmc_batch_size(const gmc_model* model) {
    return model == nullptr ? 0 : model->model->batch_size();
}

size_t gmc_function_count(const gmc_model* model) {
    return model == nullptr ? 0 : model->model->functions().size();
}

const char* gmc_function_name(const gmc_model* model, size_t index) {
    return index < gmc_function_count(model) ? model->model->functions()[index].name.c_str()
                                             : nullptr;
}

size_t gmc_input_count(const gmc_model* model, const char* function) {
    const auto* found = find(model, function);
    return found == nullptr ? 0 : found->inputs.size();
}

size_t gmc_output_count(const gmc_model* model, const char* function) {
    const auto* found = find(model, function);
    return found == nullptr ? 0 : found->outputs.size();
}

gmc_status gmc_input(const gmc_model* model, const char* function, size_t index,
                     gmc_tensor* tensor) {
    return port(model, function, index, tensor, &LibraryModel::RowFunction::inputs);
}

gmc_status gmc_output(const gmc_model* model, const char* function, size_t index,
                      gmc_tensor* tensor) {
    return port(model, function, index, tensor, &LibraryModel::RowFunction::outputs);
}

gmc_status gmc_run(gmc_model* model, const char* function, int64_t examples,
                   const float* const* inputs, float* const* outputs,
                   const gmc_run_options* options) {
    return guarded([&] {
        const auto* found = find(model, function);
        if (found == nullptr) return no_function(model, function);
        const gmc_run_options o = given_options(options, gmc_run_options GMC_RUN_OPTIONS_INIT);
        constexpr int64_t kMost = int64_t{1} << 40;
        if (examples < 1 || examples > kMost)
            return fail(GMC_WRONG_CALL,
                        fmt::format("a call is for 1 to {} examples, not {}", kMost, examples));
        if (o.first < 0 || o.first > kMost)
            return fail(GMC_WRONG_CALL,
                        fmt::format("the first example is number 0 to {}, not {}", kMost, o.first));
        if (outputs == nullptr) return fail(GMC_WRONG_CALL, "an argument is NULL");
        LibraryModel::Call call{examples, {}, {}, o.seed, o.first};
        for (size_t i = 0; i < found->inputs.size(); ++i)
            call.inputs.push_back(inputs == nullptr ? nullptr : inputs[i]);
        call.outputs.assign(outputs, outputs + found->outputs.size());
        Diagnostics diagnostics;
        return model->model->run(*found, call, diagnostics) ? GMC_OK : fail(diagnostics);
    });
}
