export type CodeLanguage = "json" | "xml" | "text";

/** Deeper than this, text is shown without colours and folds: both walk the tree by calling themselves. */
export const DEPTH_MAX = 500;

/** Longer lines are not wrapped: WebKit takes seconds to break them, and the window stands still meanwhile. */
export const WRAPPED_LINE_MAX = 5000;

/** Whether every line is short enough to be wrapped. */
export function canWrap(text: string): boolean {
	let start = 0;
	while (text.length - start > WRAPPED_LINE_MAX) {
		const end = text.lastIndexOf("\n", start + WRAPPED_LINE_MAX);
		if (end < start) return false;
		start = end + 1;
	}
	return true;
}

/** Whether brackets stand deeper in one another than `max`. Brackets in strings do not count. */
export function isDeeperThan(text: string, max: number): boolean {
	let depth = 0;
	let inString = false;
	for (let n = 0; n < text.length; n += 1) {
		const code = text.charCodeAt(n);
		if (inString) {
			if (code === BACKSLASH) n += 1;
			else if (code === QUOTE) inString = false;
		} else if (code === QUOTE) {
			inString = true;
		} else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
			depth += 1;
			if (depth > max) return true;
		} else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) {
			depth -= 1;
		}
	}
	return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Whether elements stand deeper in one another than `max`. A bound, not a parser: comments count as they look. */
export function isXmlDeeperThan(text: string, max: number): boolean {
	let depth = 0;
	for (const tag of text.matchAll(/<(\/?)[^<>!?][^<>]*?(\/?)>/g)) {
		if (tag[1]) depth -= 1;
		else if (!tag[2]) depth += 1;
		if (depth > max) return true;
	}
	return false;
}

/** The language in which the text may be shown without harm. */
export function safeLanguage(text: string, language: CodeLanguage): CodeLanguage {
	if (language === "json" && isDeeperThan(text, DEPTH_MAX)) return "text";
	if (language === "xml" && isXmlDeeperThan(text, DEPTH_MAX)) return "text";
	return language;
}
