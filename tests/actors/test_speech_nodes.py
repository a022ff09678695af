import json

import numpy as np
import pytest

from actors import Audio, Context, DataError, Json, Progress, Text
from actors.nodes.audio_chunker import AudioChunkerNode
from actors.nodes.espeak import EspeakNode, EspeakParams
from actors.nodes.fast_resample import FastResampleNode, FastResampleParams
from actors.nodes.pocketsphinx import PocketSphinxNode, PocketSphinxParams
from actors.nodes.silero_vad import SileroVADNode, SileroVADParams

HOME_GRAMMAR = """#JSGF V1.0;
grammar home;
public <command> = <switch> | <clock> | <weather> | <timer> | <music> | <warmth> | <door>;
<switch> = turn the (lights | heater | fan) (on | off) [in the <room>];
<room> = kitchen | bedroom | living room | garden;
<clock> = what time is it;
<weather> = what is the weather (today | tomorrow);
<timer> = set a timer for <number> (minutes | seconds);
<music> = (play | stop) the music;
<warmth> = set the temperature to <number> degrees;
<door> = (open | close) the (window | garage);
<number> = two | three | eight | ten | twenty | thirty;
"""

COMMANDS = [
    "turn the lights on in the kitchen",
    "what time is it",
    "what is the weather tomorrow",
    "set a timer for ten minutes",
    "play the music",
    "set the temperature to twenty degrees",
    "close the window",
    "turn the heater off",
]


def speak(drive, text, **params):
    return drive(EspeakNode(EspeakParams(**params)), [Text(text)])


def joined(items):
    return np.concatenate([item.samples for item in items])


@pytest.fixture
def speech(drive):
    """One second of silence, a sentence, one second of silence: at 16 kHz, float32."""
    spoken = joined(speak(drive, "turn the lights on in the kitchen"))
    pause = np.zeros((22050, 1), np.float32)
    whole = Audio(np.concatenate((pause, spoken, pause)), 22050)
    return joined(drive(FastResampleNode(FastResampleParams(target_rate=16000)), [whole]))


def chunks(samples, size, rate=16000):
    return [Audio(samples[begin : begin + size], rate) for begin in range(0, len(samples), size)]


def test_espeak_streams_what_it_otherwise_gives_at_once(drive):
    streamed = speak(drive, "hello world")
    (whole,) = speak(drive, "hello world", stream_chunks=False)
    assert len(streamed) > 3
    assert all(item.frames <= 22050 * 0.2 for item in streamed)
    assert sum(item.frames for item in streamed) == pytest.approx(whole.frames, rel=0.02)
    for item in (whole, *streamed):
        assert (item.sample_rate, item.channels, item.samples.dtype) == (22050, 1, np.float32)
    assert 0.1 < np.abs(whole.samples).max() <= 1


def test_espeak_carries_metadata_and_speaks_only_what_is_to_be_spoken(drive):
    texts = [
        Text(""),
        Text(" \n"),
        Text("for the eyes", channel="ui"),
        Text("a\0b", channel="tts", metadata={"id": "1"}),
    ]
    outputs = drive(EspeakNode(), texts)
    assert outputs
    assert all(item.metadata == {"id": "1"} for item in outputs)


@pytest.mark.parametrize(("slow", "fast"), [({"rate_wpm": 100}, {"rateWpm": 300})])
def test_espeak_speaks_at_the_rate_asked_for(drive, slow, fast):
    text = "turn the lights on in the kitchen"
    assert len(joined(speak(drive, text, **slow))) > 2 * len(joined(speak(drive, text, **fast)))


def test_espeak_nodes_of_one_process_keep_their_voices(drive):
    alone = len(joined(speak(drive, "hello world", rate_wpm=100)))
    nodes = [EspeakNode(EspeakParams(rate_wpm=rate)) for rate in (100, 300)]
    for node in nodes:
        node.initialize()
    slow, fast = (list(node.process(Text("hello world"))) for node in nodes)
    assert len(joined(slow)) == pytest.approx(alone, rel=0.05)
    assert len(joined(fast)) < alone / 2


