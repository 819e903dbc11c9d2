"""Measurements that anybody can repeat: same text, same budget, several seeds, and how sure the figures are."""
