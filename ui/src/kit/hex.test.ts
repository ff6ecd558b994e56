import { expect, test } from "vitest";
import { asciiText, hexOffset, hexRows, hexText } from "./hex";

const bytes = Uint8Array.from([0x00, 0x41, 0x7e, 0x7f, 0xff, ...new Array(15).fill(0x20)]);

test("bytes are cut into rows of sixteen with their offsets", () => {
	const rows = hexRows(bytes, 32);
	expect(rows.map((row) => [row.offset, row.bytes.length])).toEqual([
		[32, 16],
		[48, 4],
	]);
	expect(hexRows(new Uint8Array(), 0)).toEqual([]);
});

test("a short row is as wide as a full one", () => {
	const [full, short] = hexRows(bytes, 0).map((row) => hexText(row.bytes));
	expect(full).toBe("00 41 7e 7f ff 20 20 20  20 20 20 20 20 20 20 20");
	expect(short?.length).toBe(full?.length);
});

test("what cannot be printed is a point", () => expect(asciiText(bytes.subarray(0, 5))).toBe("·A~··"));

test("offsets have eight digits", () => expect(hexOffset(0xabc)).toBe("00000abc"));
