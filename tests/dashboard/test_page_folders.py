"""A folder for each page: who imports whom, and that the warm-up leaves none out."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).parents[2] / "dashboard"
PAGES = sorted(page.stem for page in (DASHBOARD / "app_pages").glob("[a-z]*.py"))


def test_every_page_has_a_folder_of_its_name():
    assert len(PAGES) == 11
    assert all((DASHBOARD / page / "__init__.py").exists() for page in PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_made_of_pieces_from_its_own_folder(page):
    """What another page draws as well is in ``components``. Contracts hold the rest."""
    tree = ast.parse((DASHBOARD / "app_pages" / f"{page}.py").read_text())
    named = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    folders = {name.split(".")[1] for name in named if name.startswith("dashboard.")}

    assert folders & set(PAGES) <= {page}


def test_the_warm_up_loads_the_code_of_every_page():
    """Whoever comes first would wait for a folder that it leaves out."""
    code = "import sys; from dashboard.server.warm_up import _load_code as load; load(); "
    code += "print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=DASHBOARD.parent,
    ).stdout.split()

    files = (path.relative_to(DASHBOARD.parent) for path in DASHBOARD.glob("*/*.py"))
    modules = {".".join(path.with_suffix("").parts) for path in files if path.stem != "__init__"}
    run = ("dashboard.app_pages.", "dashboard.server.")
    assert {name for name in modules if not name.startswith(run)} <= set(loaded)
