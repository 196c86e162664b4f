// JSON to write. nlohmann's library turns it into text, in json.cpp only: in a file that uses its
// header the compiler spends four seconds on it.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace gmc {

/// A JSON value: null, a flag, a number, a string, an array, or an object, whose members stay in
/// the order in which they were added. `{{"name", name}, {"shape", {1, 2}}}` is an object.
class Json {
  public:
    struct Member;

    Json() = default;  ///< null
    Json(const Json& other);
    Json(Json&& other) noexcept;
    Json& operator=(const Json& other);
    Json& operator=(Json&& other) noexcept;
    ~Json();

    Json(std::same_as<bool> auto flag) : kind_(Kind::kFlag), whole_(flag) {}  // NOLINT
    Json(std::signed_integral auto n) : kind_(Kind::kWhole), whole_(n) {}     // NOLINT
    Json(std::unsigned_integral auto n)                                       // NOLINT
        requires(!std::same_as<decltype(n), bool>)
        : kind_(Kind::kUnsigned), whole_(static_cast<int64_t>(n)) {}
    Json(double number) : kind_(Kind::kNumber), number_(number) {}   // NOLINT
    Json(std::string_view text);                                     // NOLINT
    Json(const std::string& text) : Json(std::string_view(text)) {}  // NOLINT
    Json(const char* text) : Json(std::string_view(text)) {}         // NOLINT
    Json(std::initializer_list<Member> members);
    template <typename T>
    Json(const std::vector<T>& elements) : kind_(Kind::kArray) {  // NOLINT
        for (const T& element : elements) elements_.emplace_back(element);
    }

    static Json object();
    static Json array();

    /// The member of an object, added as null where it is missing. A null becomes an object.
    Json& operator[](std::string_view name);
    /// Whether it is an object with this member.
    bool contains(std::string_view name) const;
    /// Sets all members of another object.
    void update(const Json& other);
    /// Appends to an array. A null becomes an array. Returns the element.
    Json& push_back(Json element);

    size_t size() const { return elements_.size(); }
    /// Of an array; of an object the values.
    const std::vector<Json>& elements() const { return elements_; }
    /// Of an object.
    const std::vector<std::string>& names() const { return names_; }
    const Json& at(std::string_view name) const;
    bool is_text() const { return kind_ == Kind::kText; }
    const std::string& text() const { return text_; }
    /// Of whole numbers, too.
    double number() const;

    /// The text on one line, or indented by so many columns. Malformed UTF-8 in strings is replaced;
    /// NaN and infinities, which JSON does not have, are null.
    std::string dump(int indent = -1) const;

  private:
    enum class Kind { kNull, kFlag, kWhole, kUnsigned, kNumber, kText, kArray, kObject };
    friend struct JsonWriter;

    Kind kind_ = Kind::kNull;
    int64_t whole_ = 0;
    double number_ = 0;
    std::string text_;
    std::vector<Json> elements_;      // of arrays and objects
    std::vector<std::string> names_;  // of the members of objects
};

/// A name and a value.
struct Json::Member {
    std::string_view name;
    Json value;
};

}  // namespace gmc
