// Looks for each file and folder that a model's data name. Only whether there is something at the
// path counts; what it holds is read by the readers of data.
#include "dsl/data/data_files.h"

#include <algorithm>
#include <filesystem>

#include "dsl/data/data_paths.h"

namespace gmc::dsl {

bool check_data_files(const ModelSpec& model, bool needed, Diagnostics& diagnostics) {
    bool all = true;
    for (const std::vector<DataField>* fields : {&model.data, &model.test})
        for (const DataField& field : *fields) {
            const bool file = field.format != "synthetic" && field.format != "labels";
            std::error_code error;
            if (!file || field.source.empty() || std::filesystem::exists(field.source, error))
                continue;
            all = false;
            const auto& errors = diagnostics.list();
            if (std::any_of(errors.begin(), errors.end(), [&](const Diagnostic& said) {
                    return said.kind == DiagnosticKind::kBadFile && said.span == field.source_span;
                }))
                continue;  // it was needed to read the model
            Diagnostic missing{DiagnosticKind::kBadFile,
                               field.source_span,
                               fmt::format("`{}` is not there", field.source),
                               {},
                               where_looked(field.source)};
            if (needed) {
                diagnostics.add(std::move(missing));
                continue;
            }
            Diagnostic& warning =
                diagnostics.warning(missing.kind, missing.span, "{}", missing.text);
            warning.helps = std::move(missing.helps);
            warning.help("the model can be compiled without it, but not trained");
        }
    return all;
}

}  // namespace gmc::dsl
