"""What proves, and nothing else: NumPy and the standard library alone, no other part of conserved.

Programs (networks as data), exact scalars, laws as data, certificates and their check.
"""
