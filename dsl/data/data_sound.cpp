// Reads `wav:` of a field: sound, cut into windows. The model says the shape of a window, so no
// file is opened before training.
#include "dsl/data/data_field.h"
#include "dsl/data/data_paths.h"
#include "dsl/text/scalar.h"
#include "dsl/values.h"

namespace gmc::dsl {

/// A window is `window` frames of `channels` channels, and the next one begins `hop` frames later
/// (by default where it ends). A field of `test` takes from `data` what it does not say. Samples
/// are numbers from -1 to 1 as in all sound files, so that is the range unless the model says
/// another.
void read_wav(const Entry& source, const DataField* train, DataField& field,
              Diagnostics& diagnostics) {
    const Values values =
        read_values(*source.value, mapping("wav").keys, "`wav`", source.key_span, diagnostics);
    if (!values.ok) return;
    const bool like_train = train && train->format == "wav";
    const char* source_key = values.spans.count("folder") ? "folder" : "file";
    field.source = with_home(values.text(source_key));
    if (values.spans.count(source_key)) field.source_span = values.spans.at(source_key);
    if (values.spans.count("folder") == values.spans.count("file"))
        diagnostics.error(DiagnosticKind::kBadValue, source.key_span,
                          "`wav` has either a `file` or a `folder`");
    const auto integer = [&](const char* key, int64_t of_train) {
        if (values.spans.count(key)) return values.integer(key);
        if (like_train) return of_train;
        diagnostics.error(DiagnosticKind::kMissingKey, source.key_span, "`wav` has no `{}`", key)
            .help("for instance `wav: {folder: sounds, rate: 16000, window: 1024}`");
        return int64_t{1};
    };
    field.rate = integer("rate", train ? train->rate : 0);
    const int64_t window = integer("window", like_train ? train->shape[0] : 0);
    field.hop = values.spans.count("hop") ? values.integer("hop")
                : like_train              ? train->hop
                                          : window;
    int64_t channels = parse_integer(values.text("channels")).value_or(1);
    if (like_train && !values.spans.count("channels")) channels = train->shape[1];
    field.shape = {window, channels};
    if (field.range_given) return;
    field.range_low = -1;
    field.range_high = 1;
}

}  // namespace gmc::dsl
