// Writes examples as the data were: rows of a table, or sound. The field of the data that they are
// like says how.
#include "runtime/train/write_back.h"

#include <algorithm>

#include "runtime/files/atomic_file.h"
#include "runtime/files/sound_file.h"
#include "runtime/files/tables/csv_reader.h"
#include "runtime/kernels/philox.h"

namespace gmc::runtime {
namespace {

/// Of the noise of an input that no function has.
constexpr uint32_t kMissingStream = kPhiloxNoiseStream + 0xFFFF;

/// The field that examples are like, if it is of this format and their shape; else null.
const ir::DataField* find_source(const LoadedModel& model, const std::string& format,
                                 const Examples& examples) {
    const ir::DataField* source = ir::find_field(model.module().data, examples.like);
    const ir::Shape& shape = examples.shape;
    const bool fits = source != nullptr && source->format == format &&
                      shape.size() == source->shape.size() + 1 &&
                      std::equal(source->shape.begin(), source->shape.end(), shape.begin() + 1);
    return fits ? source : nullptr;
}

/// kShapeMismatch, with what can be done instead.
void report_other(const Examples& examples, const std::string& path, const char* what,
                  Diagnostics& diagnostics) {
    diagnostics
        .error(DiagnosticKind::kShapeMismatch, {},
               "`{}` cannot be written of {}, which are no {} that the model was trained on", path,
               examples.described(), what)
        .help("write the numbers: --output FILE.npy");
}

void append_row(const std::vector<std::string>& cells, const CsvFormat& format, std::string& text) {
    for (size_t i = 0; i < cells.size(); ++i) {
        if (i > 0) text += format.separator;
        text += csv_cell(cells[i], format);
    }
    text += '\n';
}

}  // namespace

std::string written_as(const LoadedModel& model, const Examples& examples) {
    for (const char* format : {"csv", "wav"})
        if (find_source(model, format, examples)) return format;
    return "";
}

std::optional<Table> table_of(const LoadedModel& model, const Examples& examples) {
    const ir::DataField* source = find_source(model, "csv", examples);
    return source ? Table::parse(source->table) : std::nullopt;
}

void draw_missing(const LoadedModel& model, uint64_t seed, Examples& rows) {
    const std::optional<Table> table = table_of(model, rows);
    if (!table) return;
    const auto masks = std::count_if(table->columns.begin(), table->columns.end(),
                                     [](const TableColumn& column) { return column.masked; });
    const int64_t width = table->width();
    for (int64_t row = 0; row < rows.count(); ++row)
        for (int64_t k = 0; k < masks; ++k) {
            float& there = rows.values[static_cast<size_t>((row + 1) * width - masks + k)];
            const PhiloxPlace place = philox_place(static_cast<uint64_t>(k));
            const PhiloxCounter block =
                philox_block(place.block, static_cast<uint32_t>(row), kMissingStream, seed);
            there = philox_uniform(block[place.word]) < there ? 1.0F : 0.0F;
        }
}

/// A line per example in the format of the data's file: its separator, its decimal mark, and a
/// header if that has one. Columns that are ignored in the data are not there.
bool write_rows(const LoadedModel& model, const Examples& examples, const std::string& path,
                Diagnostics& diagnostics) {
    const std::optional<Table> table = table_of(model, examples);
    if (!table) {
        report_other(examples, path, "rows of a table", diagnostics);
        return false;
    }
    std::string text;
    std::vector<std::string> names;
    for (const TableColumn& column : table->columns)
        if (column.kind != ColumnKind::kIgnored) names.push_back(column.name);
    if (table->format.header) append_row(names, table->format, text);
    for (int64_t row = 0; row < examples.shape[0]; ++row)
        append_row(table->texts(examples.values.data() + row * table->width()), table->format,
                   text);
    return write_file_atomically(path, text, diagnostics);
}

bool write_sound(const LoadedModel& model, const Examples& examples, const std::string& path,
                 Diagnostics& diagnostics) {
    const ir::DataField* source = find_source(model, "wav", examples);
    if (!source) {
        report_other(examples, path, "windows of sound", diagnostics);
        return false;
    }
    return write_wav(path, examples.values, source->rate, source->shape[1], diagnostics);
}

}  // namespace gmc::runtime
