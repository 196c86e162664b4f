// Writes a trace as in "Trace Event Format" (Google), with events X (complete) and M (names of
// tracks).
#include "runtime/profile/trace.h"

#include <algorithm>
#include <map>

#include "compiler/support/json.h"
#include "runtime/profile/operation_text.h"

namespace gmc::runtime {
namespace {

constexpr int kStepTrack = 1, kDataTrack = 2;

/// Collects the events of one trace.
class Trace {
  public:
    Trace(const ir::Module& module, const StepProfile& profile)
        : module_(module),
          profile_(profile),
          names_(module),
          origin_ns_(profile.rounds.front().begin_ns) {
        for (const TimeSpan& batch : profile.batches)
            origin_ns_ = std::min(origin_ns_, batch.begin_ns);
        for (const OperationProfile& one : profile.operations)
            known_[{one.function, one.index}] = &one;
    }

    std::string text() {
        name_track(kStepTrack, "step");
        name_track(kDataTrack, "data");
        for (size_t i = 0; i < profile_.rounds.size(); ++i)
            add(kStepTrack, "round " + std::to_string(i), "round", profile_.rounds[i]);
        add_functions();
        for (const OperationTime& one : profile_.log) add_operation(one);
        for (const TimeSpan& batch : profile_.batches) add(kDataTrack, "batch", "data", batch);
        return Json{{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events_)}}.dump() + "\n";
    }

  private:
    void name_track(int track, const char* name) {
        events_.push_back({{"name", "thread_name"},
                           {"ph", "M"},
                           {"pid", 1},
                           {"tid", track},
                           {"args", {{"name", name}}}});
    }

    Json& add(int track, const std::string& name, const std::string& category, TimeSpan time) {
        return events_.push_back({{"name", name},
                                  {"cat", category},
                                  {"ph", "X"},
                                  {"ts", static_cast<double>(time.begin_ns - origin_ns_) / 1e3},
                                  {"dur", static_cast<double>(time.ns()) / 1e3},
                                  {"pid", 1},
                                  {"tid", track}});
    }

    /// Adds an event per call of a function. It begins when the batch has arrived and ends with the
    /// last operation.
    void add_functions() {
        TimeLog log;  // without what runs within scans
        for (const OperationTime& one : profile_.log)
            if (log.empty() || one.time.begin_ns >= log.back().time.end_ns) log.push_back(one);
        for (size_t i = 0; i < log.size();) {
            size_t end = i + 1;
            while (end < log.size() && log[end].function == log[i].function) ++end;
            if (log[i].function != nullptr)
                add(kStepTrack, "@" + log[i].function->name, "function",
                    {log[i].time.begin_ns, log[end - 1].time.end_ns});
            i = end;
        }
    }

    void add_operation(const OperationTime& one) {
        if (one.function == nullptr) {
            add(kStepTrack, "wait for data", "data", one.time);
            return;
        }
        const OperationProfile& known = *known_.at({one.function, one.operation});
        const ir::Operation& operation = known.operation();
        const std::string kind = kind_of(known);
        Json& event =
            add(kStepTrack, kind + " " + names_.of(*one.function, operation), kind, one.time);
        event["args"] = {{"model", place_of(module_, operation)}, {"kernel", known.kernel}};
        if (known.work.flops > 0) event["args"]["gflop"] = known.work.flops * 1e-9;
        event["args"]["megabytes"] = known.work.bytes * 1e-6;
    }

    const ir::Module& module_;
    const StepProfile& profile_;
    OperationNames names_;
    /// Time of the earliest event, since Perfetto drops events before 0.
    int64_t origin_ns_;
    std::map<std::pair<const ir::Function*, size_t>, const OperationProfile*> known_;
    Json events_ = Json::array();
};

}  // namespace

std::string chrome_trace(const ir::Module& module, const StepProfile& profile) {
    return Trace(module, profile).text();
}

}  // namespace gmc::runtime
