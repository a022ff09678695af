import sys

import numpy as np
import pytest

from actors import DataError, PixelFormat, Video, VideoCodec
from actors.data.video import frame_bytes
from actors.nodes.video_flip import VideoFlip, VideoFlipParams
from actors.nodes.video_scaler import VideoScaler, VideoScalerParams

PACKED = {PixelFormat.RGB24: 3, PixelFormat.RGBA32: 4, PixelFormat.GRAY8: 1}
PLANAR = (PixelFormat.YUV420P, PixelFormat.I420)
SCALED = (*PACKED, *PLANAR, PixelFormat.NV12)
SIZES = [(1, 1), (2, 2), (3, 5), (7, 4), (64, 48)]
STRETCHED = {"maintainAspectRatio": False}
DIRECTIONS = ["vertical", "horizontal", "both"]

random = np.random.default_rng(7)


def noise(width, height, pixel_format, **more):
    count = frame_bytes(pixel_format, width, height)
    return Video(random.integers(0, 256, count, np.uint8), width, height, pixel_format, **more)


def planes(item):
    """The planes of a frame, each of shape (rows, columns, channels), written out by hand."""
    width, height = item.width, item.height
    if item.format in PACKED:
        return [item.image]
    luma, chroma = item.pixels[: width * height], item.pixels[width * height :]
    rows, columns = (height + 1) // 2, (width + 1) // 2
    if item.format is PixelFormat.NV12:
        return [luma.reshape(height, width, 1), chroma.reshape(rows, columns, 2)]
    u, v = chroma.reshape(2, rows, columns, 1)
    return [luma.reshape(height, width, 1), u, v]


def flipped(item, direction):
    node = VideoFlip(VideoFlipParams(direction=direction))
    node.initialize()
    return node.process(item)


def scaled(item, **params):
    node = VideoScaler(VideoScalerParams(**params))
    node.initialize()
    return node.process(item)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixel_format", [PixelFormat.RGB24, *PLANAR])
def test_every_plane_is_flipped_for_itself(pixel_format, size, direction):
    width, height = size
    item = noise(width, height, pixel_format)
    output = flipped(item, direction)
    for before, after in zip(planes(item), planes(output), strict=True):
        expected = before
        if direction in ("vertical", "both"):
            expected = np.flipud(expected)
        if direction in ("horizontal", "both"):
            expected = np.fliplr(expected)
        assert np.array_equal(after, expected)
    assert flipped(output, direction) == item


def test_a_frame_is_turned_upside_down_by_default():
    item = Video(np.arange(12, dtype=np.uint8), 2, 2)
    assert VideoFlip().process(item).pixels.tolist() == [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]
    assert flipped(item, "horizontal").pixels[:6].tolist() == [3, 4, 5, 0, 1, 2]


def test_everything_else_of_a_flipped_or_scaled_frame_stays():
    more = {
        "frame_number": 5,
        "timestamp_us": 9,
        "codec": VideoCodec.VP8,
        "is_keyframe": True,
        "metadata": {"a": "b"},
    }
    item = noise(8, 4, PixelFormat.RGB24, **more)
    for output in (VideoFlip().process(item), scaled(item, target_width=4, target_height=2)):
        assert {name: getattr(output, name) for name in more} == more
        assert output.format is PixelFormat.RGB24
        assert not output.pixels.flags.writeable


@pytest.mark.parametrize(
    "item",
    [
        noise(4, 4, PixelFormat.RGBA32),
        noise(4, 4, PixelFormat.GRAY8),
        noise(4, 4, PixelFormat.NV12),
        Video(np.zeros(9, np.uint8), 4, 4, PixelFormat.ENCODED, codec=VideoCodec.H264),
        Video(np.zeros(9, np.uint8), 4, 4, PixelFormat.UNSPECIFIED),
    ],
    ids=lambda item: item.format.name,
)
def test_another_format_cannot_be_flipped_which_is_an_error_that_names_it(item):
    with pytest.raises(DataError, match=f"RGB24, YUV420P, I420, got {item.format.name}"):
        VideoFlip().process(item)


@pytest.mark.parametrize("item", [noise(0, 0, PixelFormat.RGB24), noise(0, 3, PixelFormat.I420)])
def test_a_frame_without_pixels_is_flipped_and_cannot_be_scaled(item):
    assert VideoFlip().process(item) == item
    with pytest.raises(DataError, match="has no pixels to scale"):
        scaled(item)


