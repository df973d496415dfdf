from __future__ import annotations

import ast
from pathlib import Path

import pytest

from holdfast.platforms import constructs

BASES = {"InlineCustomResource", "Endpoints"}


def written() -> set[str]:
    """The constructs in the package: public classes that begin with a scope and an id."""
    found = set()
    for path in Path(constructs.__file__ or "").parent.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and any(_arguments(one) == ["self", "scope", "id_"] for one in node.body):
                found.add(node.name)
    return found - BASES


def _arguments(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef) and node.name == "__init__":
        return [one.arg for one in node.args.args]
    return []


def test_every_construct_can_be_imported_from_the_package() -> None:
    assert set(constructs.__all__) == written()


@pytest.mark.parametrize("name", constructs.__all__)
def test_name_is_the_construct_of_that_name(name: str) -> None:
    assert getattr(constructs, name).__name__ == name


def test_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="NoSuchThing"):
        _ = constructs.NoSuchThing
