"""What may be proposed. Whatever a model says has to fit one of these types."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Decision(BaseModel):
    """What to do about a subject."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject_id: str
    amount: float = Field(ge=0)
    reason: str = Field(min_length=1, max_length=400)
%% if delegation


class Risk(BaseModel):
    """How likely it is that a decision turns out badly."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject_id: str
    share: float = Field(ge=0, le=1)
%% end
%% if gather


class Finding(BaseModel):
    """What a subject is worth, as one source says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    worth: float = Field(ge=0)
%% end
