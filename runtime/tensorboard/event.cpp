// Makes events of TensorBoard, one function per kind. The enums are field numbers of its protocol
// buffers. Messages that are empty on purpose are added as such, because protozero leaves out
// nested ones that are empty.
#include "runtime/tensorboard/event.h"

#include <isa-l/crc.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <protozero/pbf_builder.hpp>
#include <protozero/pbf_message.hpp>

namespace gmc::tensorboard {
namespace {

enum class Event : uint32_t { kSeconds = 1, kStep = 2, kVersion = 3, kSummary = 5, kSession = 7 };
enum class Session : uint32_t { kStatus = 1 };
constexpr int32_t kStarted = 1;
enum class Summary : uint32_t { kValue = 1 };
enum class Value : uint32_t { kTag = 1, kNumber = 2, kImage = 4, kTensor = 8, kMetadata = 9 };
enum class Image : uint32_t { kHeight = 1, kWidth = 2, kChannels = 3, kBytes = 4 };
enum class Metadata : uint32_t { kPlugin = 1 };
enum class Plugin : uint32_t { kName = 1, kContent = 2 };
enum class Tensor : uint32_t { kType = 1, kShape = 2, kNumber = 5, kText = 8 };
enum class Shape : uint32_t { kDimension = 2 };
enum class Dimension : uint32_t { kSize = 1 };
constexpr int32_t kNumberType = 1, kTextType = 7;
enum class Settings : uint32_t { kStart = 3 };
enum class Start : uint32_t { kSetting = 1, kSeconds = 5 };
enum class Setting : uint32_t { kKey = 1, kValue = 2 };
enum class Any : uint32_t { kNumber = 2, kText = 3 };

template <typename Message>
using Builder = protozero::pbf_builder<Message>;

uint32_t masked_crc(std::string_view bytes) {
    // ISA-L takes and gives the register, which CRC-32C inverts before and after.
    std::string copy(bytes);
    const uint32_t crc = ~crc32_iscsi(reinterpret_cast<unsigned char*>(copy.data()),
                                      static_cast<int>(copy.size()), ~uint32_t{0});
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

template <typename T>
std::string_view bytes_of(const T& number) {
    static_assert(std::endian::native == std::endian::little);
    return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

/// A record of an event, whose contents `fill` adds.
template <typename Fill>
std::string event(Moment at, Fill fill) {
    std::string bytes;
    Builder<Event> builder(bytes);
    builder.add_double(Event::kSeconds, at.seconds);
    builder.add_int64(Event::kStep, at.step);
    fill(builder);
    return record(bytes);
}

/// An event with one value, whose contents `fill` adds.
template <typename Fill>
std::string value_event(Moment at, std::string_view tag, Fill fill) {
    return event(at, [&](Builder<Event>& builder) {
        Builder<Summary> summary(builder, Event::kSummary);
        Builder<Value> value(summary, Summary::kValue);
        value.add_string(Value::kTag, tag.data(), tag.size());
        fill(value);
    });
}

/// Says which of TensorBoard's pages shows the value.
void add_plugin(Builder<Value>& value, const std::string& name, const std::string& content) {
    Builder<Metadata> metadata(value, Value::kMetadata);
    Builder<Plugin> plugin(metadata, Metadata::kPlugin);
    plugin.add_string(Plugin::kName, name);
    if (!content.empty()) plugin.add_bytes(Plugin::kContent, content);
}

/// A setting as a number where its text is one, so that TensorBoard can sort by it.
void add_setting(Builder<Start>& start, const std::string& name, const std::string& text) {
    Builder<Setting> setting(start, Start::kSetting);
    setting.add_string(Setting::kKey, name);
    Builder<Any> value(setting, Setting::kValue);
    double number = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec == std::errc() && read.ptr == end)
        value.add_double(Any::kNumber, number);
    else
        value.add_string(Any::kText, text);
}

/// A whole number of a PNG, where the most significant byte comes first.
int32_t png_number(std::string_view png, size_t at) {
    uint32_t number = 0;
    for (size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(png[at + i]);
    return static_cast<int32_t>(number);
}

}  // namespace

std::string record(std::string_view bytes) {
    const uint64_t length = bytes.size();
    std::string out(bytes_of(length));
    const uint32_t length_crc = masked_crc(out), bytes_crc = masked_crc(bytes);
    out += bytes_of(length_crc);
    out += bytes;
    out += bytes_of(bytes_crc);
    return out;
}

std::string version_event(Moment at) {
    return event(
        at, [](Builder<Event>& builder) { builder.add_string(Event::kVersion, "brain.Event:2"); });
}

std::string start_event(Moment at) {
    return event(at, [](Builder<Event>& builder) {
        Builder<Session> session(builder, Event::kSession);
        session.add_enum(Session::kStatus, kStarted);
    });
}

std::string scalars_event(Moment at, const std::vector<std::pair<std::string, double>>& values) {
    return event(at, [&](Builder<Event>& builder) {
        Builder<Summary> summary(builder, Event::kSummary);
        for (const auto& [tag, number] : values) {
            Builder<Value> value(summary, Summary::kValue);
            value.add_string(Value::kTag, tag);
            value.add_float(Value::kNumber, static_cast<float>(number));
        }
    });
}

std::string picture_event(Moment at, std::string_view tag, std::string_view png) {
    // The header chunk comes first: width and height from byte 16 on, the kind of colour at 25.
    if (png.size() < 26 || png.substr(1, 3) != "PNG") return "";
    const char colour = png[25];
    const int32_t channels = colour == 0 ? 1 : colour == 4 ? 2 : colour == 6 ? 4 : 3;
    return value_event(at, tag, [&](Builder<Value>& value) {
        Builder<Image> image(value, Value::kImage);
        image.add_int32(Image::kHeight, png_number(png, 20));
        image.add_int32(Image::kWidth, png_number(png, 16));
        image.add_int32(Image::kChannels, channels);
        image.add_bytes(Image::kBytes, png.data(), png.size());
    });
}

namespace {

bool is_picture(std::string_view event, int64_t step) {
    using Bytes = protozero::data_view;
    protozero::pbf_message<Event> reader(event.data(), event.size());
    bool is_of_step = false, has_image = false;
    while (reader.next()) {
        if (reader.tag() == Event::kStep) {
            is_of_step = reader.get_int64() == step;
        } else if (reader.tag() == Event::kSummary) {
            protozero::pbf_message<Summary> summary(Bytes(reader.get_view()));
            while (summary.next(Summary::kValue)) {
                protozero::pbf_message<Value> value(Bytes(summary.get_view()));
                has_image = has_image || value.next(Value::kImage);
            }
        } else {
            reader.skip();
        }
    }
    return is_of_step && has_image;
}

}  // namespace

bool has_picture(std::string_view records, int64_t step) {
    constexpr size_t kHead = sizeof(uint64_t) + sizeof(uint32_t), kTail = sizeof(uint32_t);
    while (records.size() >= kHead + kTail) {
        uint64_t length = 0;
        std::memcpy(&length, records.data(), sizeof(length));
        if (length > records.size() - kHead - kTail) return false;
        try {
            if (is_picture(records.substr(kHead, length), step)) return true;
        } catch (const protozero::exception&) {  // damaged, or not ours
            return false;
        }
        records.remove_prefix(kHead + length + kTail);
    }
    return false;
}

std::string text_event(Moment at, std::string_view tag, std::string_view text) {
    return value_event(at, tag, [&](Builder<Value>& value) {
        {
            Builder<Tensor> tensor(value, Value::kTensor);
            tensor.add_enum(Tensor::kType, kTextType);
            tensor.add_message(Tensor::kShape, std::string());
            tensor.add_bytes(Tensor::kText, text.data(), text.size());
        }
        add_plugin(value, "text", "");
    });
}

std::string settings_event(Moment at,
                           const std::vector<std::pair<std::string, std::string>>& settings) {
    std::string content;
    {
        Builder<Settings> builder(content);
        Builder<Start> start(builder, Settings::kStart);
        for (const auto& [name, text] : settings) add_setting(start, name, text);
        start.add_double(Start::kSeconds, at.seconds);
    }
    return value_event(at, "_hparams_/session_start_info", [&](Builder<Value>& value) {
        {  // One zero: readers of events want a value, too.
            Builder<Tensor> tensor(value, Value::kTensor);
            tensor.add_enum(Tensor::kType, kNumberType);
            {
                Builder<Shape> shape(tensor, Tensor::kShape);
                Builder<Dimension> dimension(shape, Shape::kDimension);
                dimension.add_int64(Dimension::kSize, 1);
            }
            tensor.add_float(Tensor::kNumber, 0);
        }
        add_plugin(value, "hparams", content);
    });
}

}  // namespace gmc::tensorboard
