/** Rows by one of their values. */
export function sorted<Row>(
	rows: Row[],
	key: (row: Row) => string | number | null,
	descending: boolean,
): Row[] {
	const compare = (a: string | number | null, b: string | number | null) => {
		if (a === b) return 0;
		// What is not known comes last, whichever way.
		if (a === null) return descending ? -1 : 1;
		if (b === null) return descending ? 1 : -1;
		return typeof a === "string" && typeof b === "string" ? a.localeCompare(b) : Number(a) - Number(b);
	};
	return rows.toSorted((a, b) => (descending ? -1 : 1) * compare(key(a), key(b)));
}
