"""One look at tensors: the sums that laws need, read as fast as memory is."""
