"""A photo's numbers depend on its bytes alone."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from processing.analysis import kernels
from processing.analysis.pipeline import Pipeline
from tests.analysis.pictures import draw_random, encode_image
from tests.photos import draw_photo, encode_photo

GPU = "cuda:0"


def make_blobs() -> list[bytes]:
    """Photos of several sizes and faults, a tiny one, a refused one."""
    drawn = [(1300, 850, None), (640, 900, "noise"), (300, 200, None), (1300, 850, "blur"), (40, 30, None)]
    blobs = [
        encode_photo(draw_photo(width=width, height=height, seed=seed, fault=fault), seed=seed)
        for seed, (width, height, fault) in enumerate(drawn)
    ]
    return [*blobs, b"no photo", encode_image(draw_random("RGBA"), "PNG")]


def test_photo_measures_the_same_whatever_else_is_in_its_batch(pipeline: Pipeline) -> None:
    blobs = make_blobs()
    alone = [repr(pipeline.measure([pipeline.prepare(blob)])[0]) for blob in blobs]

    together = [repr(one) for one in pipeline.measure([pipeline.prepare(blob) for blob in blobs])]
    backward = [repr(one) for one in pipeline.measure([pipeline.prepare(blob) for blob in reversed(blobs)])]

    assert together == alone
    assert backward[::-1] == alone


def test_photo_measures_the_same_when_prepared_in_many_threads(pipeline: Pipeline) -> None:
    blobs = make_blobs() * 4
    expected = [repr(one) for one in pipeline.measure([pipeline.prepare(blob) for blob in blobs])]

    with ThreadPoolExecutor(4) as pool:
        prepared = list(pool.map(pipeline.prepare, blobs))

    assert [repr(one) for one in pipeline.measure(prepared)] == expected


def test_prepared_photo_stays_as_it_was_when_the_next_one_is_prepared(pipeline: Pipeline) -> None:
    first, second = make_blobs()[:2]
    prepared = pipeline.prepare(first)
    expected = repr(pipeline.measure([prepared]))

    pipeline.prepare(second)

    assert repr(pipeline.measure([prepared])) == expected


def test_measures_have_four_digits_and_one_order(pipeline: Pipeline) -> None:
    measured = pipeline.measure([pipeline.prepare(make_blobs()[0])])[0]

    assert list(measured.measures) == [
        "focus",
        "steadiness",
        "noise",
        "brightness",
        "brightest",
        "burnt",
        "contrast",
        "saturation",
        "blockiness",
        "jpeg_quality",
    ]
    assert all(value == float(f"{value:.4g}") for value in measured.measures.values())
    assert len(measured.fingerprint) == 32


def test_refused_photo_keeps_its_hash_and_no_frame(pipeline: Pipeline) -> None:
    prepared = pipeline.prepare(b"no photo")

    measured = pipeline.measure([prepared])[0]

    assert measured.sha256 == hashlib.sha256(b"no photo").hexdigest()
    assert measured.refusal is not None
    assert (measured.refusal.code, measured.refusal.__traceback__, measured.refusal.__context__) == (
        "unreadable",
        None,
        None,
    )
    assert (measured.facts, measured.measures, measured.fingerprint) == (None, {}, b"")


def test_empty_batch_gives_no_answer(pipeline: Pipeline) -> None:
    assert pipeline.measure([]) == []


def test_prepared_photo_is_compact_whatever_its_size(pipeline: Pipeline) -> None:
    prepared = pipeline.prepare(encode_photo(draw_photo(width=4000, height=3000)))

    assert prepared.cut is not None
    assert prepared.cut.tiles.nbytes + prepared.cut.sample.nbytes < 5_000_000
    assert prepared.cut.tiles.base is None
    assert prepared.cut.sample.base is None


def test_batch_size_is_at_least_one_when_halved_to_nothing() -> None:
    pipeline = Pipeline("cpu")

    pipeline.set_batch_size(0)

    assert pipeline.batch_size == 1


@pytest.mark.parametrize("wanted", ["cuda:99", "gpu"])
def test_pipeline_is_refused_when_the_device_is_not_there(wanted: str) -> None:
    with pytest.raises(ValueError, match="Device"):
        Pipeline(wanted)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_measuring_raises_memory_error_when_torch_is_short_of_memory(
    monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline, error: RuntimeError
) -> None:
    def starve(_sample: torch.Tensor) -> torch.Tensor:
        raise error

    prepared = pipeline.prepare(make_blobs()[4])
    monkeypatch.setattr(kernels, "measure_sample", starve)

    with pytest.raises(MemoryError):
        pipeline.measure([prepared])


def test_measuring_raises_what_torch_raises_when_it_is_no_lack_of_memory(
    monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline
) -> None:
    def fail(_sample: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("device is gone")

    prepared = pipeline.prepare(make_blobs()[4])
    monkeypatch.setattr(kernels, "measure_sample", fail)

    with pytest.raises(RuntimeError, match="device is gone"):
        pipeline.measure([prepared])


@pytest.mark.gpu
def test_measures_on_a_cuda_device_are_those_of_the_cpu(pipeline: Pipeline) -> None:
    prepared = [pipeline.prepare(blob) for blob in make_blobs()]
    expected = pipeline.measure(prepared)

    found = Pipeline(GPU).measure(prepared)

    assert [one.fingerprint for one in found] == [one.fingerprint for one in expected]
    for one, other in zip(found, expected, strict=True):
        # Sums are added in another order there, so the fourth digit may be another.
        assert one.measures == pytest.approx(other.measures, rel=1e-3)
