"""The catalogue: every signature that ships."""

from __future__ import annotations

from signoff.diagnosis import _model_change, _p1, _p2, _p3, _p4, _p5, _p6, _sdb
from signoff.diagnosis._signature import Signature

#: What `diagnose` looks for, by pattern. Add your own: `signatures=[*SIGNATURES, mine]`.
SIGNATURES: tuple[Signature, ...] = (
    *_p1.SIGNATURES,
    *_p2.SIGNATURES,
    *_p3.SIGNATURES,
    *_p4.SIGNATURES,
    *_p5.SIGNATURES,
    *_p6.SIGNATURES,
    *_sdb.SIGNATURES,
    *_model_change.SIGNATURES,
)
