// Runs scans. The values of the body lie in the scan's workspace. Values that the body captures are
// read where they lie outside. Elements and stacked values may stay outside, too, and move from
// pass to pass, where all kernels that read or make them know that: loops, and products with
// captured weights. Carried values and other elements are copied into the workspace before a pass,
// and other stacked values are copied out of it after the pass. Values that are added up over the
// passes are added as soon as they are there.
#include "runtime/program/scan_kernel.h"

#include <cstring>
#include <optional>
#include <vector>

#include "compiler/ir/scan.h"
#include "compiler/ir/views.h"
#include "compiler/support/check.h"
#include "runtime/contractions/choice/candidates.h"
#include "runtime/kernels/pass_call.h"
#include "runtime/processes/process_group.h"
#include "runtime/program/bound_operations.h"
#include "runtime/program/pass_sum.h"
#include "runtime/program/placement.h"
#include "runtime/program/transfer.h"

namespace gmc::runtime {
namespace {

/// Sums over the processes of at least so many numbers are worth a thread of their own.
constexpr int64_t kLargeSum = 1 << 14;

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
        let_move(operation, outer);
        BindContext context{outer.module,  body_,     placement_.buffers,
                            contractions_, outer.how, outer.arena_base + scan_.workspace};
        if (scan_.workspace == ir::Scan::kUnset) context.arena_base = 0;
        operations_.bind(context);
        connect(operation, outer);
        connect_sums(operation, outer);
    }

    void run(const CallContext& call) override {
        run_passes(call, [&](const CallContext& in_pass, int64_t pass) {
            if (log_ != nullptr)
                run_timed(in_pass, pass);
            else
                operations_.run(in_pass, [&](size_t runs) { add_sums(pass, runs); });
            add_sums(pass, 0);
        });
    }
    void run_watched(const CallContext& call, OperationWatcher& watcher) override {
        run_passes(call, [&](const CallContext& in_pass, int64_t pass) {
            Buffers here = placement_.buffers;
            for (ir::ValueId value : moving_) here.set(value, in_pass_address(value, pass));
            operations_.run_watched(body_, here, in_pass, watcher);
            for (Sum& sum : sums_) add(sum, pass);
        });
    }
    void set_timing(TimeLog* log) override {
        log_ = log;
        for (const OperationRun& run : operations_.runs())
            if (auto* scan = dynamic_cast<ScanKernel*>(run.kernel.get())) scan->set_timing(log);
    }
    const ir::Function& body() const override { return body_; }
    const BoundOperations& operations() const override { return operations_; }

  private:
    void run_timed(const CallContext& in_pass, int64_t pass) {
        size_t done = 0;
        for (const OperationRun& run : operations_.runs()) {
            log_time(*log_, body_, run.operation, [&] { run.kernel->run(in_pass); });
            add_sums(pass, ++done);
        }
    }

