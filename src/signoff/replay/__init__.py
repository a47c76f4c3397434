"""Replay owns asking recorded questions again, without a commit to call."""

__all__: list[str] = []
