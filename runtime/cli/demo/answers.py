"""The small text node between hearing and speaking."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from actors import Actor, Kind, NoParams, Text

GRAMMAR = """#JSGF V1.0;
grammar home;
public <command> = <lights> | <heating> | <music> | <timer> | <walk> | what time is it ;
<room> = kitchen | bedroom | living room | hall ;
<number> = one | two | three | four | five | six | eight | ten ;
<lights> = turn the lights (on | off) in the <room> ;
<heating> = set the temperature to (eighteen | nineteen | twenty | twenty one) degrees ;
<music> = (play | stop) the music ;
<timer> = set a timer for <number> minutes ;
<walk> = go (forward | back) <number> meters ;
"""

COMMANDS = (
    "turn the lights on in the kitchen",
    "set the temperature to twenty degrees",
    "play the music",
    "set a timer for ten minutes",
    "what time is it",
    "turn the lights off in the kitchen",
)


@dataclass(slots=True)
class House:
    """What the assistant knows of the house. It belongs to one session."""

    lit_rooms: set[str] = field(default_factory=set)
    music: bool = False


Rule = tuple[re.Pattern[str], Callable[[House, re.Match[str]], str]]


def _lights(house: House, said: re.Match[str]) -> str:
    switch, room = said[1], said[2]
    was_on = room in house.lit_rooms
    (house.lit_rooms.add if switch == "on" else house.lit_rooms.discard)(room)
    if was_on == (switch == "on"):
        return f"The lights in the {room} are {switch} already."
    return f"The lights in the {room} are {switch} now."


def _music(house: House, said: re.Match[str]) -> str:
    house.music = said[1] == "play"
    return "Here is some music." if house.music else "The music has stopped."


_RULES: tuple[Rule, ...] = (
    (re.compile(r"turn the lights (on|off) in the (.+)"), _lights),
    (
        re.compile(r"set the temperature to (.+) degrees"),
        lambda _house, said: f"I have set the temperature to {said[1]} degrees.",
    ),
    (re.compile(r"(play|stop) the music"), _music),
    (
        re.compile(r"set a timer for (.+) minutes?"),
        lambda _house, said: f"Your timer is set to {said[1]} minutes.",
    ),
    # The demonstration's house has a clock that stands still, so that every run sounds the same.
    (re.compile(r"what time is it"), lambda _house, _said: "It is ten minutes past nine."),
    (
        re.compile(r"go (forward|back) (.+) meters"),
        lambda _house, said: f"Going {said[1]} {said[2]} meters.",
    ),
)


class AnswerNode(Actor[NoParams]):
    """Do what a recognized command says, in a house that is made up, and answer in a sentence."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def initialize(self) -> None:
        """Open the house."""
        self._house = House()

    def process(self, item: Text) -> Iterator[Text]:
        """Yield the answer."""
        for pattern, answer in _RULES:
            said = pattern.fullmatch(item.text.strip().lower())
            if said is not None:
                yield Text(answer(self._house, said), "en-US", metadata={"command": item.text})
                return
        yield Text("Sorry, I did not understand that.", "en-US", metadata={"command": item.text})