@pytest.mark.parametrize("voice", ["en-us", "en-gb", "en-gb+f3", "fr-fr", "de"])
def test_espeak_finds_voices_by_name_and_by_language(drive, voice):
    assert speak(drive, "hello", voice=voice)


@pytest.mark.parametrize(
    ("voice", "message"),
    [
        ("xx-nowhere", "no voice 'xx-nowhere'"),
        ("en-usa", "did you mean .*en-US"),
        ("en-us+f33", "no voice variant 'f33'.* did you mean .*f3"),
        ("en-us+", "no voice variant ''"),
    ],
)
def test_an_unknown_voice_is_an_error_before_anything_is_spoken(voice, message):
    with pytest.raises(ValueError, match=message):
        EspeakNode(EspeakParams(voice=voice)).initialize()


def test_heavy_nodes_report_progress():
    for node_type in (EspeakNode, SileroVADNode, PocketSphinxNode):
        reports: list[Progress] = []
        node_type(context=Context(report=reports.append)).initialize()
        fractions = [report.fraction for report in reports]
        assert len(fractions) > 1
        assert fractions == sorted(fractions)
        assert all(report.message for report in reports)


@pytest.mark.parametrize("size", [160, 512, 1000, 8000, 100_000])
@pytest.mark.parametrize("form", ["mono", "stereo", "int16", "int32"])
def test_vad_hears_speech_and_hands_the_audio_on(drive, speech, size, form):
    samples = speech
    if form == "stereo":
        samples = np.repeat(samples, 2, axis=1)
    elif form != "mono":
        samples = (samples * np.iinfo(form).max).astype(form)
    items = chunks(samples, size)
    outputs = drive(SileroVADNode(), items)
    assert all(output is item for output, item in zip(outputs[1::2], items, strict=True))
    events = [output.value for output in outputs[::2]]
    starts = [event for event in events if event["is_speech_start"]]
    ends = [event for event in events if event["is_speech_end"]]
    assert len(starts) == len(ends) == 1
    assert starts[0]["timestamp_ms"] == pytest.approx(1000, abs=150)
    if size <= 1000:
        assert ends[0]["timestamp_ms"] == pytest.approx(len(speech) / 16 - 1000, abs=250)
        assert max(event["speech_probability"] for event in events) > 0.9
        assert events[-1]["speech_probability"] < 0.2
        assert not events[-1]["has_speech"]
    assert events[0]["samples"] == items[0].samples.size
    assert events[0]["sample_rate"] == 16000


def test_vad_gives_the_same_decisions_however_the_stream_is_cut(drive, speech):
    def changes(size):
        events = [item.value for item in drive(SileroVADNode(), chunks(speech, size))[::2]]
        keys = ("is_speech_start", "is_speech_end")
        return [event["timestamp_ms"] for event in events if any(event[key] for key in keys)]

    assert changes(512) == changes(300) == changes(17)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_vad_is_not_taken_in_by_noise_or_silence(drive, rate):
    noise = np.random.default_rng(0).normal(0, 0.05, rate * 2).astype(np.float32)
    silence = np.zeros(rate, np.float32)
    actor = SileroVADNode(SileroVADParams(sampling_rate=rate))
    outputs = drive(actor, chunks(np.concatenate((noise, silence)), 700, rate))
    events = [item.value for item in outputs[::2]]
    assert max(event["speech_probability"] for event in events) < 0.3
    assert not any(event["has_speech"] for event in events)


def test_vad_works_at_8_khz(drive, speech):
    narrow = drive(FastResampleNode(FastResampleParams(target_rate=8000)), [Audio(speech, 16000)])
    actor = SileroVADNode(SileroVADParams(sampling_rate=8000))
    events = [item.value for item in drive(actor, chunks(joined(narrow), 256, 8000))[::2]]
    assert [event["is_speech_start"] for event in events].count(True) == 1
    assert max(event["speech_probability"] for event in events) > 0.9


