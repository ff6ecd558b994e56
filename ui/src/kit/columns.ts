import type { Snippet } from "svelte";

export interface Column<Row> {
	id: string;
	title: string;
	/** In px; of a column that grows, the least. */
	width: number;
	/** Takes what the others leave. */
	grow?: boolean;
	/** Numbers end at the right. */
	align?: "end";
	/** The sort that its header stands for; without one it cannot be sorted by. */
	sort?: string;
	/** The first click sorts downwards: numbers. */
	descendingFirst?: boolean;
	/** Where width is short, the lowest goes first; without it the column stays. */
	drop?: number;
	/** On the header, for what the title cannot say. */
	hint?: string;
	cell: Snippet<[Row]>;
}

export interface Sort {
	column: string;
	descending: boolean;
}

type Sized = Pick<Column<never>, "id" | "width" | "grow" | "drop">;

const widthOf = (column: Sized, widths: Record<string, number>) => widths[column.id] ?? column.width;

/** The columns that have room. */
export function fitting<C extends Sized>(columns: C[], room: number, widths: Record<string, number>): C[] {
	const kept = [...columns];
	const total = () => kept.reduce((sum, column) => sum + widthOf(column, widths), 0);
	while (total() > room) {
		const droppable = kept.filter((column) => column.drop !== undefined);
		const first = droppable.sort((a, b) => (a.drop ?? 0) - (b.drop ?? 0))[0];
		if (!first) return kept;
		kept.splice(kept.indexOf(first), 1);
	}
	return kept;
}

/** For `grid-template-columns`. */
export function tracks(columns: Sized[], widths: Record<string, number>, lead: number | null): string {
	const parts = columns.map((column) => {
		const width = widthOf(column, widths);
		return column.grow && widths[column.id] === undefined ? `minmax(${width}px, 1fr)` : `${width}px`;
	});
	const growing = columns.some((column) => column.grow && widths[column.id] === undefined);
	return [...(lead === null ? [] : [`${lead}px`]), ...parts, ...(growing ? [] : ["1fr"])].join(" ");
}

/** What a click on a header asks for. */
export function nextSort(
	column: Pick<Column<never>, "sort" | "descendingFirst">,
	now: Sort | undefined,
): Sort | null {
	if (column.sort === undefined) return null;
	const descending = now?.column === column.sort ? !now.descending : !!column.descendingFirst;
	return { column: column.sort, descending };
}
