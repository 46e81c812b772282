"""What a tutorial is, read from the folder staff write: `tutorials/<key>/tutorial.yml` and `steps/<step>.<locale>.md`.

Everything wrong with all tutorials is found in one reading, each with its file and line. A step in one language only is
no mistake, but its author is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from portal.conditions.dump import dump
from portal.conditions.parse import ConditionProblems, parse
from portal.conditions.values import shown, unknown
from portal.kit.files import FileProblems, Problem, YamlFile, load_yaml
from portal.kit.files import Path as YamlPath
from portal.kit.i18n import LOCALES, Locale, Message

KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
FIELDS: Final = ("key", "title", "description", "minutes", "order", "audience", "steps")
STEP_FIELDS: Final = ("key", "title", "file")
RESERVED: Final = ("finish", "run")
"""What stands where a step's key stands in an address."""
MAX_STEPS: Final = 50
MAX_TITLE: Final = 200
MAX_DESCRIPTION: Final = 1000
MAX_BYTES: Final = 1_000_000


@dataclass(frozen=True)
class TextFile:
    """One step in one language: the file it is in, and its markdown."""

    file: str
    source: str


@dataclass(frozen=True)
class StepFile:
    """One step as its tutorial names it."""

    key: str
    title: Mapping[str, str]
    texts: Mapping[Locale, TextFile]


@dataclass(frozen=True)
class TutorialFile:
    """A tutorial without a mistake in it; `warnings` are what its author should look at all the same."""

    file: str
    key: str
    title: Mapping[str, str]
    description: Mapping[str, str]
    minutes: int | None
    order: int | None
    audience: dict[str, object] | None
    steps: tuple[StepFile, ...]
    warnings: tuple[Problem, ...] = ()


def read_tutorials(root: Path) -> tuple[list[TutorialFile], list[Problem]]:
    """Every tutorial under `root/tutorials`, and everything that is wrong with them."""
    tutorials: list[TutorialFile] = []
    problems: list[Problem] = []
    home = root / "tutorials"
    paths = sorted(home.iterdir()) if home.is_dir() else []
    for folder in (path for path in paths if path.is_dir() and not path.name.startswith(".")):
        name = f"tutorials/{folder.name}/tutorial.yml"
        if not (folder / "tutorial.yml").is_file():
            problems.append(Problem(name, 1, Message("there is no such file, so this folder is no tutorial")))
            continue
        try:
            tutorials.append(_Reading(folder, name).tutorial())
        except FileProblems as found:
            problems.extend(found.problems)
    return tutorials, problems


def read_text(path: Path, name: str) -> str:
    """The text of a file: UTF-8, no larger than a text may be."""
    if path.stat().st_size > MAX_BYTES:
        raise FileProblems([Problem(name, 1, Message("this file is larger than 1 MB"))])
    try:
        return path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise FileProblems([Problem(name, 1, Message("this file is not in UTF-8"))]) from error


