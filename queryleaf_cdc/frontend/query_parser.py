"""The clauses of SELECT, strict: FROM and its joins, windows, GROUP BY, LIMIT."""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from queryleaf_cdc.frontend.call_parser import CallParser
from queryleaf_cdc.frontend.sql_parser import marked

T = TokenType
_FRAME_UNITS = ("ROWS", "RANGE", "GROUPS")
TIME_TABLES = ("TUMBLE", "HOP", "SESSION")
_OTHER_JOINS = {
    "SEMI": "write WHERE EXISTS (SELECT 1 FROM ... WHERE ...)",
    "ANTI": "write WHERE NOT EXISTS (SELECT 1 FROM ... WHERE ...)",
    "ASOF": "in a materialized view: LATERAL (SELECT ... WHERE b.at <= a.at ORDER BY b.at DESC LIMIT 1)",
    "POSITIONAL": "number both sides with ROW_NUMBER, and join on that",
}
"""What stands before JOIN in other systems, with the hint; here it would be read as an alias."""


class QueryParser(CallParser):
    # FROM

    @marked
    def _parse_table(self, *_: Any, **__: Any) -> exp.Expr:
        lateral = self._match(T.LATERAL)
        if self._word() == "UNNEST" and self._next.token_type == T.L_PAREN:
            return self._parse_unnest_item()
        if lateral and self._curr.token_type != T.L_PAREN:
            self._refuse("this after LATERAL", self._curr, "LATERAL (SELECT ...) and LATERAL UNNEST(array) are known")
        if self._curr.token_type == T.VALUES:
            self._fail(None, "put parentheses around it: (VALUES (1, 'a'), (2, 'b')) AS v(n, name)")
        if self._match(T.L_PAREN):
            return self._parse_from_subquery(lateral)
        if self._word() in (*TIME_TABLES, "TABLE") and self._next.token_type == T.L_PAREN:
            return self._parse_time_table()
        if self._word() == "ONLY" and self._next.token_type in (T.VAR, T.IDENTIFIER):
            self._refuse("ONLY", self._curr, "leave it out: a collection has no children")
        name = self._need(self._parse_id_var(), "a collection")
        if self._curr.token_type == T.L_PAREN:
            self._refuse("a function in FROM", self._prev, "UNNEST(array), TUMBLE, HOP and SESSION are known here")
        return self.expression(exp.Table(this=name, alias=self._parse_table_alias()))

    def _parse_table_alias(self, alias_tokens: Any = None) -> exp.TableAlias | None:
        self._refuse_other_joins()
        return super()._parse_table_alias(alias_tokens)

    def _refuse_other_joins(self) -> None:
        word, behind = self._word(), self._next.token_type
        if word in _OTHER_JOINS and (behind == T.JOIN or (word == "ASOF" and behind in (T.LEFT, T.INNER))):
            self._refuse(f"{word} JOIN", self._curr, _OTHER_JOINS[word])

    def _parse_from_subquery(self, lateral: bool | None) -> exp.Expr:
        if self._curr.token_type not in (T.SELECT, T.WITH, T.L_PAREN, T.VALUES):
            self._fail("SELECT")
        query = self._need(self._parse_statement(), "a query")
        self._match_r_paren()
        node = self.expression(exp.Subquery(this=query, alias=self._parse_table_alias()))
        return self._with_meta(node, "lateral", bool(lateral))

    def _parse_unnest_item(self) -> exp.Expr:
        self._advance(2)
        array = self._need(self._parse_disjunction())
        if self._curr.token_type == T.COMMA:
            self._refuse("UNNEST of several arrays", self._curr, "join two UNNESTs WITH ORDINALITY")
        self._match_r_paren()
        ordinality = None
        if self._match(T.WITH):
            self._expect_text("ORDINALITY")
            ordinality = exp.Boolean(this=True)
        return self.expression(exp.Unnest(expressions=[array], alias=self._parse_table_alias(), offset=ordinality))

    def _parse_time_table(self) -> exp.Expr:
        """``TUMBLE(bid, at, size)``, ``TABLE(HOP(TABLE bid, DESCRIPTOR(at), slide, size))`` and the like."""
        wrapped = self._match_text_seq("TABLE")
        if wrapped:
            self._expect(T.L_PAREN, "(")
        kind, start = self._word(), self._curr.start
        if kind not in TIME_TABLES:
            self._fail("TUMBLE, HOP or SESSION")
        self._advance()
        self._expect(T.L_PAREN, "(")
        call = self._parse_time_table_body(kind)
        self._match_r_paren()
        call = self._marked_from(start, call)
        if wrapped:
            self._match_r_paren()
        return self.expression(exp.Table(this=call, alias=self._parse_table_alias()))

    def _parse_time_table_body(self, kind: str) -> exp.Expr:
        """The call: the collection, the columns of PARTITION BY as a tuple, the time, the lengths."""
        if self._next.token_type in (T.VAR, T.IDENTIFIER, T.L_PAREN):
            self._match_text_seq("TABLE")
        source = self._parse_table()
        partitioned = self._match(T.PARTITION_BY)
        if not partitioned:
            self._expect(T.COMMA, "a comma and the time")
        rest = self._parse_csv(self._parse_described)
        keys = max(len(rest) - (3 if kind == "HOP" else 2), 0) if partitioned else 0
        if len(rest) == keys:
            self._fail("the time")
        return exp.Anonymous(this=kind, expressions=[source, exp.Tuple(expressions=rest[:keys]), *rest[keys:]])

    def _parse_described(self) -> exp.Expr | None:
        """A value, or a column in DESCRIPTOR(...)."""
        if self._word() != "DESCRIPTOR" or self._next.token_type != T.L_PAREN:
            return self._parse_disjunction()
        self._advance(2)
        column = self._need(self._parse_disjunction(), "a column")
        self._match_r_paren()
        return column

    @marked
    def _parse_join(self, *_: Any, **__: Any) -> exp.Join | None:
        if self._match(T.COMMA):
            return self.expression(exp.Join(this=self._parse_table(), kind=","))
        if self._curr.token_type == T.NATURAL:
            self._refuse("NATURAL JOIN", self._curr, "name the columns: JOIN ... USING (column)")
        self._refuse_other_joins()
        kind = self._join_kind()
        if kind is None:
            return None
        join = exp.Join(this=self._parse_table(), kind=kind)
        if kind != "CROSS":
            self._parse_join_condition(join)
        return self.expression(join)

    def _join_kind(self) -> str | None:
        if self._match_set((T.LEFT, T.RIGHT, T.FULL)):
            kind = self._prev.text.upper()
            self._refuse_other_joins()
            self._match(T.OUTER)
        elif self._match_set((T.INNER, T.CROSS)):
            kind = self._prev.text.upper()
        elif self._curr.token_type == T.JOIN:
            kind = "INNER"
        else:
            return None
        self._expect(T.JOIN, "JOIN")
        return kind

    def _parse_join_condition(self, join: exp.Join) -> None:
        if self._match(T.ON):
            join.set("on", self._need(self._parse_disjunction(), "a condition"))
        elif self._match(T.USING):
            self._expect(T.L_PAREN, "(")
            join.set("using", self._parse_csv(lambda: self._need(self._parse_id_var(), "a column")))
            self._match_r_paren()
        else:
            self._fail("ON or USING", "a join without a condition is written CROSS JOIN")

    def _parse_lateral(self) -> None:
        return None

    def parse_set_operation(self, this: Any, *args: Any, **kwargs: Any) -> Any:
        return (
            super().parse_set_operation(this, *args, **kwargs) if self._curr.token_type in self.SET_OPERATIONS else None
        )

    def _parse_select_query(self, *args: Any, **kwargs: Any) -> Any:
        if self._curr.token_type == T.VALUES:
            return self._parse_values()
        if self._curr.token_type == T.FROM:
            self._fail("SELECT")
        return super()._parse_select_query(*args, **kwargs)

    def _parse_statement(self) -> exp.Expr | None:
        """What follows WITH ... AS (...), and what a CTE holds."""
        if self._curr.token_type not in (T.SELECT, T.L_PAREN, T.WITH, T.VALUES):
            self._fail("SELECT")
        return self._parse_query_modifiers(self._parse_set_operations(self._parse_select(nested=True)))

    @marked
    def _parse_values(self) -> exp.Expr:
        self._advance()
        return self.expression(exp.Values(expressions=self._parse_csv(self._parse_values_row)))

    @marked
    def _parse_values_row(self) -> exp.Expr:
        self._expect(T.L_PAREN, "( and a row of values")
        values = self._parse_csv(self._parse_disjunction)
        if not values:
            self._fail("a value")
        self._match_r_paren()
        return self.expression(exp.Tuple(expressions=values))

    @marked
    def _parse_cte(self) -> exp.CTE:
        name = self._need(self._parse_table_alias(), "a name")
        self._expect(T.ALIAS, "AS")
        self._match(T.NOT)
        self._match_text_seq("MATERIALIZED")  # a hint to the planner that changes no result
        self._expect(T.L_PAREN, "(")
        query = self._need(self._parse_statement(), "a query")
        self._match_r_paren()
        return self.expression(exp.CTE(this=query, alias=name))

    def _parse_into(self) -> None:
        if self._curr.token_type == T.INTO:
            self._refuse("INTO here", self._curr, "SELECT ... INTO variable is a statement of a trigger's body")

    # GROUP BY, ORDER BY, LIMIT

    def _parse_group(self, skip_group_by_token: bool = False) -> exp.Group:
        self._advance()
        items = self._parse_csv(self._parse_group_item)
        if not items:
            self._fail("a column")
        return self.expression(exp.Group(expressions=items))

    @marked
    def _parse_group_item(self) -> exp.Expr | None:
        if self._word() == "GROUPING" and self._next.text.upper() == "SETS":
            self._advance(2)
            self._expect(T.L_PAREN, "(")
            sets = self._parse_csv(self._parse_group_item)
            self._match_r_paren()
            return self.expression(exp.Anonymous(this="GROUPING SETS", expressions=sets))
        return self._parse_disjunction()

    def _parse_having(self, skip_having_token: bool = False) -> exp.Having:
        self._advance()
        return self.expression(exp.Having(this=self._need(self._parse_disjunction(), "a condition")))

    def _parse_limit(self, this: Any = None, top: bool = False, skip_limit_token: bool = False) -> Any:
        if top:
            return None
        if self._match(T.LIMIT):
            if self._match(T.ALL) or self._match(T.NULL):
                return self.expression(exp.Limit(expression=exp.Null()))
            count = self._need(self._parse_bitwise(), "a number")
            if self._curr.token_type == T.COMMA:
                self._fail(None, "write LIMIT count OFFSET start")
            return self.expression(exp.Limit(expression=count))
        if self._match(T.FETCH):
            return self._parse_fetch()
        return this

    def _parse_fetch(self) -> exp.Expr:
        if not self._match_texts(("FIRST", "NEXT")):
            self._fail("FIRST")
        token = self._prev
        count = self._parse_primary() or self._with_meta(
            exp.Literal(this="1", is_string=False), "ql", (token.start, token.end + 1)
        )
        if not self._match_texts(("ROW", "ROWS")):
            self._fail("ROWS ONLY")
        ties = self._match_text_seq("WITH", "TIES")
        if not ties:
            self._expect_text("ONLY")
        return self._with_meta(self.expression(exp.Limit(expression=count)), "ties", bool(ties))

    def _parse_offset(self, this: Any = None) -> Any:
        if not self._match(T.OFFSET):
            return this
        count = self._need(self._parse_bitwise(), "a number")
        self._match_texts(("ROW", "ROWS"))
        return self.expression(exp.Offset(expression=count))

    # windows

    @marked
    def _parse_named_window(self) -> exp.Expr:
        name = self._need(self._parse_id_var(), "a window name")
        self._expect(T.ALIAS, "AS")
        self._expect(T.L_PAREN, "(")
        return self._parse_window_body(name)

    def _parse_window(self, this: exp.Expr | None, alias: bool = False) -> exp.Expr | None:
        """WITHIN GROUP, FILTER and OVER behind a function call."""
        start = this.meta.get("start") if this is not None else None
        if this is None or start is None:
            return this
        this.meta["ql"] = (start, self._prev.end + 1)
        if self._word() == "WITHIN" and self._next.text.upper() == "GROUP":
            self._advance(2)
            self._expect(T.L_PAREN, "(")
            order = self._need(self._parse_order(), "ORDER BY")
            self._match_r_paren()
            this = self._marked_from(start, exp.WithinGroup(this=this, expression=order))
        if self._word() == "FILTER" and self._next.token_type == T.L_PAREN:
            self._advance(2)
            self._expect(T.WHERE, "WHERE")
            condition = self._need(self._parse_disjunction(), "a condition")
            self._match_r_paren()
            this = self._marked_from(start, exp.Filter(this=this, expression=condition))
        ignored = self._parse_ignored_nulls()
        if self._word() == "OVER" and (
            self._next.token_type == T.L_PAREN or self._next.token_type in self.ID_VAR_TOKENS
        ):
            return self._with_meta(self._parse_over(this, start), "ignore_nulls", ignored is True)
        if ignored is not None:
            self._fail("OVER")
        return this

    def _parse_ignored_nulls(self) -> bool | None:
        """IGNORE NULLS, or RESPECT NULLS, which is how it is without; None where neither is written."""
        word = self._word()
        if word not in ("IGNORE", "RESPECT") or self._next.text.upper() != "NULLS":
            return None
        self._advance(2)
        return word == "IGNORE"

    def _marked_from(self, start: int, node: exp.Expr) -> exp.Expr:
        return self._with_meta(self.expression(node), "ql", (start, self._prev.end + 1))

    def _parse_over(self, this: exp.Expr, start: int) -> exp.Expr:
        self._advance()
        if self._match(T.L_PAREN):
            window = self._parse_window_body(this)
        else:
            window = self.expression(exp.Window(this=this, alias=self._parse_id_var(), over="NAMED"))
        return self._marked_from(start, window)

    def _parse_window_body(self, this: exp.Expr) -> exp.Expr:
        """``[name] [PARTITION BY ...] [ORDER BY ...] [frame] )``, the opening parenthesis being read."""
        base = None if self._word() in _FRAME_UNITS else self._parse_id_var()
        partition = None
        if self._match(T.PARTITION_BY):
            partition = self._parse_csv(self._parse_disjunction)
            if not partition:
                self._fail("a column")
        order = self._parse_order()
        spec = self._parse_frame() if self._match_texts(_FRAME_UNITS) else None
        self._match_r_paren()
        return self.expression(
            exp.Window(this=this, partition_by=partition, order=order, spec=spec, alias=base, over="OVER")
        )

    def _parse_frame(self) -> exp.Expr:
        start, unit = self._prev.start, self._prev.text.upper()
        if self._match(T.BETWEEN):
            low = self._parse_bound()
            self._expect(T.AND, "AND")
            high = self._parse_bound()
        else:
            low, high = self._parse_bound(), ("CURRENT ROW", "")
        excluded = self._parse_exclude()
        node = exp.WindowSpec(kind=unit, start=low[0], start_side=low[1], end=high[0], end_side=high[1])
        return self._with_meta(self._marked_from(start, node), "exclude", excluded)

    def _parse_exclude(self) -> str:
        if self._word() != "EXCLUDE":
            return ""
        self._advance()
        if self._match_text_seq("CURRENT", "ROW"):
            return "CURRENT ROW"
        if self._match_text_seq("NO", "OTHERS"):
            return ""
        if not self._match_texts(("GROUP", "TIES")):
            self._fail("CURRENT ROW, GROUP, TIES or NO OTHERS")
        return self._prev.text.upper()

    def _parse_bound(self) -> tuple[Any, str]:
        if self._match_text_seq("CURRENT"):
            self._expect_text("ROW")
            return "CURRENT ROW", ""
        value: Any = "UNBOUNDED" if self._match_text_seq("UNBOUNDED") else self._need(self._parse_bitwise())
        if not self._match_texts(("PRECEDING", "FOLLOWING")):
            self._fail("PRECEDING or FOLLOWING")
        return value, self._prev.text.upper()
