"""The contract's tables, as contract.txt has them: block by block, a title and its lines."""

from pathlib import Path
from typing import Final

_BLOCKS: Final = Path(__file__).with_name("contract.txt").read_text().split("\n\n")[1:]

TABLES: Final[dict[str, list[str]]] = {
    title: lines for title, *lines in (block.rstrip("\n").split("\n") for block in _BLOCKS)
}
MESSAGES: Final = [title.split()[1] for title in TABLES if title.startswith("message")]
ENUMS: Final = [title.split()[1] for title in TABLES if title.startswith("enum")]
RPCS: Final = [title.split()[1] for title in TABLES if title.startswith("rpc")]
