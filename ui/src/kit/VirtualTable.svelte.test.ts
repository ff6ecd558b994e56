import { render, screen, within } from "@testing-library/svelte";
import { createRawSnippet, flushSync } from "svelte";
import { beforeEach, expect, test, vi } from "vitest";
import type { Column, Sort } from "./columns";
import { PagedRows } from "./rows.svelte";
import { Selection } from "./selection.svelte";
import VirtualTable from "./VirtualTable.svelte";

interface Row {
	id: string;
	ready: number;
}

const text = (of: (row: Row) => string) =>
	createRawSnippet((row: () => Row) => ({
		render: () => "<span></span>",
		setup: (element) => {
			$effect(() => {
				element.textContent = of(row());
			});
		},
	}));

const columns: Column<Row>[] = [
	{ id: "name", title: "Name", width: 200, grow: true, sort: "name", cell: text((row) => row.id) },
	{
		id: "ready",
		title: "Ready",
		width: 100,
		align: "end",
		sort: "ready",
		descendingFirst: true,
		cell: text((row) => String(row.ready)),
	},
];

beforeEach(() => localStorage.clear());

function numbered(n: number) {
	const all = Array.from({ length: n }, (_, i) => ({ id: `queue-${i}`, ready: i }));
	return new PagedRows<Row>({
		id: (row) => row.id,
		fetch: async (from, many) => ({ shown: all.length, rows: all.slice(from, from + many) }),
	});
}

async function table(n: number, props: Record<string, unknown> = {}) {
	const rows = numbered(n);
	const selection = new Selection();
	render(VirtualTable<Row>, { label: "Queues", rows, columns, selection, ...props });
	await vi.waitFor(() => expect(rows.shown).toBe(n));
	flushSync();
	const grid = screen.getByRole("grid");
	const press = (key: string, init: KeyboardEventInit = {}) => {
		grid.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init }));
		flushSync();
	};
	return { grid, rows, selection, press };
}

test("a table of ten thousand rows draws only those on screen and says how many there are", async () => {
	const { grid } = await table(10_000);
	expect(grid.getAttribute("aria-rowcount")).toBe("10001");
	const drawn = within(grid).getAllByRole("row").length;
	expect(drawn).toBeGreaterThan(10);
	expect(drawn).toBeLessThan(80);
	expect(within(grid).getByText("queue-3")).toBeTruthy();
});

test("the cursor moves by keys, names its row, and stops at both ends", async () => {
	const seen: string[] = [];
	const { grid, press } = await table(50, { oncursor: (row: Row) => seen.push(row.id) });
	press("ArrowDown");
	press("j");
	press("k");
	press("End");
	press("ArrowDown");
	press("Home");
	press("ArrowUp");
	expect(seen).toEqual(["queue-0", "queue-1", "queue-0", "queue-49", "queue-49", "queue-0", "queue-0"]);
	const active = grid.getAttribute("aria-activedescendant");
	expect(document.getElementById(active ?? "")?.textContent).toContain("queue-0");
});

test("Enter opens, Space previews", async () => {
	const [onopen, onpreview] = [vi.fn(), vi.fn()];
	const { press } = await table(5, { onopen, onpreview });
	press("ArrowDown");
	press("ArrowDown");
	press("Enter");
	press(" ");
	expect(onopen).toHaveBeenCalledWith({ id: "queue-1", ready: 1 });
	expect(onpreview).toHaveBeenCalledWith({ id: "queue-1", ready: 1 });
});

test("rows are chosen by X and extended with Shift", async () => {
	const { selection, press, grid } = await table(10);
	press("ArrowDown");
	press("x");
	expect([...selection.ids]).toEqual(["queue-0"]);
	press("ArrowDown", { shiftKey: true });
	press("ArrowDown", { shiftKey: true });
	expect([...selection.ids]).toEqual(["queue-0", "queue-1", "queue-2"]);
	const chosen = within(grid)
		.getAllByRole("row")
		.filter((row) => row.getAttribute("aria-selected") === "true");
	expect(chosen.length).toBe(3);
});

test("keys with the modifier are left to the window", async () => {
	const { selection, press } = await table(3);
	press("ArrowDown");
	press("x", { ctrlKey: true });
	expect(selection.size).toBe(0);
});

test("the checkbox of the header chooses all that are shown, also those not fetched yet, and then none", async () => {
	const { selection, press } = await table(1200);
	const all = screen.getByRole<HTMLInputElement>("checkbox", { name: "Choose all queues shown" });
	const state = () => (all.indeterminate ? "mixed" : all.checked);
	expect(state()).toBe(false);
	press("ArrowDown");
	press("x");
	expect(state()).toBe("mixed");
	all.click();
	await vi.waitFor(() => expect(selection.size).toBe(1200));
	flushSync();
	expect(state()).toBe(true);
	expect(selection.has("queue-1199")).toBe(true);
	all.click();
	await vi.waitFor(() => expect(selection.size).toBe(0));
	flushSync();
	expect(state()).toBe(false);
});

