"""PyTorch modules as networks, exactly (theory §12). torch is imported when a module is read."""

from conserved.networks.torch.coverage import Coverage, Row, coverage
from conserved.networks.torch.network import TorchNetwork, read_module
from conserved.networks.torch.whole import Whole, read_whole

__all__ = [
    "Coverage",
    "Row",
    "TorchNetwork",
    "Whole",
    "coverage",
    "read_module",
    "read_whole",
]
