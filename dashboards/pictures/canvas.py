"""What a dashboard is drawn on: a figure measured in pixels, in Grafana's dark theme."""

from dataclasses import dataclass
from typing import Final

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import ImageFont

BACKGROUND: Final = "#111217"
CARD: Final = "#181B1F"
EDGE: Final = "#2A2D33"
TEXT: Final = "#CCCCDC"
FAINT: Final = "#8E8E99"
GRID: Final = "#26292F"
LINK: Final = "#6E9FFF"

WIDTH: Final = 1600
CELL: Final = 36
"""Height of a cell of the grid; Grafana's is 38 with the gap."""
GAP: Final = 8
HEADER: Final = 64
_DPI: Final = 100
_FONT: Final = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 40)
_POINT: Final = 72 / _DPI


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels from the upper left corner."""

    x: float
    y: float
    w: float
    h: float

    def inner(self, left: float, top: float, right: float, bottom: float) -> "Box":
        """The rectangle within margins."""
        return Box(self.x + left, self.y + top, self.w - left - right, self.h - top - bottom)


class Canvas:
    """One picture; the upper left corner is the origin."""

    def __init__(self, rows: int) -> None:
        """``rows`` is the height of the grid in cells."""
        self.height = HEADER + rows * CELL + GAP
        self.figure = Figure(
            figsize=(WIDTH / _DPI, self.height / _DPI), dpi=_DPI, facecolor=BACKGROUND
        )
        self.sheet = self.figure.add_axes((0, 0, 1, 1))
        self.sheet.set_xlim(0, WIDTH)
        self.sheet.set_ylim(self.height, 0)
        self.sheet.axis("off")

    def place(self, x: int, y: int, w: int, h: int) -> Box:
        """The pixels of a panel, from its ``gridPos``."""
        unit = (WIDTH - GAP) / 24
        return Box(GAP + x * unit, HEADER + y * CELL, w * unit - GAP, h * CELL - GAP)

    def card(self, box: Box) -> None:
        """A panel's background."""
        self.sheet.add_patch(
            FancyBboxPatch(
                (box.x + 2, box.y + 2),
                box.w - 4,
                box.h - 4,
                boxstyle="round,pad=2,rounding_size=3",
                facecolor=CARD,
                edgecolor=EDGE,
                linewidth=0.8,
            )
        )

    def bar(self, box: Box, colour: str, alpha: float = 1.0) -> None:
        """A filled rectangle."""
        self.sheet.add_patch(
            Rectangle((box.x, box.y), box.w, box.h, facecolor=colour, alpha=alpha, linewidth=0)
        )

    def rule(self, x: float, y: float, w: float, colour: str, thick: float = 1) -> None:
        """A horizontal line."""
        self.sheet.add_line(Line2D([x, x + w], [y, y], color=colour, linewidth=thick))

    def text(  # noqa: PLR0913 - what a text has
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        colour: str = TEXT,
        align: str = "left",
        bold: bool = False,
        fit: float = 0,
    ) -> float:
        """Write at the middle of a line, cut to ``fit`` pixels; returns the width in pixels."""
        text = text.replace("$", r"\$")
        while fit and len(text) > 2 and width_of(text, size) > fit:
            text = text[:-2].rstrip("…") + "…"
        self.sheet.text(
            x,
            y,
            text,
            fontsize=size * _POINT,
            color=colour,
            ha=align,
            va="center_baseline",
            fontweight="bold" if bold else "normal",
        )
        return width_of(text, size)

    def axes(self, box: Box) -> Axes:
        """Matplotlib axes that fill the box, in the theme."""
        made = self.figure.add_axes(
            (
                box.x / WIDTH,
                1 - (box.y + box.h) / self.height,
                box.w / WIDTH,
                box.h / self.height,
            )
        )
        made.set_facecolor("none")
        for spine in made.spines.values():
            spine.set_visible(False)
        made.tick_params(colors=FAINT, length=0, labelsize=10 * _POINT, pad=3)
        made.grid(visible=True, color=GRID, linewidth=0.7)
        made.set_axisbelow(True)
        return made


def width_of(text: str, size: float) -> float:
    """The width of a text in pixels; ``size`` is in pixels, too."""
    return _FONT.getlength(text) * size / _FONT.size
