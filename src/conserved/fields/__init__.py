"""The vector fields of a problem: every direction in which some dataset of the class can pull."""

from conserved.fields.averages import MomentSpace, moment_space
from conserved.fields.bad_primes import bad_prime
from conserved.fields.moments import MomentFields
from conserved.fields.orbits import OrbitFields
from conserved.fields.route import Route, choose_route, make_fields
from conserved.kernel.fields import Fields, Leaves

__all__ = [
    "Fields",
    "Leaves",
    "MomentFields",
    "MomentSpace",
    "OrbitFields",
    "Route",
    "bad_prime",
    "choose_route",
    "make_fields",
    "moment_space",
]
