// Runs a scoring function over the data and collects its results by what each of them is: a number
// per example (a column), or a map of several numbers.
#include "runtime/train/score.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "compiler/support/check.h"
#include "runtime/train/fill_inputs.h"
#include "runtime/train/write_back.h"

namespace gmc::runtime {
namespace {

/// A longer sequence of labels would fill the table.
constexpr int64_t kLabelsMost = 64;

/// Collects the rows of batches. `columns_`, `maps_` and `labels_` say which results and fields
/// they come from.
class Collector {
  public:
    /// `beside`: the fields of the same examples.
    Collector(const LoadedModel& model, const Executable& executable, const Dataset& dataset,
              const std::set<std::string>& beside, const ScoreOptions& options)
        : executable_(executable) {
        const auto& results = executable.function().results;
        for (size_t i = 0; i < results.size(); ++i) {
            const ir::Type& type = executable.result_type(i);
            // The only result of a function has no name of its own.
            const std::string& name = results.size() == 1 ? options.function : results[i].name;
            if (type.elements() == type.shape[0]) {
                scores_.columns.push_back({name, {}});
                columns_.push_back(i);
            } else if (options.maps) {
                scores_.maps.emplace_back(name, Examples{});
                scores_.maps.back().second.like = name_of_like(model, options.function, i);
                maps_.push_back(i);
            }
        }
        for (size_t f = 0; f < dataset.fields().size(); ++f) {
            const FieldPtr& field = dataset.fields()[f];
            if (beside.count(field->name()) == 0) continue;
            fields_.push_back(field);
            if (field->class_count() == 0 || field->elements() > kLabelsMost) continue;
            for (int64_t at = 0; at < field->elements(); ++at) {
                const std::string& name = field->name();
                scores_.labels.push_back(
                    {field->shape().empty() ? name : fmt::format("{}.{}", name, at), name, {}});
                labels_.push_back({f, field->elements(), at});
            }
        }
    }

    bool has_columns() const { return !columns_.empty(); }

    void add(const Batch& batch, int64_t rows) {
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t example = batch.indices[static_cast<size_t>(row)];
            std::string id;
            for (const FieldPtr& field : fields_)
                if (id.empty()) id = field->file_of(example);
            scores_.ids.push_back(id.empty() ? fmt::format("{}", example) : id);
        }
        for (size_t i = 0; i < labels_.size(); ++i) {
            const Label& label = labels_[i];
            const float* from = batch.fields[label.field] + label.at;
            for (int64_t row = 0; row < rows; ++row)
                scores_.labels[i].values.push_back(from[row * label.width]);
        }
        for (size_t i = 0; i < columns_.size(); ++i)
            append(executable_.result(columns_[i]), rows, scores_.columns[i].second);
        for (size_t i = 0; i < maps_.size(); ++i)
            append_rows(executable_.result(maps_[i]), executable_.result_type(maps_[i]), rows,
                        scores_.maps[i].second);
    }

    Scores take() { return std::move(scores_); }

  private:
    static void append(const float* from, int64_t rows, std::vector<float>& to) {
        to.insert(to.end(), from, from + rows);
    }

