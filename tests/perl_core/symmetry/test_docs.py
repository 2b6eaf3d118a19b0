from pathlib import Path
import re
import runpy

PAGE = Path(__file__).parents[3] / 'docs' / 'symmetry.md'


def test_code_of_the_page_runs(tmp_path):
    blocks = re.findall(r'^```python\n(.*?)^```', PAGE.read_text(), flags=re.S | re.M)
    assert len(blocks) >= 4
    script = tmp_path / 'page.py'
    script.write_text('\n'.join(blocks))
    names = runpy.run_path(str(script))
    assert names['turned'].observation.shape == names['x'].shape


def test_every_word_of_the_page_is_known():
    from perl_core.symmetry import described, group_named
    from perl_core.symmetry.description import BUILDING_BLOCKS

    rows = re.findall(r'^\| (`\'.*?) \|', PAGE.read_text(), flags=re.M)
    words = [word for row in rows for word in re.findall(r"`'([\w ]+)'`", row)]
    groups = ['C4', 'D4', 'Z2', 'SO2', 'O2', 'SO3', 'O3']
    assert set(BUILDING_BLOCKS) <= set(words)
    for word in words:
        if not (word[:1].isupper()):
            assert described(group_named('D4'), word).size
        elif 'n' not in word and 'x' not in word:
            assert word in groups
            assert group_named(word).name == word
