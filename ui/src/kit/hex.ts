export type RowBytes = 8 | 16;

const OFFSET_CHARS = 8;
const GAP_CHARS = 2;

/** In characters: the offset, groups of eight, the text. */
function rowChars(rowBytes: RowBytes): number {
	return OFFSET_CHARS + GAP_CHARS + hexText(new Uint8Array(), rowBytes).length + GAP_CHARS + rowBytes;
}

/** Sixteen where a row of them has room, else eight. Both in px; a width of nothing is not known yet. */
export function rowBytesFor(roomPx: number, charPx: number): RowBytes {
	return charPx > 0 && rowChars(16) * charPx > roomPx ? 8 : 16;
}

export interface HexRow {
	/** Of its first byte. */
	offset: number;
	bytes: Uint8Array;
}

export function hexRows(bytes: Uint8Array, from: number, rowBytes: RowBytes): HexRow[] {
	const rows: HexRow[] = [];
	for (let at = 0; at < bytes.length; at += rowBytes) {
		rows.push({ offset: from + at, bytes: bytes.subarray(at, at + rowBytes) });
	}
	return rows;
}

export const hexOffset = (offset: number) => offset.toString(16).padStart(8, "0");

/** Groups of eight, as long as a full row. */
export function hexText(bytes: Uint8Array, rowBytes: RowBytes): string {
	const group = (from: number) =>
		Array.from({ length: 8 }, (_, n) => bytes[from + n]?.toString(16).padStart(2, "0") ?? "  ").join(" ");
	return rowBytes === 8 ? group(0) : `${group(0)}  ${group(8)}`;
}

/** What can be printed of ASCII; a point for the rest. */
export function asciiText(bytes: Uint8Array): string {
	return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join(
		"",
	);
}
