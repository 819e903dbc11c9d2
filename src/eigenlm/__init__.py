"""The linear-algebra workbench for language models."""
