// Writes what a model says about its data, networks and training into the module (ir/contract.h),
// where the runtime reads it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "compiler/ir/module.h"
#include "dsl/lower/scope.h"
#include "dsl/spec.h"

namespace gmc::lower {

/// Sets the module's description, data, test data and training. `label_classes` has, per field, the
/// number of classes that layers and functions need (ModuleScope::label_classes); it is used when
/// the model gives no number. The test data of a synthetic set continue the sequence of its
/// training data.
void write_contract(const dsl::ModelSpec& spec, const std::map<std::string, int64_t>& label_classes,
                    ir::Module& module);

/// Writes which data the figures of @evaluate depend on (ir::FigureFields), where not all data are
/// of one set.
void write_figure_fields(const ir::Function& evaluate, ModuleScope& m);
/// Writes where learning rates end by their schedules (ir::RateEnd).
void write_rate_ends(ModuleScope& m);

/// Writes the lines of networks that are frozen or have weights from a file (ir::Network); their
/// states are declared already. Looks into the files: reports those that are not there, and
/// everything in them that does not fit.
void write_networks(ModuleScope& m);

}  // namespace gmc::lower
