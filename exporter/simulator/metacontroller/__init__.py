"""Metacontroller as the simulator plays it: one DecoratorController of CrawlJobs and its hooks.

What it does was read in metacontroller's source (``pkg/controller/decorator``, ``pkg/hooks``,
``pkg/controller/common``). It follows the simulated cluster from within, and calls hooks over HTTP.
"""

from exporter.simulator.metacontroller.controller import DecoratorController
from exporter.simulator.metacontroller.spec import Spec

__all__ = ["DecoratorController", "Spec"]