    const Executable& executable_;
    std::vector<FieldPtr> fields_;
    Scores scores_;
    std::vector<size_t> columns_, maps_;  ///< numbers of results
    struct Label {
        size_t field;
        int64_t width, at;  ///< numbers of an example, and which of them
    };
    std::vector<Label> labels_;
};

/// How to give the model such a function: of what it reconstructs, or of a network that judges, as
/// a GAN has one. Functions do not call each other, so the text of `reconstruct` is to be repeated.
std::string example_of_score(const ir::Module& module) {
    const auto image = std::find_if(module.data.begin(), module.data.end(), [](const auto& data) {
        return data.shape.size() == 3 && (data.shape[2] == 1 || data.shape[2] == 3);
    });
    const std::string field = image == module.data.end() ? "image" : image->name;
    std::string takes = field, made = "what the model makes of it";
    if (const ir::Function* reconstruct = module.find_function("reconstruct")) {
        made = "the expression of its function `reconstruct`";
        for (const ir::Input& input : reconstruct->inputs)
            if (input.source.is_data() && input.source.field != field)
                takes += ", " + input.source.field;
    }
    std::string text =
        fmt::format("`score({}): sum((... - {})^2)`, where `...` is {}", takes, field, made);
    for (const ir::Layer& layer : module.layers) {
        const std::string network = layer.name.substr(0, layer.name.find('.'));
        if (network == "discriminator" || network == "critic")
            text = fmt::format("`score({}): -{}({})`", takes, network, takes);
    }
    return "a function of data that gives a number per example, under `functions` of the model's "
           "objective: " +
           text;
}

/// The function, if it can score; null after an error.
Executable* scoring_function(LoadedModel& model, const std::string& name,
                             Diagnostics& diagnostics) {
    if (model.module().find_function(name) == nullptr) {
        diagnostics
            .error(DiagnosticKind::kUnknownName, {}, "model `{}` has no function `{}`",
                   model.module().name, name)
            .help(example_of_score(model.module()));
        return nullptr;
    }
    Executable* executable = batch_function(model, name, model.batch_size(), diagnostics);
    if (executable == nullptr) return nullptr;
    const auto& inputs = executable->function().inputs;
    if (std::any_of(inputs.begin(), inputs.end(),
                    [](const ir::Input& input) { return input.source.is_data(); }))
        return executable;
    diagnostics.error(DiagnosticKind::kWrongType, {},
                      "function `{}` takes no data field, so there is nothing to score", name);
    return nullptr;
}

}  // namespace

Result<Scores> score(LoadedModel& model, std::unique_ptr<Loader> loader,
                     const ScoreOptions& options, Diagnostics& diagnostics) {
    Executable* executable = scoring_function(model, options.function, diagnostics);
    if (executable == nullptr ||
        !cover_sets(loader, fields_of(executable->function()), diagnostics))
        return Failure{};
    const Dataset& dataset = loader->dataset();
    Collector collector(model, *executable, dataset,
                        fields_beside(model.module(), executable->function()), options);
    if (!collector.has_columns()) {
        diagnostics
            .error(DiagnosticKind::kWrongType, {},
                   "function `{}` gives no single number per example", options.function)
            .help("`sum(...)` makes one of them");
        return Failure{};
    }
    const int64_t count =
        options.count == 0 ? dataset.count() : std::min(options.count, dataset.count());
    for (int64_t done = 0; done < count; done += model.batch_size()) {
        const auto batch = loader->next(diagnostics);
        if (!batch.ok()) return Failure{};
        set_inputs(*executable, *loader, **batch);
        set_noise(*executable, options.seed, done);
        executable->run(model.context(options.seed, static_cast<uint32_t>((*batch)->cursor.batch)));
        collector.add(**batch, std::min(model.batch_size(), count - done));
    }
    dataset.add_warnings(diagnostics);
    return collector.take();
}

double quantile_of(std::vector<float> values, double quantile) {
    GMC_CHECK(!values.empty(), "the quantile of no values");
    std::sort(values.begin(), values.end());
    const double place = quantile * static_cast<double>(values.size() - 1);
    const auto below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, values.size() - 1);
    const double share = place - std::floor(place);
    return double{values[below]} * (1 - share) + double{values[above]} * share;
}

std::optional<ColumnMap> by_columns(const LoadedModel& model, const Examples& map) {
    const std::optional<Table> table = table_of(model, map);
    if (!table) return std::nullopt;
    ColumnMap out;
    for (const TableColumn& column : table->columns)
        if (column.width() > 0) out.names.push_back(column.name);
    const int64_t width = table->width();
    const auto masks = std::count_if(table->columns.begin(), table->columns.end(),
                                     [](const TableColumn& column) { return column.masked; });
    for (int64_t row = 0; row < map.count(); ++row) {
        const float* from = map.values.data() + row * width;
        const float* mask = from + width - masks;
        for (const TableColumn& column : table->columns) {
            if (column.width() == 0) continue;
            float sum = column.masked ? *mask++ : 0;
            for (int64_t i = 0; i < column.width(); ++i) sum += *from++;
            out.values.push_back(sum);
        }
    }
    return out;
}

}  // namespace gmc::runtime
