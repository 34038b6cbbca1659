"""A report as one HTML file that refers to nothing outside it and runs no script."""

from __future__ import annotations

from engine.exports.report.document import Document
from engine.exports.report.images import data_uri
from engine.exports.report.pdf_page import nonbreaking
from engine.utils.paths import RESOURCES

TEMPLATES = RESOURCES / "report"


def render_html(document: Document) -> bytes:
    """The file's contents, UTF-8. What comes from users, such as titles and notes, is escaped."""
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
