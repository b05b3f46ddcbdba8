"""From an idea to a prompt, and from a reply to the code in it."""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from prunebench.config.strict import parse, read_yaml
from prunebench.errors import PrunebenchError

TEMPLATE = Path(__file__).with_name("templates") / "method-1.txt"
# A reply that was cut has a last block without an end.
_BLOCK = re.compile(r"^```[^\n`]*\n(.*?)(^```[ \t\r]*$|\Z)", re.MULTILINE | re.DOTALL)


class Idea(BaseModel):
    """What a method is to do: a name for tables, and a sentence or two for the prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(pattern=r"[A-Za-z0-9]")
    idea: str = Field(min_length=1)

    @property
    def slug(self) -> str:
        """The name as part of a method's name."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")


@dataclass(frozen=True)
class Extracted:
    """The code of a reply, unchanged and perhaps empty, and in words where it was found."""

    code: str
    found: str


class _Ideas(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    ideas: list[Idea] = Field(min_length=1)


def read_ideas(path: Path) -> list[Idea]:
    """The ideas of a YAML file (`ideas:` a list of `name` and `idea`).

    Raises:
        PrunebenchError: it cannot be read, or two names would be one method's name.
    """
    if not path.is_file():
        raise PrunebenchError(f"{path} does not exist; give --ideas a YAML file with a list of ideas")
    ideas = parse(_Ideas, read_yaml(path), str(path)).ideas
    seen: dict[str, str] = {}
    for idea in ideas:
        if idea.slug in seen:
            raise PrunebenchError(f"{path}: {idea.name!r} and {seen[idea.slug]!r} would be one method; rename one")
        seen[idea.slug] = idea.name
    return ideas


def make_prompt(idea: Idea) -> str:
    """The template with the idea in it."""
    return TEMPLATE.read_text(encoding="utf-8").format(name=idea.name, idea=idea.idea.strip())


def extract_code(reply: str) -> Extracted:
    """The first fenced block that assigns METHOD, else the first block; without any, the reply if it is code itself."""
    blocks = _BLOCK.findall(reply)
    if not blocks:
        if re.search(r"^METHOD\s*[:=]", reply, re.MULTILINE):
            return Extracted(reply, "the whole reply")
        return Extracted("", "no code in the reply")
    number = next((i for i, (block, _) in enumerate(blocks) if re.search(r"^METHOD\s*[:=]", block, re.MULTILINE)), 0)
    code, end = blocks[number]
    return Extracted(code, f"block {number + 1} of {len(blocks)}{'' if end else ', which has no end'}")
