"""`python -m docs.screenshot`: run the demo and draw what it prints as docs/images/demo.svg.

The picture names no font of another host: it is shown with the reader's own fixed-width font.
"""

import io
import os
import sys
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.text import Text

from service import Service
from sync.task import Progress
from terminal import logs, render
from terminal.answers import Demo

PICTURE = Path(__file__).parent / "images" / "demo.svg"
WIDTH = 128

_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>headway demo --once</title>
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def picture() -> str:
    """Run the demo in a folder of its own; return its story as SVG."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), highlight=False, color_system="truecolor", force_terminal=True
    )
    logs.configure(verbose=False, as_json=False)
    console.print(Text("$ make demo", "bold"))

    def tell(story: Demo) -> None:
        render.demo(story, console)

    with TemporaryDirectory() as folder, chdir(folder):  # the story tells the config's path: keep it a short one
        Service(os.environ).demo(Path("headway-demo"), progress=Progress(), tell=tell)
    return console.export_svg(title="headway demo --once", code_format=_FORMAT, unique_id="demo")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    target.write_text(picture(), encoding="utf-8")
