"""Studies own what takes longer than a page may take: commands, run beside the console.

Each is a `signoff … --json` of its own process, so that the console stays quick and has nothing
with which to act; what it found is kept, with when that was.
"""

from signoff.console.studies._standing import Found, Standing
from signoff.console.studies._studies import Studies, Study

__all__ = ["Found", "Standing", "Studies", "Study"]
