from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff.errors import UsageError
from signoff.scaffold import names_of


@given(st.text(max_size=100))
def test_any_workload_gives_a_class_and_words(workload: str) -> None:
    names = names_of("port-in", workload, taken={"Case", "Decision"})
    assert names.subject.isidentifier()
    assert names.subject.isascii()
    assert not keyword.iskeyword(names.subject)
    assert len(names.subject) <= 24
    assert names.subject not in ("Case", "Decision")
    assert names.words.replace(" ", "").isalnum()


@given(st.text(max_size=60))
def test_any_name_is_a_package_or_is_refused_with_one_that_is(name: str) -> None:
    try:
        names = names_of(name, "number port-in")
    except UsageError as refused:
        proposed = str(refused).rpartition("; ")[2].split("'")[1]
        names = names_of(proposed, "number port-in")
    assert names.package.isidentifier()
    assert names.package.isascii()
    assert not keyword.iskeyword(names.package)
    assert names.project.isprintable()
    assert not set("/\\.") & set(names.project)


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "/tmp/x", ".", "", "class", "json", "signoff", "tests"]
)
def test_a_name_that_leads_elsewhere_or_is_taken_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a project"):
        names_of(name, "number port-in")


def test_a_workload_called_like_something_in_the_project_gets_another_class() -> None:
    assert names_of("port-in", "decision", taken={"Decision"}).subject == "DecisionCase"
