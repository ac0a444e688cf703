"""A brand's history, invented and always the same: for demos, tests and benchmarks of any size."""

from filrouge.simulator.feeds import Arrival, arrivals
from filrouge.simulator.state import State

__all__ = ["Arrival", "State", "arrivals"]
