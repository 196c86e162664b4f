// Ops that move elements, and reductions over axes.
#pragma once

#include "runtime/reference/context.h"

namespace gmc::runtime {

void reference(const ir::Broadcast&, ReferenceContext&);
void reference(const ir::Concat&, ReferenceContext&);
void reference(const ir::Pack&, ReferenceContext&);
void reference(const ir::Pad&, ReferenceContext&);
void reference(const ir::Reshape&, ReferenceContext&);
void reference(const ir::Slice&, ReferenceContext&);
void reference(const ir::Transpose&, ReferenceContext&);

void reference(const ir::ReduceMax&, ReferenceContext&);
void reference(const ir::AllGather&, ReferenceContext&);
void reference(const ir::AllReduce&, ReferenceContext&);
void reference(const ir::GatherParts&, ReferenceContext&);
void reference(const ir::OwnPart&, ReferenceContext&);
void reference(const ir::ReduceScatter&, ReferenceContext&);
void reference(const ir::ReduceSum&, ReferenceContext&);

}  // namespace gmc::runtime
