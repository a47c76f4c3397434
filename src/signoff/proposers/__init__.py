"""Proposers own asking: who suggests, how the question is put, and what came back unjudged."""

from signoff.proposers._another import another
from signoff.proposers._function import Function
from signoff.proposers._local import Local, weights
from signoff.proposers._model import Model
from signoff.proposers._rates import Failure, Rates
from signoff.proposers._simulated import Simulated

__all__ = ["Failure", "Function", "Local", "Model", "Rates", "Simulated", "another", "weights"]
