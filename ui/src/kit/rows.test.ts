import { describe, expect, test } from "vitest";
import { type Page, PagedRows } from "./rows.svelte";

interface Row {
	id: string;
	n: number;
}

/** A source whose answers are given by hand, in any order. */
function source(all: () => Row[]) {
	const asked: { from: number; answer: () => void; fail: (why: Error) => void }[] = [];
	const rows = new PagedRows<Row>({
		id: (row) => row.id,
		fetch: (from, n) =>
			new Promise<Page<Row>>((resolve, reject) => {
				asked.push({
					from,
					answer: () => resolve({ shown: all().length, rows: all().slice(from, from + n) }),
					fail: reject,
				});
			}),
	});
	const answerAll = async () => {
		while (asked.length > 0) {
			asked.shift()?.answer();
			await Promise.resolve();
			await Promise.resolve();
		}
	};
	return { rows, asked, answerAll };
}

const numbered = (n: number) => Array.from({ length: n }, (_, i) => ({ id: `row ${i}`, n: i }));

test("only the pages that are looked at are fetched", async () => {
	const { rows, asked, answerAll } = source(() => numbered(1000));
	rows.need(0, 20);
	expect(asked.map((one) => one.from)).toEqual([0]);
	await answerAll();
	expect(rows.shown).toBe(1000);
	expect(rows.at(20)?.n).toBe(20);
	expect(rows.at(350)).toBeUndefined();
	rows.need(290, 320);
	expect(asked.map((one) => one.from)).toEqual([200, 300]);
	await answerAll();
	expect(rows.at(310)?.n).toBe(310);
});

test("a page is not asked for twice while it is under way", () => {
	const { rows, asked } = source(() => numbered(10));
	rows.need(0, 5);
	rows.need(0, 6);
	rows.need(0, 9);
	expect(asked.length).toBe(1);
});

test("an answer that was overtaken by another question is not shown", async () => {
	let all = numbered(3);
	const { rows, asked, answerAll } = source(() => all);
	rows.need(0, 3);
	const late = asked.shift();
	rows.restart();
	all = [{ id: "other", n: 9 }];
	await answerAll();
	all = numbered(3);
	late?.answer();
	await Promise.resolve();
	expect(rows.shown).toBe(1);
	expect(rows.at(0)?.id).toBe("other");
});

test("what is shown stays until a refresh has its answer", async () => {
	let all = numbered(3);
	const { rows, answerAll } = source(() => all);
	rows.need(0, 3);
	await answerAll();
	all = all.map((row) => ({ ...row, n: row.n + 10 }));
	rows.refresh();
	expect(rows.at(1)?.n).toBe(1);
	await answerAll();
	expect(rows.at(1)?.n).toBe(11);
});

test("a refresh during a request is not lost", async () => {
	let all = numbered(1);
	const { rows, asked, answerAll } = source(() => all);
	rows.need(0, 1);
	await answerAll();
	rows.refresh();
	asked.shift()?.answer();
	rows.refresh();
	all = [{ id: "row 0", n: 42 }];
	await Promise.resolve();
	await Promise.resolve();
	await answerAll();
	expect(rows.at(0)?.n).toBe(42);
});

describe("while the pointer is over them", () => {
	test("values change and rows keep their places, until it leaves", async () => {
		let all = numbered(3);
		const { rows, answerAll } = source(() => all);
		rows.need(0, 3);
		await answerAll();
		rows.hold();
		all = [
			{ id: "row 2", n: 200 },
			{ id: "row 0", n: 100 },
			{ id: "row 1", n: 50 },
		];
		rows.refresh();
		await answerAll();
		expect([0, 1, 2].map((n) => rows.at(n))).toEqual([
			{ id: "row 0", n: 100 },
			{ id: "row 1", n: 50 },
			{ id: "row 2", n: 200 },
		]);
		expect(rows.orderWaits).toBe(true);
		rows.release();
		expect(rows.at(0)?.id).toBe("row 2");
		expect(rows.orderWaits).toBe(false);
	});

	test("a sort that was asked for does not wait", async () => {
		let all = numbered(2);
		const { rows, answerAll } = source(() => all);
		rows.need(0, 2);
		await answerAll();
		rows.hold();
		all = all.toReversed();
		rows.restart();
		await answerAll();
		expect(rows.at(0)?.id).toBe("row 1");
	});
});

test("a failure is told, keeps what is shown, and is forgotten with the next answer", async () => {
	const { rows, asked, answerAll } = source(() => numbered(2));
	rows.need(0, 2);
	await answerAll();
	rows.refresh();
	asked.shift()?.fail(new Error("gone"));
	await Promise.resolve();
	await Promise.resolve();
	expect(rows.fault).toEqual(new Error("gone"));
	expect(rows.at(1)?.n).toBe(1);
	rows.refresh();
	await answerAll();
	expect(rows.fault).toBeNull();
});

test("a million rows that were scrolled through are not all kept", async () => {
	const { rows, answerAll } = source(() => numbered(10_000));
	for (let page = 0; page < 60; page += 1) {
		rows.need(page * 100, page * 100 + 30);
		await answerAll();
	}
	expect(rows.at(0), "the first page was forgotten").toBeUndefined();
	expect(rows.at(5900)?.n).toBe(5900);
});

test("the ids of all rows are read in order, and are nobody's once the question has changed", async () => {
	const { rows, asked, answerAll } = source(() => numbered(1100));
	const all = rows.allIds();
	while (asked.length > 0) await answerAll();
	expect((await all)?.length).toBe(1100);
	const late = rows.allIds();
	rows.restart();
	await answerAll();
	expect(await late).toBeNull();
});

test("where the ids cannot be read, why not is known", async () => {
	const { rows, asked } = source(() => numbered(10));
	const all = rows.allIds();
	asked[0]?.fail(new Error("gone"));
	expect(await all).toBeNull();
	expect(rows.fault).toEqual(new Error("gone"));
});
