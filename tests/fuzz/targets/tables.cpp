// The fuzz target for tables in text: what their columns mean is found first, as in `gmc compile`,
// then rows are read.
#include "runtime/data/tables/table_field.h"
#include "runtime/files/tables/table_finder.h"
#include "tests/fuzz/targets/file_of_bytes.h"
#include "tests/fuzz/targets/targets.h"

namespace gmc::fuzz {

void read_csv(std::string_view bytes) {
    using namespace runtime;  // NOLINT
    const FileOfBytes file(bytes, ".csv");
    for (const bool mask : {false, true}) {
        Diagnostics diagnostics;
        TableRules rules;
        rules.mask = mask;
        const Result<Table> table = find_table(file.path(), rules, diagnostics);
        if (table.ok()) {
            const Result<FieldPtr> field =
                read_table(file.path(), {"row", *table, 0, 1 << 20}, diagnostics);
            if (field.ok() && (*field)->count() > 0) {
                std::vector<float> row(static_cast<size_t>((*field)->elements()));
                (*field)->read((*field)->count() - 1, row.data());
            }
        }
        (void)diagnostics.render();
    }
}

}  // namespace gmc::fuzz
