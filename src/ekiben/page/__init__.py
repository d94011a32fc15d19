"""What people read about a model or a walk: parts of a page, as HTML, or as Markdown with plots beside it."""
