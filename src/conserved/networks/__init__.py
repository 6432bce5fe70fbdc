"""Network families, one file each, all leaves of one protocol (``base.Network``)."""

from conserved.networks.attention import Attention
from conserved.networks.base import Network, Parameter
from conserved.networks.given import Given
from conserved.networks.grammar import FAMILIES, Family, parse_network
from conserved.networks.lift import MonomialLift
from conserved.networks.lightning import Lightning
from conserved.networks.linear import Linear
from conserved.networks.linear_form import Lift
from conserved.networks.mlp import MLP
from conserved.networks.polynomial import Polynomial
from conserved.networks.relu import ReLU
from conserved.networks.swiglu import SwiGLU
from conserved.networks.tracing import Var, concatenate, trace

__all__ = [
    "FAMILIES",
    "MLP",
    "Attention",
    "Family",
    "Given",
    "Lift",
    "Lightning",
    "Linear",
    "MonomialLift",
    "Network",
    "Parameter",
    "Polynomial",
    "ReLU",
    "SwiGLU",
    "Var",
    "concatenate",
    "parse_network",
    "trace",
]
