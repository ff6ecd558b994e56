/** The line of a sparkline and the dot at its end. Its own scale; gaps in the data are gaps in the line. */
export function sparkPath(
	values: (number | null)[],
	width: number,
	height: number,
): { path: string; end: [number, number] | null } {
	const known = values.filter((value) => value !== null);
	if (known.length === 0) return { path: "", end: null };
	const low = Math.min(...known);
	const range = Math.max(...known) - low;
	const inset = 2;
	const step = values.length > 1 ? (width - 2 * inset) / (values.length - 1) : 0;
	const y = (value: number) => {
		// What does not change lies at the bottom.
		const part = range === 0 ? 0 : (value - low) / range;
		return height - inset - part * (height - 2 * inset);
	};
	const round = (n: number) => Math.round(n * 100) / 100;
	let path = "";
	let end: [number, number] | null = null;
	let drawing = false;
	values.forEach((value, n) => {
		if (value === null) {
			drawing = false;
			return;
		}
		const point: [number, number] = [round(inset + n * step), round(y(value))];
		path += `${drawing ? "L" : "M"}${point[0]} ${point[1]}`;
		drawing = true;
		end = point;
	});
	return { path, end: values.at(-1) === null ? null : end };
}
