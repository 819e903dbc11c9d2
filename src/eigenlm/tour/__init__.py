"""The whole loop on a real model, told to a newcomer."""
