"""The package as it is installed: what is in it, what importing it costs, what it stands on."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from conftest import LONGEST as LONGEST_FILES

ROOT = Path(__file__).resolve().parent.parent
FACE = ROOT / "src" / "hyperglyph"
FOLDERS = ("client", "codec", "conformance", "server", "spec", "transport")
CACHES = ("__pycache__", ".pytest_cache", ".hypothesis")
LONGEST = 460  # lines of a file: one that is longer holds two things
LONGEST_TEST = 500  # most tests are tables

with (ROOT / "pyproject.toml").open("rb") as _file:
    PROJECT: dict[str, Any] = tomllib.load(_file)


def packages_of_the_tree() -> dict[str, str]:
    """Package names and their folders, from the tree alone."""
    roots = {"hyperglyph": FACE} | {f"hyperglyph.{name}": ROOT / name for name in FOLDERS}
    found: dict[str, str] = {}
    for package, top in roots.items():
        for folder, subfolders, files in os.walk(top):  # it does not follow links
            subfolders[:] = [name for name in subfolders if name != "__pycache__"]
            if "__init__.py" in files:
                inside = Path(folder).relative_to(top).parts
                name = ".".join([package, *inside])
                found[name] = Path(folder).relative_to(ROOT).as_posix()
    return found


def python_files() -> list[Path]:
    folders = [*FOLDERS, "src", "tests", "benchmarks", "examples"]
    found = {path.resolve() for folder in folders for path in (ROOT / folder).rglob("*.py")}
    return sorted(found)


def test_packages_are_those_of_the_tree() -> None:
    setuptools = PROJECT["tool"]["setuptools"]
    found = packages_of_the_tree()
    assert sorted(setuptools["packages"]) == sorted(found)
    assert setuptools["package-dir"] == found
    for top in (FACE, *(ROOT / name for name in FOLDERS)):
        for path in top.rglob("*.py"):
            assert path.parent.relative_to(ROOT).as_posix() in found.values() or any(
                parent.is_symlink() for parent in path.parents
            ), f"{path} is in no package"


def test_links_are_those_of_the_folders() -> None:
    links = {path.name: os.readlink(path) for path in FACE.iterdir() if path.is_symlink()}
    assert links == {name: f"../../{name}" for name in FOLDERS}


def test_pyright_reads_every_folder() -> None:
    include = PROJECT["tool"]["pyright"]["include"]
    assert {f"src/hyperglyph/{name}" for name in FOLDERS} <= set(include)
    assert [name for name in include if not (ROOT / name).exists()] == []


#: Modules that open files, sockets or processes. (`pathlib` and `tempfile` are for a blob's file,
#: and for the codec's own command.)
DOORS = {
    *("asyncio", "concurrent", "ftplib", "http", "imaplib", "mmap", "multiprocessing", "os"),
    *("poplib", "select", "selectors", "shutil", "signal", "smtplib", "socket", "socketserver"),
    *("sqlite3", "ssl", "subprocess", "urllib", "wsgiref", "xmlrpc"),
    *("cheroot", "httpcore", "httpx", "httpx2"),
}


def test_contracts_name_every_door() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    pure = {
        source: set(contract["forbidden_modules"])
        for contract in contracts
        if "does no I/O" in contract["name"]
        for source in contract["source_modules"]
    }
    assert pure == {
        "hyperglyph.codec": DOORS,
        "hyperglyph.transport.http": DOORS - {"http", "urllib"},
    }


@pytest.mark.parametrize("path", python_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_is_longer_than_a_head_holds(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    limit = LONGEST_TEST if path.parent == ROOT / "tests" else LONGEST
    if path.name == "__init__.py" and path.parent != FACE:
        limit = 60
    assert lines <= limit, f"{lines} lines: which two things are in there?"


def test_no_status_is_lost_in_a_pipe_of_make() -> None:
    """The shell of make tells that of the last program alone."""
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    recipes = [line for line in text.splitlines() if line.startswith("\t")]
    assert any("hyperglyph.conformance run" in line for line in recipes)
    assert [line for line in recipes if re.search(r"[^|]\|[^|]", line)] == []


def test_unit_tests_of_the_codec_do_without_vectors() -> None:
    """They alone are counted by `make coverage`."""
    assert "$(wildcard tests/test_codec_*.py)" in (ROOT / "Makefile").read_text("utf-8")
    paths = [*(ROOT / "tests").glob("test_codec_*.py"), ROOT / "tests" / "codec_help.py"]
    assert len(paths) > 10
    for path in paths:
        tree = ast.parse(path.read_text("utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        named = {part for node in imports for part in ast.unparse(node).replace(".", " ").split()}
        assert named.isdisjoint({"conformance", "spec"}), path
        texts = [str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        assert not [text for text in texts if ".json" in text or "fuzz" in text], path


def test_the_files_that_begin_first_are_there() -> None:
    assert [name for name in LONGEST_FILES if not (ROOT / "tests" / name).exists()] == []


# --- The sdist and the wheel --------------------------------------------------------------------

TREE = (*FOLDERS, "src", "tests", "docs", "examples", "benchmarks", "tools", "ruby", ".ci")
TOP = (
    *("pyproject.toml", "setup.py", "MANIFEST.in", "Makefile", "LICENSE"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
)


def files_of(top: Path) -> dict[str, str | bytes]:
    """The project's files below `top`: what a link names, what a file holds."""
    found: dict[str, str | bytes] = {name: (top / name).read_bytes() for name in TOP}
    for folder, subfolders, files in (part for name in TREE for part in os.walk(top / name)):
        subfolders[:] = [name for name in subfolders if name not in CACHES]
        for name in (*subfolders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                found[path.relative_to(top).as_posix()] = os.readlink(path)
            elif path.is_file() and path.suffix not in (".pyc", ".so"):
                found[path.relative_to(top).as_posix()] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist and the wheel made of it, built from a copy: a build leaves files behind."""
    source = tmp_path_factory.mktemp("source") / "hyperglyph"
    for name, held in files_of(ROOT).items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(held, str):
            path.symlink_to(held)
        else:
            path.write_bytes(held)
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path,) = built.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


def test_sdist_holds_the_tree(unpacked: Path) -> None:
    expected, held = files_of(ROOT), files_of(unpacked)
    assert sorted(held) == sorted(expected)
    assert [name for name, content in expected.items() if held[name] != content] == []


def test_tests_run_from_the_sdist(unpacked: Path) -> None:
    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=unpacked,
            env=os.environ | {"PYTHONPATH": str(unpacked / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    imported = run("-c", "import hyperglyph.codec; print(hyperglyph.codec.__file__)")
    assert unpacked in Path(imported).parents
    some = ["codec_text.py", "packaging.py::test_packages_are_those_of_the_tree"]
    some += ["packaging.py::test_links_are_those_of_the_folders", "transport_docs.py"]
    assert " passed" in run("-m", "pytest", "-q", *(f"tests/test_{name}" for name in some))


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[zipfile.ZipFile]:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    expected: set[str] = set()
    for name, folder in packages_of_the_tree().items():
        for path in (ROOT / folder).iterdir():
            if path.is_file():
                expected.add("/".join([*name.split("."), path.name]))
    # The standard's data stands in folders that are no packages.
    for path in (ROOT / "spec").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            expected.add("hyperglyph/spec/" + path.relative_to(ROOT / "spec").as_posix())
    for path in (ROOT / "conformance" / "known").iterdir():
        expected.add(f"hyperglyph/conformance/known/{path.name}")
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == expected


def test_wheel_holds_the_license(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
    assert wheel.read(name) == (ROOT / "LICENSE").read_bytes()


def run_isolated(folder: Path, code: str) -> Any:
    """What `code` prints as JSON, in an interpreter that sees the standard library and `folder`."""
    prelude = f"import sys, json; sys.path.insert(0, {str(folder)!r})\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", prelude + code],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def only_attrs(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the content of the wheel and attrs: `pip install --no-deps` of both."""
    folder = tmp_path_factory.mktemp("site")
    wheel.extractall(folder)
    for name in ("attr", "attrs"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        shutil.copytree(Path(spec.origin).parent, folder / name)
    return folder


def test_codec_needs_only_attrs(only_attrs: Path) -> None:
    code = """
from hyperglyph.codec import decode, encode
value = {"answer": [42, None, {1.5}, "\\u00e9"]}
print(json.dumps([decode(encode(value)) == value, sorted(sys.modules)]))
"""
    works, modules = run_isolated(only_attrs, code)
    assert works
    unwanted = {"asyncio", "http", "httpx", "selectors", "socket", "ssl", "urllib"}
    unwanted |= {"hyperglyph." + name for name in FOLDERS if name != "codec"}
    assert unwanted.isdisjoint(modules)
    theirs = {name.split(".")[0] for name in modules} - set(sys.stdlib_module_names)
    assert theirs <= {"__main__", "attr", "attrs", "hyperglyph"}


def test_codec_runs_as_a_program_with_only_attrs(only_attrs: Path) -> None:
    code = """
import contextlib, io, runpy
with open("message", "wb") as file:
    file.write(b"Du6:answer;i42;;")
sys.argv = ["codec", "message"]
with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
    runpy.run_module("hyperglyph.codec", run_name="__main__")
print(json.dumps(printed.getvalue()))
"""
    assert "answer" in run_isolated(only_attrs, code)


# --- The face -----------------------------------------------------------------------------------


def run_here(code: str) -> Any:
    """What `code` prints as JSON, in a new interpreter of this environment."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import sys, json\n" + code],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_face_imports_nothing_until_a_name_is_used() -> None:
    code = """
import hyperglyph
before = sorted(sys.modules)
hyperglyph.Limits
print(json.dumps([before, sorted(sys.modules)]))
"""
    before, after = run_here(code)
    assert not [name for name in before if name.startswith("hyperglyph.")]
    assert {"attr", "httpx", "cheroot"}.isdisjoint(before)
    assert "hyperglyph.codec" in after
    assert {"httpx", "cheroot"}.isdisjoint(after)


def test_what_is_not_installed_is_asked_for_when_it_is_needed() -> None:
    code = """
for name in ("cheroot", "httpcore", "httpcore2", "httpx", "httpx2"):
    sys.modules[name] = None
import hyperglyph as glyph
from hyperglyph import Client, LocalTransport, Router, Server, get
router = Router()
router.add(lambda name="World": "Hello " + name, name="hello")
answer = Client(LocalTransport(router)).get("http://localhost/").hello()
said = []
for needs in (lambda: get("http://localhost/"), lambda: Client("httpx"), lambda: Server(router)):
    try:
        needs()
    except ImportError as error:
        said.append(str(error))
print(json.dumps([answer, said]))
"""
    answer, said = run_here(code)
    httpx = "the transport 'httpx' needs httpx (or httpx2), which is not installed: "
    cheroot = "Server needs cheroot, which is not installed: "
    assert answer == "Hello World"
    assert said == [
        httpx + "pip install httpx",
        httpx + "pip install httpx",
        cheroot + "pip install cheroot",
    ]


def test_every_public_name_is_there() -> None:
    code = """
import hyperglyph
names = hyperglyph.__all__
missing = [name for name in names if not hasattr(hyperglyph, name)]
print(json.dumps([names, missing, sorted(set(names) - set(dir(hyperglyph)))]))
"""
    names, missing, undiscoverable = run_here(code)
    assert len(names) == len(set(names))
    assert missing == []
    assert undiscoverable == []


def test_type_checkers_see_the_public_names() -> None:
    """The names stand twice, under TYPE_CHECKING and for `__getattr__`: they must be the same."""
    tree = ast.parse((FACE / "__init__.py").read_text("utf-8"))
    seen: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            imports = [part for part in ast.walk(node) if isinstance(part, ast.ImportFrom)]
            seen |= {alias.asname or alias.name for part in imports for alias in part.names}
    code = "import hyperglyph\nprint(json.dumps(hyperglyph.__all__))"
    assert seen == {name for name in run_here(code) if not name.startswith("__")}