class _Reading:
    """One reading of one tutorial's folder; what is wrong is noted, read as nothing, and raised at the end."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.yaml: YamlFile = load_yaml(read_text(folder / "tutorial.yml", name), file=name)
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.used: set[str] = set()

    def tutorial(self) -> TutorialFile:
        said = self.fields(self.yaml.value, (), FIELDS, needed=("key", "title", "steps"))
        key = self.key(said.get("key"), ("key",)) if "key" in said else ""
        if key and key != self.folder.name:
            self.wrong(
                ("key",),
                Message("the key “%(key)s” must be the folder's name “%(folder)s”", key=key, folder=self.folder.name),
            )
        found = TutorialFile(
            file=self.yaml.file,
            key=key,
            title=self.words(said, "title", (), MAX_TITLE),
            description=self.words(said, "description", (), MAX_DESCRIPTION),
            minutes=self.number(said, "minutes", 1, 600),
            order=self.number(said, "order", 0, 1_000_000),
            audience=self.audience(said),
            steps=self.steps(said),
        )
        self.unused_texts()
        if self.problems:
            raise FileProblems(sorted(self.problems, key=lambda problem: (problem.file, problem.line)))
        return TutorialFile(**{**vars(found), "warnings": tuple(self.warnings)})

    def wrong(self, path: YamlPath, message: Message) -> None:
        self.problems.append(self.yaml.problem(message, *path))

    def fields(
        self, value: object, path: YamlPath, known: Sequence[str], *, needed: Sequence[str]
    ) -> Mapping[str, object]:
        if not isinstance(value, dict):
            self.wrong(path, Message("this must be fields and values, one “field: value” a line"))
            return {}
        for name in value:
            if name not in known:
                self.wrong((*path, shown(name)), unknown(name, known))
        for name in needed:
            if name not in value:
                self.wrong(path, Message("“%(field)s” is missing", field=name))
        return {name: value[name] for name in value if name in known}

    def key(self, value: object, path: YamlPath) -> str:
        if isinstance(value, str) and KEY.fullmatch(value):
            return value
        self.wrong(
            path,
            Message(
                "a key has only a–z, 0–9, “-” and “_”, at most 64 of them; this is “%(value)s”", value=shown(value)
            ),
        )
        return ""

    def words(self, said: Mapping[str, object], name: str, path: YamlPath, limit: int) -> dict[str, str]:
        if name not in said:
            return {}
        value, here = said[name], (*path, name)
        if not isinstance(value, dict) or not value or any(locale not in LOCALES for locale in value):
            self.wrong(here, Message("this must give words by language: {ja: …, en: …}"))
            return {}
        for locale, text in value.items():
            if not isinstance(text, str) or not text.strip():
                self.wrong((*here, locale), Message("there are no words here"))
            elif len(text) > limit:
                self.wrong((*here, locale), Message("this must be at most %(limit)s characters long", limit=limit))
        return {locale: text.strip() for locale, text in value.items() if isinstance(text, str)}

    def number(self, said: Mapping[str, object], name: str, low: int, high: int) -> int | None:
        if name not in said:
            return None
        value = said[name]
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.wrong((name,), Message("this must be a whole number from %(low)s to %(high)s", low=low, high=high))
        return None

    def audience(self, said: Mapping[str, object]) -> dict[str, object] | None:
        if "audience" not in said:
            return None
        try:
            return dump(parse(said["audience"], level="member", path=("audience",)))
        except ConditionProblems as found:
            for path, message in found.problems:
                self.wrong(path, message)
        return None

    def steps(self, said: Mapping[str, object]) -> tuple[StepFile, ...]:
        listed = said.get("steps", [])
        if "steps" in said and not (isinstance(listed, list) and 1 <= len(listed) <= MAX_STEPS):
            self.wrong(
                ("steps",), Message("there must be 1 to %(limit)s steps, each beginning with “-”", limit=MAX_STEPS)
            )
            return ()
        steps = [
            self.step(value, ("steps", index)) for index, value in enumerate(listed if isinstance(listed, list) else ())
        ]
        seen: set[str] = set()
        for index, step in enumerate(steps):
            if step.key and step.key in seen:
                self.wrong(("steps", index, "key"), Message("“%(key)s” is given twice", key=step.key))
            seen.add(step.key)
        return tuple(steps)

    def step(self, value: object, path: YamlPath) -> StepFile:
        said = self.fields(value, path, STEP_FIELDS, needed=("key", "title"))
        key = self.key(said["key"], (*path, "key")) if "key" in said else ""
        if key in RESERVED:
            self.wrong((*path, "key"), Message("a step cannot be called “%(key)s”", key=key))
        name = self.key(said["file"], (*path, "file")) if "file" in said else key
        return StepFile(key, self.words(said, "title", path, MAX_TITLE), self.texts(name, path) if name else {})

    def texts(self, name: str, path: YamlPath) -> dict[Locale, TextFile]:
        texts: dict[Locale, TextFile] = {}
        for locale in LOCALES:
            file = f"steps/{name}.{locale}.md"
            self.used.add(file)
            if (self.folder / file).is_file():
                shown_as = f"tutorials/{self.folder.name}/{file}"
                try:
                    texts[locale] = TextFile(shown_as, read_text(self.folder / file, shown_as))
                except FileProblems as found:
                    self.problems.extend(found.problems)
                    return {}
        if not texts:
            self.wrong(
                path,
                Message(
                    "this step has no text: there is neither %(ja)s nor %(en)s",
                    ja=f"steps/{name}.ja.md",
                    en=f"steps/{name}.en.md",
                ),
            )
        for locale in LOCALES:
            if texts and locale not in texts:
                self.warnings.append(
                    self.yaml.problem(
                        Message(
                            "there is no %(file)s: this step is in one language only", file=f"steps/{name}.{locale}.md"
                        ),
                        *path,
                    )
                )
        return texts

    def unused_texts(self) -> None:
        folder = self.folder / "steps"
        for path in sorted(folder.glob("*.md")) if folder.is_dir() else ():
            if f"steps/{path.name}" not in self.used:
                self.problems.append(
                    Problem(
                        f"tutorials/{self.folder.name}/steps/{path.name}",
                        1,
                        Message("no step of this tutorial uses this file"),
                    )
                )