@pytest.mark.parametrize("algorithm", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixel_format", SCALED)
def test_a_frame_of_one_colour_keeps_it_at_every_size(pixel_format, size, algorithm):
    colours = (200, 30, 90, 140)
    width, height = size
    item = noise(width, height, pixel_format)
    pixels = np.concatenate(
        [np.broadcast_to(each, plane.shape).reshape(-1) for each, plane in _painted(item, colours)]
    )
    item = Video(pixels.astype(np.uint8), width, height, pixel_format)
    for target in ((10, 6), (130, 98)):
        output = scaled(
            item,
            target_width=target[0],
            target_height=target[1],
            algorithm=algorithm,
            maintain_aspect_ratio=False,
        )
        assert (output.width, output.height) == target
        for colour, plane in _painted(output, colours):
            assert np.abs(plane.astype(int) - colour).max() <= 1


def _painted(item, colours):
    """Each plane with the colours of its channels."""
    colours = list(colours)
    return [
        (np.array([colours.pop(0) for _ in range(plane.shape[2])]), plane) for plane in planes(item)
    ]


@pytest.mark.parametrize("pixel_format", SCALED)
def test_a_picture_made_larger_and_smaller_again_is_the_same_picture(pixel_format):
    ramp = noise(32, 24, pixel_format)
    pixels = np.concatenate(
        [
            np.linspace(20, 220, plane.size // plane.shape[2])
            .repeat(plane.shape[2])
            .reshape(plane.shape)
            .reshape(-1)
            for plane in planes(ramp)
        ]
    ).astype(np.uint8)
    item = Video(pixels, 32, 24, pixel_format)
    larger = scaled(item, target_width=64, target_height=48)
    again = scaled(larger, target_width=32, target_height=24)
    for before, after in zip(planes(item), planes(again), strict=True):
        difference = np.abs(before.astype(int) - after)[1:-1, 1:-1]
        assert difference.max() <= 6


def test_two_colours_side_by_side_do_not_mix():
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32], image[:, 32:] = (255, 0, 0), (0, 0, 255)
    small = scaled(Video(image, 64, 48), target_width=32, target_height=24).image.astype(int)
    assert np.abs(small[:, :15] - (255, 0, 0)).max() <= 1
    assert np.abs(small[:, 17:] - (0, 0, 255)).max() <= 1
    # Half and half, where the filter looks across the border.
    assert np.abs(small[:, 15:17].sum(axis=2) - 255).max() <= 2


def test_shrinking_averages_over_all_pixels():
    stripes = np.tile(np.array([0, 255], np.uint8), (512, 512))
    stripes = stripes.reshape(512, 1024, 1)
    output = scaled(Video(stripes, 1024, 512, PixelFormat.GRAY8), target_width=4, target_height=2)
    assert np.abs(output.pixels.astype(int) - 127).max() <= 6


def test_shrinking_to_next_to_nothing_keeps_the_colour():
    wide = Video(np.full(8192 * 64, 9, np.uint8), 8192, 64, PixelFormat.GRAY8)
    output = scaled(wide, target_width=2, target_height=2, maintain_aspect_ratio=False)
    assert output.pixels.tolist() == [9, 9, 9, 9]


@pytest.mark.parametrize(
    ("size", "params", "expected"),
    [
        ((1920, 1080), {}, (1280, 720)),
        ((640, 480), {}, (960, 720)),
        ((480, 640), {}, (540, 720)),
        ((3440, 1440), {}, (1280, 536)),
        ((1920, 1080), {"targetWidth": 641, "targetHeight": 0}, (642, 362)),
        ((1920, 1080), {"target_width": 0, "target_height": 480}, (854, 480)),
        ((1920, 1080), {"target_width": 0, "target_height": 1}, (4, 2)),
        ((640, 640), {"target_width": 99, "target_height": 51}, (52, 52)),
        ((640, 640), {"target_width": 99, "target_height": 51, **STRETCHED}, (100, 52)),
        ((640, 320), {"target_width": 0, "target_height": 10, **STRETCHED}, (20, 10)),
        ((1000, 2), {"target_width": 100, "target_height": 100}, (100, 2)),
        ((1, 1), {"target_width": 1, "target_height": 1}, (2, 2)),
    ],
)  # fmt: skip
def test_the_size_is_even_and_keeps_the_aspect(size, params, expected):
    assert VideoScalerParams(**params).size_for(*size) == expected


def test_a_frame_that_has_the_size_passes_as_it_came():
    item = noise(64, 36, PixelFormat.RGB24)
    assert scaled(item, target_width=64, target_height=64) is item


@pytest.mark.parametrize("pixel_format", [PixelFormat.ENCODED, PixelFormat.UNSPECIFIED])
def test_what_is_not_raw_cannot_be_scaled(pixel_format):
    item = Video(np.zeros(9, np.uint8), 4, 4, pixel_format)
    with pytest.raises(DataError, match=f"VideoScaler takes .* NV12, got {pixel_format.name}"):
        scaled(item)


def test_a_size_out_of_reach_is_an_error_that_names_both():
    line = noise(1, 400, PixelFormat.GRAY8)
    with pytest.raises(DataError, match="1 x 400 frame would become 1280 x 512000.* 16384"):
        scaled(line, target_width=1280, target_height=0)
    with pytest.raises(DataError, match="1 x 1 cannot be scaled to 16384 x 2"):
        scaled(
            noise(1, 1, PixelFormat.GRAY8),
            target_width=16384,
            target_height=2,
            maintain_aspect_ratio=False,
        )


def test_a_missing_pyav_is_an_error_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        ImportError, match=r'VideoScaler .* pip install "millrace-runtime\[media\]"'
    ):
        VideoScaler().initialize()
