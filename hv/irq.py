"""Interrupt wires: the glue between a chip's output and whatever the board connects it to."""

from collections.abc import Callable

from hv.interfaces import IrqLine


class Wire:
    """A wire that calls ``changed(level)`` when its level changes."""

    __slots__ = ("_changed", "level")
    SAVED = {"level": bool}

    def __init__(self, changed: Callable[[bool], None]) -> None:
        self._changed = changed
        self.level = False

    def set(self, level: bool) -> None:
        if level != self.level:
            self.level = level
            self._changed(level)


class Unconnected:
    """A wire that ends nowhere."""

    def set(self, level: bool) -> None:
        """Nobody listens."""


class FanOut:
    """One output on several inputs."""

    __slots__ = ("_inputs",)

    def __init__(self, *inputs: IrqLine) -> None:
        self._inputs = inputs

    def join(self, line: IrqLine) -> None:
        """One more input."""
        self._inputs = (*self._inputs, line)

    def set(self, level: bool) -> None:
        for line in self._inputs:
            line.set(level)


class OrGate:
    """Several outputs on one input: high while any of them is."""

    def __init__(self, output: IrqLine) -> None:
        self._output = output
        self._high = 0

    def input(self) -> Wire:
        """A new input of the gate."""
        return Wire(self._changed)

    def _changed(self, level: bool) -> None:
        self._high += 1 if level else -1
        self._output.set(self._high > 0)
