"""The dataflow of a query over changes, whose rows only ever come."""
