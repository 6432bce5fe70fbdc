"""Exact arithmetic: residues mod p, jets, formal functions, a reverse-mode tape, ranks."""
