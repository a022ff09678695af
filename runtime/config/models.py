"""Chat endpoints, [models.NAME], and their secrets."""

from collections.abc import Mapping
from typing import Final, Literal

from actors import ModelEndpoint

from ..errors import ConfigError, Fault
from .headers import headers_of_file
from .section import HttpUrl, Section, Text
from .setting import setting
from .tokens import secret_of

_LONGEST_SECS: Final = 86_400
_KEY_RULE: Final = "the key must be ASCII text without blanks, and not empty"


class Model(Section):
    """A chat endpoint that speaks OpenAI's protocol."""

    url: HttpUrl = setting(
        ...,
        "base URL of the endpoint; requests go to URL/chat/completions, redirects are refused",
        example="http://127.0.0.1:8080/v1",
    )
    model: Text = setting(
        ..., "name of the model, as the endpoint knows it", example="llama-3.2-3b-instruct"
    )
    api_key_variable: Text | None = setting(
        None,
        "environment variable with the endpoint's key; not set: none from a variable",
        detail="It is read when the server starts. Node processes do not inherit it.",
        example="LLM_API_KEY",
    )
    api_key_file: Text | None = setting(
        None,
        "file whose first line is the endpoint's key; not set: none from a file",
        example="/etc/millrace/llm-key",
    )
    headers_file: Text | None = setting(
        None,
        "file of more secret headers for the endpoint, one name=value per line",
        example="/etc/millrace/llm-headers",
    )
    connect_timeout_secs: float = setting(
        10, "seconds for a connection to the endpoint", gt=0, le=_LONGEST_SECS
    )
    read_timeout_secs: float = setting(
        60,
        "seconds that the endpoint may be silent within an answer",
        gt=0,
        le=_LONGEST_SECS,
        detail="Until the first token too: a long prompt takes a model on a processor that long.",
    )
    answer_timeout_secs: float = setting(
        300, "seconds that one answer may take, all its rounds of tools included", gt=0, le=86_400
    )
    max_tokens: int = setting(
        1024, "tokens of one answer; a manifest may ask for less", ge=1, le=2**20
    )
    max_tokens_key: Literal["max_tokens", "max_completion_tokens"] = setting(
        "max_tokens", "key of a request that has max_tokens; some hosted models need the other one"
    )
    max_answer_characters: int = setting(
        65_536, "characters of one answer; a longer one ends the session", ge=1, le=2**24
    )
    max_prompt_characters: int = setting(
        16_384,
        "characters of a manifest's system prompt, and of one text of the user",
        ge=1,
        le=2**24,
    )
    max_history_characters: int = setting(
        65_536,
        "characters of the conversation that are sent with a request; the oldest are dropped",
        ge=1,
        le=2**26,
    )


def model_endpoints(
    models: Mapping[str, Model], environment: Mapping[str, str]
) -> dict[str, ModelEndpoint]:
    """Return the endpoints by their names, with their secrets. These are never shown.

    Raises:
        ConfigError: a secret cannot be read or is not valid. The message does not hold it.
    """
    faults: list[Fault] = []
    found = {
        name: ModelEndpoint(
            name=name,
            url=model.url.rstrip("/"),
            model=model.model,
            headers=_headers(f"models.{name}", model, environment, faults),
            connect_timeout_secs=model.connect_timeout_secs,
            read_timeout_secs=model.read_timeout_secs,
            answer_timeout_secs=model.answer_timeout_secs,
            max_tokens=model.max_tokens,
            max_tokens_key=model.max_tokens_key,
            max_answer_characters=model.max_answer_characters,
            max_prompt_characters=model.max_prompt_characters,
            max_history_characters=model.max_history_characters,
        )
        for name, model in models.items()
    }
    if faults:
        raise ConfigError(faults)
    return found


def _headers(
    where: str, model: Model, environment: Mapping[str, str], faults: list[Fault]
) -> dict[str, str]:
    headers: dict[str, str] = {}
    if model.headers_file is not None:
        headers |= headers_of_file(f"{where}.headers_file", model.headers_file, faults)
    key = secret_of(
        where,
        "api_key",
        model.api_key_variable,
        model.api_key_file,
        environment,
        faults,
        rule=_KEY_RULE,
    )
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    return headers
