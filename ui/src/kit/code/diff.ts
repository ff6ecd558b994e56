// A chunk of its own, loaded when the first difference is shown.
import { syntaxHighlighting } from "@codemirror/language";
import { unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightSpecialChars, lineNumbers } from "@codemirror/view";
import { type CodeLanguage, safeLanguage } from "./limits";
import { COLOURS, LOOK, languageOf } from "./look";

const MARGIN_LINES = 3;
/** Beyond so many steps a difference is only told roughly, so that no body freezes the window. */
const SCAN_MAX = 500;

const DIFF = EditorView.theme({
	".cm-changedLine, .cm-inlineChangedLine": { backgroundColor: "var(--diff-add-bg)" },
	".cm-deletedChunk": { backgroundColor: "var(--diff-del-bg)", padding: "0 12px 0 4px" },
	".cm-changedText": { background: "var(--diff-add-mark)" },
	".cm-deletedText, .cm-deletedChunk .cm-deletedText": { background: "var(--diff-del-mark)" },
	".cm-deletedLine, .cm-deletedLine del": { textDecoration: "none" },
	".cm-changedLineGutter": { backgroundColor: "var(--ok)" },
	".cm-deletedLineGutter": { backgroundColor: "var(--crit)" },
	".cm-collapsedLines": { background: "var(--bg-raised)", color: "var(--fg-3)" },
});

export interface Difference {
	before: string;
	after: string;
	language: CodeLanguage;
	label: string;
}

/** Draws into a shadow root, as the editor does. Gives back what takes it away again. */
export function openDiff(root: ShadowRoot, { before, after, language, label }: Difference): () => void {
	const view = new EditorView({
		root,
		parent: root,
		state: EditorState.create({
			doc: after,
			extensions: [
				lineNumbers(),
				highlightSpecialChars(),
				languageOf(safeLanguage(after, language)),
				syntaxHighlighting(COLOURS),
				EditorView.lineWrapping,
				EditorState.readOnly.of(true),
				EditorView.editable.of(false),
				EditorView.contentAttributes.of({ tabindex: "0", "aria-label": label, "aria-readonly": "true" }),
				unifiedMergeView({
					original: before,
					mergeControls: false,
					collapseUnchanged: { margin: MARGIN_LINES },
					diffConfig: { scanLimit: SCAN_MAX, timeout: 200 },
				}),
				LOOK,
				DIFF,
			],
		}),
	});
	return () => view.destroy();
}
