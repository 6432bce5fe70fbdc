"""What a lift is: a network as a linear map A(θ) of features Φ(x) of its input (theory §5)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.evaluate import Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.program import Program
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array, Scalars


class Lift(ABC):
    """The linear form of a tensorizable network.

    Attributes:
        program: of the network lifted.
        dimension: τ, the length of Φ(x).
        rows: how many lifted vectors one input has (one per output token).
        metric: (τ,) positive integers d with ρ(g)ᵀ diag(d) ρ(g) = diag(d) for orthogonal g.
        name: Φ in words ("x ⊗ x, symmetric").
    """

    program: Program
    dimension: int
    rows: int
    metric: NDArray[np.int64]
    name: str

    @property
    def outputs(self) -> int:
        """m, the width of the outputs on which labels act."""
        return self.program.shape[-1]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the network."""
        ((_, shape),) = self.program.inputs
        return shape

    @abstractmethod
    def features(self, scalars: Scalars, x: Array) -> Array:
        """Φ: inputs (B, *input) → (B, rows, τ)."""

    @abstractmethod
    def stated(self) -> tuple[Program, NDArray[np.int64]]:
        """Φ as a program of the input, (rows, τ), and its metric; entries of Φ are independent."""

    @abstractmethod
    def representation(self, scalars: Scalars, matrices: Array) -> Array:
        """ρ(g) for matrices (g, n, n) acting on the input's last axis: (g, τ, τ)."""

    @abstractmethod
    def derivative(self, scalars: Scalars, generators: Array) -> Array:
        """dρ(X) for Lie algebra elements (h, n, n): (h, τ, τ)."""

    @abstractmethod
    def outputs_at(self, ring: FormalRing, theta: Array) -> Run:
        """What the moments pull on: F(θ), which is A(θ)ᵀ up to ``change_basis``.

        Returns:
            A run whose output is rows of m for each sample: τ of them, or more.
        """

    @property
    def volume(self) -> int:
        """Number of values that ``outputs_at`` keeps, parameters included."""
        return self.program.volume(self.dimension)

    def change_basis(self, scalars: Residues, moments: Array) -> Array:
        """Moments S (k, τ, τ) for the rows of F instead of those of Aᵀ; by default the same."""
        return moments

    def change_basis_mixed(self, scalars: Residues, moments: Array) -> Array:
        """Moments C (l, m, τ), as (l, τ, m) against the rows of F."""
        return moments.swapaxes(-1, -2)
