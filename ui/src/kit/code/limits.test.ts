import { expect, test } from "vitest";
import { canWrap, DEPTH_MAX, safeLanguage, WRAPPED_LINE_MAX } from "./limits";

test("JSON of depth 10 000 is shown as plain text", () => {
	expect(safeLanguage("[".repeat(10_000) + "]".repeat(10_000), "json")).toBe("text");
	expect(safeLanguage('{"a":'.repeat(10_000), "json")).toBe("text");
});

test("brackets in strings are no depth", () => {
	expect(safeLanguage(`{"a": "${"[".repeat(10_000)}"}`, "json")).toBe("json");
	expect(safeLanguage(`{"a": "\\"${"[".repeat(10_000)}"}`, "json")).toBe("json");
});

test("what closes again is no depth", () => expect(safeLanguage("[]".repeat(10_000), "json")).toBe("json"));

test("deep XML is shown as plain text, flat XML is not", () => {
	expect(safeLanguage("<a>".repeat(DEPTH_MAX + 1), "xml")).toBe("text");
	expect(safeLanguage("<a><b/></a>".repeat(10_000), "xml")).toBe("xml");
	expect(safeLanguage(`<a>${"<b>x</b>".repeat(10_000)}</a>`, "xml")).toBe("xml");
});

test("only a line that is too long forbids wrapping, wherever it stands", () => {
	const short = `${"x".repeat(80)}\n`.repeat(10_000);
	const long = "x".repeat(WRAPPED_LINE_MAX + 1);
	expect(canWrap("")).toBe(true);
	expect(canWrap(short)).toBe(true);
	expect(canWrap("x".repeat(WRAPPED_LINE_MAX))).toBe(true);
	expect(canWrap(long)).toBe(false);
	expect(canWrap(`${short}${long}\n${short}`)).toBe(false);
	expect(canWrap(`${"x".repeat(WRAPPED_LINE_MAX)}\n${"x".repeat(WRAPPED_LINE_MAX)}`)).toBe(true);
});

test("a megabyte is judged at once", () => {
	const begun = performance.now();
	safeLanguage("<".repeat(1024 * 1024), "xml");
	safeLanguage(`"${"x".repeat(1024 * 1024)}`, "json");
	expect(performance.now() - begun).toBeLessThan(1000);
});
