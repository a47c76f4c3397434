"""Corpus owns recorded outcomes that come from files: reading them, and saying what was wrong."""

from signoff.corpus._corpus import Corpus, read_corpus
from signoff.corpus._problems import Problem

__all__ = ["Corpus", "Problem", "read_corpus"]
