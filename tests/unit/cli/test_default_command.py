from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from signoff.cli._default_command import otherwise


def program(*, bare: bool = False, with_default: bool = True) -> typer.Typer:
    noun = typer.Typer(cls=otherwise("boundary", bare=bare), no_args_is_help=not bare)

    @noun.command()
    def corpus(file: str) -> None:
        print(f"corpus {file}")

    if with_default:

        @noun.command()
        def boundary(name: str = typer.Argument(""), since: str = "") -> None:
            print(f"boundary {name} {since}".rstrip())

    root = typer.Typer()
    root.add_typer(noun, name="replay")

    @root.callback()
    def root_callback(quiet: Annotated[bool, typer.Option()] = False) -> None:
        pass

    return root


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("corpus x", "corpus x"),
        ("make_offer", "boundary make_offer"),
        ("make_offer --since 30d", "boundary make_offer 30d"),
        ("--since 30d make_offer", "boundary make_offer 30d"),
        ("boundary corpus", "boundary corpus"),
    ],
)
def test_what_is_no_command_goes_to_the_default(line: str, said: str) -> None:
    result = CliRunner().invoke(program(), ["replay", *line.split()])
    assert (result.exit_code, result.stdout.strip()) == (0, said)


def test_help_is_that_of_the_group() -> None:
    result = CliRunner().invoke(program(), ["replay", "--help"])
    assert "corpus" in result.stdout
    assert "boundary" in result.stdout


def test_nothing_shows_the_help_unless_the_default_may_stand_bare() -> None:
    assert "Usage" in CliRunner().invoke(program(), ["replay"]).output
    assert CliRunner().invoke(program(bare=True), ["replay"]).stdout.strip() == "boundary"


def test_without_the_default_an_unknown_word_is_an_error() -> None:
    result = CliRunner().invoke(program(with_default=False), ["replay", "make_offer"])
    assert result.exit_code == 2
    assert "No such command" in result.output
