"""The conversation of one session, within bounds."""

from collections.abc import Mapping
from typing import Any

Message = dict[str, Any]
"""A message, as the protocol has it."""


class ChatHistory:
    """Turns: what the user said, the model's answer, and the calls of tools between them."""

    def __init__(self, *, most_turns: int, most_characters: int) -> None:
        """Create an empty history.

        Args:
            most_turns: that are kept beside the current one.
            most_characters: of all turns together; the current one is always kept whole.
        """
        self._most_turns = most_turns
        self._most_characters = most_characters
        self._turns: list[list[Message]] = []

    def begin(self, text: str) -> None:
        """Begin a turn of the person. One that got no answer is continued by it.

        Models refuse two messages of the user in a row.
        """
        if self._turns and len(self._turns[-1]) == 1:
            (before,) = self._turns[-1]
            joined = f"{before['content']}\n{text}"
            before["content"] = joined[-max(self._most_characters, len(text)) :]
        else:
            self._turns.append([{"role": "user", "content": text}])
        self._drop_oldest()

    def add(self, *messages: Message) -> None:
        """Add messages to the current turn."""
        if self._turns:
            self._turns[-1] += messages
            self._drop_oldest()

    def clear(self) -> None:
        """Forget everything."""
        self._turns.clear()

    def messages(self) -> list[Mapping[str, Any]]:
        """Return all messages, the oldest first."""
        return [message for turn in self._turns for message in turn]

    def spoken(self) -> list[list[str]]:
        """Return each turn as what the person said, and what the model said; no calls of tools."""
        return [
            ["\n".join(_texts(turn, role)) for role in ("user", "assistant")]
            for turn in self._turns
        ]

    def go_on(self, turns: list[list[str]]) -> None:
        """Go on with the turns of another history, as `spoken` returns them."""
        for person, model in turns:
            answer = [{"role": "assistant", "content": model}] if model else []
            self._turns.append([{"role": "user", "content": person}, *answer])
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        sizes = [sum(map(_characters, turn)) for turn in self._turns]
        total = sum(sizes)
        while len(sizes) > 1 and (
            len(sizes) > self._most_turns + 1 or total > self._most_characters
        ):
            total -= sizes.pop(0)
            del self._turns[0]


def _texts(turn: list[Message], role: str) -> list[str]:
    return [each["content"] for each in turn if each["role"] == role and each.get("content")]


def _characters(message: Message) -> int:
    calls = message.get("tool_calls", ())
    return len(message.get("content") or "") + sum(len(str(call)) for call in calls)
