"""CLI owns the command line: `signoff`, one module per noun."""

from signoff.cli._app import main

__all__ = ["main"]
