"""PyTorch modules as networks, exactly (theory §12). torch is imported when a module is read."""

from conserved.networks.torch.coverage import Coverage, Row, coverage
from conserved.networks.torch.network import TorchNetwork, programs_of, read_module

__all__ = ["Coverage", "Row", "TorchNetwork", "coverage", "programs_of", "read_module"]
