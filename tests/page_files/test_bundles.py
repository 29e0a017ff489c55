"""Modules in one file do what they do as files of their own."""

import shutil
import subprocess

import pytest

from page_files.bundles import bundled, with_numbers

MODULES = {
    "a/main.js": """import { twice, Counter as Tally, hidden } from "../b.js";
import { count, up } from "./c.js";
import "./d.js";
const form = "main";
up();
up();
console.log(twice(2), new Tally().n, count, form, hidden(), globalThis.d);
""",
    "b.js": """import { up } from "./a/c.js";
const form = "b";
export const twice = (n) => 2 * n;
export class Counter { n = 7; }
function hidden() { return form; }
export { hidden };
up();
""",
    "a/c.js": """export let count = 0; // changes later
export function up() {
  count += 1;
}
""",
    "a/d.js": 'export { twice } from "../b.js";\nglobalThis.d = typeof twice;\n',
}


def read_from(modules: dict[str, str]):
    return modules.__getitem__


def test_names_of_their_own_imports_under_other_names_and_variables_that_change(tmp_path):
    bundle = bundled("a/main.js", read_from(MODULES))
    assert bundle.count("(() =>") == 4, "each once"
    node = shutil.which("node")
    if node is None:
        pytest.skip("a browser runs the bundles of the site in other tests")
    (tmp_path / "bundle.mjs").write_text(bundle)
    assert subprocess.check_output([node, tmp_path / "bundle.mjs"], text=True) == "4 7 3 main b function\n"


def test_a_module_without_imports_stays_as_it_is():
    assert bundled("a/c.js", read_from(MODULES)) == MODULES["a/c.js"]


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("const A_B = 1_000; // ms\nf(A_B, x.A_B, A_BC, $A_B);\n", "f(1_000, x.A_B, A_BC, $A_B);\n"),
        ("export const A = 1;\nf(A);\n", "export const A = 1;\nf(A);\n"),
        ("const A = 1;\nf({ A, b });\n", "const A = 1;\nf({ A, b });\n"),
        ("const A = 1 + 2;\nconst a = 3;\nf(A + a);\n", "const A = 1 + 2;\nconst a = 3;\nf(A + a);\n"),
        ("  const A = 1;\n  f(A);\n", "  const A = 1;\n  f(A);\n"),
    ],
)
def test_numbers_that_a_module_names_for_itself_stand_where_they_are_used(source, sent):
    assert with_numbers(source) == sent


@pytest.mark.parametrize(
    "line",
    ['import x from "./y.js";', 'import * as x from "./y.js";', "export default 1;", "await 1;", "export { a as b };"],
)
def test_what_cannot_be_expressed_is_refused(line):
    with pytest.raises(ValueError, match="cannot be bundled"):
        bundled("x.js", read_from({"x.js": f'import "./y.js";\n{line}\n', "y.js": ""}))


def test_modules_that_import_each_other_are_refused():
    with pytest.raises(ValueError, match="imports itself, by way of y.js"):
        bundled("x.js", read_from({"x.js": 'import "./y.js";', "y.js": 'import "./x.js";'}))
