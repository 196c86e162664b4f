// Shows a memory plan as a table and as a picture. Buffers and lifetimes are worked out anew from
// the places in the module, so what is shown is the plan in the module, whoever wrote it, and not
// what the pass meant to do.
#include "compiler/view/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/ir/scan.h"
#include "compiler/ir/text/places.h"
#include "compiler/support/numbers.h"
#include "compiler/support/wrap.h"

namespace gmc::view {
namespace {

using namespace ir;  // NOLINT

constexpr size_t kIndent = 4;   ///< of what does not fit into a line
constexpr size_t kValues = 45;  ///< where the last column of the table begins

/// Finds the buffers of one function by walking its operations in order: a value opens a buffer
/// where it is written, or continues that of an operand that it overwrites, and each read extends
/// the buffer's life.
class BufferFinder {
  public:
    BufferFinder(const Module& module, const Function& function)
        : m_(module),
          f_(function),
          owner_(f_.values.size(), kNone),
          buffer_of_(f_.values.size(), kNone) {}

    MemoryPlan find() {
        const auto end = static_cast<int64_t>(f_.operations.size());
        for (const Input& input : f_.inputs) define(input.value, -1);
        for (int64_t i = 0; i < end; ++i) {
            const Operation& op = f_.operations[i];
            for (ValueId operand : op.operands) use(operand, i);
            if (const Function* body = body_of(m_, op))
                plan_.buffers.push_back({{},
                                         op.as<Scan>()->workspace,
                                         workspace_bytes(*body, *op.as<Scan>()),
                                         i,
                                         i,
                                         body->name});
            for (ValueId result : op.results) {
                if (op.as<Reshape>() != nullptr)
                    owner_[result] = owner_[op.operands[0]];
                else
                    define(result, i);
            }
        }
        for (const Update& update : f_.updates) use(update.value, end);
        for (const NamedValue& result : f_.results) use(result.value, end);
        // Carried values are where the next pass finds them.
        for (size_t i = 0; f_.is_body && i < scan_parts(f_).carried; ++i)
            use(f_.inputs[i].value, end);
        find_peak();
        return std::move(plan_);
    }

  private:
    /// `value` is written by operation `now`: over an operand that is read for the last time, or
    /// into a buffer of its own.
    void define(ValueId value, int64_t now) {
        owner_[value] = value;
        const Value& v = f_.values[value];
        if (v.arena_offset == kNone) return;
        for (size_t i = 0; now >= 0 && i < plan_.buffers.size(); ++i) {
            PlannedBuffer& b = plan_.buffers[i];
            if (b.last != now || b.first == now || b.offset != v.arena_offset ||
                b.bytes != v.type.bytes())
                continue;
            b.values.push_back(value);
            buffer_of_[value] = static_cast<int32_t>(i);
            return;
        }
        buffer_of_[value] = static_cast<int32_t>(plan_.buffers.size());
        plan_.buffers.push_back({{value}, v.arena_offset, v.type.bytes(), now, now});
    }

    void use(ValueId value, int64_t now) {
        const ValueId owner = owner_[value];
        if (owner == kNone || buffer_of_[owner] == kNone) return;
        plan_.buffers[buffer_of_[owner]].last = now;
    }

    /// The operation at which the live buffers take most bytes. It compares all buffers with all
    /// operations, which is fast enough for a listing.
    void find_peak() {
        for (int64_t i = 0; i < static_cast<int64_t>(f_.operations.size()); ++i) {
            int64_t bytes = 0;
            for (const PlannedBuffer& b : plan_.buffers)
                if (b.is_live(i) && !is_part(b, i)) bytes += b.bytes;
            if (bytes > plan_.peak_bytes) plan_.peak_bytes = bytes, plan_.peak = i;
        }
    }

    /// Whether buffer `b` lies inside a larger one that is alive at operation `i`: it is an operand
    /// of a concat or pack that has been computed in place. Its bytes are counted there already.
    bool is_part(const PlannedBuffer& b, int64_t i) const {
        return std::any_of(
            plan_.buffers.begin(), plan_.buffers.end(), [&](const PlannedBuffer& whole) {
                return whole.is_live(i) && whole.bytes > b.bytes && whole.offset <= b.offset &&
                       b.offset + b.bytes <= whole.offset + whole.bytes;
            });
    }

