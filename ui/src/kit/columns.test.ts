import { expect, test } from "vitest";
import { fitting, nextSort, tracks } from "./columns";

const columns = [
	{ id: "name", width: 200, grow: true },
	{ id: "ready", width: 100 },
	{ id: "delayed", width: 80, drop: 1 },
	{ id: "trend", width: 90, drop: 2 },
];
const ids = (room: number, widths = {}) => fitting(columns, room, widths).map((column) => column.id);

test("columns go in their order until the rest has room", () => {
	expect(ids(470)).toEqual(["name", "ready", "delayed", "trend"]);
	expect(ids(469)).toEqual(["name", "ready", "trend"]);
	expect(ids(389)).toEqual(["name", "ready"]);
});

test("what may not be dropped stays, however narrow it is", () => expect(ids(10)).toEqual(["name", "ready"]));

test("a column that was made wider pushes others out", () =>
	expect(ids(490, { ready: 200 })).toEqual(["name", "ready", "trend"]));

test("the column that grows gives way and takes what is left", () => {
	expect(tracks(columns.slice(0, 2), {}, 40)).toBe("40px minmax(200px, 1fr) 100px");
	expect(tracks(columns.slice(0, 2), { name: 320 }, null)).toBe("320px 100px 1fr");
});

test("a header sorts by its column, then the other way round", () => {
	const ready = { sort: "ready", descendingFirst: true };
	expect(nextSort(ready, undefined)).toEqual({ column: "ready", descending: true });
	expect(nextSort(ready, { column: "ready", descending: true })).toEqual({
		column: "ready",
		descending: false,
	});
	expect(nextSort(ready, { column: "name", descending: false })).toEqual({
		column: "ready",
		descending: true,
	});
	expect(nextSort({}, undefined)).toBeNull();
});
