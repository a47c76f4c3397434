from __future__ import annotations

import pytest

from signoff.scaffold._render import rendered

TEMPLATE = """
one
%% if saga and not gate
two $name
%% elif log or machine
three
%% else
four
%% end
"""


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({"saga"}, "two x"),
        ({"saga", "gate", "log"}, "three"),
        ({"machine"}, "three"),
        (set(), "four"),
    ],
)
def test_lines_stand_where_their_condition_holds(parts: set[str], line: str) -> None:
    assert rendered(TEMPLATE, parts, {"name": "x"}) == f"one\n{line}\n"


@pytest.mark.parametrize("text", ["%% if a\nx\n", "x\n%% end\n"])
def test_an_if_and_its_end_belong_together(text: str) -> None:
    with pytest.raises(ValueError, match="if"):
        rendered(text, set(), {})


def test_imports_of_one_module_are_joined_in_order() -> None:
    text = "from b import g\nfrom b import F\nfrom a import C\n"
    assert rendered(text, set(), {}) == "from a import C\nfrom b import F, g\n"
