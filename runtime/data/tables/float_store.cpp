// A vector that is emptied into a temporary file when it is full; at the end the file is mapped.
#include "runtime/data/tables/float_store.h"

#include <sys/mman.h>

#include <utility>

namespace gmc::runtime {

FloatStore::FloatStore(FloatStore&& other) noexcept
    : memory_bytes_(other.memory_bytes_),
      values_(std::move(other.values_)),
      file_(std::exchange(other.file_, nullptr)),
      written_(other.written_),
      mapped_(std::exchange(other.mapped_, nullptr)) {}

FloatStore::~FloatStore() {
    if (mapped_) munmap(const_cast<float*>(mapped_), written_ * sizeof(float));
    if (file_) std::fclose(file_);
}

/// Writes the values in memory to the file, which is made when first needed. It has no name, so it
/// goes with the process.
bool FloatStore::spill() {
    if (!file_) file_ = std::tmpfile();
    if (!file_) return false;
    if (std::fwrite(values_.data(), sizeof(float), values_.size(), file_) != values_.size())
        return false;
    written_ += values_.size();
    values_.clear();
    return true;
}

bool FloatStore::append(std::span<const float> values) {
    values_.insert(values_.end(), values.begin(), values.end());
    return values_.size() * sizeof(float) < memory_bytes_ || spill();
}

bool FloatStore::finish() {
    if (!file_) return true;
    if (!spill() || std::fflush(file_) != 0) return false;
    values_ = {};
    void* memory = mmap(nullptr, written_ * sizeof(float), PROT_READ, MAP_SHARED, fileno(file_), 0);
    if (memory == MAP_FAILED) return false;
    mapped_ = static_cast<const float*>(memory);
    return true;
}

}  // namespace gmc::runtime
