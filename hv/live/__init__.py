"""A machine in the hands of a program: run it step by step, talk to it, look into it.

``hv.Machine`` is the entry; everything it takes and gives is plain data.
"""

from hv.live.hang import Hang
from hv.live.inputs import Input
from hv.live.machine import LiveMachine
from hv.live.options import Options
from hv.live.recorder import Reached
from hv.live.serial import SerialMatch
from hv.live.snapshot import Snapshot

__all__ = ["Hang", "Input", "LiveMachine", "Options", "Reached", "SerialMatch", "Snapshot"]
