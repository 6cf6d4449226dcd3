"""README's pictures show the present output of the commands."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

TOP = Path(__file__).parents[2]
DOCS = TOP / "docs"
PICTURES = sorted(path.name for path in DOCS.glob("*.svg"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures, made again."""
    made = tmp_path_factory.mktemp("pictures")
    subprocess.run([sys.executable, DOCS / "pictures.py", made], check=True)
    return made


def test_each_is_what_its_command_prints(fresh: Path) -> None:
    """If not: look at what `python docs/pictures.py` changes, and commit it."""
    assert {path.name: path.read_text() for path in fresh.iterdir()} == {
        name: (DOCS / name).read_text() for name in PICTURES
    }


@pytest.mark.parametrize("name", PICTURES)
def test_the_reader_sees_it(name: str) -> None:
    assert f"](docs/{name})" in (TOP / "README.md").read_text()
    drawn = ElementTree.parse(DOCS / name).getroot()
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    width, height = float(drawn.get("width", 0)), float(drawn.get("height", 0))
    texts = drawn.findall("{http://www.w3.org/2000/svg}text")
    assert len(texts) > 20
    for text in texts:
        assert float(text.get("x", 0)) + float(text.get("textLength", 0)) < width
        assert float(text.get("y", 0)) < height
    assert {text.get("fill") for text in texts} >= {"#7bc275"}