def test_vad_event_has_the_documented_fields_and_level(drive):
    item = Audio(np.full((512, 2), 0.25, np.float32), 16000, metadata={"id": "1"})
    event, audio = drive(SileroVADNode(), [item])
    assert event.metadata == {"id": "1"}
    assert audio is item
    payload = event.value
    assert 0 <= payload.pop("speech_probability") <= 1
    assert payload == {
        "has_speech": False,
        "is_speech_start": False,
        "is_speech_end": False,
        "timestamp_ms": 0,
        "rms": 0.25,
        "peak": 0.25,
        "samples": 1024,
        "sample_rate": 16000,
    }


def test_vad_takes_empty_chunks(drive):
    event, _ = drive(SileroVADNode(), [Audio(np.zeros(0, np.int16), 16000)])
    assert event.value["samples"] == 0


@pytest.mark.parametrize("node_type", [SileroVADNode, PocketSphinxNode])
def test_audio_at_another_rate_is_an_error_that_says_what_to_do(drive, node_type):
    with pytest.raises(DataError, match=r"44100 Hz.*16000 Hz.*FastResampleNode"):
        drive(node_type(), [Audio(np.zeros(100, np.float32), 44100)])


@pytest.mark.parametrize("pause_level", [0.0, 0.001], ids=["digital silence", "faint noise"])
@pytest.mark.parametrize("with_vad", [True, False], ids=["vad", "no vad"])
def test_spoken_commands_are_understood_word_for_word(chain, with_vad, pause_level):
    vad = [SileroVADNode()] if with_vad else []
    recognizer = PocketSphinxNode(PocketSphinxParams(grammar=HOME_GRAMMAR))
    pipeline = chain(
        EspeakNode(),
        FastResampleNode(FastResampleParams(target_rate=16000)),
        AudioChunkerNode(),
        *vad,
        recognizer,
    )
    random = np.random.default_rng(7)
    heard = []
    for command in COMMANDS:
        heard += pipeline.feed(Text(command))
        pause = random.normal(0, pause_level, 22050).astype(np.float32)
        heard += pipeline.feed(Audio(pause, 22050), at=1)
    heard += pipeline.end()
    assert [item.text for item in heard] == COMMANDS
    starts = [int(item.metadata["start_ms"]) for item in heard]
    assert starts == sorted(starts)
    assert all(0.5 < float(item.metadata["confidence"]) <= 1 for item in heard)


@pytest.mark.parametrize("command", ["what time is it", "play the music"])
def test_a_command_between_digital_silence_is_understood_from_another_voice(drive, command):
    pause = np.zeros((22050, 1), np.float32)
    spoken = joined(speak(drive, command, voice="en-us", rate_wpm=160))
    whole = Audio(np.concatenate((pause, spoken, pause)), 22050)
    narrow = drive(FastResampleNode(FastResampleParams(target_rate=16000)), [whole])
    (heard,) = drive(PocketSphinxNode(PocketSphinxParams(grammar=HOME_GRAMMAR)), narrow)
    assert heard.text == command


def test_every_word_comes_with_its_time(drive, speech):
    (heard,) = drive(
        PocketSphinxNode(PocketSphinxParams(grammar=HOME_GRAMMAR)), chunks(speech, 512)
    )
    words = json.loads(heard.metadata["words"])
    assert [word["word"] for word in words] == heard.text.split()
    assert words[0]["start_ms"] == int(heard.metadata["start_ms"])
    assert words[-1]["end_ms"] == int(heard.metadata["end_ms"])
    assert words[0]["start_ms"] == pytest.approx(1000, abs=150)
    assert words[-1]["end_ms"] == pytest.approx(len(speech) / 16 - 1000, abs=150)


