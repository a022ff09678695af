import pytest

from actors.nodes.audio_chunker import AudioChunkerParams
from runtime.catalogue import check_params
from tests.plan.actors_for_plans import RequiredParams, TunedParams


def problems_of(params_type, given):
    problems = check_params(params_type, given).problems
    return [(".".join(map(str, problem.path)), problem.message) for problem in problems]


def test_params_keep_what_was_given_under_their_own_names():
    checked = check_params(TunedParams, {"chunkSize": 256, "gain": 2})
    assert checked.problems == ()
    assert checked.values == {"chunk_size": 256, "gain": 2}


@pytest.mark.parametrize(
    ("given", "name", "message"),
    [
        ({"chunk_size": "abc"}, "chunk_size", 'got "abc"; expected an integer >= 1 (default 512)'),
        ({"chunkSize": 0}, "chunkSize", "got 0; expected an integer >= 1 (default 512)"),
        ({"chunk_size": True}, "chunk_size", "got true; expected an integer >= 1 (default 512)"),
        ({"chunk_size": 1.0}, "chunk_size", "got 1.0; expected an integer >= 1 (default 512)"),
        ({"chunk_size": None}, "chunk_size", "got null; expected an integer >= 1 (default 512)"),
        ({"rate": "fast"}, "rate", 'got "fast"; expected a number or "auto" (default "auto")'),
        ({"gain": 2.5}, "gain", "got 2.5; expected a number > 0 and <= 2 (default 1.0)"),
        ({"quality": "low"}, "quality", 'got "low"; expected "Low" or "High" (default "Low")'),
        ({"words": ["a", 1]}, "words.1", "got 1; expected text"),
        ({"words": "a"}, "words", 'got "a"; expected a list of at most 3 items, each item text'),
        (
            {"label": "x"},
            "label",
            'got "x"; expected text of at least 2 characters that matches ^[a-z]+$ or null',
        ),
        ({"chunk_sice": 1}, "chunk_sice", 'unknown param; did you mean "chunk_size"?'),
        ({"ChunkSize": 1}, "ChunkSize", 'unknown param; did you mean "chunk_size"?'),
        (
            {"zzz": 1},
            "zzz",
            "unknown param; known params: chunk_size, rate, gain, quality, words, label, low, high",
        ),
        ({"low": 11}, "", "low 11 is above high 10; expected low <= high"),
        (
            {"low": 13},
            "",
            "the check of TunedParams raised ZeroDivisionError: a mistake of the author's",
        ),
        (
            {"chunk_size": 1, "chunkSize": 1},
            "chunkSize",
            "is given as chunk_size too; keep one of them",
        ),
    ],
)
def test_a_wrong_param_is_named_with_its_accepted_form(given, name, message):
    assert problems_of(TunedParams, given) == [(name, message)]


def test_a_missing_param_is_named_with_its_accepted_form():
    assert problems_of(RequiredParams, {}) == [("model", "is missing; expected text")]


def test_every_wrong_param_is_named():
    given = {"chunkSize": 0, "gain": "x", "zzz": 1}
    assert {name for name, _ in problems_of(TunedParams, given)} == {"chunkSize", "gain", "zzz"}


def test_the_chunker_s_params_are_checked_like_any_other():
    assert problems_of(AudioChunkerParams, {"chunk_size": "abc"}) == [
        ("chunk_size", 'got "abc"; expected an integer from 1 to 4194304 (default 512)')
    ]
