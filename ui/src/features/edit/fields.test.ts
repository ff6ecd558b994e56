import { expect, test } from "vitest";
import type { DraftField } from "../../ipc/port";
import { changeOf, changes, isSensitive, lineEnds, newField, removed, retyped, typedInto } from "./fields";

const field = (name: string, type: string, value: string): DraftField => ({ ...newField(name, type), value });

test("rows know what became of them", () => {
	const before = [field("a", "int32", "1"), field("b", "text", "x"), field("c", "void", "")];
	const now = [field("a", "int64", "1"), field("b", "text", "x"), field("d", "text", "")];
	expect(now.map((one) => changeOf(one, before))).toEqual(["changed", "same", "added"]);
	expect(removed(now, before).map(({ name }) => name)).toEqual(["c"]);
	expect(changes(now, before)).toBe(3);
	expect(changes(before, before)).toBe(0);
});

test("another type keeps what was typed, where it can mean something", () => {
	expect(retyped(field("a", "text", "7"), "int32")).toMatchObject({
		type: "int32",
		value: "7",
		encoding: null,
	});
	expect(retyped(field("a", "text", "yes"), "bool").value).toBe("false");
	expect(retyped(field("a", "text", "true"), "bool").value).toBe("true");
	expect(retyped(field("a", "text", "x"), "void").value).toBe("");
	expect(retyped(field("a", "text", "AP8="), "bytes").encoding).toBe("base64");
	const notText = { ...field("a", "text", "/w=="), encoding: "base64" };
	expect(retyped(notText, "int8")).toMatchObject({ value: "", encoding: null });
});

test("what may be a secret is masked", () => {
	for (const name of ["Authorization", "x-api-key", "apikey", "Set-Cookie", "refresh_token", "db.password"]) {
		expect(isSensitive(name), name).toBe(true);
	}
	for (const name of ["tenant", "x-death", "attempt"]) expect(isSensitive(name), name).toBe(false);
});

test("line ends survive an input, and what no input can hold is known", () => {
	expect(typedInto("a\r\nb", "a\nb\nc")).toBe("a\r\nb\r\nc");
	expect(typedInto("a\nb", "a\nb\nc")).toBe("a\nb\nc");
	expect(lineEnds("a\rb")).toBeNull();
	expect(lineEnds("a\r\nb\nc")).toBeNull();
});
