// A chunk of its own, loaded when the first text is edited.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { syntaxHighlighting } from "@codemirror/language";
import { getChunks, goToNextChunk, goToPreviousChunk, MergeView } from "@codemirror/merge";
import { search, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension, StateEffect, StateField } from "@codemirror/state";
import {
	Decoration,
	type DecorationSet,
	EditorView,
	highlightSpecialChars,
	keymap,
	lineNumbers,
} from "@codemirror/view";
import { type CodeLanguage, canWrap, safeLanguage } from "./limits";
import { COLOURS, LOOK, languageOf } from "./look";

/** Beyond so many steps a difference is only told roughly, so that no body freezes the window. */
const SCAN_MAX = 500;

const COMPARED = EditorView.theme({
	// Twice the class: the library's own colours have a theme in front of them.
	"&.cm-merge-a.cm-merge-a .cm-changedLine": { backgroundColor: "var(--diff-del-bg)" },
	"&.cm-merge-b.cm-merge-b .cm-changedLine": { backgroundColor: "var(--diff-add-bg)" },
	"&.cm-merge-a.cm-merge-a .cm-changedText": { background: "var(--diff-del-mark)" },
	"&.cm-merge-b.cm-merge-b .cm-changedText": { background: "var(--diff-add-mark)" },
	"&.cm-merge-a.cm-merge-a .cm-changedLineGutter": { backgroundColor: "var(--crit)" },
	"&.cm-merge-b.cm-merge-b .cm-changedLineGutter": { backgroundColor: "var(--ok)" },
	"&.cm-editor .cm-line.cm-wrong": {
		backgroundColor: "var(--crit-bg)",
		boxShadow: "inset 2px 0 var(--crit)",
	},
});

export interface Compared {
	/** `null`: there is nothing to compare with. */
	before: string | null;
	text: string;
	language: CodeLanguage;
	label: string;
	/** With how many places differ. */
	onchange: (text: string, changes: number) => void;
}

/** A text that is edited, beside what it was. */
export interface Comparison {
	/** Replaces the whole text, as if it were typed. */
	replace(text: string): void;
	/** Marks a line, from 1; `null`: none. */
	mark(line: number | null): void;
	goTo(line: number, column: number): void;
	move(step: 1 | -1): void;
	destroy(): void;
}

const setWrong = StateEffect.define<number | null>();

const wrongLine = StateField.define<DecorationSet>({
	create: () => Decoration.none,
	update(marks, transaction) {
		const effect = transaction.effects.find((one) => one.is(setWrong));
		if (!effect) return marks.map(transaction.changes);
		const { doc } = transaction.state;
		const line = effect.value as number | null;
		if (line === null || line < 1 || line > doc.lines) return Decoration.none;
		return Decoration.set([Decoration.line({ class: "cm-wrong" }).range(doc.line(line).from)]);
	},
	provide: (field) => EditorView.decorations.from(field),
});

/** Draws into a shadow root: there its styles are constructed style sheets, which the content security policy allows. */
export function openComparison(root: ShadowRoot, compared: Compared): Comparison {
	const { before, text, language } = compared;
	const shared: Extension[] = [
		// A carriage return is a sign of the text: only what is typed changes.
		EditorState.lineSeparator.of("\n"),
		lineNumbers(),
		highlightSpecialChars(),
		languageOf(safeLanguage(text, language)),
		syntaxHighlighting(COLOURS),
		search({ top: true }),
		canWrap(text) && canWrap(before ?? "") ? EditorView.lineWrapping : [],
		LOOK,
		COMPARED,
	];
	const told = EditorView.updateListener.of((update) => {
		const { state } = update;
		if (update.docChanged || update.transactions.length > 0) {
			compared.onchange(state.doc.toString(), getChunks(state)?.chunks.length ?? 0);
		}
	});
	const editable: Extension[] = [
		...shared,
		history(),
		keymap.of([...historyKeymap, ...searchKeymap, ...defaultKeymap]),
		EditorView.contentAttributes.of({ "aria-label": compared.label }),
		wrongLine,
		told,
	];
	const opened = before === null ? alone(root, text, editable) : beside(root, before, text, shared, editable);
	const { view } = opened;
	return {
		replace(next) {
			view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
		},
		mark(line) {
			view.dispatch({ effects: setWrong.of(line) });
		},
		goTo(line, column) {
			const { doc } = view.state;
			const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
			const place = Math.min(at.from + Math.max(column - 1, 0), at.to);
			view.dispatch({ selection: { anchor: place }, scrollIntoView: true });
			view.focus();
		},
		move(step) {
			(step === 1 ? goToNextChunk : goToPreviousChunk)(view);
			view.focus();
		},
		destroy: opened.destroy,
	};
}

function alone(root: ShadowRoot, text: string, extensions: Extension[]) {
	const view = new EditorView({ root, parent: root, state: EditorState.create({ doc: text, extensions }) });
	return { view, destroy: () => view.destroy() };
}

function beside(
	root: ShadowRoot,
	before: string,
	text: string,
	shared: Extension[],
	extensions: Extension[],
) {
	const fixed = [
		EditorState.readOnly.of(true),
		EditorView.editable.of(false),
		EditorView.contentAttributes.of({ tabindex: "0", "aria-label": "As it came", "aria-readonly": "true" }),
	];
	const merged = new MergeView({
		root,
		parent: root,
		a: { doc: before, extensions: [...shared, ...fixed] },
		b: { doc: text, extensions },
		diffConfig: { scanLimit: SCAN_MAX, timeout: 200 },
	});
	// As high as its place, also where the text is short: a click anywhere in it begins to write.
	Object.assign(merged.dom.style, { position: "absolute", inset: "0" });
	const editors = merged.dom.firstElementChild;
	if (editors instanceof HTMLElement) editors.style.minHeight = "100%";
	return { view: merged.b, destroy: () => merged.destroy() };
}