@pytest.mark.parametrize("form", ["stereo", "int16", "one chunk", "ends with the speech"])
def test_an_utterance_is_understood_in_every_form_of_audio(drive, speech, form):
    items = chunks(speech, 512)
    if form == "stereo":
        items = chunks(np.repeat(speech, 2, axis=1), 512)
    elif form == "int16":
        items = chunks((speech * 32767).astype(np.int16), 512)
    elif form == "one chunk":
        items = [Audio(speech, 16000), Audio(speech[:0], 16000)]
    elif form == "ends with the speech":
        items = chunks(speech[8000:-16000], 512)
    heard = drive(PocketSphinxNode(PocketSphinxParams(grammar=HOME_GRAMMAR)), items)
    assert [item.text for item in heard] == ["turn the lights on in the kitchen"]


@pytest.mark.parametrize("grammar", [None, HOME_GRAMMAR])
def test_noise_silence_and_nothing_give_no_text(drive, grammar):
    noise = np.random.default_rng(0).normal(0, 0.02, 32000).astype(np.float32)
    for samples in (noise, np.zeros(32000, np.float32), noise[:0]):
        node = PocketSphinxNode(PocketSphinxParams(grammar=grammar))
        assert drive(node, [Audio(samples, 16000)]) == []
    assert drive(PocketSphinxNode(PocketSphinxParams(grammar=grammar)), []) == []


@pytest.mark.parametrize(
    "sentence",
    ["I would like to order a pizza", "the quick brown fox jumps over the lazy dog"],
)
def test_what_the_grammar_does_not_have_gives_no_text(drive, sentence):
    samples = joined(speak(drive, sentence))
    narrow = drive(FastResampleNode(FastResampleParams(target_rate=16000)), [Audio(samples, 22050)])
    assert drive(PocketSphinxNode(PocketSphinxParams(grammar=HOME_GRAMMAR)), narrow) == []


def test_an_utterance_that_never_ends_is_cut(drive, speech):
    spoken = speech[16000:-16000]
    params = PocketSphinxParams(max_utterance_ms=1000)
    events = [Json({"has_speech": True}), Audio(spoken, 16000)]
    assert drive(PocketSphinxNode(params), events * 3)


def test_dictation_needs_no_grammar(drive, speech):
    # Which words it makes of a synthetic voice varies: espeak-ng adds a little chance to its sound.
    heard = drive(PocketSphinxNode(), chunks(speech, 512))
    assert sum(len(item.text.split()) for item in heard) > 2


@pytest.mark.parametrize("keywords", [["Stop the  music"], "stop the music, turn the lights on"])
def test_keywords_are_found_in_running_speech(drive, keywords):
    samples = joined(speak(drive, "please stop the music now"))
    narrow = drive(FastResampleNode(FastResampleParams(target_rate=16000)), [Audio(samples, 22050)])
    (heard,) = drive(PocketSphinxNode(PocketSphinxParams(keywords=keywords)), narrow)
    assert heard.text == "stop the music"


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("public <c> = turn (on;", "syntax error.*expecting '\\|' or '\\)'"),
        ("<c> = turn on;", "No public rules"),
        ("public <c> = turn Zzyzx on;", "'Zzyzx' is missing in the dictionary"),
        ("public <c> = turn <d>;", "Undefined rule .*d"),
        ("public <c> = <c> turn;", "right-recursion"),
    ],
)
def test_a_grammar_that_cannot_be_used_is_an_error_that_says_why(rules, message, capfd):
    grammar = f"#JSGF V1.0; grammar a; {rules}"
    with pytest.raises(ValueError, match=message):
        PocketSphinxNode(PocketSphinxParams(grammar=grammar)).initialize()
    assert capfd.readouterr() == ("", "")


def test_a_keyword_that_the_dictionary_lacks_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="'zzyzx'"):
        PocketSphinxNode(PocketSphinxParams(keywords=("zzyzx road",))).initialize()


@pytest.mark.parametrize("payload", [{}, [], {"has_speech": 1}, "speech"])
def test_json_that_is_no_vad_event_is_an_error(drive, payload):
    with pytest.raises(DataError, match="event of SileroVADNode"):
        drive(PocketSphinxNode(), [Json(payload)])
