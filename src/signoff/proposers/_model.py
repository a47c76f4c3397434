"""Any provider's model, through pydantic-ai's model layer."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from signoff.boundary import Answer, Question, Refused
from signoff.errors import MissingExtra, UsageError
from signoff.ledger import Fingerprint, Usage
from signoff.proposers._prompt import Message, Prompt

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model as ProviderModel
    from pydantic_ai.models import ModelRequestParameters

ProposalT = TypeVar("ProposalT")
AnySubject = TypeVar("AnySubject")

# They may carry credentials, and a fingerprint is kept for years.
_UNRECORDED = frozenset({"extra_headers", "timeout", "max_retries"})


class Model(Generic[ProposalT]):
    """A language model by name, such as `openai:gpt-5`.

    Asks once: retrying belongs to the boundary, where every attempt is recorded. The text comes
    back as it was said, for the boundary to parse. The connection is made at the first question.

    Args:
        model: `provider:name`, or a model object of pydantic-ai.
        proposes: The proposal type; its schema is enforced by providers that can.
        instructions: What the model is to do.
        base_url: An OpenAI-compatible server to ask instead of the provider's own.
        api_key: By default the provider's usual environment variable.
        timeout: Seconds until `TimeoutError`.
        settings: pydantic-ai's model settings, such as `{"temperature": 0.2}`.
        render: Writes a subject for the model; by default its JSON.
    """

    def __init__(
        self,
        model: str | ProviderModel,
        *,
        proposes: type[ProposalT],
        instructions: str = "",
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float = 60.0,
        settings: Mapping[str, Any] | None = None,
        render: Callable[[Any], str] | None = None,
    ) -> None:
        if importlib.util.find_spec("pydantic_ai") is None:
            raise MissingExtra(
                "Asking a provider's model needs pydantic-ai, which is not installed. "
                "Run `pip install 'signoff[models]'`."
            )
        self._model = model
        self._proposes = proposes
        self._prompt: Prompt[Any] = Prompt(instructions=instructions, render=render)
        self._base_url = base_url
        self._api_key = api_key
        self._timeout = timeout
        self._settings = dict(settings or {})
        self._schema = TypeAdapter(proposes).json_schema()
        self._connected: ProviderModel | None = None

    @property
    def proposes(self) -> type[ProposalT]:
        """The type that answers are parsed into."""
        return self._proposes

    @property
    def prompt(self) -> Prompt[Any]:
        """How a question is put to it."""
        return self._prompt

    @property
    def settings(self) -> dict[str, Any]:
        """pydantic-ai's model settings."""
        return dict(self._settings)

    def like(
        self,
        model: str | ProviderModel | None = None,
        *,
        instructions: str | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Model[ProposalT]:
        """The same question put to another model, or in other words; what is not given stays.

        The server and its key stay only with a model of the same provider.

        Args:
            model: `provider:name`, or a model object of pydantic-ai.
            instructions: What the model is to do.
            base_url: An OpenAI-compatible server.
            api_key: Its key.
            timeout: Seconds until `TimeoutError`.
            settings: Added to those that it has.
        """
        chosen = self._model if model is None else model
        stays = isinstance(chosen, str) and chosen.partition(":")[0] == self._name.partition(":")[0]
        return Model(
            chosen,
            proposes=self._proposes,
            instructions=self._prompt.instructions if instructions is None else instructions,
            base_url=base_url or (self._base_url if stays else None),
            api_key=api_key or (self._api_key if stays else None),
            timeout=self._timeout if timeout is None else timeout,
            settings={**self._settings, **(settings or {})},
            render=self._prompt.render,
        )

    @property
    def fingerprint(self) -> Fingerprint:
        """The model asked for, the prompt's digest and the settings."""
        recorded = {key: self._settings[key] for key in self._settings.keys() - _UNRECORDED}
        if self._base_url is not None:
            recorded["server"] = urlsplit(self._base_url).netloc.rpartition("@")[2]
        return Fingerprint(
            model=self._name,
            prompt=self._prompt.digest,
            settings=cast("dict[str, Any]", to_jsonable_python(recorded, fallback=str)),
        )

    async def __call__(self, question: Question[AnySubject], /) -> Answer:
        """Ask the model once.

        Raises:
            TimeoutError: No answer within the timeout.
            Refused: The model or a content filter declined.
            UsageError: It can never be asked like this: a key or a package is missing.
        """
        if self._connected is None:
            # On a thread: the first import of a provider's package takes about a second.
            self._connected = await asyncio.to_thread(self._connect_or_say_why)
        model = self._connected
        from pydantic_ai.direct import model_request
        from pydantic_ai.exceptions import (
            ContentFilterError,
            ModelRequestTimeout,
            ModelTimeoutError,
        )
        from pydantic_ai.settings import ModelSettings

        enforced = self._enforced(model)
        prompt = self._prompt.messages(question, schema=None if enforced else self._schema)
        settings = {"timeout": self._timeout, **self._settings, "max_retries": 0}
        try:
            async with asyncio.timeout(self._timeout):
                response = await model_request(
                    model,
                    _history(prompt),
                    model_settings=cast("ModelSettings", settings),
                    model_request_parameters=enforced,
                )
        except (ModelTimeoutError, ModelRequestTimeout) as error:
            raise TimeoutError(str(error)) from error
        except ContentFilterError as error:
            raise Refused(str(error)) from error
        if response.finish_reason == "content_filter":
            said = (response.provider_details or {}).get("refusal") or response.text
            raise Refused(str(said or "The provider filtered the answer."))
        return self._answer(response, asked=model.model_name)

    @property
    def _name(self) -> str:
        if isinstance(self._model, str):
            return self._model
        return f"{self._model.system}:{self._model.model_name}"

    def _connect_or_say_why(self) -> ProviderModel:
        from pydantic_ai.exceptions import UserError

        try:
            return self._connect()
        except (UserError, ImportError) as error:
            # A missing key or package stays missing, however often a model is asked.
            raise UsageError(f"{self._name} cannot be asked: {error}") from error

    def _connect(self) -> ProviderModel:
        from pydantic_ai.models import infer_model

        if not isinstance(self._model, str):
            return self._model
        if self._base_url is None and self._api_key is None:
            return infer_model(self._model)
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        provider = OpenAIProvider(base_url=self._base_url, api_key=self._api_key)
        return OpenAIChatModel(self._model.partition(":")[2] or self._model, provider=provider)

    def _enforced(self, model: ProviderModel) -> ModelRequestParameters | None:
        """Have the provider hold the model to the schema, if it can."""
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.output import OutputObjectDefinition

        if self._schema.get("type") != "object":
            return None
        if not model.profile.get("supports_json_schema_output", False):
            return None
        return ModelRequestParameters(
            output_mode="native",
            output_object=OutputObjectDefinition(
                json_schema=self._schema, name=self._proposes.__name__
            ),
        )

    def _answer(self, response: ModelResponse, *, asked: str) -> Answer:
        served = response.model_name or asked
        return Answer(
            content=response.text or "",
            usage=Usage(
                tokens_in=response.usage.input_tokens,
                tokens_out=response.usage.output_tokens,
                usd=_cost(response),
            ),
            fingerprint=replace(self.fingerprint, version=served) if served != asked else None,
        )


def _history(prompt: tuple[Message, ...]) -> list[ModelMessage]:
    from pydantic_ai.messages import ModelRequest, SystemPromptPart, UserPromptPart

    return [
        ModelRequest(
            parts=[
                (SystemPromptPart if message.role == "system" else UserPromptPart)(message.text)
                for message in prompt
            ]
        )
    ]


def _cost(response: ModelResponse) -> float:
    try:
        return float(response.cost().total_price)
    except (AssertionError, LookupError, ValueError):  # no price is known for this model
        return 0.0
