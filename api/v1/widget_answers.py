"""What the widget is answered, as OpenAPI tells it.

The answers themselves are made of plain values (`widget.state`, `widget.reading`) and kept as bytes: to go through a
model with each request would cost more than all the rest. The tests hold the two together, field by field.
"""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from api.v1.shapes import Instant
from portal.kit.i18n import Locale

COLOUR: Final[dict[str, Any]] = {"pattern": "^#[0-9a-f]{6}$"}


class WidgetMember(BaseModel):
    """Who sits there."""

    id: str | None = Field(examples=["u-1024"])
    name: str = Field(examples=["田中 美咲"])
    is_admin: bool


class WidgetAccount(BaseModel):
    """Their company."""

    id: str = Field(examples=["acme-inc"])
    name: str = Field(examples=["株式会社あおば商事"])


class WidgetCount(BaseModel):
    """So many of so many, in words and as a bar."""

    text: str = Field(examples=["3回中1回"])
    done: int = Field(examples=[1])
    total: int = Field(examples=[3])


class WidgetGuide(BaseModel):
    """What helps with a step."""

    kind: Literal["document", "tutorial"]
    key: str = Field(examples=["inviting"])
    title: str = Field(examples=["メンバーを招待する"])
    url: str = Field(examples=["https://portal.example.com/manuals/inviting/inviting"])


class WidgetStep(BaseModel):
    """A step, in the member's words. `can_tick` and `can_undo` are what this member may do with it now."""

    key: str = Field(examples=["invite"])
    number: int = Field(examples=[2])
    title: str = Field(examples=["メンバーを3名招待する"])
    text: str = Field(description="The step's description; may be empty.", examples=[""])
    look: Literal["done", "next", "late", "waiting", "staff"] = Field(examples=["next"])
    word: str = Field(description="What `look` says.", examples=["次のステップ"])
    tag: str | None = Field(examples=["次のステップ"])
    tone: str = Field(description="Of the tag.", examples=["accent"])
    note: str | None = Field(description="Who or what completed it, and when.", examples=[None])
    why: str | None = Field(description="Why this step is the next one.", examples=[None])
    remarks: list[str] = Field(examples=[[]])
    counts: list[WidgetCount]
    guide: WidgetGuide | None
    url: str | None = Field(description="Where in the product it is done.", examples=["https://app.example.com/team"])
    done: bool = Field(examples=[False])
    required: bool
    own: bool = Field(description="Whether each member has a part of their own in it.", examples=[False])
    can_tick: bool = Field(examples=[False])
    can_undo: bool = Field(examples=[False])


class WidgetDismissal(BaseModel):
    """That a checklist was put aside."""

    for_: Literal["me", "everyone"] = Field(alias="for")
    until: Instant | None
    by: str = Field(examples=["田中 美咲"])
    can_undo: bool


class WidgetChecklist(BaseModel):
    """A checklist, as it stands for the member."""

    key: str = Field(examples=["first-30-days"])
    title: str = Field(examples=["はじめの30日"])
    status: Literal["in_progress", "completed", "overdue", "paused"]
    done: int = Field(examples=[1])
    total: int = Field(examples=[5])
    progress: str = Field(examples=["5つ中1つ完了"])
    due: str | None = Field(description="In words.", examples=["あと12日"])
    due_at: Instant | None
    is_overdue: bool = Field(examples=[False])
    completed_at: Instant | None = Field(examples=[None])
    next: str | None = Field(description="The key of the step to do now.", examples=["invite"])
    url: str = Field(examples=["https://portal.example.com/checklists/first-30-days"])
    dismissed: WidgetDismissal | None = Field(examples=[None])
    steps: list[WidgetStep]


class WidgetHelp(BaseModel):
    """What the panel offers beside checklists."""

    search: bool


class WidgetTheme(BaseModel):
    """How the vendor wants it to look; colours as `#rrggbb`, the radius in CSS pixels."""

    accent: str = Field(examples=["#2f5a94"], json_schema_extra=COLOUR)
    accent_dark: str = Field(examples=["#96bdf0"], json_schema_extra=COLOUR)
    ink: str = Field(description="Of words on `accent`.", examples=["#ffffff"], json_schema_extra=COLOUR)
    ink_dark: str = Field(description="Of words on `accent_dark`.", examples=["#15181d"], json_schema_extra=COLOUR)
    radius: int = Field(examples=[12])
    position: Literal["right", "left", "inline"]
    scheme: Literal["auto", "light", "dark"]
    launcher: str = Field(description="The words on the launcher; empty for the widget's own.", examples=[""])


class WidgetPortal(BaseModel):
    """Where the portal is."""

    name: str = Field(examples=["伴走クラウド"])
    url: str = Field(examples=["https://portal.example.com"])
    help_url: str = Field(examples=["https://portal.example.com/manuals"])


class WidgetState(BaseModel):
    """Everything a panel needs: checklists with their steps, what is put aside, the theme, and where the portal is."""

    locale: Locale
    member: WidgetMember
    account: WidgetAccount
    checklists: list[WidgetChecklist]
    prompts: list[dict[str, Any]] = Field(description="Empty as yet.", examples=[[]])
    help: WidgetHelp
    theme: WidgetTheme
    portal: WidgetPortal


class WidgetFinding(BaseModel):
    """A document that answers a search."""

    key: str = Field(examples=["inviting"])
    title: str = Field(examples=["メンバーを招待する"])
    shelf: str = Field(description="The collection it stands in.", examples=["はじめに"])
    url: str = Field(examples=["https://portal.example.com/manuals/inviting/inviting"])


class WidgetFindings(BaseModel):
    """Documents that answer what was asked, the best first."""

    query: str = Field(examples=["招待"])
    results: list[WidgetFinding]


Branch = TypeAliasType("Branch", "str | list[str | dict[str, str] | Branch]")
"""A text, or a tag with its attributes and children."""


class WidgetDocument(BaseModel):
    """A document to be read in place. A node of its `body` is a text, or `[tag, {attributes}?, …children]`."""

    model_config = ConfigDict(title="WidgetDocument")

    key: str = Field(examples=["inviting"])
    title: str = Field(examples=["メンバーを招待する"])
    lang: Locale
    updated_at: Instant
    url: str = Field(examples=["https://portal.example.com/manuals/inviting/inviting"])
    read_after: int = Field(description="For how many seconds it is in sight before it counts as read.", examples=[12])
    body: list[Branch] = Field(examples=[[["h2", {"id": "s-1"}, "手順"], ["p", "招待を押します。"]]])


STATE: Final[dict[str, Any]] = {"model": WidgetState}
FOUND: Final[dict[str, Any]] = {
    "model": WidgetFindings,
    "links": {
        "ReadDocument": {"operationId": "widget_read_document", "parameters": {"key": "$response.body#/results/0/key"}}
    },
}
"""The answers of routes, with what leads on from them."""
