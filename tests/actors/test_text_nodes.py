import re
import time

import numpy as np
import pytest
from pydantic import ValidationError

from actors import Audio, Text
from actors.nodes.echo import EchoNode
from actors.nodes.text_collector import TextCollectorNode, TextCollectorParams


@pytest.fixture
def collect(drive):
    def run(pieces, **params):
        actor = TextCollectorNode(TextCollectorParams(**params))
        return [item.text for item in drive(actor, map(Text, pieces))]

    return run


def test_echo_counts_texts_and_hands_audio_on(drive):
    audio = Audio(np.zeros(4, np.float32), 16000)
    outputs = drive(EchoNode(), [Text("a", language="de", channel="ui"), audio, Text("b")])
    assert outputs[0] == Text("Echo #1: a", language="de", channel="ui")
    assert outputs[1] is audio
    assert outputs[2].text == "Echo #2: b"


def test_every_echo_counts_for_itself(drive):
    for _ in range(2):
        assert drive(EchoNode(), [Text("a")])[0].text == "Echo #1: a"


@pytest.mark.parametrize(
    ("pieces", "sentences"),
    [
        (["One. Two! Three?"], ["One.", "Two!", "Three?"]),
        (["Hel", "lo wor", "ld. And"], ["Hello world.", "And"]),
        (["First line\nSecond; third"], ["First line\n", "Second;", "third"]),
        (["Really?! Yes..."], ["Really?!", "Yes..."]),
        (["Wait.", "..", " Go on."], ["Wait.", "Go on."]),
        (["Wait.", "..Go on."], ["Wait.", "Go on."]),
        (["", "  ", "\n\n"], []),
        (["A. Bcd."], ["A. Bcd."]),
        (["A.", ".", " Bcd."], ["A..", "Bcd."]),
        (["no boundary"], ["no boundary"]),
        ([], []),
    ],
)
def test_pieces_become_sentences(collect, pieces, sentences):
    assert collect(pieces) == sentences


def test_a_sentence_goes_out_with_the_piece_that_ends_it():
    (sentence,) = TextCollectorNode().process(Text("Hello."))  # type: ignore[misc]
    assert sentence == Text("Hello.")


@pytest.mark.parametrize("text", ["One. Two, three! Four; five. Six", "a.b.c.d.e.f", "...a...b"])
def test_how_text_is_cut_into_pieces_loses_nothing_but_boundaries_and_blanks(collect, text):
    def letters(pieces):
        return [character for piece in pieces for character in piece if character.isalnum()]

    whole = collect([text])
    for size in (1, 2, 3):
        pieces = [text[begin : begin + size] for begin in range(0, len(text), size)]
        assert letters(collect(pieces)) == letters(whole) == letters([text])


def test_short_sentences_are_joined_to_the_next(collect):
    assert collect(["1. Open. 2. Close. 3."], min_sentence_length=8) == [
        "1. Open.",
        "2. Close.",
        "3.",
    ]
    assert collect(["1. Open."], min_sentence_length=0) == ["1.", "Open."]


def test_the_rest_is_given_at_the_end_unless_it_is_not_wanted(collect):
    assert collect(["Done. Rest"], yieldPartialOnEnd=False) == ["Done."]


def test_a_pattern_of_ones_own_says_what_ends_a_sentence(collect):
    assert collect(["a b.|", "| c d|"], split_pattern=r"\|") == ["a b.|", "c d|"]
    assert collect(["one\n", "\ntwo"], split_pattern="\n\n") == ["one\n\n", "two"]


def test_other_channels_pass_and_do_not_mix_in(drive):
    shown = Text("shown. at once", channel="ui", metadata={"id": "1"})
    outputs = drive(
        TextCollectorNode(),
        [
            Text("Hel", channel="tts"),
            shown,
            Text("lo.", language="en", channel="tts", metadata={"id": "2"}),
        ],
    )
    assert outputs[0] is shown
    assert outputs[1:] == [Text("Hello.", language="en", channel="tts", metadata={"id": "2"})]


@pytest.mark.parametrize("pattern", ["(?:(?:a+)+b)", "(?:a?|b?){60}c", "(a|aa)+$", "(.*,)*x"])
def test_a_pattern_that_would_stop_a_backtracking_engine_takes_linear_time(collect, pattern):
    began = time.process_time()
    collect(["a" * 60, "a" * 5000, "ab" * 5000], split_pattern=pattern)
    assert time.process_time() - began < 5  # by `re`, years


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("[", "missing ]"),
        ("(?=a)b", "without look-around and back references"),
        (r"(a)\1", "without look-around and back references"),
        ("x*", "must not match the empty text"),
        ("a{500}", "too large an expression"),
        (r"(?:\pL{1,100}){1,10}", "not a regular expression"),
        ("a" * 201, "at most 200 characters"),
    ],
)
def test_a_pattern_that_is_none_is_refused_with_the_reason(pattern, words):
    with pytest.raises(ValidationError, match=re.escape(words)):
        TextCollectorParams(split_pattern=pattern)


def test_a_boundary_may_come_in_several_pieces(collect):
    assert collect(["one<", "en", "d>two"], split_pattern="<end>") == ["one<end>", "two"]


def test_a_pattern_matches_text_of_any_script(collect):
    assert collect(
        ["\u4e00\u3002\U0001f600", "b\u3002c"], split_pattern="\u3002", min_sentence_length=0
    ) == [
        "\u4e00\u3002",
        "\U0001f600b\u3002",
        "c",
    ]


@pytest.mark.parametrize("params", [{}, {"split_pattern": "[.!?]"}], ids=["usual", "pattern"])
def test_a_long_text_gives_the_sentences_of_its_parts(collect, params):
    text = "".join(f"This is sentence {n}{'.' * (n % 7 + 1)} " for n in range(3000))
    whole = collect([text], **params)
    assert len(whole) == 3000
    assert whole[12] == "This is sentence 12......"
    assert " ".join(whole) == text.rstrip()


def test_text_without_a_boundary_is_cut_where_it_is_too_long_to_hold(collect):
    sentences = collect(["word " * 40_000])
    assert all(len(sentence) <= 2 * 65_536 for sentence in sentences)
    assert "".join(sentences).count("word") == 40_000
    assert collect([" "] * 100_000) == []