    const Module& m_;
    const Function& f_;
    MemoryPlan plan_;
    std::vector<ValueId> owner_;  ///< by value: the value in whose memory it lies; kNone for states
    std::vector<int32_t> buffer_of_;
};

std::string names(const Function& f, const std::vector<ValueId>& values) {
    std::string out;
    for (ValueId v : values) out += fmt::format("{}%{}", out.empty() ? "" : ", ", f.values[v].name);
    return out;
}

std::string contents(const Function& f, const PlannedBuffer& b) {
    return b.body.empty() ? names(f, b.values) : fmt::format("the values of @{}", b.body);
}

/// "12", "entry" or "end".
std::string moment(const Function& f, int64_t operation) {
    if (operation < 0) return "entry";
    if (operation == static_cast<int64_t>(f.operations.size())) return "end";
    return fmt::format("{}", operation);
}

/// "operation 12, conv %a, x.yaml:3:4"
std::string described(const Module& module, const Function& f, int64_t index) {
    if (index < 0) return "no operation";
    const Operation& op = f.operations[index];
    const std::string out =
        fmt::format("operation {}, {} {}", index, op.info().name, names(f, op.results));
    return op.location.known() ? out + ", " + short_place(module, op.location) : out;
}

std::string headline(const Function& f, const MemoryPlan& plan) {
    return fmt::format("@{}: arena of {} bytes for {} buffers, {} bytes without sharing", f.name,
                       grouped(std::max<int64_t>(f.arena_bytes, 0)), plan.buffers.size(),
                       grouped(f.unplanned_bytes));
}

std::string peak_line(const Module& module, const Function& f, const MemoryPlan& plan) {
    return fmt::format("most in use: {} bytes, by {}", grouped(plan.peak_bytes),
                       described(module, f, plan.peak));
}

// ---- SVG ----

/// Pixels: the size of a chart, the room above it for two lines of text, the margin at its left,
/// and the distance to the next chart.
constexpr double kWidth = 1200, kHeight = 360, kTop = 40, kLeft = 10, kGap = 30;

std::string escaped(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '&')
            out += "&amp;";
        else
            out += c;
    }
    return out;
}

/// One function's chart with its upper left corner at (0, top).
class Chart {
  public:
    Chart(const Module& module, const Function& function, double top)
        : module_(module), f_(function), plan_(memory_plan(module, function)), top_(top) {}

    std::string draw() const {
        std::string out = text(15, headline(f_, plan_)) + text(32, peak_line(module_, f_, plan_));
        out += fmt::format(
            "<rect x=\"{}\" y=\"{:.1f}\" width=\"{}\" height=\"{}\" fill=\"none\" "
            "stroke=\"#888\"/>\n",
            kLeft, top_ + kTop, kWidth, kHeight);
        for (size_t i = 0; i < plan_.buffers.size(); ++i) out += box(plan_.buffers[i], i);
        if (plan_.peak < 0) return out;
        return out + fmt::format(
                         "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{}\" "
                         "fill=\"none\" stroke=\"#d00\" stroke-width=\"2\"><title>peak: {}"
                         "</title></rect>\n",
                         x(plan_.peak), top_ + kTop, x(1) - x(0), kHeight,
                         escaped(described(module_, f_, plan_.peak)));
    }

  private:
    std::string text(double y, const std::string& line) const {
        return fmt::format("<text x=\"{}\" y=\"{:.1f}\">{}</text>\n", kLeft, top_ + y,
                           escaped(line));
    }

    /// Moments are -1 (entry) to the number of operations (end), a column each.
    double x(int64_t moment) const {
        return kLeft + kWidth * static_cast<double>(moment + 1) /
                           static_cast<double>(f_.operations.size() + 2);
    }
    double height(int64_t bytes) const {
        return kHeight * static_cast<double>(bytes) /
               static_cast<double>(std::max<int64_t>(f_.arena_bytes, 1));
    }

    std::string box(const PlannedBuffer& b, size_t index) const {
        // 137 degrees is the golden angle: multiples of it spread over the circle so that
        // neighbouring buffers differ in hue.
        const auto hue = static_cast<int64_t>(index) * 137 % 360;
        return fmt::format(
            "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" "
            "fill=\"hsl({},60%,70%)\" stroke=\"#444\" stroke-width=\"0.3\"><title>{}: {} bytes at "
            "{}, "
            "operations {} to {}</title></rect>\n",
            x(b.first), top_ + kTop + kHeight - height(b.offset + b.bytes),
            x(b.last + 1) - x(b.first), height(b.bytes), hue, escaped(contents(f_, b)),
            grouped(b.bytes), b.offset, moment(f_, b.first), moment(f_, b.last));
    }

    const Module& module_;
    const Function& f_;
    MemoryPlan plan_;
    double top_;
};

}  // namespace

MemoryPlan memory_plan(const Module& module, const Function& function) {
    return BufferFinder(module, function).find();
}

/// A row per buffer, in the order in which they are first written.
std::string memory_table(const Module& module) {
    std::string out;
    for (const Function& f : module.functions) {
        const MemoryPlan plan = memory_plan(module, f);
        out += fmt::format("{}{}\n{}\n  {:>12} {:>12} {:>6} {:>6}   values\n",
                           out.empty() ? "" : "\n", wrapped(headline(f, plan), kIndent),
                           wrapped("  " + peak_line(module, f, plan), kIndent), "offset", "bytes",
                           "first", "last");
        for (const PlannedBuffer& b : plan.buffers) {
            const bool at_peak = b.first <= plan.peak && plan.peak <= b.last;
            const std::string row = fmt::format("  {:>12} {:>12} {:>6} {:>6} {} {}", b.offset,
                                                b.bytes, moment(f, b.first), moment(f, b.last),
                                                at_peak ? '*' : ' ', contents(f, b));
            out += wrapped(row, kValues) + "\n";
        }
    }
    return out;
}

std::string memory_svg(const Module& module) {
    const double each = kTop + kHeight + kGap;
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" "
        "font-family=\"sans-serif\" font-size=\"13\">\n<title>{}</title>\n",
        kWidth + 2 * kLeft, each * static_cast<double>(module.functions.size()),
        escaped(module.name));
    for (size_t i = 0; i < module.functions.size(); ++i)
        out += Chart(module, module.functions[i], each * static_cast<double>(i)).draw();
    return out + "</svg>\n";
}

}  // namespace gmc::view
