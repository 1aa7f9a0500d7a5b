"""SQL functions and operators, one ``FunctionSpec`` each, with both faces.

Room for a new function: write its spec in the module of its subject, add it to that module's tuple."""

from __future__ import annotations

from queryleaf_cdc.functions.arithmetic import ARITHMETIC
from queryleaf_cdc.functions.arrays import ARRAYS
from queryleaf_cdc.functions.between import BETWEEN
from queryleaf_cdc.functions.casts import CASTS
from queryleaf_cdc.functions.choosing import CHOOSING
from queryleaf_cdc.functions.comparison import COMPARISON
from queryleaf_cdc.functions.dates import DATES
from queryleaf_cdc.functions.extraction import EXTRACTION
from queryleaf_cdc.functions.formats import FORMATS
from queryleaf_cdc.functions.intervals import INTERVALS
from queryleaf_cdc.functions.json import JSON
from queryleaf_cdc.functions.letter_case import LETTER_CASE
from queryleaf_cdc.functions.like import PATTERNS
from queryleaf_cdc.functions.logic import LOGIC
from queryleaf_cdc.functions.membership import MEMBERSHIP
from queryleaf_cdc.functions.numeric import NUMERIC
from queryleaf_cdc.functions.regexes import REGEXES
from queryleaf_cdc.functions.spec import Arg, FunctionSpec
from queryleaf_cdc.functions.strings import STRINGS
from queryleaf_cdc.functions.time_windows import TIME_WINDOWS
from queryleaf_cdc.functions.truncation import TRUNCATION
from queryleaf_cdc.functions.typeof import TYPEOF
from queryleaf_cdc.functions.worker_strings import WORKER_STRINGS

SCALARS: tuple[FunctionSpec, ...] = (
    *ARITHMETIC,
    *BETWEEN,
    *CHOOSING,
    *COMPARISON,
    *LOGIC,
    *MEMBERSHIP,
    *ARRAYS,
    *CASTS,
    *JSON,
    *LETTER_CASE,
    *PATTERNS,
    *STRINGS,
    *TYPEOF,
    *WORKER_STRINGS,
    *REGEXES,
    *INTERVALS,
    *NUMERIC,
    *DATES,
    *EXTRACTION,
    *FORMATS,
    *TRUNCATION,
    *TIME_WINDOWS,
)

FUNCTIONS: dict[str, FunctionSpec] = {spec.name: spec for spec in SCALARS}

__all__ = ["FUNCTIONS", "SCALARS", "Arg", "FunctionSpec"]
