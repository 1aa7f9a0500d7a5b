"""How a delivery fails. Any other exception is the row's own trouble: it is tried again, and others go on."""

from __future__ import annotations

from queryleaf_cdc.errors import RunError


class Away(RunError):
    """The receiver is in trouble, or not there: try again, and leave it alone for a while."""

    retry_after: float = 0.0
    """seconds that it has asked for, at least"""


class Refused(RunError):
    """This row will never be accepted: there is no use in trying again."""
