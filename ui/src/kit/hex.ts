export const ROW_BYTES = 16;

export interface HexRow {
	/** Of its first byte. */
	offset: number;
	bytes: Uint8Array;
}

export function hexRows(bytes: Uint8Array, from: number): HexRow[] {
	const rows: HexRow[] = [];
	for (let at = 0; at < bytes.length; at += ROW_BYTES) {
		rows.push({ offset: from + at, bytes: bytes.subarray(at, at + ROW_BYTES) });
	}
	return rows;
}

export const hexOffset = (offset: number) => offset.toString(16).padStart(8, "0");

/** Two groups of eight, as long as a full row. */
export function hexText(bytes: Uint8Array): string {
	const half = (from: number) =>
		Array.from({ length: 8 }, (_, n) => bytes[from + n]?.toString(16).padStart(2, "0") ?? "  ").join(" ");
	return `${half(0)}  ${half(8)}`;
}

/** What can be printed of ASCII; a point for the rest. */
export function asciiText(bytes: Uint8Array): string {
	return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join(
		"",
	);
}
