// The checksums that a fingerprint consists of.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/data/dataset.h"
#include "runtime/data/fingerprint/known_files.h"

namespace gmc::runtime {

/// The checksum of all fields, one behind the other, and that of each alone.
class FieldChecksums {
  public:
    void add(const void* bytes, size_t size) {
        of_field_ = checksum_of(bytes, size, of_field_);
        bytes_ += static_cast<z_off_t>(size);
    }
    void end_field() {
        all_ = static_cast<uint32_t>(crc32_combine(all_, of_field_, bytes_));
        fields_.push_back(std::exchange(of_field_, 0));
        bytes_ = 0;
    }
    uint32_t all() const { return all_; }
    const std::vector<uint32_t>& fields() const { return fields_; }
    /// Of the field so far.
    uint32_t of_field() const { return of_field_; }

  private:
    uint32_t all_ = 0, of_field_ = 0;
    z_off_t bytes_ = 0;
    std::vector<uint32_t> fields_;
};

/// The examples with the smallest keys, which are mostly the same ones when there are more.
std::vector<std::pair<uint32_t, int64_t>> known_examples(const Dataset& dataset);
/// Adds " KEY=CHECKSUM" of the values of an example; false where it cannot be read.
bool add_known(const Dataset& dataset, uint32_t key, int64_t index, std::string& out);

/// Per field of a data set whether as much of it is looked at as of what lies in memory. Empty: of
/// each that can be there. An older gmc asked whether it was there.
using AsInMemory = std::vector<bool>;
bool is_looked_at_so(const Dataset& dataset, size_t field, const AsInMemory& as_in_memory);

/// Count and checksum of the first `count` examples; "" where one cannot be read.
std::string whole_of(const Dataset& dataset, int64_t count, FieldChecksums& checksums,
                     const AsInMemory& as_in_memory = {});

/// Checksums by numbers of examples, each of those of the fields.
using Marks = std::map<int64_t, uint32_t>;

/// Where there are marks in data of so many examples.
Marks marks_of(int64_t count);

/// Whether all values of so many examples of a field are looked at.
bool all_are_looked_at(const Field& field, int64_t count);

/// A checksum of more than whole_of() looks at, behind a letter per field that says of what: `f`
/// files, `v` values of what can be in memory, `n` nothing. "" where it cannot be read. `known`:
/// the files. Of `marks` none stay unless all values of all fields are looked at.
std::string further_of(const Dataset& dataset, int64_t count, FieldChecksums& checksums,
                       std::vector<KnownFile>* known, Marks& marks,
                       const AsInMemory& as_in_memory = {});

/// Of a set that is longer than the others "paintings+500-0c33a1b9": what whole_of() and
/// further_of() look at of a field, of all its examples. "" where it cannot be read.
std::string all_of_own(const Field& field, bool as_in_memory);

}  // namespace gmc::runtime
