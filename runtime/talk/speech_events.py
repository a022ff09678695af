"""When a person starts and stops to speak, from the events of a SileroVADNode."""

from enum import Enum, auto

import msgspec

from actors import Data, Json


class SpeechChange(Enum):
    """What an output of a detector says."""

    NONE = auto()
    START = auto()
    END = auto()


class _Event(msgspec.Struct):
    is_speech_start: bool = False
    is_speech_end: bool = False


def speech_change(data: Data) -> SpeechChange:
    """Return what an output says; audio and other JSON say nothing."""
    if not isinstance(data, Json):
        return SpeechChange.NONE
    try:
        event = msgspec.json.decode(data.text, type=_Event)
    except (msgspec.MsgspecError, RecursionError):
        return SpeechChange.NONE
    if event.is_speech_start:
        return SpeechChange.START
    return SpeechChange.END if event.is_speech_end else SpeechChange.NONE