    template <typename RunBody>
    void run_passes(const CallContext& call, const RunBody& run_body) {
        contractions_.begin_call();
        run_all(starts_);
        for (int64_t i = 0; i < scan_.count; ++i) {
            const int64_t pass = scan_.reverse ? scan_.count - 1 - i : i;
            contractions_.begin_pass();
            for (size_t e = 0; e < elements_.size(); ++e)
                into_[e] = {elements_[e].of_pass(pass), elements_[e].each, elements_[e].bytes};
            run_all(into_);
            CallContext in_pass = call_of_pass(call, scan_.first + pass);
            in_pass.pass = pass;
            run_body(in_pass, pass);
            for (size_t s = 0; s < stacks_.size(); ++s)
                out_of_[s] = {stacks_[s].each, stacks_[s].of_pass(pass), stacks_[s].bytes};
            run_all(out_of_);
            run_all(asides_);
            for (size_t n = 0; n < nexts_.size(); ++n) {
                to_next_[n] = nexts_[n];
                to_next_[n].from += next_steps_[n] * pass;
            }
            run_all(to_next_);
        }
        run_all(ends_);
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

    /// Finds the elements and stacked values that are read and written where they lie outside. What
    /// is also the next carried value is copied from there.
    void let_move(const ir::Operation& operation, const BindContext& outer) {
        if (outer.how.reference) return;
        std::vector<bool> readable(body_.values.size(), true);
        std::vector<bool> made(body_.values.size(), false);
        for (const ir::Operation& op : body_.operations) {
            const bool loop = ir::runs_as_loop(op.info());
            const bool product =
                can_move(outer.module, body_, op) && contractions_.keeps(op.operands[1]);
            for (size_t i = 0; i < op.operands.size(); ++i)
                if (!loop && !(product && i == 0)) readable[op.operands[i]] = false;
            for (ir::ValueId value : op.results) made[value] = loop || product;
        }
        std::vector<int> results(body_.values.size(), 0);
        for (size_t i = parts_.carried; i < body_.results.size(); ++i)
            ++results[body_.results[i].value];
        std::vector<bool> carried(body_.values.size(), false);
        for (size_t i = 0; i < parts_.carried; ++i) carried[body_.results[i].value] = true;
        const auto move = [&](ir::ValueId value, ir::ValueId outside, size_t skip) {
            std::byte* const first = bytes_at(outer.buffers.data(outside)) + skip;
            placement_.buffers.set(value, reinterpret_cast<float*>(first));
            placement_.buffers.set_step(value, body_.type(value).bytes());
            moving_.push_back(value);
        };
        for (size_t i = parts_.carried; i < parts_.first_captured(); ++i) {
            const ir::ValueId input = body_.inputs[i].value;
            if (readable[input] && results[input] == 0 && !carried[input])
                move(input, operation.operands[i], skipped(operation, outer, i));
        }
        for (size_t i = parts_.carried; i < body_.results.size(); ++i) {
            const ir::ValueId result = body_.results[i].value;
            if (!ir::is_summed(body_, scan_, i) && made[result] && readable[result] &&
                results[result] == 1)
                move(result, operation.results[i], 0);
        }
    }
    /// Bytes of operand `i`, a row of elements, before that of pass 0: of what has all shards,
    /// those of the process are read.
    size_t skipped(const ir::Operation& operation, const BindContext& outer, size_t i) const {
        const bool all = outer.function.type(operation.operands[i]).shape[0] != scan_.count;
        const int64_t bytes = body_.type(body_.inputs[i].value).bytes();
        return all ? static_cast<size_t>(scan_.first * bytes) : 0;
    }
    float* in_pass_address(ir::ValueId value, int64_t pass) const {
        return reinterpret_cast<float*>(inside(value) + placement_.buffers.step(value) * pass);
    }

    void connect(const ir::Operation& operation, const BindContext& outer) {
        const auto outside = [&](ir::ValueId value) { return bytes_at(outer.buffers.data(value)); };
        for (size_t i = 0; i < parts_.first_captured(); ++i) {
            const ir::ValueId input = body_.inputs[i].value;
            const auto bytes = static_cast<size_t>(body_.type(input).bytes());
            std::byte* const from = outside(operation.operands[i]);
            if (i < parts_.carried) {
                starts_.push_back({from, inside(input), bytes});
                continue;
            }
            if (placement_.buffers.step(input) == 0)
                elements_.push_back({inside(input), from + skipped(operation, outer, i), bytes});
        }
        for (size_t i = 0; i < body_.results.size(); ++i) {
            const ir::ValueId result = body_.results[i].value;
            const auto bytes = static_cast<size_t>(body_.type(result).bytes());
            std::byte* const to = outside(operation.results[i]);
            if (ir::is_summed(body_, scan_, i)) continue;
            if (i >= parts_.carried) {
                if (placement_.buffers.step(result) == 0)
                    stacks_.push_back({inside(result), to, bytes});
                continue;
            }
            std::byte* const carried = inside(body_.inputs[i].value);
            nexts_.push_back({inside(result), carried, bytes});
            next_steps_.push_back(placement_.buffers.step(result));
            ends_.push_back({carried, to, bytes});
        }
        put_aside();
        into_.resize(elements_.size());
        out_of_.resize(stacks_.size());
        to_next_.resize(nexts_.size());
    }

    /// A result that is the sum over the passes, or a part of it.
    struct Sum {
        PassSum sum;
        size_t runs;  ///< that it waits for in each pass; 0: it is there at once
        /// The processes that add it up further; null where there are none, or it is so small that
        /// the operation `all_reduce` does that.
        ProcessGroup* group;
        bool scattered;  ///< each process needs its range of it only
        /// Where the sum is 0: elements between the parts of a pack, which are written later than
        /// the parts; the first of each, and how many.
        std::vector<std::pair<int64_t, int64_t>> gaps;
    };

    /// The sums that are kept between the passes lie behind the body's arena.
    void connect_sums(const ir::Operation& operation, const BindContext& outer) {
        const int64_t arena = align_up(std::max<int64_t>(body_.arena_bytes, 0), kTensorAlignment);
        const bool planned = scan_.workspace != ir::Scan::kUnset;
        if (!planned) kept_ = MemoryBlock(ir::workspace_bytes(body_, scan_) - arena);
        int64_t offset = planned ? outer.arena_base + scan_.workspace + arena : 0;
        const size_t first = body_.results.size() - static_cast<size_t>(scan_.sums);
        for (size_t i = first; i < body_.results.size(); ++i) {
            const ir::ValueId result = body_.results[i].value;
            std::vector<float*> kept;
            for (int64_t level = 0; level < ir::sums_kept(scan_); ++level) {
                kept.push_back(planned ? outer.contractions.arena().at(offset)
                                       : kept_.floats(offset));
                offset += align_up(body_.type(result).bytes(), kTensorAlignment);
            }
            PassSum sum(placement_.buffers.data(result), std::move(kept),
                        outer.buffers.data(operation.results[i]), body_.type(result).elements(),
                        static_cast<int64_t>(i - first) < scan_.rounded_sums,
                        shard_nodes(scan_.first, scan_.count));
            add_buckets(sum, operation, i, outer);
        }
    }
    /// A sum is added up in buckets of neighbours, each of which leaves when its last gradient is
    /// there, and not when all are.
    void add_buckets(const PassSum& sum, const ir::Operation& operation, size_t result,
                     const BindContext& outer) {
        const ir::ValueId value = body_.results[result].value;
        const auto* scatter = scatter_of(outer.function, operation.results[result]);
        const std::vector<int64_t> ends =
            scatter != nullptr ? scatter->ends : ir::bucket_ends(body_, value);
        ProcessGroup* group = sum.elements() >= kLargeSum ? outer.how.group : nullptr;
        int64_t begin = 0;
        for (const int64_t end : ends) {
            sums_.push_back({sum.part(begin, end - begin),
                             operations_.runs_until(body_, value),
                             group,
                             scatter != nullptr,
                             {}});
            begin = end;
        }
        if (const ir::Operation* pack = packed_in_place(value)) look_for_parts(*pack, ends);
    }
    /// The buckets that end at `ends`, the last ones of sums_, need not wait for the whole pack.
    void look_for_parts(const ir::Operation& pack, const std::vector<int64_t>& ends) {
        Sum* const buckets = &sums_.back() + 1 - ends.size();
        for (size_t i = 0; i < ends.size(); ++i) buckets[i].runs = 0;
        int64_t begin = 0;
        for (const ir::ValueId part : pack.operands) {
            const int64_t elements = body_.type(part).elements();
            const int64_t next = begin + ir::packed_size(elements);
            const size_t runs = operations_.runs_until(body_, part);
            for (size_t i = 0; i < ends.size(); ++i) {
                const int64_t first = i == 0 ? 0 : ends[i - 1];
                if (ends[i] <= begin || first >= next) continue;
                buckets[i].runs = std::max(buckets[i].runs, runs);
                const int64_t gap = std::max(begin + elements, first);
                if (gap < std::min(next, ends[i]))
                    buckets[i].gaps.emplace_back(gap - first, std::min(next, ends[i]) - gap);
            }
            begin = next;
        }
    }
    /// What reads a sum, where that wants only this process's part of it; else null.
    static const ir::ReduceScatter* scatter_of(const ir::Function& function, ir::ValueId sum) {
        for (const ir::Operation& op : function.operations)
            if (op.as<ir::ReduceScatter>() != nullptr && op.operands[0] == sum)
                return op.as<ir::ReduceScatter>();
        return nullptr;
    }
    /// The pack that makes a value, where all of its parts are computed in their places.
    const ir::Operation* packed_in_place(ir::ValueId value) const {
        const ir::Operation* pack = ir::pack_of(body_, value);
        if (pack == nullptr) return nullptr;
        const std::vector<int64_t> offsets = ir::part_offsets(body_, *pack);
        for (size_t i = 0; i < offsets.size(); ++i)
            if (inside(pack->operands[i]) != inside(value) + offsets[i]) return nullptr;
        return pack;
    }
    /// After so many runs of a pass.
    void add_sums(int64_t pass, size_t runs) {
        for (Sum& sum : sums_)
            if (sum.runs == runs) add(sum, pass);
    }
    /// The last pass begins the sum over the processes, while the rest of it is computed.
    void add(Sum& sum, int64_t pass) const {
        sum.sum.add(pass);
        if (pass + 1 < scan_.count) return;
        for (size_t node = 0; node < sum.sum.nodes(); ++node)
            for (const auto& [begin, count] : sum.gaps)
                std::fill_n(sum.sum.sum(node) + begin, count, 0.0f);
        if (sum.group != nullptr)
            sum.group->start_sum({sum.sum.sum(), sum.sum.elements(), sum.sum.rounded(),
                                  scan_.shards, sum.sum.stride(), sum.scattered});
    }

    /// After a pass, each carried value is copied to its input. Where the next value of `a` lies in
    /// the memory of `b`'s input (as in `{a: b, b: a}`), the copy to `b` may destroy it first. Such
    /// a value is copied to a place aside before any other copy. What moves lies outside, and never
    /// in such memory.
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
    TimeLog* log_ = nullptr;
    ContractionContext contractions_;
    Placement placement_;
    BoundOperations operations_;
    std::vector<ir::ValueId> moving_;  ///< values with a Buffers::step
    MemoryBlock aside_;
    std::vector<Transfer> starts_, asides_, nexts_, ends_;
    std::vector<int64_t> next_steps_;  ///< bytes from pass to pass of what nexts_ copy
    std::vector<Row> elements_, stacks_;
    std::vector<Transfer> into_, out_of_, to_next_;  ///< the same in the pass at hand
    MemoryBlock kept_;
    std::vector<Sum> sums_;
};

}  // namespace

std::unique_ptr<ScanKernel> make_scan_kernel(const ir::Operation& operation, BindContext& context) {
    auto kernel = std::make_unique<BodyKernel>(operation, context);
    kernel->set_name("scan");
    return kernel;
}

}  // namespace gmc::runtime
