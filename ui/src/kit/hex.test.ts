import { expect, test } from "vitest";
import { asciiText, hexOffset, hexRows, hexText, rowBytesFor } from "./hex";

const bytes = Uint8Array.from([0x00, 0x41, 0x7e, 0x7f, 0xff, ...new Array(15).fill(0x20)]);

test("bytes are cut into rows of sixteen or eight with their offsets", () => {
	const rows = hexRows(bytes, 32, 16);
	expect(rows.map((row) => [row.offset, row.bytes.length])).toEqual([
		[32, 16],
		[48, 4],
	]);
	expect(hexRows(bytes, 32, 8).map((row) => row.offset)).toEqual([32, 40, 48]);
	expect(hexRows(new Uint8Array(), 0, 16)).toEqual([]);
});

test("a short row is as wide as a full one", () => {
	const [full, short] = hexRows(bytes, 0, 16).map((row) => hexText(row.bytes, 16));
	expect(full).toBe("00 41 7e 7f ff 20 20 20  20 20 20 20 20 20 20 20");
	expect(short?.length).toBe(full?.length);
	const [half, , last] = hexRows(bytes, 0, 8).map((row) => hexText(row.bytes, 8));
	expect(half).toBe("00 41 7e 7f ff 20 20 20");
	expect(last?.length).toBe(half?.length);
});

test("where sixteen bytes with their text have no room, a row has eight", () => {
	expect(rowBytesFor(76 * 7.2, 7.2)).toBe(16);
	expect(rowBytesFor(76 * 7.2 - 1, 7.2)).toBe(8);
	expect(rowBytesFor(200, 0), "not measured yet").toBe(16);
});

test("what cannot be printed is a point", () => expect(asciiText(bytes.subarray(0, 5))).toBe("·A~··"));

test("offsets have eight digits", () => expect(hexOffset(0xabc)).toBe("00000abc"));
