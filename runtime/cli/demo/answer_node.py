"""The commands that the assistant knows, and the node that answers them."""

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
    """The state of a house; each session has its own.

    Attributes:
        lit_rooms: the rooms whose lights are on.
        music: whether music plays.
    """

    lit_rooms: set[str] = field(default_factory=set)
    music: bool = False


Rule = tuple[re.Pattern[str], Callable[[House, re.Match[str]], str]]


def _lights(house: House, command: re.Match[str]) -> str:
    switch, room = command[1], command[2]
    was_on = room in house.lit_rooms
    (house.lit_rooms.add if switch == "on" else house.lit_rooms.discard)(room)
    if was_on == (switch == "on"):
        return f"The lights in the {room} are {switch} already."
    return f"The lights in the {room} are {switch} now."


def _music(house: House, command: re.Match[str]) -> str:
    house.music = command[1] == "play"
    return "Here is some music." if house.music else "The music has stopped."


_RULES: tuple[Rule, ...] = (
    (re.compile(r"turn the lights (on|off) in the (.+)"), _lights),
    (
        re.compile(r"set the temperature to (.+) degrees"),
        lambda _house, command: f"I have set the temperature to {command[1]} degrees.",
    ),
    (re.compile(r"(play|stop) the music"), _music),
    (
        re.compile(r"set a timer for (.+) minutes?"),
        lambda _house, command: f"Your timer is set to {command[1]} minutes.",
    ),
    # The clock of this house stands still, so that every run gives the same answers.
    (re.compile(r"what time is it"), lambda _house, _command: "It is ten minutes past nine."),
    (
        re.compile(r"go (forward|back) (.+) meters"),
        lambda _house, command: f"Going {command[1]} {command[2]} meters.",
    ),
)


class AnswerNode(Actor[NoParams]):
    """Execute a recognized command in a simulated house, and answer in a sentence.

    In: text, one command each. Out: text, one answer each; metadata has the command.
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def initialize(self) -> None:
        """Create the house."""
        self._house = House()

    def process(self, item: Text) -> Iterator[Text]:
        """Yield the answer to a command."""
        for pattern, answer in _RULES:
            command = pattern.fullmatch(item.text.strip().lower())
            if command is not None:
                yield Text(answer(self._house, command), "en-US", metadata={"command": item.text})
                return
        yield Text("Sorry, I did not understand that.", "en-US", metadata={"command": item.text})
