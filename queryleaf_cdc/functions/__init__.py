"""SQL functions and operators, one ``FunctionSpec`` each, with both faces.

Room for a new function: write its spec in the module of its subject, add it to that module's tuple."""

from __future__ import annotations

from queryleaf_cdc.functions.arithmetic import ARITHMETIC
from queryleaf_cdc.functions.between import BETWEEN
from queryleaf_cdc.functions.choosing import CHOOSING
from queryleaf_cdc.functions.comparison import COMPARISON
from queryleaf_cdc.functions.intervals import INTERVALS
from queryleaf_cdc.functions.logic import LOGIC
from queryleaf_cdc.functions.membership import MEMBERSHIP
from queryleaf_cdc.functions.numeric import NUMERIC
from queryleaf_cdc.functions.spec import Arg, FunctionSpec

SCALARS: tuple[FunctionSpec, ...] = (
    *ARITHMETIC,
    *BETWEEN,
    *CHOOSING,
    *COMPARISON,
    *LOGIC,
    *MEMBERSHIP,
    *INTERVALS,
    *NUMERIC,
)

FUNCTIONS: dict[str, FunctionSpec] = {spec.name: spec for spec in SCALARS}

__all__ = ["FUNCTIONS", "SCALARS", "Arg", "FunctionSpec"]
