"""Random materialized views under random histories of changes, held equal to DuckDB's answers after every batch."""
