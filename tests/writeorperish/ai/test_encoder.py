"""The stored vectors were computed with PyTorch's BERT from the same weights, in double-precision
pooling, each text in windows of at most 254 word pieces whose unit vectors were averaged."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from writeorperish.ai import encoder as module
from writeorperish.ai.encoder import DIMENSIONS, Encoder, ModelMissing, encoder, find_model

DATA = Path(__file__).parent / "data"
TEXTS = json.loads((DATA / "encoder_texts.json").read_text())
VECTORS = np.load(DATA / "encoder_vectors.npy")


def linked_model(folder: Path, *, without: str = "") -> Path:
    for name in module.SHA256:
        if name != without:
            (folder / name).symlink_to(find_model(None) / name)
    return folder


def test_every_text_gets_the_vector_of_the_reference_implementation():
    cosines = np.sum(encoder().encode(TEXTS) * VECTORS, axis=1)
    assert cosines.min() >= 0.99999


def test_vectors_are_unit_length_float32_even_for_no_words_at_all():
    vectors = encoder().encode(["", " ", "piano", "word " * 3000])
    assert vectors.shape == (4, DIMENSIONS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_the_last_words_of_a_long_text_still_count():
    beginning = "We walked along the river and talked about nothing in particular. " * 30
    plain, with_ending = encoder().encode(
        [beginning, beginning + "Then the piano teacher called. " * 8]
    )
    piano = encoder().encode(["piano teacher"])[0]
    assert with_ending @ piano > plain @ piano + 0.05


def test_meaning_is_closer_than_chance():
    anchor, near, far = encoder().encode(
        ["I could not fall asleep", "another night of insomnia", "the invoice is overdue"]
    )
    assert anchor @ near > anchor @ far + 0.2


def test_a_text_gets_the_same_bytes_alone_and_in_company():
    alone = encoder().encode(TEXTS[4:5])
    assert encoder().encode(TEXTS[:8])[4].tobytes() == alone[0].tobytes()


def test_two_processes_give_the_same_vectors():
    program = (
        "import sys; from writeorperish.ai.encoder import encoder;"
        "sys.stdout.buffer.write(encoder().encode(['a heron in the reeds']).tobytes())"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    np.testing.assert_array_equal(
        np.frombuffer(other.stdout, np.float32), encoder().encode(["a heron in the reeds"])[0]
    )


def test_the_weights_are_mapped_and_cannot_be_written():
    weights = encoder()._weights["embeddings.word_embeddings.weight"]
    assert not weights.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0] = 1


@pytest.mark.parametrize("name", sorted(module.SHA256))
def test_an_absent_file_is_named_as_the_reason(tmp_path, name):
    with pytest.raises(ModelMissing) as missing:
        find_model(linked_model(tmp_path, without=name))
    assert missing.value.reason == "file_missing"


@pytest.mark.parametrize("name", sorted(module.SHA256))
def test_a_truncated_or_altered_file_is_refused(tmp_path, name):
    folder = linked_model(tmp_path, without=name)
    (folder / name).write_bytes((find_model(None) / name).read_bytes()[:100_000])
    with pytest.raises(ModelMissing) as differs:
        Encoder(folder)
    assert differs.value.reason == "file_differs"


def test_a_missing_model_is_asked_for_again_once_it_is_there(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(ModelMissing):
        encoder(folder)
    linked_model(folder)
    assert encoder(folder).encode(["piano"]).shape == (1, DIMENSIONS)


def test_an_installation_without_the_weights_says_so(monkeypatch):
    monkeypatch.setattr(module, "DISTRIBUTION", "no-such-distribution-of-weights")
    with pytest.raises(ModelMissing) as missing:
        find_model(None)
    assert missing.value.reason == "not_installed"
