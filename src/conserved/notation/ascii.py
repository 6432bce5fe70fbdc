"""What ASCII has for the signs of formulas and sentences, where a terminal knows no others."""

from __future__ import annotations

import codecs

HANDLER = "conserved.ascii"  # an error handler of Python's codecs

_SIGNS = {
    "ᵀ": "^T", "ᴴ": "^H", "⁻": "^-", "⁺": "^+", "¹": "^1", "²": "^2", "³": "^3", "⁴": "^4",
    "⁵": "^5", "⁶": "^6", "⁷": "^7", "⁸": "^8", "⁹": "^9", "⁰": "^0",
    "₀": "_0", "₁": "_1", "₂": "_2", "₃": "_3", "₄": "_4", "ᵢ": "_i", "ⱼ": "_j",
    "−": "-", "–": "-", "—": "-", "×": "x", "·": "*", "⋅": "*", "⊙": "*", "÷": "/", "½": "1/2",
    "±": "+-", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "≡": "=", "∈": " in ", "∞": "inf",
    "√": "sqrt", "∂": "d", "∇": "grad ", "∫": "int ", "Σ": "sum", "Π": "prod", "∏": "prod",
    "‖": "||", "⟨": "<", "⟩": ">", "→": "->", "↦": "|->", "⇌": "<->", "←": "<-", "⊕": "(+)",
    "…": "...", "⋯": "...", "⋮": ":", "“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " ",
    "✓": "+", "✗": "X",
    "ℓ": "l", "ŷ": "y^", "ℂ": "C", "ℝ": "R", "ℍ": "H", "∎": "#", "°": " deg", "§": "section ",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "eps", "η": "eta", "θ": "theta",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "π": "pi", "ρ": "rho", "σ": "sigma",
    "τ": "tau", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Φ": "Phi", "Ω": "Omega",
    "Δ": "Delta", "Λ": "Lambda", "Θ": "Theta",
}  # fmt: skip
_BARS = dict(zip("▁▂▃▄▅▆▇█", "_.-=+*%#", strict=True))
_TABLE = {ord(sign): text for sign, text in {**_SIGNS, **_BARS}.items()}


def ascii_text(text: str) -> str:
    """The text with a reading in ASCII for every sign that has one, and ? for others.

    Example:
        >>> ascii_text("W1 W1ᵀ − W2ᵀ W2, θ' = −∇L(θ)")
        "W1 W1^T - W2^T W2, theta' = -grad L(theta)"
    """
    return text.translate(_TABLE).encode("ascii", "replace").decode("ascii")


def _handle(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return ascii_text(error.object[error.start : error.end]), error.end


codecs.register_error(HANDLER, _handle)
