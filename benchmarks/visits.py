"""What is measured of an entry in one round, and once after the rounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import layers, starts, twins
from benchmarks.entries import Entry
from benchmarks.registry import Registry, push
from benchmarks.results import ENGINE, LIMIT, Results

IMPORT = ("-c", "import app.main, os; os._exit(0)")  # an orderly end takes longer


@dataclass
class Visitor:
    """Measures entries one after the other, and writes into `results`."""

    results: Results
    registry: Registry | None
    starts: int = 3
    """Starts in a round."""
    _seen: set[str] = field(default_factory=set)
    _scales: layers.Scales = field(default_factory=layers.Scales)

    def add(self, entry: Entry, measure: str, *values: float) -> None:
        """Add samples."""
        self.results.add(entry.app.name, entry.contender.name, measure, *values)

    def round(self, entry: Entry, edits: int) -> None:
        """Measure builds, so many of them after edits, then starts."""
        if entry.contender.name == ENGINE:
            self._engine(entry)
            return
        self._cold(entry)
        if entry.contender.name != LIMIT:
            self._again(entry, edits)
        self._starts(entry)

    def _engine(self, entry: Entry) -> None:
        entry.build()
        for _ in range(3):
            self.add(entry, "nothing", entry.build().seconds)
        for _ in range(self.starts):
            self.add(entry, "start", starts.start(entry))
            self.add(entry, "run", starts.run(entry, "true"))

    def _cold(self, entry: Entry) -> None:
        """Build as a runner that has nothing but the base, and push what it built."""
        first = entry.image not in self._seen
        if not first:
            entry.edit()
        forget(entry)
        build = entry.build("--no-cache")
        if entry.contender.name != LIMIT:
            self.add(entry, "cold", build.seconds)
        if first:
            all_layers = self._layers(entry)
            self.add(entry, "above", sum(layer.files for layer in all_layers))
            self.add(entry, "above-packed", sum(layer.packed for layer in all_layers))
        if self.registry and entry.contender.name != LIMIT:
            seconds, sent = push(self.registry, entry)
            if not first:
                self.add(entry, "push", seconds)
                self.add(entry, "push-bytes", sent)
        self._seen.add(entry.image)

    def _again(self, entry: Entry, edits: int) -> None:
        """Build with the cache: nothing new, then edits."""
        for _ in range(2):
            self.add(entry, "nothing", entry.build().seconds)
        for _ in range(edits):
            before = self._layers(entry)
            entry.edit()
            self.add(entry, "edit", entry.build().seconds)
            self.add(entry, "edit-bytes", layers.changed(before, self._layers(entry)))
        before = self._layers(entry)
        entry.renumber()
        build = entry.build()
        self.add(entry, "version", build.seconds)
        self.add(entry, "version-installs", len(build.installs))
        self.add(entry, "version-bytes", layers.changed(before, self._layers(entry)))

    def _starts(self, entry: Entry) -> None:
        starts.answer(entry)  # the first start of an image unpacks it
        for _ in range(self.starts):
            seconds, peak = starts.answer(entry)
            self.add(entry, "answer", seconds)
            self.add(entry, "memory", peak)
            self.add(entry, "import", starts.run(entry, *entry.contender.python, *IMPORT))

    def bumps(self, entry: Entry) -> None:
        """Move one package of the lock at a time, from the state that was built last."""
        before = self._layers(entry)
        for lock in entry.app.bumps.values():
            entry.use(lock)
            self.add(entry, "bump", entry.build().seconds)
            self.add(entry, "bump-bytes", layers.changed(before, self._layers(entry)))
        entry.use(entry.app.lock)

    def twins(self, entry: Entry, folder: Path) -> None:
        """See whether another checkout gives the same layers and the same image."""
        same_layers, same_image = twins.same(entry, folder)
        self.add(entry, "same-layers", same_layers)
        if entry.contender.base:
            self.add(entry, "same-image", same_image)

    def _layers(self, entry: Entry) -> list[layers.Layer]:
        return self._scales.above(entry.service.engine.docker, entry.image, entry.base)


def forget(entry: Entry) -> None:
    """Let the engine forget every step, cache mount and image without a name."""
    entry.service.engine.docker("image", "prune", "--force")
    entry.service.engine.docker("builder", "prune", "--all", "--force")
