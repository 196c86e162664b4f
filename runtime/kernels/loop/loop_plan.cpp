// Turns the body of a fused op into actions. Each value has a mask: the axes of the space along
// which it varies. The mask decides how often the value is computed: once per run when it is a
// single number; once per thread when it is the same in every tile; once per tile, but for one
// element, when it is a single number within a row; and otherwise for every element. So the square
// root in a batch norm, one per channel, costs almost nothing.
#include "runtime/kernels/loop/loop_plan.h"

#include <algorithm>
#include <unordered_map>

#include "compiler/ir/views.h"
#include "compiler/support/check.h"
#include "runtime/kernels/loop/loop_join.h"
#include "runtime/kernels/loop/loop_overlap.h"
#include "runtime/kernels/loop/loop_registers.h"
#include "runtime/kernels/tile_cast.h"

namespace gmc::runtime {
namespace {

/// Elements of a tile: 4 KB in f32, so that some tiles fit the first-level cache of 32 KB or more,
/// and a call of a tile function costs little per element (512 and 2048 were not faster, see
/// runtime/kernels/README.md).
constexpr int64_t kTileElements = 1024;

/// How often an action runs.
enum class Level : uint8_t { kRun, kThread, kRow, kTile };

/// A value of the body: the axes along which it varies, and its cell.
struct Placed {
    AxisMask mask = 0;
    int cell = -1;
};

AxisMask mask_of_axes(const std::vector<int64_t>& axes) {
    AxisMask mask = 0;
    for (int64_t a : axes) mask |= AxisMask{1} << a;
    return mask;
}

const std::vector<int64_t>* reduced_axes(const ir::OpVariant& op) {
    if (const auto* sum = std::get_if<ir::ReduceSum>(&op)) return &sum->axes;
    if (const auto* max = std::get_if<ir::ReduceMax>(&op)) return &max->axes;
    return nullptr;
}

/// Makes the plan of one operation. build() chooses the space, adds the ops of the body in order,
/// gives results their places, and then lets loop_join and loop_registers finish.
class PlanBuilder {
  public:
    PlanBuilder(const ir::Function& function, const ir::Operation& operation,
                const Buffers& buffers)
        : function_(function), operation_(operation), buffers_(buffers) {}

    LoopPlan build() {
        if (operation_.as<ir::Fused>() != nullptr)
            for (const ir::Operation& op : operation_.body) body_.push_back(&op);
        else
            body_.push_back(&operation_);
        choose_space();
        count_readers();
        for (const ir::Operation* op : body_) add(*op);
        for (ir::ValueId result : operation_.results) place_result(result);
        join_actions(plan_);
        assign_registers(plan_);
        overlaps_.check(operation_.info().name, function_.values[operation_.result()].name);
        return std::move(plan_);
    }

  private:
    const ir::Shape& shape(ir::ValueId value) const { return function_.type(value).shape; }
    ir::DType dtype(ir::ValueId value) const { return function_.type(value).dtype; }

    // ---- space ----

    ir::Shape original_shape() const {
        if (const auto* fused = operation_.as<ir::Fused>()) return fused->space;
        return operation_.info().has(ir::kReduction) ? shape(operation_.operands[0])
                                                     : shape(operation_.result());
    }

    /// The original axes along which the operand of a broadcast, or the result of a reduction,
    /// varies. For other ops: all axes.
    AxisMask original_mask(const ir::Operation& op) const {
        if (const auto* broadcast = op.as<ir::Broadcast>()) return mask_of_axes(broadcast->dims);
        if (const auto* axes = reduced_axes(op.op)) return ~mask_of_axes(*axes);
        return ~AxisMask{0};
    }

    void choose_space() {
        shape_ = original_shape();
        GMC_CHECK(shape_.size() < 64, "a fused loop over {} axes", shape_.size());
        std::vector<AxisMask> masks;
        AxisMask cut = 0;
        for (const ir::Operation* op : body_) {
            masks.push_back(original_mask(*op));
            if (op->info().has(ir::kWindow))
                cut |= cut_axes(*ir::window_starts(*op), shape(op->operands[0]), shape_);
        }
        plan_.space = make_loop_space(shape_, masks, cut, kTileElements);
    }

    /// How often a value that varies along these axes has to be computed.
    Level level(AxisMask mask) const {
        if (mask == 0) return Level::kRun;
        if (plan_.space.whole_rows)
            return mask == plan_.space.inner_bit() ? Level::kThread : Level::kTile;
        return (mask & plan_.space.inner_bit()) == 0 ? Level::kRow : Level::kTile;
    }
    static bool is_number(Level level) { return level == Level::kRun || level == Level::kRow; }

    // ---- cells and actions ----

