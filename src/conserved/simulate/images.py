"""Real images, shrunk to the width of a network by averaging over equal tiles."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from conserved.errors import ConservedError, InputError
from conserved.kernel.scalars import Array
from conserved.networks import Network

FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist


@dataclass(frozen=True, eq=False)
class Images:
    """Grey images with classes.

    Attributes:
        name: of the data.
        summary: in words.
        pixels: (N, height, width), in [0, 1].
        classes: (N,) from 0.
    """

    name: str
    summary: str
    pixels: Array
    classes: NDArray[np.int64]


def digits() -> Images:
    """Handwritten digits, 1797 of 8×8 pixels, that come with scikit-learn.

    Raises:
        ConservedError: scikit-learn is not installed.
    """
    try:
        load_digits = import_module("sklearn.datasets").load_digits
    except ImportError as error:
        raise ConservedError(
            "data 'digits': needs scikit-learn: pip install 'conserved[data]'"
        ) from error
    found = load_digits()
    pixels = np.asarray(found.images, dtype=np.float64) / 16
    classes = np.asarray(found.target, dtype=np.int64)
    return Images("digits", "handwritten digits (scikit-learn)", pixels, classes)


def fashion_mnist(folder: Path = FASHION_FOLDER) -> Images:
    """Fashion-MNIST, 10,000 test images of 28×28 pixels (1708.07747).

    Raises:
        ConservedError: the files are not there.
    """
    paths = [folder / f"t10k-{what}-ubyte.gz" for what in ("images-idx3", "labels-idx1")]
    try:
        pixels, classes = (_idx(path.read_bytes(), path) for path in paths)
    except FileNotFoundError as error:
        raise ConservedError(
            f"data 'fashion-mnist': {error.filename} is not there: on Debian, "
            "apt install dataset-fashion-mnist"
        ) from error
    if pixels.ndim != 3 or classes.shape != pixels.shape[:1]:
        raise ConservedError(f"data 'fashion-mnist': images and classes in {folder} do not match")
    grey = pixels.astype(np.float64) / 255
    return Images("fashion-mnist", "Fashion-MNIST", grey, classes.astype(np.int64))


def _idx(content: bytes, path: Path) -> NDArray[np.uint8]:
    """An array of bytes in the IDX format: 0, 0, 8, its number of axes, their lengths, the data."""
    try:
        raw = gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise ConservedError(f"data 'fashion-mnist': {path} is no gzip file") from error
    axes = raw[3] if raw[:3] == b"\0\0\x08" else 0
    shape = [int(n) for n in np.frombuffer(raw[4 : 4 + 4 * axes], dtype=">u4")]
    body = np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * axes)
    if not axes or len(shape) != axes or len(body) != np.prod(shape):
        raise ConservedError(f"data 'fashion-mnist': {path} is no IDX file of bytes")
    return body.reshape(shape)


def pooled(images: Images, network: Network) -> Array:
    """The images as inputs of a network, averaged over equal tiles.

    A vector of n features is the tiling h×w = n with the squarest tiles; of tokens × features, the
    rows of the image are the tokens.

    Returns:
        (N, *input).

    Raises:
        InputError: no tiling fits; the message lists the widths that do.

    Example:
        >>> from conserved.networks import Linear
        >>> flat = Images("grey", "grey images", np.ones((5, 8, 8)), np.zeros(5, np.int64))
        >>> pooled(flat, Linear(16, 1)).shape
        (5, 16)
    """
    height, width = images.pixels.shape[1:]
    tall, wide = _divisors(height), _divisors(width)
    if len(network.input_shape) == 2:
        tilings = [network.input_shape]
        fits = f"tokens: {_listed(tall)}; features: {_listed(wide)}"
    else:
        n = network.input_shape[0]
        tilings = [(h, w) for h in tall for w in wide if h * w == n]
        fits = f"widths: {_listed(sorted({h * w for h in tall for w in wide}))}"
    tilings = [(h, w) for h, w in tilings if h in tall and w in wide]
    if not tilings:
        size = "×".join(str(n) for n in network.input_shape)
        raise InputError(
            "data",
            images.name,
            f"{height}×{width} images do not shrink to {size} inputs in equal tiles; "
            f"fitting {fits}",
        )
    h, w = min(tilings, key=lambda tiling: abs(tiling[0] * width - tiling[1] * height))
    tiles = images.pixels.reshape(-1, h, height // h, w, width // w)
    small: Array = tiles.mean(axis=(2, 4)).reshape(len(images.pixels), *network.input_shape)
    return small


def _divisors(n: int) -> list[int]:
    return [k for k in range(1, n + 1) if n % k == 0]


def _listed(numbers: list[int]) -> str:
    return ", ".join(str(n) for n in numbers)
