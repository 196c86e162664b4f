// Turns JSON into text. No other file includes nlohmann's header.
#include "compiler/support/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "compiler/support/check.h"

namespace gmc {

struct JsonWriter {
    using Library = nlohmann::ordered_json;

    static Library convert(const Json& json) {
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
                for (const Json& element : json.elements_) out.push_back(convert(element));
                return out;
            }
            case Json::Kind::kObject: {
                Library out = Library::object();
                for (size_t i = 0; i < json.names_.size(); ++i)
                    out[json.names_[i]] = convert(json.elements_[i]);
                return out;
            }
        }
        return nullptr;
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

const Json& Json::at(std::string_view name) const {
    const auto found = std::find(names_.begin(), names_.end(), name);
    GMC_CHECK(found != names_.end(), "no `{}` in JSON", name);
    return elements_[static_cast<size_t>(found - names_.begin())];
}

double Json::number() const {
    if (kind_ == Kind::kUnsigned) return static_cast<double>(static_cast<uint64_t>(whole_));
    return kind_ == Kind::kWhole ? static_cast<double>(whole_) : number_;
}

std::string Json::dump(int indent) const {
    return JsonWriter::convert(*this).dump(indent, ' ', false,
                                           nlohmann::json::error_handler_t::replace);
}

}  // namespace gmc