    int add_cell(Cell cell) {
        plan_.cells.push_back(std::move(cell));
        return static_cast<int>(plan_.cells.size()) - 1;
    }

    /// A cell to compute into. Registers of tile actions get their index later, from
    /// assign_registers().
    int new_cell(Level level, ir::DType dtype = ir::DType::kF32) {
        Cell cell;
        cell.dtype = dtype;
        cell.is_number = is_number(level);
        if (level == Level::kRun)
            cell.kind = Cell::Kind::kNumber, cell.index = plan_.numbers++;
        else if (level == Level::kRow)
            cell.kind = Cell::Kind::kRowNumber, cell.index = plan_.row_numbers++;
        else if (level == Level::kThread)
            cell.index = plan_.registers++;
        return add_cell(std::move(cell));
    }

    std::vector<Action>& actions(Level level) {
        if (level == Level::kRun) return plan_.run_actions;
        return level == Level::kThread ? plan_.thread_actions : plan_.tile_actions;
    }

    const ir::OpVariant& own(const ir::OpVariant& op) { return plan_.ops.emplace_back(op); }

    /// Appends the action out = op(operands).
    void add_action(const ir::OpVariant& op, const std::vector<Placed>& operands, int out,
                    Level at) {
        Action action;
        action.source = &own(op);
        action.op = op_address(*action.source);
        action.out = {out};
        action.is_number = is_number(at);
        unsigned splat = 0;
        for (const Placed& operand : operands) {
            if (!action.is_number && plan_.cells[operand.cell].is_number)
                splat |= 1u << action.in.size();
            action.in.push_back(operand.cell);
        }
        action.function =
            std::holds_alternative<ir::Cast>(op)
                ? cast_function(plan_.cells[operands[0].cell].dtype, plan_.cells[out].dtype, splat)
                : tile_function(op, splat);
        GMC_CHECK(action.function != nullptr, "`{}` has no tile function", ir::op_info(op).name);
        if (at == Level::kTile) plan_.cost += ir::op_info(op).cost;
        actions(at).push_back(action);
    }

    // ---- values ----

    bool is_space(ir::ValueId value) const { return shape(value) == shape_; }

    Placed outside(ir::ValueId value, AxisMask mask) {
        Cell cell;
        cell.base = buffers_.data(value);
        cell.step = buffers_.step(value);
        cell.dtype = dtype(value);
        GMC_CHECK(cell.base != nullptr, "%{} of a fused loop has no memory",
                  function_.values[value].name);
        cell.map = make_access_map(plan_.space, mask);
        overlaps_.reads(
            {cell.base, cell.map.elements * ir::dtype_size(cell.dtype), mask == plan_.space.all()});
        cell.kind =
            mask == plan_.space.all() && mask != 0 ? Cell::Kind::kSpace : Cell::Kind::kOutside;
        cell.is_number = is_number(level(mask));
        return {mask, add_cell(std::move(cell))};
    }

    /// A value that is used as it is, without a broadcast: one of the body, or from outside a
    /// tensor over the whole space or a scalar.
    Placed read(ir::ValueId value) {
        const auto found = values_.find(value);
        if (found != values_.end()) return found->second;
        GMC_CHECK(is_space(value) || shape(value).empty(),
                  "%{} of shape {} is used directly in a loop over {}",
                  function_.values[value].name, ir::to_string(shape(value)), ir::to_string(shape_));
        return values_[value] = outside(value, is_space(value) ? plan_.space.all() : 0);
    }

    void add(const ir::Operation& op) {
        if (op.as<ir::Broadcast>() != nullptr)
            add_broadcast(op);
        else if (op.info().has(ir::kWindow))
            add_window(op);
        else if (op.as<ir::Add>() != nullptr && joins_windows(op))
            return;
        else if (op.info().has(ir::kReduction))
            add_reduction(op);
        else
            add_function(op);
    }

    /// An element-wise op, generator or runtime scalar: it varies along all axes along which any of
    /// its operands varies.
    void add_function(const ir::Operation& op) {
        std::vector<Placed> operands;
        AxisMask mask = 0;
        for (ir::ValueId value : op.operands) {
            operands.push_back(read(value));
            mask |= operands.back().mask;
        }
        const bool random = op.info().has(ir::kGenerator) && op.as<ir::Constant>() == nullptr;
        if (random && is_space(op.result())) mask = plan_.space.all();
        const Level at = level(mask);
        const Placed result{mask, new_cell(at, dtype(op.result()))};
        add_action(op.op, operands, result.cell, at);
        values_[op.result()] = result;
    }

