"""A query → its dataflow: what a view recomputes. A plan of it is made by ``lowering.view`` or ``lowering.stream``."""
