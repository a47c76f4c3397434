"""Contract renewal owns the 90-day renewal agent: its world, its boundaries, its calendar."""

__all__: list[str] = []
