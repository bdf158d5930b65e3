"""A month of traffic in seconds: customers ask, prices rise, the log shows it, and new outcomes come in."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from ordain.services.demo.theatre import Theatre

if TYPE_CHECKING:
    import pandas as pd

DAYS, A_DAY, RISE, SEED = 30, 250, 21, 20261127
# From the day of the rise on: charges grow, and more customers leave.
CHARGES, LEAVING = 1.4, 0.1
MOST = 480.0  # the contract allows charges up to 500
PERSONAL = ("female", "senior_citizen")


class Month:
    """What happened, as files in the theatre's folder.

    Attributes:
        log: folder of the prediction log. until: the end of the month, ISO 8601.
        evidence: where the monitor's finding goes.
    """

    def __init__(self, theatre: Theatre, example: Path, now: dt.datetime) -> None:
        self._theatre, self._source = theatre, example / "data/telco_churn.csv"
        self._end = now.replace(hour=0, minute=0, second=0, microsecond=0)
        self.until = self._end.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.folder = theatre.root / "month"
        self.log, self.evidence = self.folder / "log", self.folder / "evidence.json"

    def pass_by(self, artifact: Path, version: str) -> None:
        """Customers ask for thirty days, and `ordain score` answers with the very artifact that runs.

        Args:
            artifact: its folder. version: of the release, as the log names it.
        """
        import pandas as pd

        self.log.mkdir(parents=True)
        asked = self._asked()
        table, scores = self.folder / "asked.parquet", self.folder / "scores.parquet"
        asked.drop(columns=["churn", "day"]).to_parquet(table, index=False)
        words = ("ordain", "score", str(artifact), str(table), str(scores), "--quiet")
        self._theatre.run("reconciler", *words)
        answers = pd.read_parquet(scores)
        log = asked.drop(columns=["churn", "day", *PERSONAL]).add_prefix("inputs.")
        for name in (each for each in answers.columns if each.startswith("p_")):
            log[f"outputs.{name}"] = answers[name]
        start = self._end - dt.timedelta(days=DAYS)
        seconds = 86_400 * (asked["day"] + (asked.index % A_DAY + 0.5) / A_DAY)
        log["time"] = [(start + dt.timedelta(seconds=each)).isoformat() for each in seconds]
        log["id"], log["model"], log["version"] = [f"demo-{each}" for each in asked.index], "churn", version
        log.to_parquet(self.log / "month.parquet", index=False)

    def bring_outcomes(self, data: Path) -> int:
        """Append what became of those who asked after the rise to the training data; how many rows."""
        import numpy as np

        asked = self._asked()
        late = asked[asked["day"] >= RISE].copy()
        left = np.random.default_rng(SEED + 1).random(len(late)) < LEAVING
        late.loc[left, "churn"] = "Yes"
        text = late.drop(columns="day").to_csv(index=False, header=False, lineterminator="\n")
        with data.open("a", encoding="utf-8") as stream:
            stream.write(text)
        return len(late)

    def _asked(self) -> pd.DataFrame:
        """Every request of the month with its day, and whether the customer had left before the rise."""
        import pandas as pd

        known = pd.read_csv(self._source, keep_default_na=False, na_values=[""])
        asked = known.sample(DAYS * A_DAY, replace=True, random_state=SEED, ignore_index=True)
        asked["day"] = asked.index // A_DAY
        risen = asked["day"] >= RISE
        dearer = (asked.loc[risen, "monthly_charges"] * CHARGES).round(2).clip(upper=MOST)
        asked.loc[risen, "monthly_charges"] = dearer
        return asked