    /// Makes `value` another name of `of`, which has the same elements in another shape. A result
    /// of the loop is copied at once instead: another result may be written over the memory of
    /// `of`.
    void add_alias(ir::ValueId value, const Placed& of) {
        const auto& results = operation_.results;
        Placed placed = of;
        if (std::find(results.begin(), results.end(), value) != results.end()) {
            placed.cell = new_cell(level(of.mask));
            add_action(ir::Cast{}, {of}, placed.cell, level(of.mask));
        }
        values_[value] = placed;
    }

    /// A broadcast is never computed if that can be avoided: numbers and parts of long rows are
    /// read where they are. Only in tiles of several short rows the operand is repeated into a
    /// register.
    void add_broadcast(const ir::Operation& op) {
        const ir::ValueId value = op.operands[0];
        const AxisMask mask = plan_.space.collapsed(original_mask(op));
        const auto found = values_.find(value);
        if (found != values_.end() && (mask == 0 || mask == plan_.space.all())) {
            add_alias(op.result(), found->second);
            return;
        }
        GMC_CHECK(found == values_.end() || is_space(value) || shape(value).empty(),
                  "%{} is computed and broadcast in one loop", function_.values[value].name);
        const Level at = level(mask);
        if (mask == plan_.space.all()) {
            add_alias(op.result(), outside(value, mask));
            return;
        }
        const bool in_place = is_number(at) || (at == Level::kTile && !plan_.space.whole_rows);
        Placed placed = outside(value, mask);
        if (!in_place) {
            // Short rows: the actions want whole tiles, so the operand is repeated into a register.
            const Cell& from = plan_.cells[placed.cell];
            Expansion expansion{from.base, from.step, from.map, new_cell(at),
                                cast_function(ir::DType::kF32, ir::DType::kF32, 1)};
            Action action;
            action.expansion = static_cast<int>(plan_.expansions.size());
            placed.cell = expansion.out;
            action.out = {expansion.out};
            plan_.expansions.push_back(std::move(expansion));
            actions(at).push_back(action);
        }
        values_[op.result()] = placed;
    }

    /// A slice of long rows is read where it is. Other slices and pads are copied tile by tile,
    /// into a register.
    void add_window(const ir::Operation& op) {
        const ir::ValueId value = op.operands[0];
        const Window window =
            make_window(plan_.space, *ir::window_starts(op), shape(value), shape_);
        const int64_t size = ir::dtype_size(dtype(value));
        float* memory = buffers_.data(value);
        GMC_CHECK(memory != nullptr, "%{} of a fused loop has no memory",
                  function_.values[value].name);
        overlaps_.reads({memory, function_.type(value).bytes(), false});
        const AxisMask all = plan_.space.all();
        if (!plan_.space.whole_rows && window.strides.back() == 1 &&
            window.is_covered(plan_.space)) {
            Cell cell;
            cell.kind = Cell::Kind::kOutside;
            cell.dtype = dtype(value);
            cell.base = memory;
            cell.map = make_access_map(plan_.space, all);
            cell.step = buffers_.step(value);
            cell.base = cell.at(window.offset(plan_.space, 0), 0);
            cell.map.strides.assign(window.strides.begin(), window.strides.end() - 1);
            values_[op.result()] = {all, add_cell(std::move(cell))};
            return;
        }
        Action action;
        action.window = static_cast<int>(plan_.windows.size());
        const int cell = new_cell(Level::kTile, dtype(value));
        action.out = {cell};
        plan_.windows.push_back({reinterpret_cast<const std::byte*>(memory), buffers_.step(value),
                                 window, static_cast<size_t>(size)});
        plan_.tile_actions.push_back(action);
        ++plan_.cost;
        values_[op.result()] = {all, cell};
    }

    void count_readers() {
        for (const ir::Operation* op : body_)
            for (ir::ValueId value : op->operands) ++readers_[value];
        for (ir::ValueId value : operation_.results) ++readers_[value];
    }

    /// The action that makes a value by copying windows, where nothing but one op reads it.
    std::vector<Action>::iterator window_action(ir::ValueId value) {
        const auto found = values_.find(value);
        if (found == values_.end() || readers_[value] != 1) return plan_.tile_actions.end();
        return std::find_if(
            plan_.tile_actions.begin(), plan_.tile_actions.end(), [&](const Action& action) {
                return action.window >= 0 && action.out.front() == found->second.cell;
            });
    }

    /// Pads that have no place in common are added by copying one over the zeros of the other: the
    /// gradients of the parts of a tensor become that of the whole. False where these are not such.
    bool joins_windows(const ir::Operation& add) {
        const auto first = window_action(add.operands[0]), other = window_action(add.operands[1]);
        const auto none = plan_.tile_actions.end();
        if (first == none || other == none || first == other) return false;
        const auto at = [&](int i) -> WindowCopy& { return plan_.windows[static_cast<size_t>(i)]; };
        int last = first->window;
        for (int i = first->window; i >= 0; last = i, i = at(i).next)
            for (int j = other->window; j >= 0; j = at(j).next)
                if (!at(i).window.is_apart_from(at(j).window, plan_.space)) return false;
        at(last).next = other->window;
        values_[add.result()] = values_[add.operands[0]];
        plan_.tile_actions.erase(other);
        return true;
    }

