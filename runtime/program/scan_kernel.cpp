// Runs scans. The values of the body lie in the scan's workspace. Values that the body captures are
// read where they lie outside. Carried values and elements are copied into the workspace before a
// pass, and stacked values are copied out of it after the pass.
#include "runtime/program/scan_kernel.h"

#include <cstring>
#include <optional>
#include <vector>

#include "compiler/ir/scan.h"
#include "compiler/support/check.h"
#include "runtime/kernels/pass_call.h"
#include "runtime/program/bound_operations.h"
#include "runtime/program/placement.h"
#include "runtime/program/transfer.h"

namespace gmc::runtime {
namespace {

/// A value of the body (`each`), and the values outside that it stands for, one per pass, one after
/// another (`all`).
struct Row {
    std::byte* each;
    std::byte* all;
    size_t bytes;
    std::byte* of_pass(int64_t pass) const { return all + static_cast<size_t>(pass) * bytes; }
};

class BodyKernel final : public ScanKernel {
  public:
    BodyKernel(const ir::Operation& operation, BindContext& outer)
        : scan_(*operation.as<ir::Scan>()),
          body_(*ir::body_of(outer.module, operation)),
          parts_(ir::scan_parts(body_)),
          contractions_(outer.contractions.arena(), outer.contractions.tuning(),
                        outer.contractions.bf16()),
          placement_(place_body(operation, outer)) {
        for (size_t i = parts_.first_captured(); i < body_.inputs.size(); ++i)
            contractions_.keep_for_call(body_.inputs[i].value);
        BindContext context{outer.module,  body_,     placement_.buffers,
                            contractions_, outer.how, outer.arena_base + scan_.workspace};
        if (scan_.workspace == ir::Scan::kUnset) context.arena_base = 0;
        operations_.bind(context);
        connect(operation, outer);
    }

    void run(const CallContext& call) override {
        run_passes(call, [&](const CallContext& pass) { operations_.run(pass); });
    }
    void run_watched(const CallContext& call, OperationWatcher& watcher) override {
        run_passes(call, [&](const CallContext& pass) {
            operations_.run_watched(body_, placement_.buffers, pass, watcher);
        });
    }

  private:
    template <typename RunBody>
    void run_passes(const CallContext& call, const RunBody& run_body) {
        contractions_.begin_call();
        for (const Transfer& start : starts_) start.run();
        for (int64_t i = 0; i < scan_.count; ++i) {
            const int64_t pass = scan_.reverse ? scan_.count - 1 - i : i;
            contractions_.begin_pass();
            for (const Row& row : elements_) std::memcpy(row.each, row.of_pass(pass), row.bytes);
            run_body(call_of_pass(call, scan_.first + pass));
            for (const Row& row : stacks_) std::memcpy(row.of_pass(pass), row.each, row.bytes);
            for (const Transfer& aside : asides_) aside.run();
            for (const Transfer& next : nexts_) next.run();
        }
        for (const Transfer& end : ends_) end.run();
    }

    Placement place_body(const ir::Operation& operation, const BindContext& outer) const {
        std::vector<float*> given(body_.values.size(), nullptr);
        for (size_t i = parts_.first_captured(); i < body_.inputs.size(); ++i)
            given[body_.inputs[i].value] = outer.buffers.data(operation.operands[i]);
        const int64_t base =
            scan_.workspace == ir::Scan::kUnset ? 0 : outer.arena_base + scan_.workspace;
        return place_values(outer.module, body_,
                            {nullptr, outer.contractions.arena(), base, std::move(given)});
    }

    std::byte* inside(ir::ValueId value) const { return bytes_at(placement_.buffers.data(value)); }

    void connect(const ir::Operation& operation, const BindContext& outer) {
        const auto outside = [&](ir::ValueId value) { return bytes_at(outer.buffers.data(value)); };
        for (size_t i = 0; i < parts_.first_captured(); ++i) {
            const ir::ValueId input = body_.inputs[i].value;
            const auto bytes = static_cast<size_t>(body_.type(input).bytes());
            std::byte* const from = outside(operation.operands[i]);
            if (i < parts_.carried)
                starts_.push_back({from, inside(input), bytes});
            else
                elements_.push_back({inside(input), from, bytes});
        }
        for (size_t i = 0; i < body_.results.size(); ++i) {
            const ir::ValueId result = body_.results[i].value;
            const auto bytes = static_cast<size_t>(body_.type(result).bytes());
            std::byte* const to = outside(operation.results[i]);
            if (i >= parts_.carried) {
                stacks_.push_back({inside(result), to, bytes});
                continue;
            }
            std::byte* const carried = inside(body_.inputs[i].value);
            nexts_.push_back({inside(result), carried, bytes});
            ends_.push_back({carried, to, bytes});
        }
        put_aside();
    }

    /// After a pass, each carried value is copied to its input. Where the next value of `a` lies in
    /// the memory of `b`'s input (as in `{a: b, b: a}`), the copy to `b` may destroy it first. Such
    /// a value is copied to a place aside before any other copy.
    void put_aside() {
        std::vector<size_t> crossing;
        int64_t total = 0;
        for (size_t i = 0; i < nexts_.size(); ++i)
            for (size_t k = 0; k < nexts_.size(); ++k)
                if (k != i && nexts_[i].reads(nexts_[k]) && nexts_[k].from != nexts_[k].to) {
                    crossing.push_back(i);
                    total += align_up(static_cast<int64_t>(nexts_[i].bytes), kTensorAlignment);
                    break;
                }
        aside_ = MemoryBlock(total);
        int64_t offset = 0;
        for (size_t i : crossing) {
            std::byte* const at = bytes_at(aside_.floats(offset));
            offset += align_up(static_cast<int64_t>(nexts_[i].bytes), kTensorAlignment);
            asides_.push_back({nexts_[i].from, at, nexts_[i].bytes});
            nexts_[i].from = at;
        }
    }

    const ir::Scan& scan_;
    const ir::Function& body_;
    const ir::ScanParts parts_;
    ContractionContext contractions_;
    Placement placement_;
    BoundOperations operations_;
    MemoryBlock aside_;
    std::vector<Transfer> starts_, asides_, nexts_, ends_;
    std::vector<Row> elements_, stacks_;
};

}  // namespace

std::unique_ptr<ScanKernel> make_scan_kernel(const ir::Operation& operation, BindContext& context) {
    auto kernel = std::make_unique<BodyKernel>(operation, context);
    kernel->set_name("scan");
    return kernel;
}

}  // namespace gmc::runtime
