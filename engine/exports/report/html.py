"""Rendering of a report as one self-contained HTML file without scripts."""

from __future__ import annotations

from engine.exports.report.document import Document
from engine.exports.report.images import data_uri
from engine.exports.report.typography import nonbreaking
from engine.utils.paths import RESOURCES

TEMPLATES = RESOURCES / "report"


def render_html(document: Document) -> bytes:
    """Render the document as UTF-8; text of users, such as titles and notes, is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    environment.filters["nonbreaking"] = nonbreaking
    return environment.get_template("report.html").render(document=document).encode()
