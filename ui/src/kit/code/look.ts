import { json } from "@codemirror/lang-json";
import { xml } from "@codemirror/lang-xml";
import { HighlightStyle } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { CodeLanguage } from "./limits";

export const COLOURS = HighlightStyle.define([
	{ tag: [tags.propertyName, tags.tagName], color: "var(--cd-key)" },
	{ tag: [tags.string, tags.attributeValue], color: "var(--cd-str)" },
	{ tag: tags.number, color: "var(--cd-num)" },
	{ tag: [tags.bool, tags.null, tags.attributeName], color: "var(--cd-kw)" },
	{
		tag: [tags.punctuation, tags.bracket, tags.comment, tags.processingInstruction],
		color: "var(--cd-punct)",
	},
]);

export const LOOK = EditorView.theme({
	"&": { height: "100%", backgroundColor: "var(--bg-inset)", color: "var(--fg)", fontSize: "var(--t-12)" },
	"&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
	".cm-scroller": {
		fontFamily: "var(--font-mono)",
		lineHeight: "var(--lh-code)",
		fontVariantLigatures: "none",
		overflow: "auto",
		scrollbarColor: "var(--line-strong) transparent",
		scrollbarWidth: "thin",
	},
	".cm-content": { padding: "8px 0", caretColor: "var(--fg)" },
	".cm-line": { padding: "0 12px 0 4px", lineBreak: "anywhere" },
	".cm-gutters": { backgroundColor: "var(--bg-inset)", color: "var(--fg-3)", border: "0" },
	".cm-lineNumbers .cm-gutterElement": { minWidth: "34px", padding: "0 6px 0 8px" },
	".cm-foldGutter .cm-gutterElement": { cursor: "default", color: "var(--fg-3)" },
	".cm-foldPlaceholder": {
		margin: "0 2px",
		padding: "0 4px",
		border: "1px solid var(--line)",
		backgroundColor: "var(--bg-active)",
		color: "var(--fg-2)",
	},
	".cm-content ::selection, .cm-line::selection": { backgroundColor: "var(--bg-selected)" },
	".cm-searchMatch": { backgroundColor: "var(--warn-bg)", outline: "1px solid var(--warn-line)" },
	".cm-searchMatch-selected": { backgroundColor: "var(--bg-selected)", outline: "1px solid var(--focus)" },
	".cm-specialChar": { color: "var(--crit)" },
	".cm-panels": {
		backgroundColor: "var(--bg-raised)",
		color: "var(--fg)",
		borderBottom: "1px solid var(--line)",
		fontFamily: "var(--font-ui)",
		fontSize: "var(--t-12)",
	},
	".cm-textfield": {
		height: "24px",
		padding: "0 8px",
		border: "1px solid var(--line-control)",
		borderRadius: "var(--r-2)",
		backgroundColor: "var(--bg-inset)",
		color: "var(--fg)",
		font: "inherit",
	},
	".cm-button": {
		height: "24px",
		padding: "0 8px",
		border: "1px solid var(--line-strong)",
		borderRadius: "var(--r-2)",
		backgroundColor: "var(--bg-raised)",
		backgroundImage: "none",
		color: "var(--fg)",
		font: "inherit",
	},
	".cm-search button[name=close]": { color: "var(--fg-2)", fontSize: "16px" },
	".cm-search label": { fontSize: "var(--t-12)", color: "var(--fg-2)" },
	".cm-search input[type=checkbox]": { accentColor: "var(--solid)", verticalAlign: "-2px" },
	":focus-visible": { outline: "2px solid var(--focus)" },
});

export function languageOf(language: CodeLanguage): Extension {
	if (language === "json") return json();
	return language === "xml" ? xml() : [];
}
