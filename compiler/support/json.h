// A JSON value, to be written or read. nlohmann's library does the work on text, but only json.cpp
// includes it: a file with its header takes four seconds longer to compile.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gmc {

/// Thrown where a value is not what its reader asks for. The text says what is wrong, and with
/// which member, when the value was parsed.
class JsonError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A JSON value: null, a flag, a number, a string, an array, or an object, whose members keep the
/// order in which they were added. `{{"name", name}, {"shape", {1, 2}}}` is an object.
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

    /// Nothing where the text is malformed, or nests more than a hundred levels deep.
    static std::optional<Json> parse(std::string_view text);
    /// The same for a text that nobody vouches for. Throws JsonError for what parse() refuses, for
    /// an object that has a name twice, and for one of more than `members_most` members.
    static Json parse_strictly(std::string_view text, size_t members_most);
    static Json object();
    static Json array();

    /// The member of an object; added as null when it is missing. Turns null into an object.
    Json& operator[](std::string_view name);
    /// Whether this is an object with that member.
    bool contains(std::string_view name) const;
    /// Sets all members that another object has.
    void update(const Json& other);
    /// Appends to an array and returns the element. Turns null into an array.
    Json& push_back(Json element);

    size_t size() const { return elements_.size(); }
    /// The elements of an array, or the values of an object.
    const std::vector<Json>& elements() const { return elements_; }
    /// The names of an object's members.
    const std::vector<std::string>& names() const { return names_; }

    bool is_object() const { return kind_ == Kind::kObject; }
    bool is_array() const { return kind_ == Kind::kArray; }
    bool is_text() const { return kind_ == Kind::kText; }
    bool is_flag() const { return kind_ == Kind::kFlag; }
    bool is_null() const { return kind_ == Kind::kNull; }
    /// Whether whole() has it: a larger number than an int64_t holds is none.
    bool is_whole() const {
        return kind_ == Kind::kWhole || (kind_ == Kind::kUnsigned && whole_ >= 0);
    }
    bool is_number() const {
        return kind_ == Kind::kNumber || kind_ == Kind::kWhole || kind_ == Kind::kUnsigned;
    }

    // These throw JsonError where there is no such thing.
    const Json& at(std::string_view name) const;
    const Json& at(size_t element) const;
    bool flag() const;
    const std::string& text() const;
    std::vector<std::string> texts() const;  ///< of an array
    int64_t whole() const;
    uint64_t natural() const;  ///< a whole number from 0 on
    double number() const;     ///< of a whole number, too

    /// The text on one line, or indented by `indent` columns. Malformed UTF-8 in strings is
    /// replaced. NaN and infinities become null, since JSON does not have them.
    std::string dump(int indent = -1) const;

  private:
    enum class Kind { kNull, kFlag, kWhole, kUnsigned, kNumber, kText, kArray, kObject };
    friend struct JsonLibrary;
    const Json& expect(bool is_so, const char* what) const;

    Kind kind_ = Kind::kNull;
    std::string key_;  ///< of what was parsed: the name of the member that it is, or lies in
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
