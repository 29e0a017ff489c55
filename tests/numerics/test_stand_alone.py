import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "numerics").rglob("*.py"))


def imported(module):
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_the_numbers_need_numpy_and_the_standard_library_only(module):
    allowed = {*sys.stdlib_module_names, "numpy"}
    for name in imported(module):
        assert name.split(".")[0] in allowed or name.startswith("numerics."), name


def test_a_notebook_can_use_the_numbers_without_django():
    script = (
        "import sys; from numerics.objects import annotate; "
        "print(annotate([[4, 7]], [4], 7).n_objects, 'django' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False"]
