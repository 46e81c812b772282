/**
 * What every page gets on top of plain HTML. Each part finds its own attribute and does nothing where it is absent,
 * so a page without JavaScript loses comfort, never a function.
 */
import { autoSubmit } from "./autosubmit";
import { confirmForms } from "./confirm";
import { copyButtons } from "./copy";
import { playEmbeds } from "./embeds";
import { liveForms } from "./live";
import { menus } from "./menus";
import { stopButtons } from "./moving";
import { noteOpened } from "./opened";
import { noteReading } from "./reading";
import { suggestions } from "./suggest";
import { followContents } from "./toc";

copyButtons(document);
stopButtons(document);
confirmForms();
liveForms();
autoSubmit();
menus();
followContents();
noteReading();
noteOpened();
suggestions();
playEmbeds();
