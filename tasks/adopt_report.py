"""What an adoption tells the person who asked for it."""

from __future__ import annotations

from dataclasses import dataclass, field


class Problem(Exception):
    """Why a service cannot be adopted, in one sentence."""


@dataclass
class Report:
    """Short lines in three groups."""

    taken: list[str] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def took(self, line: str) -> None:
        """Say what was taken over."""
        self.taken.append(line)

    def look(self, line: str) -> None:
        """Say what a person should look at; once, however often it is found."""
        if line not in self.looks:
            self.looks.append(line)

    def __str__(self) -> str:
        groups = {"Taken over": self.taken, "Needs a look": self.looks}
        said = [
            f"{title}:\n" + "\n".join(f"  - {line}" for line in lines)
            for title, lines in groups.items()
            if lines
        ]
        return "\n\n".join([*said, "Next commands:\n" + "\n".join(f"  {c}" for c in self.commands)])


def some(names: list[str], most: int = 8) -> str:
    """Join names, and count those that would make the line too long: `a, b and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
