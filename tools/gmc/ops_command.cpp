// gmc ops: the reference of ops, compiler/ir/OPS.md, from the field lists and OpInfo of each op.
#include "compiler/ir/attributes.h"
#include "compiler/support/say.h"
#include "tools/command_line/command_line.h"
#include "tools/gmc/commands.h"

namespace gmc::tools {
namespace {

/// The names of the traits that an op has.
std::string traits_text(const ir::OpInfo& info) {
    static constexpr std::pair<ir::Trait, const char*> kNames[] = {
        {ir::kElementwise, "element-wise"},
        {ir::kCommutative, "commutative"},
        {ir::kReduction, "reduction"},
        {ir::kGenerator, "generator"},
        {ir::kRuntimeScalar, "runtime scalar"},
        {ir::kNoGradient, "no gradient"},
        {ir::kContraction, "contraction"},
        {ir::kRepeats, "repeats"},
        {ir::kLoop, "loop"}};
    std::string out;
    for (const auto& [trait, name] : kNames)
        if (info.has(trait)) out += (out.empty() ? "" : ", ") + std::string(name);
    return out;
}

/// One row of the table. Values of attributes are those of a default-made op.
std::string row(const ir::OpVariant& op) {
    const ir::OpInfo& info = ir::op_info(op);
    std::string attributes;
    for (const ir::ConstMember& member : ir::members_of(op))
        attributes += fmt::format("{}{}={}", attributes.empty() ? "" : ", ", member.name,
                                  ir::attribute_text(member));
    // A bar would end the table's cell.
    std::string summary(info.summary);
    for (size_t at = 0; (at = summary.find('|', at)) != std::string::npos; at += 2)
        summary.replace(at, 1, "\\|");
    return fmt::format("| `{}` | {} | {} | {} | {} |\n", info.name, info.operands, attributes,
                       summary, traits_text(info));
}

}  // namespace

int ops_command(const Words& words) {
    CommandLine line("gmc ops", "Prints the reference of the IR's ops as a table in Markdown.");
    if (!line.parse(words)) return kDone;
    print_out(
        "# Ops\n\nWritten by `gmc ops`; the ops are defined in ops.h. Attributes are shown with "
        "their defaults, "
        "which the text of a\nmodule leaves out.\n\n"
        "| op | operands | attributes | result | traits |\n|---|---|---|---|---|\n");
    for (const ir::OpVariant& op : ir::all_ops()) print_out("{}", row(op));
    return kDone;
}

}  // namespace gmc::tools
