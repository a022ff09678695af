"""A chat endpoint of the operator, as a node gets it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """A chat endpoint that speaks OpenAI's protocol, with its secrets and its limits.

    A param that names one has the format "model" in its JSON schema; its node gets the endpoint as
    `self.context.models[name]`. Do not log the headers.

    Attributes:
        name: the operator's name of it.
        url: its base URL, without a slash at the end.
        model: the name of the model, as the endpoint knows it.
        headers: secret headers of each request, by names in lower case; not shown.
        connect_timeout_secs: for a connection.
        read_timeout_secs: that the endpoint may be silent within an answer.
        answer_timeout_secs: that one answer may take.
        max_tokens: of one answer.
        max_tokens_key: of a request, that has max_tokens.
        max_answer_characters: of one answer.
        max_prompt_characters: of the system prompt, and of one text of the user.
        max_history_characters: of the conversation that is sent with a request.
    """

    name: str
    url: str
    model: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    connect_timeout_secs: float = 10.0
    read_timeout_secs: float = 60.0
    answer_timeout_secs: float = 300.0
    max_tokens: int = 1024
    max_tokens_key: str = "max_tokens"
    max_answer_characters: int = 65_536
    max_prompt_characters: int = 16_384
    max_history_characters: int = 65_536
