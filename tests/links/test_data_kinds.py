"""Every kind of data comes through every kind of link as it went in."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors import (
    Audio,
    BatchHint,
    Binary,
    Bundle,
    CancelSpeculation,
    Control,
    Data,
    DeadlineWarning,
    File,
    Json,
    NumpyArray,
    PixelFormat,
    Tensor,
    Text,
    Video,
    VideoCodec,
)
from runtime import Runtime
from runtime.errors import ErrorType, InputError, KindError
from tests.session.pipelines import chain, manifest, run_through

PLACES = {
    "native": ["native"],
    "native to native": ["native", "native"],
    "native to child": ["native", "multiprocess"],
    "child to child": ["multiprocess", "multiprocess"],
    "child to native": ["multiprocess", "native"],
}

rng = np.random.default_rng(7)


def noise(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(rng.bytes(count), np.uint8).view(dtype).reshape(shape).copy()


ITEMS: list[Data] = [
    Audio(noise((320, 1), "<f4"), 16000),
    Audio(noise((441, 2), "<i2"), 44100, metadata={"who": "me", "é": "ü"}),
    Audio(noise((7, 6), "<i4"), 192000, b'{"a": 1}'),
    Audio(noise((100, 4), "<f4")[::3, ::2], 8000),
    Audio(np.zeros((0, 2), np.float32), 48000),
    Video(noise((2, 3, 3), "u1"), 3, 2, frame_number=5, timestamp_us=2**40, metadata={"k": "v"}),
    Video(noise((6 * 4 * 3 // 2,), "u1"), 6, 4, PixelFormat.I420),
    Video(noise((99,), "u1"), 640, 480, PixelFormat.ENCODED, 1, 2, VideoCodec.AV1, True),
    *(Tensor(noise((2, 3, 4), dtype), "NCHW") for dtype in ("<f4", "<f2", "<i4", "i1", "u1")),
    Tensor(np.zeros((0, 5), np.float16)),
    Tensor(np.array(3, np.float32)),
    *(
        NumpyArray(noise((3, 5), dtype))
        for dtype in ("<f8", ">i4", "<u8", "<i8", "<u2", "<c16", "<c8", "<M8[ns]", "S3")
    ),
    NumpyArray(np.array([[True, False], [False, True]])),
    NumpyArray(np.array(["abc", "wasser", "水"])),
    NumpyArray(np.asfortranarray(noise((30, 40), "<f4"))),
    NumpyArray(noise((30, 40, 2), "<f8")[::-2, 3::7].transpose(2, 0, 1)),
    NumpyArray(np.broadcast_to(np.arange(5), (1000, 5))),
    NumpyArray(np.zeros((0,), np.int64)),
    NumpyArray(np.array(5.0)),
    Json({"a": [1, 2.5, None, True, "ü"]}, "schema", metadata={"x": "y"}),
    Json.from_text('{"kept":   "as it was"}'),
    Text(""),
    Text("fließend 水 🎈", "de-DE", "ui", "utf-8", metadata={"a": ""}),
    Binary(b""),
    Binary(bytes(range(256)) * 10, "image/png"),
    File("/somewhere/file.bin", "f", "a/b", 2**40, 3, 4, "s"),
    Control(None),
    Control(CancelSpeculation(1, 2**63), "segment", 99, '{"a": 1}', metadata={"m": "n"}),
    Control(BatchHint(8)),
    Control(DeadlineWarning(10**6)),
]
ITEMS += [
    Bundle({"only": Text("x")}),
    Bundle({f"port {n}": item for n, item in enumerate(ITEMS)}, metadata={"k": "v"}),
]


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES.keys())
async def test_every_kind_comes_through_bit_for_bit(runtime: Runtime, places: list[str]) -> None:
    results = await run_through(runtime, chain("PassThrough", places), ITEMS)
    assert [r.sequence for r in results] == list(range(len(ITEMS)))
    for sent, result in zip(ITEMS, results, strict=True):
        assert result.data == sent


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES.keys())
async def test_sizes_from_nothing_to_32_megabytes_come_through(
    runtime: Runtime, places: list[str]
) -> None:
    sizes = [0, 1, 63, 64, 65, 4096, 10**6, 32 * 1024 * 1024, 3, 5 * 10**6, 0]
    items = [Binary(rng.bytes(size)) for size in sizes]
    results = await run_through(runtime, chain("PassThrough", places), items)
    assert [len(r.data.data) for r in results] == sizes  # type: ignore[attr-defined]
    assert [r.data for r in results] == items


async def test_memory_order_survives_the_crossing(runtime: Runtime) -> None:
    sent = NumpyArray(np.asfortranarray(noise((30, 40), "<f4")))
    (result,) = await run_through(runtime, chain("PassThrough", ["multiprocess"]), [sent])
    assert isinstance(result.data, NumpyArray)
    assert result.data.array.flags.f_contiguous


async def test_a_native_chain_hands_over_the_very_same_item(runtime: Runtime) -> None:
    sent = Audio(noise((320, 1), "<f4"), 16000)
    (result,) = await run_through(runtime, chain("PassThrough", ["native"] * 3), [sent])
    assert result.data is sent


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_received_arrays_are_read_only_and_outlive_the_session(
    runtime: Runtime, place: str
) -> None:
    sent = noise((1000, 2), "<f4")
    expected = sent.copy()
    results = await run_through(runtime, chain("PassThrough", [place]), [Audio(sent, 16000)] * 5)
    for result in results:
        assert isinstance(result.data, Audio)
        assert not result.data.samples.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            result.data.samples[0] = 0
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            result.data.samples.flags.writeable = True
        assert (result.data.samples.view("u4") == expected.view("u4")).all()


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_layout_reads_back_what_it_wrote(data: st.DataObject) -> None:
    from hypothesis.extra import numpy as hnp

    from runtime.links import Item
    from runtime.links.shared.layout import write
    from runtime.links.shared.packing import pack, read

    array = data.draw(
        hnp.arrays(
            data.draw(
                st.one_of(
                    hnp.integer_dtypes(),
                    hnp.floating_dtypes(),
                    hnp.complex_number_dtypes(),
                    hnp.boolean_dtypes(),
                    hnp.datetime64_dtypes(),
                    hnp.unicode_string_dtypes(max_len=5),
                )
            ),
            hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
        )
    )
    metadata = data.draw(
        st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3).filter(
            lambda m: all(t.isprintable() for pair in m.items() for t in pair)
        )
    )
    item = NumpyArray(array, metadata=metadata)
    packed = pack(item)
    memory = memoryview(bytearray(packed.total_bytes + 64))
    write(memory, packed, Item(item, 2**64 - 1, "", 2, 3))
    received, header = read(memory.toreadonly())
    assert received == item
    assert (header.sequence, header.timestamp_ms, header.entered_ns) == (2**64 - 1, 2, 3)


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_members_of_a_received_bundle_are_read_only_views_of_one_slot(
    runtime: Runtime, place: str
) -> None:
    sent = Bundle({"left": Audio(noise((100, 1), "<f4"), 16000), "right": Binary(b"abc")})
    async with runtime.open_session(chain("PassThrough", [place])) as session:
        await session.send(sent)
        received = (await session.receive()).data
        copies = session.totals().copies
    assert isinstance(received, Bundle)
    assert received == sent
    for member in received.members.values():
        array = member.samples if isinstance(member, Audio) else member.data  # type: ignore[attr-defined]
        assert not array.flags.writeable
    assert copies == (0 if place == "native" else 2)  # into the segment, once per member


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_a_node_that_takes_no_bundles_is_given_the_only_member(
    runtime: Runtime, place: str
) -> None:
    audio = Audio(noise((100, 1), "<f4"), 16000)
    sent = [Bundle({"in": audio}), Bundle({"in": audio.with_metadata(a="1")}, metadata={"b": "2"})]
    first, second = await run_through(runtime, chain("AudioOnly", [place]), sent)
    assert first.data == audio
    assert second.data == audio.with_metadata(a="1", b="2")


@pytest.mark.parametrize("place", ["native", "multiprocess"])
@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (
            Bundle({"left": Text("x"), "right": Json(1)}),
            r"node 'n0': AudioOnly takes audio, and got a bundle of left \(text\), right \(json\) "
            "from the client",
        ),
        (
            Bundle({"in": Text("x")}),
            r"takes audio, and got a bundle of in \(text\) from the client",
        ),
    ],
)
async def test_a_bundle_that_a_node_cannot_take_is_an_error_that_names_its_ports(
    runtime: Runtime, place: str, sent: Bundle, message: str
) -> None:
    async with runtime.open_session(chain("AudioOnly", [place])) as session:
        with pytest.raises(InputError, match=message):
            await session.send(sent)


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_an_item_that_a_node_does_not_take_is_refused_and_the_session_goes_on(
    runtime: Runtime, place: str
) -> None:
    async with runtime.open_session(chain("AudioOnly", [place])) as session:
        for node in (None, "n0"):
            with pytest.raises(InputError, match="AudioOnly takes audio, and got text") as caught:
                await session.send(Text("x"), node=node)
            assert caught.value.error_type is ErrorType.TYPE_VALIDATION
        await session.send(Audio(np.zeros(4, np.float32), 16000))
        await session.close_input()
        assert [result.sequence async for result in session] == [0]


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_an_item_that_the_next_node_does_not_take_is_an_error_of_types(
    runtime: Runtime, place: str
) -> None:
    pipeline = manifest({"a": "PassThrough", "b": "AudioOnly"}, ["a > b"], places={"b": place})
    with pytest.raises(KindError, match="AudioOnly takes audio, and got text from node 'a'") as it:
        await run_through(runtime, pipeline, [Text("x")])
    assert it.value.node_id == "b"
    assert it.value.error_type is ErrorType.TYPE_VALIDATION
