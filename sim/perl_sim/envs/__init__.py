"""Gymnasium environments; importing ``perl_sim`` registers them."""
