"""The tree of errors and its exit codes."""

from __future__ import annotations

from ekiben import errors


def test_exit_codes_are_those_that_the_design_lists() -> None:
    """Each class has its own code, 2 to 7, in the order of the documented table."""
    found = {cls.__name__: cls.exit_code for cls in errors.EkibenError.__subclasses__()}
    assert found == {
        "ConfigError": 2,
        "ToolError": 3,
        "ClusterError": 4,
        "NoDataError": 5,
        "AcceptanceError": 6,
        "RolledBackError": 7,
    }


def test_the_drawing_at_the_top_names_every_class_with_its_code() -> None:
    """The tree in the module's docstring cannot drift from the classes."""
    drawn = {
        words[1]: int(words[2])
        for words in (line.split() for line in (errors.__doc__ or "").splitlines())
        if len(words) > 2 and words[0] in ("├──", "└──")
    }
    assert drawn == {cls.__name__: cls.exit_code for cls in errors.EkibenError.__subclasses__()}
