"""Floors: what the parts alone cost. Each is a little script that uses nothing of the product."""
