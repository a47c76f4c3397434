"""Corpus owns recorded outcomes that come from files: reading them, and saying what was wrong."""

__all__: list[str] = []
