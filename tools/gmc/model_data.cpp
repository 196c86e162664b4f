// Opens the fields of a model, and reads them from end to end on all processors.
#include "tools/gmc/model_data.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "compiler/support/say.h"
#include "compiler/support/take_over.h"
#include "runtime/data/field_source.h"
#include "runtime/data/loader.h"
#include "runtime/data/odd_values.h"
#include "runtime/files/tables/table.h"

namespace gmc::tools {
namespace {

/// With more classes than this, classes are not counted one by one on the screen.
constexpr int64_t kClassesSaid = 20;

/// What was found in the examples of a field.
struct Seen {
    float low = std::numeric_limits<float>::infinity(), high = -low;
    int64_t read = 0;
    bool all_equal = true;  ///< to the first example
    std::vector<int64_t> per_class;
    std::map<int64_t, std::string> errors;  ///< by number of the example

    void add(const Seen& other) {
        low = std::min(low, other.low);
        high = std::max(high, other.high);
        read += other.read;
        all_equal &= other.all_equal;
        for (size_t i = 0; i < per_class.size(); ++i) per_class[i] += other.per_class[i];
        errors.insert(other.errors.begin(), other.errors.end());
    }
};

/// Reads one example and adds it to what was seen. `first`: an example to compare it with.
void look_at(const runtime::Field& field, int64_t index, const std::vector<float>& first,
             std::vector<float>& example, Seen& seen) {
    try {
        field.read(index, example.data());
    } catch (const runtime::DataError& error) {
        seen.errors.emplace(index, error.what());
        return;
    }
    ++seen.read;
    seen.all_equal = seen.all_equal && example == first;
    const auto [low, high] = std::minmax_element(example.begin(), example.end());
    seen.low = std::min(seen.low, *low);
    seen.high = std::max(seen.high, *high);
    const auto label = static_cast<size_t>(example.front());
    if (label < seen.per_class.size()) ++seen.per_class[label];
}

/// Threads take the next example that nobody has, so a slow picture holds up one of them only. What
/// they saw is joined at the end; sums, extremes and sets do not depend on the order.
Seen read_all(const runtime::Field& field) {
    Seen all;
    all.per_class.resize(static_cast<size_t>(field.class_count()));
    std::mutex mutex;
    std::atomic<int64_t> next = 0;
    std::vector<float> first(static_cast<size_t>(field.elements()));
    try {
        if (field.count() > 0) field.read(0, first.data());
    } catch (const runtime::DataError&) {
        all.all_equal = false;  // what is wrong with it is found again below
    }
    const int64_t count = field.own_count().value_or(field.count());
    const auto work = [&] {
        Seen seen;
        seen.per_class.resize(all.per_class.size());
        std::vector<float> example(static_cast<size_t>(field.elements()));
        for (int64_t i = 0; (i = next++) < count;) look_at(field, i, first, example, seen);
        const std::lock_guard lock(mutex);
        all.add(seen);
    };
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) threads.emplace_back(work);
    work();
    for (std::thread& thread : threads) thread.join();
    return all;
}

/// Prints a line such as "data.image: 60000 examples of [28, 28, 1], values 0 to 1".
void print_seen(const char* part, const runtime::Field& field, const Seen& seen) {
    print_out("{}.{}: {} example{}", part, field.name(), seen.read, seen.read == 1 ? "" : "s");
    if (!field.shape().empty()) print_out(" of [{}]", fmt::join(field.shape(), ", "));
    const bool labels = field.class_count() > 0;
    if (labels && field.shape().empty()) {
        print_out(", {} classes", field.class_count());
        if (field.class_count() <= kClassesSaid)
            print_out(" of {}", fmt::join(seen.per_class, ", "));
    } else if (seen.read > 0) {
        print_out(", {} {:.6g} to {:.6g}", labels ? "labels" : "values", seen.low, seen.high);
        if (labels) print_out(" of {} classes", field.class_count());
    }
    print_out("\n");
}

/// What the headers and labels of files said when the model was read is not said again. Both say it
/// in words of their own, with the same help.
void take_over_new(const Diagnostics& found, Span span, Diagnostics& diagnostics) {
    Diagnostics fresh;
    for (const Diagnostic& error : found.list()) fresh.add(error);
    for (const Diagnostic& warning : found.warnings()) {
        const auto& said = diagnostics.warnings();
        const bool is_said = std::any_of(said.begin(), said.end(), [&](const Diagnostic& other) {
            return !other.helps.empty() && other.helps == warning.helps;
        });
        if (!is_said)
            fresh.warning(warning.kind, warning.span, "{}", warning.text).helps = warning.helps;
    }
    take_over(fresh, span, diagnostics);
}

/// One part of the data, "data" or "test". `batch`: the fewest examples that can be trained on.
void check_part(const char* part, const std::vector<ir::DataField>& fields,
                const std::vector<dsl::DataField>& written, int64_t batch,
                Diagnostics& diagnostics) {
    if (fields.empty()) return;
    std::vector<Span> places;
    for (const dsl::DataField& field : written) places.push_back(field.span);
    Diagnostics found;
    const Result<runtime::Dataset> dataset = open_data(fields, found, places);
    take_over_new(found, {}, diagnostics);
    if (!dataset) return;
    for (size_t i = 0; i < fields.size(); ++i) {
        const runtime::Field& field = *dataset->fields()[i];
        const Seen seen = read_all(field);
        print_seen(part, field, seen);
        for (const auto& [index, text] : seen.errors)
            diagnostics.error(DiagnosticKind::kBadFile, places[i], "{}", text);
        found = {};
        field.add_warnings(found);
        if (seen.read > 0)
            runtime::warn_of_odd_values(
                fields[i], {{seen.low, seen.high}, seen.read, seen.all_equal}, {}, found);
        take_over_new(found, places[i], diagnostics);
    }
    found = {};
    if (batch > 0 && !runtime::Loader::check(*dataset, {.batch_size = batch}, found))
        take_over(found, places.front(), diagnostics);
}

}  // namespace

Result<runtime::Dataset> open_data(const std::vector<ir::DataField>& fields,
                                   Diagnostics& diagnostics, const std::vector<Span>& places) {
    auto opened = runtime::open_fields(fields, diagnostics, places);
    if (!opened.ok()) return Failure{};
    return runtime::make_dataset(opened.take(), diagnostics);
}

void print_tables(const ir::Module& module) {
    for (const ir::DataField& field : module.data) {
        const std::optional<runtime::Table> table = runtime::Table::parse(field.table);
        if (!table) continue;
        print_out("data.{}: {} row{} of {}, {} value{} each\n", field.name, table->rows,
                  table->rows == 1 ? "" : "s", field.source, table->width(),
                  table->width() == 1 ? "" : "s");
        for (const std::string& text : table->describe_shortly())
            print_out("  {}\n", printable(text));
    }
}

void check_data(const ir::Module& module, const dsl::ModelSpec& spec, Diagnostics& diagnostics) {
    const int64_t batch = module.training ? module.training->batch_size : 0;
    check_part("data", module.data, spec.data, batch, diagnostics);
    check_part("test", module.test, spec.test, 0, diagnostics);
}

}  // namespace gmc::tools
