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
import { noteReading } from "./reading";
import { followContents } from "./toc";

copyButtons(document);
confirmForms();
liveForms();
autoSubmit();
menus();
followContents();
noteReading();
playEmbeds();
