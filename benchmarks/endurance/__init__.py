"""Endurance owns the long run: work at four fifths of capacity while everything fails in turn."""
