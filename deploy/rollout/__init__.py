"""Replacing the model under live traffic: the life of a space, its gates, and the way back."""
