// Whether data have changed since they had an earlier fingerprint, and how, in words.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/contract.h"
#include "runtime/data/dataset.h"

namespace gmc::runtime {

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
/// The fingerprint `now` of the data, or, where an older gmc looked at other values of them for
/// `then`, one of these values, which may_be_same_data() can compare with it.
std::string fingerprint_as(const Dataset& dataset, const std::string& then, std::string now);
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

}  // namespace gmc::runtime
