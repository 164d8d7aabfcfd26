# SPDX-License-Identifier: Apache-2.0
"""The table that yaml_plain_ambiguous is held to still says what the PyYAML of this machine says."""
import importlib.util
import pathlib

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors" / "yaml-plain"


def load_generator():
    spec = importlib.util.spec_from_file_location("generate", VECTORS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_is_what_pyyaml_and_the_core_schema_say():
    generate = load_generator()
    rows = [line.split("\t") for line in (VECTORS / "plain.tsv").read_text().split("\n")[:-1]]
    assert len(rows) > 1500
    for word, flags in rows:
        strings = [c for c in "23k" if c not in flags]
        assert generate.row(word, strings) == flags, word
