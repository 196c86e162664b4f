// Opens the data of a model when a loader is asked for, or ahead of time on another thread, so that
// functions can be bound meanwhile.
#include "runtime/train/data_plan.h"

#include <utility>

#include "compiler/support/take_over.h"
#include "compiler/support/wording.h"
#include "runtime/data/field_source.h"
#include "runtime/data/fingerprint/data_changes.h"
#include "runtime/data/own_order.h"
#include "runtime/threads/float_mode.h"

namespace gmc::runtime {

Result<Dataset> DataPlan::read(DataSplit split, Diagnostics& diagnostics) const {
    const bool test = split == DataSplit::kTest && has_test();
    const std::vector<ir::DataField>& declared = test ? module_.test : module_.data;
    auto fields = open_fields(instead_.empty() ? declared : instead_, diagnostics, {},
                              instead_.empty() && !test);
    if (!fields.ok()) return Failure{};
    return make_dataset(fields.take(), diagnostics);
}

std::shared_future<void> DataPlan::read_ahead() {
    // A new thread inherits this mode, so the numbers in files are the same whichever thread reads
    // them.
    flush_denormals();
    std::promise<void> end;
    std::shared_future<void> ended = end.get_future().share();
    is_ahead_ = true;
    read_ahead_ = std::async(std::launch::async, [this, end = std::move(end)]() mutable {
        // Fulfilled also when reading throws; otherwise others would wait for ever.
        const std::shared_ptr<void> at_end(nullptr, [&](void*) { end.set_value(); });
        ReadAhead result{Failure{}, {}};
        result.dataset = read(DataSplit::kTrain, result.diagnostics);
        return result;
    });
    return ended;
}

/// Waits for the thread, and hands on its errors and warnings.
Result<Dataset> DataPlan::take_read_ahead(Diagnostics& diagnostics) {
    ReadAhead result = read_ahead_.get();
    is_ahead_ = false;
    take_over(result.diagnostics, {}, diagnostics);
    return std::move(result.dataset);
}

Result<std::unique_ptr<Loader>> DataPlan::make_loader(DataSplit split, const LoaderOptions& options,
                                                      Diagnostics& diagnostics) {
    auto dataset = split == DataSplit::kTrain && read_ahead_.valid() ? take_read_ahead(diagnostics)
                                                                     : read(split, diagnostics);
    if (!dataset.ok()) return Failure{};
    if (!is_replaced()) {
        const bool test = split == DataSplit::kTest && has_test();
        const std::string changed =
            how_they_changed(std::exchange(test ? expected_test_ : expected_, ""), *dataset,
                             test ? module_.test : module_.data);
        if (!changed.empty())
            diagnostics.warning(DiagnosticKind::kBadFile, {}, "{}{}", test ? kOfTestData : "",
                                changed);
    }
    return Loader::create(dataset.take(), options, diagnostics);
}

std::vector<std::string> fields_of(const ir::Function& function) {
    std::vector<std::string> fields;
    for (const ir::Input& input : function.inputs)
        if (input.source.is_data()) fields.push_back(input.source.field);
    return fields;
}

/// A field in an order of its own shares that with its labels only.
std::set<std::string> fields_beside(const ir::Module& module, const ir::Function& function) {
    const auto set_of = [](const ir::DataField& field) {
        return !field.own_order ? "" : field.format == "labels" ? field.source : field.name;
    };
    std::set<std::string> sets, out;
    for (const std::string& name : fields_of(function))
        if (const ir::DataField* field = ir::find_field(module.data, name))
            sets.insert(set_of(*field));
    for (const ir::DataField& field : module.data)
        if (sets.count(set_of(field)) != 0) out.insert(field.name);
    return out;
}

bool cover_sets(std::unique_ptr<Loader>& loader, const std::vector<std::string>& fields,
                Diagnostics& diagnostics) {
    const int64_t longest = longest_set(loader->dataset(), fields);
    for (const std::string& name : fields)
        if (const int64_t count = longest_set(loader->dataset(), {name}); count < longest)
            diagnostics.warning(DiagnosticKind::kBadValue, {},
                                "`data.{}` has {}, fewer than the {} of another set that goes in "
                                "with it: they begin again",
                                name, counted(count, "example"), longest);
    if (longest == loader->dataset().count()) return true;
    auto dataset = gone_through_to(loader->dataset(), longest, diagnostics);
    if (!dataset.ok()) return false;
    auto made = Loader::create(dataset.take(), loader->options(), diagnostics);
    if (!made.ok()) return false;
    loader = made.take();
    return true;
}

}  // namespace gmc::runtime
