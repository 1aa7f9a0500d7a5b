"""Text to statements. The only room that knows lark and sqlglot; importing it loads both."""

from __future__ import annotations

from queryleaf_cdc.frontend.reader import parse, parse_expression, parse_query

__all__ = ["parse", "parse_expression", "parse_query"]
