"""Everything internal lives in the user's database under one prefix."""

PREFIX = "_queryleaf."
CATALOG = PREFIX + "catalog"
"""what users registered"""
ACTIVE = PREFIX + "active"
"""the catalog as of the checkpoint, with what the worker knows about each trigger"""
CHECKPOINT = PREFIX + "checkpoint"
OUTBOX = PREFIX + "outbox"
DEAD_LETTERS = PREFIX + "dead_letters"
SIGNAL = PREFIX + "signal"
"""one document; an update of it is a mark in the stream that ``drain`` waits for"""

STATE = PREFIX + "state."
"""of one build of a view, whose uid follows"""
ROWS = PREFIX + "rows."
"""of one build of a view, until they take the place of its target"""

IN_STREAM = (CATALOG, SIGNAL)
"""the internal collections whose events the worker's own stream carries"""

ALL = (CATALOG, ACTIVE, CHECKPOINT, OUTBOX, DEAD_LETTERS, SIGNAL)
