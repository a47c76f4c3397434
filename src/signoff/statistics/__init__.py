"""Statistics owns what may be concluded from counts: intervals, tests, trends."""

__all__: list[str] = []
