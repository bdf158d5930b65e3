"""Prediction logs in, counts and measurements out: the array side of monitoring, in constant memory."""
