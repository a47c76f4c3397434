"""A proposer's fingerprint in the words of the conventions for generative AI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

#: What an attribute of a span may be.
Value: TypeAlias = str | bool | int | float | Sequence[str]

#: Where the conventions have another name than the one before the colon.
_PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google-gla": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "grok": "x_ai",
    "mistral": "mistral_ai",
    "openai-chat": "openai",
    "openai-responses": "openai",
    "watsonx": "ibm.watsonx.ai",
}

_SETTINGS = {
    "frequency_penalty": "frequency_penalty",
    "max_tokens": "max_tokens",
    "presence_penalty": "presence_penalty",
    "seed": "seed",
    "stop": "stop_sequences",
    "stop_sequences": "stop_sequences",
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
}


def is_model(fingerprint: Mapping[str, Any]) -> bool:
    """Whether a proposer is a language model: only those have a prompt."""
    return bool(fingerprint.get("prompt"))


def is_answer(fingerprint: Mapping[str, Any]) -> bool:
    """Whether a proposal is somebody's answer, and not one that a person wrote or that waited."""
    model = str(fingerprint.get("model", ""))
    return model != "waiting" and not model.startswith("person:")


def named(fingerprint: Mapping[str, Any]) -> dict[str, str]:
    """The attributes that tell one model from another, for spans and for metrics."""
    provider, colon, model = str(fingerprint.get("model", "")).partition(":")
    if not colon:
        provider, model = "", provider
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDERS.get(provider, provider) or "unknown",
        "gen_ai.request.model": model,
    }


def asked(fingerprint: Mapping[str, Any]) -> dict[str, Value]:
    """The attributes that are known before a model answers."""
    told: dict[str, Value] = {**named(fingerprint), "gen_ai.output.type": "json"}
    settings = cast("Mapping[str, Any]", fingerprint.get("settings", {}))
    for ours, name in _SETTINGS.items():
        value = settings.get(ours)
        if isinstance(value, str | int | float) and value is not True and value is not False:
            told[f"gen_ai.request.{name}"] = value
        elif isinstance(value, list):
            told[f"gen_ai.request.{name}"] = [str(each) for each in cast("list[object]", value)]
    return told
