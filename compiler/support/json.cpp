// JSON to text and back, by way of nlohmann's library: our value is converted to or from the
// library's, which prints and parses. The conversion costs a copy, which does not matter for the
// small texts at stake (headers of files, logs, descriptions), and keeps the library's header out
// of all other files.
#include "compiler/support/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "compiler/support/check.h"

namespace gmc {

/// Converts between our values and the library's. It is a struct rather than two functions so that
/// Json can name it as a friend without mentioning the library in its header.
struct JsonLibrary {
    using Library = nlohmann::ordered_json;
    /// Nesting that is still converted. from() is recursive: a file of a million brackets must end
    /// in an error, not in an overflow of the stack.
    static constexpr int kMostLevels = 100;

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
                for (size_t i = 0; i < json.names_.size(); ++i)
                    out[json.names_[i]] = to(json.elements_[i]);
                return out;
            }
        }
        return nullptr;
    }

    /// Throws JsonError for what nests too deep.
    static Json from(const Library& library, int levels = kMostLevels) {
        if (levels == 0) throw JsonError("it nests too deep");
        switch (library.type()) {
            case Library::value_t::boolean:
                return library.get<bool>();
            case Library::value_t::number_integer:
                return library.get<int64_t>();
            case Library::value_t::number_unsigned:
                return library.get<uint64_t>();
            case Library::value_t::number_float:
                return library.get<double>();
            case Library::value_t::string:
                return library.get_ref<const std::string&>();
            case Library::value_t::array: {
                Json out = Json::array();
                for (const Library& element : library) out.push_back(from(element, levels - 1));
                return out;
            }
            case Library::value_t::object: {
                Json out = Json::object();
                for (auto member = library.begin(); member != library.end(); ++member) {
                    out.names_.push_back(member.key());
                    out.elements_.push_back(from(member.value(), levels - 1));
                }
                return out;
            }
            default:
                return {};
        }
    }
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

std::optional<Json> Json::parse(std::string_view text) {
    const auto library = JsonLibrary::Library::parse(text, nullptr, false);
    if (library.is_discarded()) return std::nullopt;
    try {
        return JsonLibrary::from(library);
    } catch (const JsonError&) {
        return std::nullopt;
    }
}

/// The library would keep the last of two members of one name silently, so a callback looks at
/// every name while the library parses: `open` is a stack with the names seen so far in each object
/// that is not closed yet.
Json Json::parse_strictly(std::string_view text, size_t members_most) {
    using Library = JsonLibrary::Library;
    std::vector<std::unordered_set<std::string>> open;  // names of the objects around the parser
    const auto look = [&](int, Library::parse_event_t event, Library& parsed) {
        if (event == Library::parse_event_t::object_start) open.emplace_back();
        if (event == Library::parse_event_t::object_end) open.pop_back();
        if (event != Library::parse_event_t::key) return true;
        const auto& name = parsed.get_ref<const std::string&>();
        if (!open.back().insert(name).second)
            throw JsonError(fmt::format("`{}` occurs twice", name));
        if (open.back().size() > members_most)
            throw JsonError(fmt::format("an object has more than {} members", members_most));
        return true;
    };
    const auto library = Library::parse(text, look, false);
    if (library.is_discarded()) throw JsonError("it is no JSON");
    return JsonLibrary::from(library);
}

const Json& Json::expect(bool is_so, const char* what) const {
    if (!is_so) throw JsonError(fmt::format("{} is no {}", dump().substr(0, 80), what));
    return *this;
}

const Json& Json::at(std::string_view name) const {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) throw JsonError(fmt::format("there is no `{}`", name));
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

std::string Json::dump(int indent) const {
    return JsonLibrary::to(*this).dump(indent, ' ', false,
                                       nlohmann::json::error_handler_t::replace);
}

}  // namespace gmc
