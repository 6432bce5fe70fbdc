"""Gradients against laws, and what is wrong with them."""
