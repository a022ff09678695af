"""The arguments of Hugging Face's tasks that a manifest may give, each with its bounds."""

from functools import cache
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

_Share = Annotated[float, Field(ge=0, le=1)]
_Factor = Annotated[float, Field(gt=0, le=100)]
_Tokens = Annotated[int, Field(ge=1, le=4096)]
_Words = Annotated[str, Field(min_length=1, max_length=200)]
_ManyWords = Annotated[list[_Words], Field(min_length=1, max_length=100)]

# The library makes a text of it with str.format, where a brace can reach everything.
_Template = Annotated[str, Field(max_length=500, pattern=r"^[^{}]*\{\}[^{}]*$")]

_TYPES: Final[dict[str, Any]] = {
    "aggregation_strategy": Literal["none", "simple", "first", "average", "max"],
    "candidate_labels": _ManyWords | _Words,
    "do_sample": bool,
    "function_to_apply": Literal["sigmoid", "softmax", "none"],
    "hypothesis_template": _Template,
    "max_new_tokens": _Tokens,
    "min_new_tokens": _Tokens,
    "multi_label": bool,
    "no_repeat_ngram_size": Annotated[int, Field(ge=0, le=100)],
    "num_beams": Annotated[int, Field(ge=1, le=16)],
    "repetition_penalty": _Factor,
    "return_full_text": bool,
    "stride": Annotated[int, Field(ge=0, le=4096)],
    "targets": _ManyWords | _Words,
    "temperature": _Factor,
    "threshold": _Share,
    "top_k": Annotated[int, Field(ge=1, le=1000)],
    "top_p": _Share,
}


def argument_fault(name: str, value: object) -> str:
    """Return what is wrong with the value of a known argument; empty if nothing is."""
    try:
        _adapter(name).validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        return f"arguments.{name}: {first['msg']}, got {str(value)[:80]!r}"
    return ""


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_TYPES[name])
