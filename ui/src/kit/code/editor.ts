// The only place that knows CodeMirror; a chunk of its own, loaded when the first text is shown.
import { json } from "@codemirror/lang-json";
import { xml } from "@codemirror/lang-xml";
import {
	codeFolding,
	foldGutter,
	foldKeymap,
	HighlightStyle,
	syntaxHighlighting,
} from "@codemirror/language";
import { closeSearchPanel, openSearchPanel, search, searchKeymap, searchPanelOpen } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type CodeLanguage, safeLanguage } from "./limits";

const COLOURS = HighlightStyle.define([
	{ tag: [tags.propertyName, tags.tagName], color: "var(--cd-key)" },
	{ tag: [tags.string, tags.attributeValue], color: "var(--cd-str)" },
	{ tag: tags.number, color: "var(--cd-num)" },
	{ tag: [tags.bool, tags.null, tags.attributeName], color: "var(--cd-kw)" },
	{
		tag: [tags.punctuation, tags.bracket, tags.comment, tags.processingInstruction],
		color: "var(--cd-punct)",
	},
]);

const LOOK = EditorView.theme({
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

const WORDS = {
	Find: "Find",
	next: "Next",
	previous: "Previous",
	all: "All",
	"match case": "Match case",
	regexp: "Regular expression",
	"by word": "Whole words",
	close: "Close",
};

interface Shown {
	text: string;
	language: CodeLanguage;
	wrap: boolean;
	label: string;
}

/** A read-only view of text. */
export interface CodeEditor {
	show(shown: Shown): void;
	toggleSearch(): void;
	destroy(): void;
}

function languageOf(language: CodeLanguage): Extension {
	if (language === "json") return json();
	return language === "xml" ? xml() : [];
}

/** Draws into a shadow root: there its styles are constructed style sheets, which the content security policy allows. */
export function openEditor(root: ShadowRoot, first: Shown): CodeEditor {
	const wrapping = new Compartment();
	const wrapOf = (wrap: boolean) => (wrap ? EditorView.lineWrapping : []);
	const stateOf = ({ text, language, wrap, label }: Shown) => {
		const safe = safeLanguage(text, language);
		return EditorState.create({
			doc: text,
			extensions: [
				lineNumbers(),
				safe === "text" ? [] : [foldGutter(), codeFolding(), keymap.of(foldKeymap)],
				highlightSpecialChars(),
				languageOf(safe),
				syntaxHighlighting(COLOURS),
				search({ top: true }),
				EditorState.phrases.of(WORDS),
				keymap.of(searchKeymap),
				wrapping.of(wrapOf(wrap)),
				EditorState.readOnly.of(true),
				EditorView.editable.of(false),
				EditorView.contentAttributes.of({ tabindex: "0", "aria-label": label, "aria-readonly": "true" }),
				LOOK,
			],
		});
	};
	let shown = first;
	const view = new EditorView({ state: stateOf(first), parent: root, root });
	return {
		show(next) {
			const same = next.text === shown.text && next.language === shown.language && next.label === shown.label;
			shown = next;
			if (same) view.dispatch({ effects: wrapping.reconfigure(wrapOf(next.wrap)) });
			else view.setState(stateOf(next));
		},
		toggleSearch() {
			if (searchPanelOpen(view.state)) closeSearchPanel(view);
			else openSearchPanel(view);
		},
		destroy() {
			view.destroy();
		},
	};
}
