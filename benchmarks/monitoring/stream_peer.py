"""A real stream with known change points, and when River's detectors see them.

The stream is sktime's *electric devices segmentation*: differences of the power that household devices draw,
one kind of device after another. Printed as JSON: the series, its change points, and each detector's
detections at its defaults, on the values and on their sizes (a detector of means sees no change of scale).
"""

from __future__ import annotations

import json

import numpy as np
from river import drift
from sktime.datasets import load_electric_devices_segmentation

DETECTORS = {
    "ADWIN": drift.ADWIN,
    "KSWIN": lambda: drift.KSWIN(seed=0),
    "PageHinkley": drift.PageHinkley,
}


def detections(make: type, values: list[float]) -> list[int]:
    """Where a detector calls a change; it starts anew by itself."""
    detector, found = make(), []
    for place, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            found.append(place)
    return found


series, _, points = load_electric_devices_segmentation()
values = np.asarray(series, dtype=float)
print(
    json.dumps(
        {
            "values": values.tolist(),
            "points": [int(each) for each in points],
            "detections": {
                f"{name}, {what}": detections(make, form.tolist())
                for name, make in DETECTORS.items()
                for what, form in (("values", values), ("sizes", np.abs(values)))
            },
        }
    )
)
