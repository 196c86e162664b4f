// The op `scan` and the function that is its body. How the scan's operands and results belong to
// the body's inputs and results is said here once, for all code that walks modules.
//
//     body @sample.x(%x: f32[8,2] = carried, %w: f32[2,2] = captured) {
//       %y = matmul %x, %w : f32[8,2]
//       result x = %y
//     }
//     func @sample(%z: f32[8,2] = normal) {
//       %x = scan %z, @net.weight {body="sample.x", count=50} : f32[8,2]
//       result sample = %x
//     }
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "compiler/ir/module.h"

namespace gmc::ir {

/// How many operands and results of each kind a scan with this body has. Operands are carried
/// values, then elements of sequences, then captured values; results are carried values, then
/// stacks, of which a scan of shards adds up the last ones (Scan::sums).
struct ScanParts {
    size_t carried = 0, elements = 0, captured = 0, stacked = 0;
    size_t first_captured() const { return carried + elements; }
    size_t operands() const { return carried + elements + captured; }
    size_t results() const { return carried + stacked; }
};
ScanParts scan_parts(const Function& body);

/// The body of a scan; null for other ops, and when there is no such function.
const Function* body_of(const Module& module, const Operation& op);
Function* body_of(Module& module, const Operation& op);

/// The type of `count` values of type `each`, stacked along a new first axis.
Type stacked_type(const Type& each, int64_t count);

/// The type that operand or result `i` of a scan has. A scan of some of the shards may also take
/// those of all, of which it reads its own.
Type scan_operand_type(const Function& body, const Scan& scan, size_t i);
Type scan_result_type(const Function& body, const Scan& scan, size_t i);

/// Whether result `i` of a scan has the values of the passes behind one another.
bool is_stacked(const Function& body, const Scan& scan, size_t i);
/// Whether it is their sum.
bool is_summed(const Function& body, const Scan& scan, size_t i);

/// How many sums of passes a scan keeps of each result that it adds up, beside the result itself,
/// until it has those that they are to be added to.
int64_t sums_kept(const Scan& scan);
/// Where the buckets end in which a sum of a body leaves for the other processes: gradients are
/// packed for the optimizer, and neighbours leave together, when the last of them is there.
std::vector<int64_t> bucket_ends(const Function& body, ValueId sum);
/// The op `pack` that makes a value of a body; null where another op does.
const Operation* pack_of(const Function& body, ValueId value);
/// The bytes of a scan's workspace: the arena of its body, and behind it those sums.
int64_t workspace_bytes(const Function& body, const Scan& scan);

/// Why `op`, a scan of a later function than `body`, does not go with its body; "" when it does.
std::string scan_misfit(const Function& function, const Operation& op, const Function& body);

/// Why a function with `is_body` is no body, or one without it is; "" when all is well.
std::string body_misfit(const Function& function);

/// `wish`, or with a number behind it when the module has a function of that name.
std::string free_function_name(const Module& module, const std::string& wish);

/// Removes bodies that no scan runs any more, and the bodies of the scans in them. True = there
/// were some.
bool remove_unused_bodies(Module& module);

/// A copy of `body` under a free name; its own scans get copies of their bodies, too. All are put
/// at the end of the module's functions, the copy of `body` last. Gives its name.
std::string copy_body(Module& module, const std::string& body, const std::string& wish);

}  // namespace gmc::ir
