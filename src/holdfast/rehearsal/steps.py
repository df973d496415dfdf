"""The run's record: steps with time and figures, events, trials and curves, told to whoever watches as they happen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from holdfast.report.model import Event, Figure, Mark, Series, Step, Trial


class Watcher(Protocol):
    """Whoever follows a run while it happens."""

    def begin(self, name: str) -> None:
        """A step begins."""

    def update(self, text: str) -> None:
        """How far the step is; may be called many times a second."""

    def done(self, step: Step) -> None:
        """The step ended and was recorded."""


class Silent:
    """Watches nothing."""

    def begin(self, name: str) -> None:
        """Say nothing."""

    def update(self, text: str) -> None:
        """Say nothing."""

    def done(self, step: Step) -> None:
        """Say nothing."""


@dataclass
class Running:
    """A step under way: put figures in, say in one line what it did, tell how far it is."""

    name: str
    figures: dict[str, Figure] = field(default_factory=dict)
    says: str = ""
    update: Callable[[str], None] = lambda _text: None


class Journal:
    """Everything the run recorded, on one clock that starts at its making."""

    def __init__(self, watcher: Watcher | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.steps: list[Step] = []
        self.events: list[Event] = []
        self.trials: list[Trial] = []
        self.series: dict[str, Series] = {}
        self.current = ""
        self._watcher = watcher or Silent()
        self._monotonic = monotonic
        self._began = monotonic()

    def elapsed(self) -> float:
        """Return seconds since the run's start."""
        return self._monotonic() - self._began

    @contextmanager
    def step(self, name: str) -> Iterator[Running]:
        """Record a step around the block; one that raises is recorded too, and says that it did not finish."""
        running = Running(name, update=self._watcher.update)
        at = self.elapsed()
        self.current = name
        self._watcher.begin(name)
        try:
            yield running
        except BaseException:
            running.says = f"{running.says}, not finished".lstrip(", ")
            raise
        finally:
            seconds = self.elapsed() - at
            step = Step(name=name, at=at, seconds=seconds, figures=dict(running.figures), says=running.says)
            self.steps.append(step)
            self._watcher.done(step)
        self.current = ""

    def beside(self, name: str, *, at: float, figures: dict[str, Figure], says: str) -> None:
        """Record a step that ran beside others, from `at` until now."""
        step = Step(name=name, at=at, seconds=self.elapsed() - at, figures=figures, says=says)
        self.steps.append(step)
        self._watcher.done(step)

    def event(self, what: str, mark: Mark = Mark.NOTE) -> float:
        """Record a moment and return it."""
        at = self.elapsed()
        self.events.append(Event(at=at, what=what, mark=mark))
        return at

    def trial(self, name: str, *, expected: str, observed: str, passed: bool) -> None:
        """Record something that was tried on purpose, with its outcome."""
        self.trials.append(Trial(name=name, expected=expected, observed=observed, passed=passed))

    def curve(self, key: str, *, title: str, x_unit: str, y_unit: str, points: list[tuple[float, float]]) -> None:
        """Record a curve under a key of its own."""
        self.series[key] = Series(title=title, x_unit=x_unit, y_unit=y_unit, points=points)
