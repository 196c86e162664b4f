// JSON to text and back, by way of nlohmann's library: our value is converted to or from the
// library's, which prints and parses. The conversion costs a copy, which does not matter for the
// small texts at stake (headers of files, logs, descriptions), and keeps the library's header out
// of all other files.
#include "compiler/support/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "compiler/support/check.h"
#include "compiler/support/wrap.h"

namespace gmc {

/// Converts between our values and the library's. It is a struct rather than two functions so that
/// Json can name it as a friend without mentioning the library in its header.
struct JsonLibrary {
    using Library = nlohmann::ordered_json;
    /// Nesting that is still read: copies and to() are recursive, and a file of a million brackets
    /// must end in an error, not in an overflow of the stack.
    static constexpr size_t kMostLevels = 100;

    static Library to(const Json& json) {
        switch (json.kind_) {
            case Json::Kind::kNull:
                return nullptr;
            case Json::Kind::kFlag:
                return json.whole_ != 0;
            case Json::Kind::kWhole:
                return json.whole_;
            case Json::Kind::kUnsigned:
                return static_cast<uint64_t>(json.whole_);
            case Json::Kind::kNumber:
                return json.number_;
            case Json::Kind::kText:
                return json.text_;
            case Json::Kind::kArray: {
                Library out = Library::array();
                for (const Json& element : json.elements_) out.push_back(to(element));
                return out;
            }
            case Json::Kind::kObject: {
                Library out = Library::object();
                // The names differ: the library's own ways to add one would look at all before it.
                auto& members = out.get_ref<Library::object_t&>();
                for (size_t i = 0; i < json.names_.size(); ++i)
                    members.emplace_back(json.names_[i], to(json.elements_[i]));
                return out;
            }
        }
        return nullptr;
    }

    class Reader;
};

Json::Json(const Json& other) = default;
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(const Json& other) = default;
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json::Json(std::string_view text) : kind_(Kind::kText), text_(text) {}

Json::Json(std::initializer_list<Member> members) : kind_(Kind::kObject) {
    for (const Member& member : members) (*this)[member.name] = member.value;
}

Json Json::object() { return Json(std::initializer_list<Member>{}); }

Json Json::array() { return Json(std::vector<Json>()); }

Json& Json::operator[](std::string_view name) {
    if (kind_ == Kind::kNull) kind_ = Kind::kObject;
    GMC_CHECK(kind_ == Kind::kObject, "`{}` is set in JSON that is not an object", name);
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found != names_.end()) return elements_[static_cast<size_t>(found - names_.begin())];
    names_.emplace_back(name);
    return elements_.emplace_back();
}

bool Json::contains(std::string_view name) const {
    return kind_ == Kind::kObject && std::find(names_.begin(), names_.end(), name) != names_.end();
}

void Json::update(const Json& other) {
    for (size_t i = 0; i < other.names_.size(); ++i) (*this)[other.names_[i]] = other.elements_[i];
}

Json& Json::push_back(Json element) {
    if (kind_ == Kind::kNull) kind_ = Kind::kArray;
    GMC_CHECK(kind_ == Kind::kArray, "appended to JSON that is not an array");
    return elements_.emplace_back(std::move(element));
}

/// What the library calls while it parses. It puts the values together without the library's
/// objects, which look at all members for each new one: a file of many would take hours.
class JsonLibrary::Reader {
  public:
    /// Of two members of one name, the last stays, or `is_strict` refuses both.
    Reader(bool is_strict, size_t members_most)
        : is_strict_(is_strict), members_most_(members_most) {}

    bool null() { return add({}); }
    bool boolean(bool flag) { return add(flag); }
    bool number_integer(int64_t number) { return add(number); }
    bool number_unsigned(uint64_t number) { return add(number); }
    bool number_float(double number, const std::string& /*text*/) { return add(number); }
    bool string(const std::string& text) { return add(text); }
    bool binary(const Library::binary_t& /*bytes*/) { return false; }  // text has none
    bool start_object(size_t /*size*/) { return open(Json::object()); }
    bool start_array(size_t /*size*/) { return open(Json::array()); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }
    bool key(const std::string& name) {
        Open& in = open_.back();
        const auto [at, is_new] = in.members.emplace(name, in.members.size());
        if (!is_new && is_strict_) throw JsonError(fmt::format("`{}` occurs twice", name));
        if (in.members.size() > members_most_)
            throw JsonError(fmt::format("an object has more than {} members", members_most_));
        in.next = at->second;
        if (!is_new) return true;
        in.json->names_.push_back(name);
        in.json->elements_.emplace_back();
        return true;
    }
    bool parse_error(size_t, const std::string&, const Library::exception&) { return false; }

