"""Measurements, the verdicts on them, waivers, and the release record that holds them."""
