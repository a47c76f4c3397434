"""Testing owns the stand-ins that we test with, for users to test with: a script and a clock."""

from signoff.testing._fake_clock import FakeClock
from signoff.testing._scripted import Scripted, ScriptExhausted

__all__ = ["FakeClock", "ScriptExhausted", "Scripted"]
