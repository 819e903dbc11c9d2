"""The pages of the documentation, and what builds a site of them."""
