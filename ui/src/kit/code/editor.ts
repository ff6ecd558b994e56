// A chunk of its own, loaded when the first text is shown. Only this folder knows CodeMirror.
import { codeFolding, foldGutter, foldKeymap, syntaxHighlighting } from "@codemirror/language";
import { closeSearchPanel, openSearchPanel, search, searchKeymap, searchPanelOpen } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { type CodeLanguage, safeLanguage } from "./limits";
import { COLOURS, LOOK, languageOf } from "./look";

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
