"""How text stands for a number, a truth or a date, in training data and in batches."""

from __future__ import annotations

INTEGER = r"^[+-]?\d{1,18}(\.0*)?$"
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$"
DATE = r"^\d{4}-\d{2}-\d{2}$"
TRUE, FALSE = ("true", "1", "1.0"), ("false", "0", "0.0")