    /// The cell of a tile with the value's elements, even when the value is a number.
    int as_tile(const Placed& value) {
        if (!plan_.cells[value.cell].is_number) return value.cell;
        const int cell = new_cell(Level::kTile);
        add_action(ir::Cast{}, {value}, cell, Level::kTile);
        return cell;
    }

    /// Chooses one of the three ways of Accumulators, and writes the result's address into the
    /// plan.
    void add_reduction(const ir::Operation& op) {
        const AxisMask kept = plan_.space.collapsed(original_mask(op));
        const Placed operand = read(op.operands[0]);
        if (kept == plan_.space.all()) {
            add_alias(op.result(), operand);  // only axes of size 1 vanish
            return;
        }
        Reduction reduction;
        reduction.functions = reduce_functions(op.op);
        reduction.map = make_access_map(plan_.space, kept);
        reduction.result = buffers_.data(op.result());
        reduction.step = buffers_.step(op.result());
        GMC_CHECK(reduction.result != nullptr, "%{} is reduced into no memory",
                  function_.values[op.result()].name);
        if (plan_.space.whole_rows && kept == plan_.space.inner_bit()) reduction.period = period();
        reduction.row_by_row =
            plan_.space.chunks == 1 && kept == (plan_.space.all() & ~plan_.space.inner_bit());
        overlaps_.writes({reduction.result, function_.type(op.result()).bytes(), false});
        Action action;
        action.in = {as_tile(operand)};
        action.reduction = static_cast<int>(plan_.reductions.size());
        plan_.reductions.push_back(std::move(reduction));
        plan_.tile_actions.push_back(action);
        ++plan_.cost;
        reduced_.push_back(op.result());
    }

    /// The width of several short rows side by side: a multiple of 16, and at least 64 where the
    /// tile has so many elements, so that the sums fill vectors.
    int64_t period() const {
        const int64_t inner = plan_.space.inner;
        int64_t rows = 1;
        while ((rows * inner % 16 != 0 || rows * inner < 64) && rows < plan_.space.rows_per_tile)
            ++rows;
        return rows * inner;
    }

    // ---- results ----

    /// Whether an action after `action` still reads what lies at `memory` from outside.
    bool read_after(int action, const float* memory) const {
        for (size_t i = 0; i < plan_.cells.size(); ++i)
            if (plan_.cells[i].base == memory && last_use(plan_, static_cast<int>(i)) > action)
                return true;
        return false;
    }

    /// Lets the action that computes a result write it straight into its memory. Where an operand
    /// that is still to be read lies there, or the value is no tile, it is copied at the end
    /// instead.
    void place_result(ir::ValueId value) {
        if (std::find(reduced_.begin(), reduced_.end(), value) != reduced_.end()) return;
        float* memory = buffers_.data(value);
        GMC_CHECK(memory != nullptr, "result %{} has no memory", function_.values[value].name);
        const Placed placed = read(value);
        overlaps_.writes({memory, function_.type(value).bytes(), true});
        Cell& cell = plan_.cells[placed.cell];
        const int made_by = producer(plan_, placed.cell);
        if (cell.kind == Cell::Kind::kRegister && made_by >= 0 && !read_after(made_by, memory)) {
            cell.kind = Cell::Kind::kSpace;
            cell.base = memory;
            cell.step = buffers_.step(value);
            return;
        }
        Cell destination;
        destination.kind = Cell::Kind::kSpace;
        destination.base = memory;
        destination.step = buffers_.step(value);
        destination.dtype = dtype(value);
        add_action(ir::Cast{}, {placed}, add_cell(std::move(destination)), Level::kTile);
    }

    const ir::Function& function_;
    const ir::Operation& operation_;
    const Buffers& buffers_;
    ir::Shape shape_;
    std::vector<const ir::Operation*> body_;
    LoopPlan plan_;
    std::unordered_map<ir::ValueId, Placed> values_;
    std::unordered_map<ir::ValueId, int> readers_;  ///< ops of the body, and once for a result
    std::vector<ir::ValueId> reduced_;
    OverlapCheck overlaps_;
};

}  // namespace

LoopPlan make_loop_plan(const ir::Function& function, const ir::Operation& operation,
                        const Buffers& buffers) {
    return PlanBuilder(function, operation, buffers).build();
}

}  // namespace gmc::runtime
