"""Floors: the cost of the parts alone. Each is a small script that uses nothing of Millrace."""
