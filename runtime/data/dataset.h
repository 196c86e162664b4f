// What the trainer reads: fields (image, label, ...) of examples. A Field is one column of a data
// set, whatever it is stored in; a Dataset is several fields of the same examples. Readers (idx,
// synthetic, ...) make fields.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

/// The values that a field's data are declared to span; 8-bit data are scaled into it.
struct ValueRange {
    float low = 0;
    float high = 1;
    friend bool operator==(const ValueRange&, const ValueRange&) = default;
};

/// Thrown by Field::read when an example cannot be read after all (a file that vanished); its text
/// and its help, if it has one, are a diagnostic's. The loader turns it into an error at the
/// consumer.
class DataError : public std::runtime_error {
  public:
    explicit DataError(const std::string& text, std::string help = "", bool is_change = false)
        : std::runtime_error(text), help_(std::move(help)), is_change_(is_change) {}
    const std::string& help() const { return help_; }
    /// It can be read, but it is another one than before.
    bool is_change() const { return is_change_; }

  private:
    std::string help_;
    bool is_change_;
};

/// Which pass over the examples this is: epoch `epoch` of a run with this seed.
struct TrainingPass {
    uint64_t seed = 0;
    int64_t epoch = 0;
    /// Per example of the field whether the pass visits it; null: it visits all.
    const std::vector<bool>* part = nullptr;
    /// Whether examples of a block come near each other (Field::block()).
    bool by_blocks = true;
};

/// One field of all examples, read as float32.
class Field {
  public:
    virtual ~Field() = default;
    Field(const Field&) = delete;
    Field& operator=(const Field&) = delete;

    const std::string& name() const { return name_; }
    /// Shape of one example: no batch, channels last; {} for a scalar such as a label.
    const std::vector<int64_t>& shape() const { return shape_; }
    /// Floats of one example: the product of the shape, 1 for a scalar.
    int64_t elements() const { return elements_; }
    /// Number of examples.
    int64_t count() const { return count_; }
    /// For labels: the values are the integers 0 .. class_count() - 1. 0 = not a label.
    int64_t class_count() const { return class_count_; }

    /// How many examples the set has of which the field is, where that is a set of its own,
    /// whatever count() is (own_order.h); nothing for a field in the order of the others.
    virtual std::optional<int64_t> own_count() const { return std::nullopt; }

    /// Writes elements() floats of example `index` (0 <= index < count()) to `dst`.
    /// Called from several threads at once; throws DataError.
    virtual void read(int64_t index, float* dst) const = 0;
    /// The same with the changes that the field makes to its examples in training (mirrored
    /// pictures), a pure function of (pass, index). Most make none.
    virtual void read_for_training(int64_t index, const TrainingPass&, float* dst) const {
        read(index, dst);
    }
    /// The path of the file that holds example `index` and nothing else; "" where examples are
    /// parts of a larger file.
    virtual std::string file_of(int64_t index) const {
        (void)index;
        return "";
    }
    /// The path of the file that example `index` lies in, where there are many of them; "" else.
    virtual std::string lies_in(int64_t index) const { return file_of(index); }
    /// The checksum of that file (file_checksum.h), of its bytes that examples were made of where
    /// the field knows it; nothing where it cannot be read. Called from several threads at once.
    virtual std::optional<uint32_t> file_checksum(int64_t index) const;
    /// What example `index` is called, also when other examples are added: by its file, wherever
    /// the data lie, or by its number.
    virtual std::string name_of(int64_t index) const { return std::to_string(index); }
    /// Whether read() copies from memory and does nothing else: then no thread has to run ahead.
    virtual bool in_memory() const { return false; }
    /// Whether data like these lie in memory where there is enough of it. Then as much of them is
    /// looked at to tell whether they have changed, wherever they lie now (fingerprint.h).
    virtual bool can_be_in_memory() const { return in_memory(); }
    /// Adds warnings about what was found while examples were read, such as pictures that were left
    /// out.
    virtual void add_warnings(Diagnostics&) const {}
    /// How many neighbouring examples are read from the file at once; the next reads of any of them
    /// are then cheap. So the order of training keeps the examples of a block near each other
    /// (shuffle.h). 1: any order is as good.
    virtual int64_t block() const { return 1; }
    /// Where example `index` is among those that block() counts: of a part of a field, its place in
    /// the whole. Ascending.
    virtual int64_t place(int64_t index) const { return index; }
    /// Example `index` is read soon: the processor's caches may fetch it.
    virtual void expect(int64_t index) const { (void)index; }

  protected:
    Field(std::string name, std::vector<int64_t> shape, int64_t count, int64_t class_count);

  private:
    std::string name_;
    std::vector<int64_t> shape_;
    int64_t elements_ = 1;
    int64_t count_ = 0;
    int64_t class_count_ = 0;
};

/// Fields shared with whoever else reads them: training, evaluation and the report use one copy.
using FieldPtr = std::shared_ptr<const Field>;

/// Several fields of the same examples; made by make_dataset, which checks that they belong
/// together.
class Dataset {
  public:
    const std::vector<FieldPtr>& fields() const { return fields_; }
    int64_t count() const { return fields_.front()->count(); }
    /// The largest block of a field.
    int64_t block() const;
    /// The place of the field of this name, or -1.
    int64_t find(const std::string& name) const;
    /// Adds the warnings of all fields.
    void add_warnings(Diagnostics& diagnostics) const;

  private:
    friend Result<Dataset> make_dataset(std::vector<FieldPtr>, Diagnostics&);
    std::vector<FieldPtr> fields_;
};

/// Puts fields together. Errors: no field (kMissingKey), a name twice (kDuplicateKey), fields with
/// different numbers of examples (kShapeMismatch), no example at all (kBadValue).
Result<Dataset> make_dataset(std::vector<FieldPtr> fields, Diagnostics& diagnostics);

}  // namespace gmc::runtime
