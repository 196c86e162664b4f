// What was read, in a few words and numbers: for the start of training and for `gmrun info`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/contract.h"
#include "runtime/data/dataset.h"

namespace gmc::runtime {

struct FieldSummary {
    std::string name;
    std::vector<int64_t> shape;  ///< of one example
    int64_t classes = 0;         ///< of labels; 0 = no labels
    /// The smallest and the largest value of the examples that were looked at; nothing for labels.
    std::optional<ValueRange> values;
    int64_t looked_at = 0;
    int64_t examples = 0;    ///< of the set that the field is of
    bool all_equal = false;  ///< each of these examples is the same
};

struct DataSummary {
    int64_t examples = 0;
    std::vector<FieldSummary> fields;
};

/// Looks at some of the examples, the same ones in every run, from all parts of the data but at no
/// equal distances: up to 1000 of what lies in memory, 16 of what has to be read or decoded. An
/// example that cannot be read is left to training to report.
DataSummary summarise(const Dataset& dataset);

/// The number of examples, a checksum (CRC-32) of the values of some, labels included (of up to
/// 1000 in memory, 16 elsewhere, at equal distances); a checksum of more: of the bytes of up to
/// 16,384 files where examples lie in files of their own (the whole file up to 64 KiB, else parts
/// of it), of up to 16 million values of what lies in memory; both of each field alone, and of a
/// set in an order of its own that is longer than the others, of all of it; checksums of some
/// examples and files by their names or numbers; and where all values are looked at, those of the
/// first part of the examples, the first two, and so on: "60000-1c291ca3 vv:5d00e1a2
/// image@1c291ca35d00e1a2 ... b+500-0c33a1b9 ... 0b12c3d4=99aa0011 ... 0c33a1b9~77aa0012 ...
/// 937#aa001122 ...". "" where one of these cannot be read: it may be mended before a run goes on.
std::string fingerprint(const Dataset& dataset);
/// The fingerprint without examples and files by name, and without what it says of single fields
/// that share their order.
std::string in_short(const std::string& fingerprint);
/// Whether a text is a fingerprint, or "".
bool is_fingerprint(const std::string& text);
/// The fingerprint without examples and files, but with what it says of each field.
std::string by_field(const std::string& fingerprint);
/// The fingerprint without what it says of the bytes of files, some of which are to be mended.
std::string without_files(const std::string& fingerprint);
/// Whether the first examples are those of data with an earlier fingerprint, which had fewer or
/// more, as far as that tells. Examples that are called by their files, not by their numbers, may
/// lie between others now: then may_be_same_data() has to tell.
bool begins_with(const Dataset& dataset, const std::string& then);
/// Of data that had more examples or fewer with an earlier fingerprint: which of those that both
/// have could not be compared by begins_with() and may_be_same_data(), in words; "": all were.
std::string why_not_compared(const Dataset& dataset, const std::string& then);
/// Whether data with these fingerprints may be the same, wherever they lie: with as many examples,
/// if their checksums are equal; with more or fewer, if no example that both know has another one.
bool may_be_same_data(const std::string& then, const std::string& now);
/// How data that a run had `then` have changed: "`a.npy` (field `image`) has changed since the run
/// began: 600 examples then, 700 now". `are_others`: it was found that examples which both have
/// differ. `declared` says which files the fields are of.
std::string how_they_changed(const std::string& then, const std::string& now, bool are_others,
                             const std::vector<ir::DataField>& declared);
/// The same of these data; "" where they may be those of `then`, as many and of the same values.
std::string how_they_changed(const std::string& then, const Dataset& now,
                             const std::vector<ir::DataField>& declared);

/// Where examples lie in files of their own: which of these have changed, ", in `a/1.png` and
/// `a/2.png`; `a/3.png` cannot be read"; "" where none has, or the fingerprint does not name it.
std::string which_files_changed(const std::string& then, const Dataset& now);

/// Whether examples that an earlier fingerprint knows by name have other values now: for data that
/// have no fingerprint, as one of them cannot be read. Those that cannot be are not compared.
bool has_other_examples(const Dataset& dataset, const std::string& then);

/// How data with these fingerprints differ, of two processes: "the data of `image` (`a.npy`): 64
/// examples here, 63 there".
std::string how_they_differ(const std::string& here, const std::string& there,
                            const std::vector<ir::DataField>& declared);

/// "60000 examples; image [28, 28, 1] from 0 to 1 (in a sample of 1000); label of 10 classes". Of a
/// set with a length of its own: "; b [4, 4, 1] of 50 examples in their own order from 0 to 1".
std::string to_text(const DataSummary& summary);

}  // namespace gmc::runtime
