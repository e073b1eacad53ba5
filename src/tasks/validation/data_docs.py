"""What did Great Expectations see? Its Data Docs for one table and contract, as a static site that needs no network.

The site that Great Expectations writes shows values from the data as they are, markup included, loads styles and
scripts from several hosts and a picture that tells one of them that the page was opened. Here values are escaped before
the site is built, and its pages load nothing from elsewhere and run no script.
"""

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.platform.scratch import passing_folder
from tasks.platform.text import printable
from tasks.validation.expectations import expectation, great_expectations, quiet
from tasks.validation.rules import Contract, enough_rows

_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' file: data:;"
    " style-src 'self' file: 'unsafe-inline'; font-src 'self' file:; form-action 'none'; base-uri 'none'\">"
)
# What the pages need of Bootstrap when it is not fetched: columns side by side, tables with lines, marks with colours.
_STYLE = """<style>

body{font:15px/1.45 system-ui,sans-serif;color:#222;background:#fff;max-width:78rem;margin:1rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border:1px solid #ccc;padding:.35rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
.row{display:flex;flex-wrap:wrap;gap:1rem}.col-lg-8,.col-md-8{flex:1 1 40rem}
nav ol{list-style:none;display:flex;gap:.5rem;padding:0}.fa-times,.text-danger{color:#b00020}
.fa-times::before{content:"✗"}.fa-check-circle,.text-success{color:#1b6e2e}.fa-check-circle::before{content:"✓"}
.badge{background:#eee;border-radius:3px;padding:.1rem .4rem}
.popover,.modal,.ge-walkthrough,#ge-walkthrough,.navbar img,img.NO-CACHE,button,form{display:none}
footer{display:none!important}a{color:#0b57a4}
</style>"""
# The first page of Great Expectations is empty without scripts; this one leads on to the result.
_INDEX = """<!doctype html><html lang="en"><head><meta charset="utf-8">{policy}<title>Data Docs</title>
<meta http-equiv="refresh" content="0;url={result}"></head>
<body><p><a href="{result}">Validation result</a>, <a href="{suite}">the contract as expectations</a></p></body></html>
"""
_OUTSIDE = re.compile(
    r"""<script\b.*?</script\s*>|<(?:link|img|iframe)\b[^>]*\b(?:href|src)\s*=\s*["']?(?:https?:)?//[^>]*>""",
    re.IGNORECASE | re.DOTALL,
)


def _escaped(value: Any) -> Any:
    """Escape every text in a JSON value."""
    if isinstance(value, str):
        return html.escape(printable(value)).replace("$", "&#36;")
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    return value


def _without_traceback(info: dict[str, Any]) -> dict[str, Any]:
    """Drop the traceback, which shows the paths of this machine; the message is escaped by Great Expectations."""
    return {
        name: _without_traceback(item) if isinstance(item, dict) else "" if name == "exception_traceback" else item
        for name, item in info.items()
    }


def _escape_results(folder: Path) -> None:
    """Rewrite the stored validation results with their values escaped."""
    for file in folder.rglob("*.json"):
        record = json.loads(file.read_text("utf-8"))
        for result in record.get("results", []):
            result["result"] = {name: _escaped(item) for name, item in result.get("result", {}).items()}
            result["exception_info"] = _without_traceback(result.get("exception_info") or {})
        file.write_text(json.dumps(record), "utf-8")


def _shut(site: Path) -> None:
    """Cut the pages off from the network, and give them the styles that they would have fetched."""
    for page in site.rglob("*.html"):
        text = _OUTSIDE.sub("", page.read_text("utf-8"))
        page.write_text(re.sub(r"(<head\b[^>]*>)", lambda head: head[1] + _POLICY + _STYLE, text, count=1), "utf-8")
    for animation in (site / "static" / "images").glob("*.gif"):
        animation.unlink()  # a tour of the product, three megabytes
    result = next((site / "validations").rglob("*.html")).relative_to(site).as_posix()
    suite = next((site / "expectations").rglob("*.html")).relative_to(site).as_posix()
    (site / "index.html").write_text(_INDEX.format(policy=_POLICY, result=result, suite=suite), "utf-8")


def write_data_docs(frame: pd.DataFrame, contract: Contract, folder: Path) -> Path:
    """Write the Data Docs of a table held against its contract.

    Args:
        frame: the whole table, before quarantine.
        contract: what it promises.
        folder: receives the site; files of an older one are replaced.

    Returns:
        The first page, `<folder>/index.html`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with passing_folder("data-docs-") as scratch, great_expectations() as gx:
        context = quiet(gx.get_context(mode="file", project_root_dir=str(scratch)))
        asset = context.data_sources.add_pandas("frame").add_dataframe_asset(_file_name(contract.name))
        whole = asset.add_batch_definition_whole_dataframe("whole")
        rules = [expectation(gx, rule, number) for number, rule in enumerate([enough_rows(contract), *contract.rules])]
        suite = context.suites.add(gx.ExpectationSuite(name=_file_name(contract.name), expectations=rules))
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(name="contract", data=whole, suite=suite)
        )
        checkpoint = gx.Checkpoint(name="contract", validation_definitions=[definition], result_format="SUMMARY")
        context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame.reset_index(drop=True)})
        gx_folder = scratch / "gx" / "uncommitted"
        _escape_results(gx_folder / "validations")
        context.build_data_docs()
        site = gx_folder / "data_docs" / "local_site"
        _shut(site)
        for old in ("validations", "expectations"):
            shutil.rmtree(folder / old, ignore_errors=True)
        shutil.copytree(site, folder, dirs_exist_ok=True)
    return folder / "index.html"


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name) or "contract"