    Json take() { return std::move(root_); }

  private:
    /// An array or object that is not closed yet. Its place in memory stays: what it lies in gets
    /// no other element before it is closed.
    struct Open {
        Json* json;
        std::unordered_map<std::string, size_t> members{};  ///< of an object: name, number
        size_t next = 0;                                    ///< the number of the one that is read
    };

    /// Puts a value where it belongs.
    Json& put(Json value) {
        if (open_.size() >= kMostLevels) throw JsonError("it nests too deep");
        if (open_.empty()) return root_ = std::move(value);
        const Open& in = open_.back();
        const bool is_member = in.json->is_object();
        value.key_ = is_member ? in.json->names_[in.next] : in.json->key_;
        return (is_member ? in.json->elements_[in.next] : in.json->elements_.emplace_back()) =
                   std::move(value);
    }
    bool add(Json value) {
        put(std::move(value));
        return true;
    }
    bool open(Json empty) {
        open_.push_back({&put(std::move(empty))});
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    bool is_strict_;
    size_t members_most_;
    Json root_;
    std::vector<Open> open_;
};

std::optional<Json> Json::parse(std::string_view text) {
    JsonLibrary::Reader reader(false, text.size());
    try {
        if (!JsonLibrary::Library::sax_parse(text, &reader)) return std::nullopt;
    } catch (const JsonError&) {
        return std::nullopt;
    }
    return reader.take();
}

Json Json::parse_strictly(std::string_view text, size_t members_most) {
    JsonLibrary::Reader reader(true, members_most);
    if (!JsonLibrary::Library::sax_parse(text, &reader)) throw JsonError("it is no JSON");
    return reader.take();
}

const Json& Json::expect(bool is_so, const char* what) const {
    constexpr size_t kMostShown = 80;
    if (is_so) return *this;
    const std::string value = cut(dump(), kMostShown);
    throw JsonError(key_.empty() ? fmt::format("{} is no {}", value, what)
                                 : fmt::format("`{}` is {}, which is no {}", cut(key_, kMostShown),
                                               value, what));
}

const Json& Json::at(std::string_view name) const {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end())
        throw JsonError(key_.empty() ? fmt::format("there is no `{}`", name)
                                     : fmt::format("`{}` has no `{}`", cut(key_, 80), name));
    return elements_[static_cast<size_t>(found - names_.begin())];
}

const Json& Json::at(size_t element) const {
    if (element >= elements_.size())
        throw JsonError(fmt::format("there is no element {}", element));
    return elements_[element];
}

bool Json::flag() const { return expect(kind_ == Kind::kFlag, "flag").whole_ != 0; }

const std::string& Json::text() const { return expect(is_text(), "text").text_; }

std::vector<std::string> Json::texts() const {
    std::vector<std::string> out;
    for (const Json& element : expect(kind_ == Kind::kArray, "list").elements_)
        out.push_back(element.text());
    return out;
}

int64_t Json::whole() const { return expect(is_whole(), "whole number").whole_; }

uint64_t Json::natural() const {
    const bool fits = kind_ == Kind::kUnsigned || (kind_ == Kind::kWhole && whole_ >= 0);
    return static_cast<uint64_t>(expect(fits, "whole number from 0 on").whole_);
}

double Json::number() const {
    expect(is_number(), "number");
    if (kind_ == Kind::kUnsigned) return static_cast<double>(static_cast<uint64_t>(whole_));
    return kind_ == Kind::kWhole ? static_cast<double>(whole_) : number_;
}

/// The library escapes control characters below U+0020 only. Others stand in texts only, too.
std::string Json::dump(int indent) const {
    const std::string text =
        JsonLibrary::to(*this).dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
    std::string out;
    for (size_t at = 0; at < text.size(); ++at) {
        const auto next = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0;
        if (text[at] == '\x7f')
            out += "\\u007f";
        else if (text[at] == '\xc2' && next >= 0x80 && next < 0xa0)
            out += fmt::format("\\u{:04x}", text[++at] & 0xff);
        else
            out += text[at];
    }
    return out;
}

}  // namespace gmc
