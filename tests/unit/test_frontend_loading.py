"""What importing costs, and where the grammar is found."""

from __future__ import annotations

import subprocess
import sys

from queryleaf_cdc.frontend.shell import grammar_path


def test_the_frontend_loads_its_parsers_only_when_a_text_is_read() -> None:
    code = (
        "import sys, queryleaf_cdc.frontend, queryleaf_cdc.syntax.interval_text\n"
        "print([name for name in ('lark', 'sqlglot') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


def test_the_grammar_is_found() -> None:
    assert grammar_path().is_file()
