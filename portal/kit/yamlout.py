"""YAML as people write it: `Line` is a mapping on one line, and no text is changed by being written and read.

PyYAML writes some line breaks of Unicode in a way in which it reads them as others: texts with anything but plain
characters are written in double quotes, where everything can be escaped.
"""

from __future__ import annotations

import yaml


class Line(dict[str, object]):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Safe, and exact."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


def _line(dumper: yaml.SafeDumper, line: Line) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", line.items(), flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Line, _line)


def to_yaml(value: object, *, width: int = 110) -> str:
    """`value`, plain data, as YAML in the order in which it is given."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=width, default_flow_style=False
    )
    return text