test("where all cannot be fetched the selection stays, and the checkbox says so", async () => {
	const { rows, selection, press } = await table(200);
	press("ArrowDown");
	press("x");
	const all = screen.getByRole<HTMLInputElement>("checkbox", { name: "Choose all queues shown" });
	vi.spyOn(rows, "allIds").mockResolvedValue(null);
	all.click();
	await new Promise((done) => setTimeout(done, 5));
	flushSync();
	expect([...selection.ids]).toEqual(["queue-0"]);
	expect([all.checked, all.indeterminate]).toEqual([false, true]);
});

test("columns that have no room are named", async () => {
	let hidden: string[] = [];
	const wide = columns.map((column) => ({
		...column,
		width: 700,
		...(column.id === "ready" ? { drop: 1 } : {}),
	}));
	const props = {
		columns: wide,
		get hidden() {
			return hidden;
		},
		set hidden(titles: string[]) {
			hidden = titles;
		},
	};
	render(VirtualTable<Row>, Object.assign(props, { label: "Queues", rows: numbered(3) }));
	flushSync();
	expect(hidden).toEqual(["Ready"]);
	expect(screen.queryByRole("columnheader", { name: "Ready" })).toBeNull();
});

test("rows that were held by a table that is gone are let go, and the cursor is found again", async () => {
	const rows = numbered(300);
	const first = render(VirtualTable<Row>, { label: "Queues", rows, columns, cursor: null });
	await vi.waitFor(() => expect(rows.shown).toBe(300));
	flushSync();
	screen.getByRole("rowgroup").dispatchEvent(new PointerEvent("pointerenter"));
	const release = vi.spyOn(rows, "release");
	first.unmount();
	expect(release).toHaveBeenCalled();
	const onopen = vi.fn();
	const tall = vi.spyOn(HTMLElement.prototype, "scrollHeight", "get").mockReturnValue(300 * 28);
	render(VirtualTable<Row>, { label: "Queues", rows, columns, cursor: "queue-90", onopen });
	flushSync();
	const grid = screen.getByRole("grid");
	expect(grid.scrollTop).toBeGreaterThan(1000);
	tall.mockRestore();
	grid.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
	grid.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
	expect(onopen).toHaveBeenCalledWith({ id: "queue-91", ready: 91 });
});

test("a header says how it is sorted and asks for the other way round", async () => {
	const asked: Sort[] = [];
	const { grid } = await table(3, {
		sort: { column: "ready", descending: true },
		onsort: (sort: Sort) => asked.push(sort),
	});
	const [, name, ready] = within(grid).getAllByRole("columnheader");
	expect(ready?.getAttribute("aria-sort")).toBe("descending");
	expect(name?.getAttribute("aria-sort")).toBe("none");
	ready?.querySelector("button")?.click();
	name?.querySelector("button")?.click();
	expect(asked).toEqual([
		{ column: "ready", descending: false },
		{ column: "name", descending: false },
	]);
});

test("rows keep their places while the pointer is over them", async () => {
	let all = [
		{ id: "a", ready: 1 },
		{ id: "b", ready: 2 },
	];
	const rows = new PagedRows<Row>({
		id: (row) => row.id,
		fetch: async () => ({ shown: all.length, rows: all }),
	});
	render(VirtualTable<Row>, { label: "Queues", rows, columns });
	await vi.waitFor(() => expect(rows.shown).toBe(2));
	flushSync();
	const order = () =>
		within(screen.getByRole("grid"))
			.getAllByRole("row")
			.slice(1)
			.map((row) => row.textContent?.trim().charAt(0));
	const body = screen.getByRole("rowgroup");
	body.dispatchEvent(new PointerEvent("pointerenter"));
	all = all.toReversed();
	rows.refresh();
	await vi.waitFor(() => expect(rows.orderWaits).toBe(true));
	flushSync();
	expect(order()).toEqual(["a", "b"]);
	body.dispatchEvent(new PointerEvent("pointerleave"));
	flushSync();
	expect(order()).toEqual(["b", "a"]);
});

test("no rows and a failure each say so instead of an empty table", async () => {
	const said = (words: string) => createRawSnippet(() => ({ render: () => `<p>${words}</p>` }));
	await table(0, { empty: said("No queue matches") });
	expect(screen.getByText("No queue matches")).toBeTruthy();
	const rows = new PagedRows<Row>({ id: (row) => row.id, fetch: () => Promise.reject(new Error("gone")) });
	render(VirtualTable<Row>, { label: "Exchanges", rows, columns, failed: said("Not readable") });
	await vi.waitFor(() => expect(screen.getByText("Not readable")).toBeTruthy());
});
