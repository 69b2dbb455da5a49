"""The house style of figures: one colour a method, deterministic SVG, text that is never taken for maths."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK = "#1f2933"
MUTED = "#66727f"
FAINT = "#d5dbe1"
PRIOR = "#8a95a1"

# Okabe & Ito (2008), Color Universal Design: distinct to colour-blind readers and in grey print.
METHOD_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "mle": "#1f2933",
        "map": "#007a59",
        "exact": "#0072b2",
        "nuts": "#d55e00",
        "laplace": "#b5498a",
        "grid": "#8a6d00",
    }
)
METHOD_MARKERS: Mapping[str, str] = MappingProxyType(
    {"mle": "D", "map": "^", "exact": "o", "nuts": "s", "laplace": "v", "grid": "P", "truth": "*"}
)
_OTHER_COLOURS: Mapping[str, str] = MappingProxyType({"truth": "#b00020"})
CHAIN_COLOURS = ("#7a3500", "#b85000", "#e8833a", "#f2b98c")

_FONTS = "Inter,'Source Sans 3','Helvetica Neue',Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif"
_SALT = "bayescope"
_PNG_DPI = 144
_UNDATED: Mapping[str, None] = MappingProxyType({"Date": None, "Creator": None})


@dataclass(frozen=True)
class Picture:
    """One figure as `svg` text and `png` bytes, its title, and in `alt` what it shows."""

    section: str
    title: str
    alt: str
    svg: str
    png: bytes
    wide: bool = False


def colour_of(method: str) -> str:
    """Give the colour of a method (not of a recipe: `nuts-long` is drawn as `nuts`)."""
    return METHOD_COLOURS.get(method) or _OTHER_COLOURS.get(method, "#5b3fa0")


def marker_of(method: str) -> str:
    """Give the marker of a method, so that colour is not the only difference."""
    return METHOD_MARKERS.get(method, "X")


@contextlib.contextmanager
def house_style() -> Iterator[None]:
    """Draw and save figures within this: settings apply to both."""
    import matplotlib as mpl

    settings: Any = {
        "axes.edgecolor": MUTED,
        "axes.grid": False,
        "axes.labelcolor": MUTED,
        "axes.labelsize": 8.5,
        "axes.linewidth": 0.7,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": INK,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "figure.facecolor": "white",
        "font.family": ["DejaVu Sans"],
        "font.size": 8.5,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "lines.linewidth": 1.6,
        "svg.fonttype": "none",
        "svg.hashsalt": _SALT,
        "text.color": INK,
        "text.parse_math": False,
        "text.usetex": False,
        "xtick.color": MUTED,
        "xtick.labelsize": 8,
        "xtick.major.width": 0.7,
        "ytick.color": MUTED,
        "ytick.labelsize": 8,
        "ytick.major.width": 0.7,
    }
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        yield


def new_figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Make a figure of so many inches that no global list knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def bare(axes: Axes) -> None:
    """Take the y axis away: heights of densities are read against each other, not off a scale."""
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def legend_above(axes: Axes, side: Literal["left", "right"] = "left") -> None:
    """Name what is drawn in a line above the axes, where it covers nothing; a title has the other side."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles,
        labels,
        loc="lower left" if side == "left" else "lower right",
        bbox_to_anchor=(float(side == "right"), 1.0),
        ncols=max(len(labels), 1),
        borderaxespad=0.2,
        columnspacing=1.4,
    )


def plain_ticks(axis: Axis, multiples: tuple[float, ...] = (1.0,)) -> None:
    """Write the ticks of a logarithmic axis without markup, which is never read as maths here."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=multiples, numticks=9))
    axis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def picture(figure: Figure, section: str, title: str, alt: str, *, wide: bool = False) -> Picture:
    """Save a figure as SVG and PNG; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    svg, png = io.StringIO(), io.BytesIO()
    with warnings.catch_warnings():
        # A name may hold characters that the font for measuring lacks; a browser has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.set_dpi(_PNG_DPI)
        figure.draw_without_rendering()  # laid out once, where `savefig` does so for each format
        figure.set_layout_engine("none")
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})  # type: ignore[no-untyped-call]
        FigureCanvasSVG(figure).print_svg(svg, metadata=_UNDATED)  # type: ignore[no-untyped-call]
    return Picture(section, title, alt, _restyle(svg.getvalue()), png.getvalue(), wide)


def _restyle(svg: str) -> str:
    """Let the reader's own sans serif stand in for the font that was measured with."""
    return svg.replace("'DejaVu Sans'", _FONTS)
